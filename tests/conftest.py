"""Puts tests/builders.py within reach of all tests, and long files in front."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# minutes each: begun first, so that the last process does not run them alone
LONG = ("test_training.py", "test_survival.py", "test_sweeps.py", "test_distributed.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files in front; within a file the order stays."""
    items.sort(key=lambda item: item.path.name not in LONG)


signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, here and in children
