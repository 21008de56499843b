"""A checkpoint to one graph: frame and the last frame's features in, instances and features out.

python scripts/export.py checkpoint=runs/demo/checkpoints/last.ckpt format=onnx
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from sgnet.checkpoint import load_checkpoint
from sgnet.export import export
from sgnet.training import exit_on_error

SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2"}


def run(cfg: DictConfig) -> Path:
    """Exports; returns the file."""
    settings: dict[str, Any] = {
        name: OmegaConf.to_container(cfg[name], resolve=True) for name in ("decoder", "tracker")
    }
    loaded = load_checkpoint(cfg.checkpoint, **settings)
    suffix = SUFFIXES.get(cfg.format, "")
    output = Path(cfg.output or Path(cfg.checkpoint).with_suffix(suffix))
    export(loaded, loaded.tracker.settings, output, cfg.format)
    return output


@hydra.main(version_base="1.3", config_path="../conf", config_name="export")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    sys.stdout.write(f"{exit_on_error(lambda: run(cfg))}\n")


if __name__ == "__main__":
    main()
