"""Files of weights, read without running anything that they hold."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from sgnet.checkpoints.loading import read_tensors


def read_weights(path: Path) -> dict[str, Any]:
    """A file of `torch.save`, tensors and plain values only, or of safetensors.

    Args:
        path: of the file; `.safetensors` names the second kind.

    Returns:
        What it holds: tensors by name, or a checkpoint of ours.

    Raises:
        ValueError: no such file, a damaged one, or one with pickled objects.
    """
    if not path.is_file():
        raise ValueError(f"{path}: file of weights expected, found none")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: expected a safetensors file, got: {error}") from error
    if zipfile.is_zipfile(path) and _is_torchscript(path):
        raise ValueError(f"{path}: expected weights, got TorchScript code; save its state_dict")
    return read_tensors(path)


def _is_torchscript(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())
