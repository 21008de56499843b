"""`python -m sgnet` is the command `sgnet`."""

from __future__ import annotations

from sgnet.commands.cli import main

if __name__ == "__main__":
    main()
