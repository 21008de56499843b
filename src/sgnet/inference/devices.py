"""A setting of a device to a device that is there."""

from __future__ import annotations

import torch

Device = torch.device | str | int | None
ALIASES = {"gpu": "cuda"}  # Lightning's word


def torch_device(setting: Device) -> torch.device:
    """The device that a setting names.

    Args:
        setting: cpu, cuda, cuda:1, mps, ...; `gpu` is `cuda`, a number that of a GPU, and None
            takes a GPU where there is one.

    Raises:
        ValueError: there is no such device here, or it cannot be used.
    """
    if setting is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    counts = _counts()
    device = _parsed(setting)
    if device is None or (device.index or 0) >= counts.get(device.type, 0):
        here = [
            kind if kind == "cpu" else f"{kind}:{index}"
            for kind, count in counts.items()
            for index in range(count)
        ]
        raise ValueError(f"device must be one that is here, {', '.join(here)}, got {setting!r}")
    try:
        torch.zeros(1, device=device)
    except RuntimeError as error:  # such as one that another process has for itself
        reason = str(error).splitlines()[0]  # what follows is for torch's developers
        raise ValueError(f"device {setting!r} cannot be used: {reason}") from error
    return device


def _counts() -> dict[str, int]:
    """How many devices of each type are here."""
    counts = {"cpu": 1}
    if torch.accelerator.is_available():
        accelerator = torch.accelerator.current_accelerator()
        if accelerator is not None:
            counts[accelerator.type] = torch.accelerator.device_count()
    return counts


def _parsed(setting: torch.device | str | int) -> torch.device | None:
    """The device of that name, here or not; None where it is no name."""
    text = str(setting).strip().lower()
    kind, colon, index = text.partition(":")
    name = f"cuda:{text}" if text.isdecimal() else f"{ALIASES.get(kind, kind)}{colon}{index}"
    try:
        return torch.device(name)
    except RuntimeError:
        return None
