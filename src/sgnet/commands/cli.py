"""The command `sgnet`: one word, then settings as Hydra takes them."""

from __future__ import annotations

import sys

from sgnet import __version__
from sgnet.commands.help import help_text, module_name, overview

# in the order of a project's days
COMMANDS = (
    "convert",
    "check-data",
    "split",
    "compose",
    "contact-sheet",
    "train",
    "evaluate",
    "diagnose",
    "predict",
    "export",
    "check-export",
    "score",
    "export-tracks",
    "report",
    "associate",
    "tune-tracker",
    "replay",
)
HELP = ("--help", "-h")


def main() -> None:
    """Runs the command of `sys.argv`.

    Raises:
        SystemExit: as the command ends; 2 where there is no such command.
    """
    word, *rest = sys.argv[1:] or HELP
    if word in HELP:
        sys.stdout.write(overview(COMMANDS))
    elif word == "--version":
        sys.stdout.write(f"{__version__}\n")
    elif word not in COMMANDS:
        sys.stderr.write(f"error: expected a command, {', '.join(COMMANDS)}, got {word!r}\n")
        raise SystemExit(2)
    elif rest in ([flag] for flag in HELP):
        sys.stdout.write(help_text(word))
    else:
        from sgnet.commands.start import start  # Hydra takes half a second

        start(module_name(word), arguments=rest)
