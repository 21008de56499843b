"""From a command line to a command: Hydra's settings, what is missing, what callers can mend."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from sgnet.commands.endings import FULL_ERROR, ending, ending_of_sweep, usable_streams
from sgnet.commands.help import conf_folder, description, settings_file
from sgnet.commands.overrides import with_plus, with_quotes
from sgnet.commands.setting_checks import check_settings
from sgnet.commands.settings import GROUPS, is_text, may_be_list
from sgnet.commands.signals import unwound
from sgnet.commands.sweep_folders import named_by_what_varies

Run = Callable[[DictConfig], Any]
CONFIG_PATH = ("--config-path", "-cp")
OWN_PROCESS = ("train",)  # whose runs of a sweep check their settings themselves


def start(
    name: str,
    run: Run | None = None,
    conf: Path | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Runs a command on a command line.

    A command is imported once its settings are complete, so that a refusal takes no libraries.

    Args:
        name: of the command and of its settings: `conf/NAME.yaml` or `conf/scripts/NAME.yaml`,
            whose groups may come from `conf/` as well.
        run: the work; None takes `run` of `sgnet.commands.NAME`.
        conf: folder of settings; None takes the one that came with the package.
        arguments: of the command line, as Hydra takes them; None takes those of this process.

    Raises:
        SystemExit: 2 where settings or input are wrong, 70 for a fault of the program; a message on
            stderr says what.
    """
    usable_streams()
    folder = (conf or conf_folder()).resolve()
    own = settings_file(name, folder).parent
    Plugins.instance().register(_groups_of(folder))
    whole = list(sys.argv)

    def main(cfg: DictConfig) -> Any:  # noqa: ANN401 - what a sweeper optimises
        """What Hydra calls with the settings."""
        sys.argv[:] = whole  # Lightning starts further processes of a training with it
        with ending(name, full == "1"), errors_of_hydra(full):
            require_settings(name, cfg)
            if not (name in OWN_PROCESS and HydraConfig.get().mode == RunMode.MULTIRUN):
                check_settings(name, cfg)
            work = run or import_module(f"sgnet.commands.{name}").run
            return unwound(name, lambda: work(cfg))

    main.__module__ = f"sgnet.commands.{name}"  # by which Hydra names the job
    beside = Path(sys.argv[0]).resolve().parent if arguments is None else Path.cwd()
    given = absolute_config_path(sys.argv[1:] if arguments is None else arguments, beside)
    sys.argv[1:] = named_by_what_varies(hydras(name, given))  # Hydra reads nothing else
    full = os.environ.get(FULL_ERROR)
    with ending(name, full == "1"), ending_of_sweep(), errors_of_hydra("1"):
        hydra.main(version_base="1.3", config_path=str(own), config_name=name)(main)()


def hydras(name: str, arguments: Sequence[str]) -> list[str]:
    """Arguments of a command as Hydra's grammar takes them."""
    plain = with_plus(arguments, GROUPS)
    return with_quotes(plain, partial(is_text, name), partial(may_be_list, name))


@contextmanager
def errors_of_hydra(value: str | None) -> Iterator[None]:
    """Inside, the variable by which Hydra raises its errors has a value, or None."""
    before = os.environ.get(FULL_ERROR)
    _set_variable(value)
    try:
        yield
    finally:
        _set_variable(before)


def _set_variable(value: str | None) -> None:
    os.environ.pop(FULL_ERROR, None)
    if value is not None:
        os.environ[FULL_ERROR] = value


def absolute_config_path(arguments: Sequence[str], folder: Path) -> list[str]:
    """Arguments in which a relative --config-path starts from a folder, that of the main."""
    whole: list[str] = []
    for argument in arguments:
        flag, equals, path = argument.partition("=")
        whole += [flag, path] if equals and flag in CONFIG_PATH else [argument]
    for place in range(1, len(whole)):
        if whole[place - 1] in CONFIG_PATH and "://" not in whole[place]:  # pkg:// is none
            whole[place] = str((folder / whole[place]).resolve())
    return whole


def _groups_of(folder: Path) -> type[SearchPathPlugin]:
    """Hydra looks for groups such as `data` there, too, behind a command's own folder."""

    class Groups(SearchPathPlugin):
        """Hydra makes one without arguments."""

        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            """Appends the folder."""
            search_path.append(provider="sgnet", path=f"file://{folder}")

    return Groups


def require_settings(name: str, cfg: DictConfig) -> None:
    """Refuses a command without the settings that it cannot do without.

    Raises:
        SystemExit: some are missing (`???`); the message holds the command's usage.
    """
    missing = [str(key) for key in cfg if OmegaConf.is_missing(cfg, key)]
    if not missing:
        return
    text = description(name)
    kinds = [re.search(rf"(?<!\w){key}=([A-Z]+)\b", text) for key in missing]  # FILE, FOLDER
    wanted = [f"{key}={k[1] if k else '...'}" for key, k in zip(missing, kinds, strict=True)]
    usage = [line.strip() for line in text.splitlines() if line.strip().startswith("sgnet ")]
    example = f"; as in: {usage[0]}" if usage else ""
    sys.stderr.write(f"error: expected {' and '.join(wanted)}{example}\n")
    raise SystemExit(2)
