"""Trains SG-Net: `python train.py experiment=demo`, with any Hydra override."""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("train", conf=Path(__file__).parent / "conf")
