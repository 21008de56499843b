"""A W&B logger that no lost network stops."""

from __future__ import annotations

import logging
import os
import secrets
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

log = logging.getLogger(__name__)
ID_FILE = "wandb_id.txt"


class SteadyWandbLogger(WandbLogger):
    """Logs to W&B, offline where it cannot be reached; a run never fails or waits long for it.

    What is logged offline, or was not uploaded when the run ended, is on disk for `wandb sync`. The
    parts of a resumed run are one run of W&B, whose id is kept in `wandb_id.txt` of the run folder;
    a part that had to be logged offline is one of its own.

    Args:
        save_dir: run folder; the run is named after it.
        project: of W&B.
        offline: never ask the network.
        group: of runs that belong together; an empty one is none.
        init_timeout: seconds that the start of a run may take.
        finish_timeout: seconds that the end may wait for uploads.
        **settings: of `wandb.init`.
    """

    def __init__(
        self,
        save_dir: str | Path,
        project: str = "sgnet",
        offline: bool = False,
        group: str | None = None,
        init_timeout: float = 30.0,
        finish_timeout: float = 300.0,
        **settings: Any,  # noqa: ANN401 - passed through
    ) -> None:
        import wandb

        folder = Path(save_dir)
        limits = wandb.Settings(init_timeout=init_timeout, finish_timeout=finish_timeout)
        name = settings.pop("name", None) or "/".join(folder.resolve().parts[-2:])
        super().__init__(
            name=name,
            save_dir=str(folder),
            offline=offline,
            project=project,
            id=_kept_id(folder),
            group=group or None,
            settings=limits,
            **settings,
        )
        self._gave_up = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401 - wandb's run
        """The run of W&B, begun at the first call."""
        try:
            return super().experiment
        except Exception as error:
            log.warning(
                "W&B cannot be reached (%s: %s); logging offline, `wandb sync %s` uploads later",
                type(error).__name__,
                str(error).partition("\n")[0],
                Path(str(self.save_dir)) / "wandb/offline-run-*",
            )
            os.environ["WANDB_MODE"] = "offline"
            self._offline = True
            # W&B keeps the number of a run that it could not begin; parts to come go on with it
            self._id = secrets.token_hex(4)
            self._wandb_init |= {"mode": "offline", "id": self._id}
            return super().experiment

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Logs the config, or goes on without W&B."""
        self._guarded(super().log_hyperparams, params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs figures; after a failure of W&B itself the run goes on without it."""
        self._guarded(super().log_metrics, metrics, step)

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        if self._gave_up:
            return
        try:
            work(*arguments)
        except Exception:
            self._gave_up = True
            log.warning("W&B failed; the run goes on without it", exc_info=True)


def _kept_id(folder: Path) -> str:
    """The id that this folder's run has at W&B, a new one for a new run."""
    path = folder / ID_FILE
    if path.is_file():
        return path.read_text(encoding="utf-8").strip()
    number = secrets.token_hex(4)
    if rank_zero_only.rank == 0:  # type: ignore[attr-defined]
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n", encoding="utf-8")
    return number
