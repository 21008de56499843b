"""Names of the folders of a sweep's runs: what the sweep varies, short, of characters for files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from sgnet.commands.overrides import MULTIRUN

LONGEST = 120  # characters; file systems take 255 bytes
DIGEST = 10  # characters that tell shortened names apart
WITH_VALUE = (
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--package", "-p"),
)
EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"  # Hydra's, of settings left out


def named_by_what_varies(arguments: Sequence[str]) -> list[str]:
    """Arguments of a sweep that leave what is the same in all of its runs out of their names.

    A sweep gives its runs folders that are stable, so that the same command goes on with them.

    Args:
        arguments: of a command line; those without a sweep, or with names of the user's own
            (`hydra.job.config.override_dirname.exclude_keys=...`), stay as they are.
    """
    sweeps = any(MULTIRUN.fullmatch(text) for text in arguments)
    if not sweeps or any(EXCLUDED in text for text in arguments):
        return list(arguments)
    parsed = dict(_overrides(arguments))
    constant = [
        override.key_or_group
        for override in parsed.values()
        if not override.is_sweep_override() and not override.is_hydra_override()
    ]
    names = ",".join(f"'{name}'" for name in dict.fromkeys(constant))
    place = min(parsed, default=len(arguments))  # Hydra takes overrides in one row only
    return [*arguments[:place], f"{EXCLUDED}=[{names}]", *arguments[place:]]


def folder_name(text: object, number: object) -> str:
    """A folder's name for the settings of a run; different ones have different names.

    Args:
        text: what varies, as `grid-4_seed-0`; anything but letters, digits and `.,+=-_` is
            replaced, and what is long is cut; a digest of the whole stands for both.
        number: of the run, for one in which nothing varies.
    """
    whole = str(text)
    name = re.sub(r"[^A-Za-z0-9.,+=_-]+", "-", whole).strip("-. ")
    if not whole:
        return str(number)
    if name == whole and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:DIGEST]
    return f"{name[: LONGEST - DIGEST - 1]}-{digest}"


def _overrides(arguments: Sequence[str]) -> Iterator[tuple[int, Override]]:
    """Places and what is there; Hydra itself refuses what is wrong."""
    parser = OverridesParser.create()
    for place, text in enumerate(arguments):
        if place and arguments[place - 1] in WITH_VALUE:
            continue
        with suppress(HydraException):  # a flag
            yield place, parser.parse_override(text)


# with the module, as launchers import it where the runs are
OmegaConf.register_new_resolver("sgnet.folder_name", folder_name, replace=True)
