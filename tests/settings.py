"""The settings of a command, composed as its command line would."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from sgnet.commands.help import settings_file

CONF = Path(__file__).parents[1] / "conf"


def settings_of(name: str, *overrides: str) -> DictConfig:
    """Of `conf/NAME.yaml` or `conf/scripts/NAME.yaml` with overrides."""
    folder = settings_file(name, CONF).parent
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose(name, [*overrides, f"hydra.searchpath=[file://{CONF}]"])
