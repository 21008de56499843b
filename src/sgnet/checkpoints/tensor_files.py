"""Files of torch.save from strangers: nothing runs, nothing unpacks to more than the file holds."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from sgnet.files.checked_values import shown

ZIP_START = b"PK\x03\x04"
MOST_OPERATIONS = 5_000_000  # of a pickle; the checkpoint of a training run has 100,000
LEGACY_PICKLES = 5  # that stand before the numbers in files of before torch 1.6
# what tensors and plain values need; torch would take more, such as a tensor of any size from a
# few bytes
GLOBALS = frozenset(
    {
        "collections OrderedDict",
        "collections Counter",
        "__builtin__ set",
        "builtins set",
        "_codecs encode",
        "torch Size",
        "torch device",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_parameter_with_state",
        "torch.nn.parameter Parameter",
    }
)
MOST_SHARED = 2  # times that tensors may take the same numbers, as tied weights do
PLAIN_ONLY = "not a readable checkpoint; expected tensors and plain values only"


def read_tensors(path: Path) -> dict[str, Any]:
    """A file of tensors and plain values; nothing else in it is ever unpickled.

    Args:
        path: written by torch.save.

    Raises:
        ValueError: missing file, anything else in it, or one that unpacks to more than it holds.
    """
    if not path.is_file():
        raise ValueError(f"{path}: checkpoint not found; expected a file written by train.py")
    try:
        _require_plain(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnsafeFileError as error:
        raise ValueError(f"{path}: {PLAIN_ONLY}, {error}") from error
    except Exception as error:
        raise ValueError(f"{path}: {PLAIN_ONLY}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a mapping of names, got {type(content).__name__}")
    return content


class UnsafeFileError(ValueError):
    """A file that would take more than it holds, or call what it must not."""


def require_sound_tensors(file: str, entry: str, tensors: object) -> dict[str, Tensor]:
    """Tensors by name, all of them plain, whole and of finite numbers.

    Args:
        file: for messages.
        entry: where they stand in the file; empty for its top level.
        tensors: a mapping, as a file gave it.

    Raises:
        ValueError: no mapping of tensors by name, or one of them is unsound; named.
    """
    where = f"{file}: {entry}" if entry else file
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    ):
        raise ValueError(f"{where} must hold tensors by name, got other values")
    held = {v.untyped_storage().data_ptr(): v.untyped_storage().nbytes() for v in tensors.values()}
    for name, value in tensors.items():
        if problem := _problem(value) or _of_numbers(name, value):
            at = f"{entry}.{name}" if entry else name
            raise ValueError(f"{file}: {at} must be {problem}")
    total = sum(value.numel() * value.element_size() for value in tensors.values())
    if total > MOST_SHARED * sum(held.values()):
        raise ValueError(
            f"{where} must have numbers of its own for each tensor, {total} bytes, "
            f"got {sum(held.values())} that they share"
        )
    return dict(tensors)


def require_shapes(
    file: str, entry: str, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> None:
    """Refuses tensors that are not exactly those of a network.

    Args:
        file: for messages.
        entry: where they stand in the file.
        tensors: of the file, by the network's names.
        own: the network's, by name; they need no memory.

    Raises:
        ValueError: one is missing, has no place, or is of another shape.
    """
    where = f"{file}: {entry}"
    for name, value in own.items():
        if name not in tensors:
            raise ValueError(f"{where}.{name} must be there, got nothing (it is missing)")
        if tensors[name].shape != value.shape:
            raise ValueError(
                f"{where}.{name} must be {tuple(value.shape)} as the file describes its network, "
                f"got {tuple(tensors[name].shape)}"
            )
    more = [name for name in tensors if name not in own]
    if more:
        raise ValueError(f"{where}.{more[0]} has no place in the network; {len(more)} such")


def _problem(value: Tensor) -> str:
    """What a tensor should be where it takes more memory than it has, or none that we can read."""
    if type(value) not in (Tensor, torch.nn.Parameter) or value.layout != torch.strided:
        return "a plain tensor, got another kind"
    if value.device.type != "cpu" or value.is_quantized or value.is_complex():
        return f"a plain tensor of real numbers, got {value.dtype} on {value.device}"
    held = value.untyped_storage().nbytes()
    if value.numel() * value.element_size() > held:
        return (
            f"as large as the file's numbers for it, {held} bytes, "
            f"got {value.numel() * value.element_size()} ({tuple(value.shape)})"
        )
    return ""


def _of_numbers(name: str, value: Tensor) -> str:
    """What the numbers of a tensor should be."""
    if not value.is_floating_point():
        return ""
    finite = value.detach().to(torch.float32).isfinite()  # as the network will hold them
    if not finite.all():
        wrong = int((~finite).sum())
        first = float(value[~finite][0])
        return f"finite numbers, got {first:g} ({wrong} of {value.numel()} are not finite)"
    if name.endswith("running_var") and value.numel() and bool((value < 0).any()):
        return f"variances of at least 0, got {float(value.min()):g}"
    return ""


def _require_plain(path: Path) -> None:
    """Refuses a file before anything of it is unpacked.

    Raises:
        UnsafeFileError: packed or overlapping records, a pickle without end, a call of more than
            tensors and plain values need.
    """
    with path.open("rb") as file:
        if file.read(len(ZIP_START)) == ZIP_START:
            _require_stored(path)
            with zipfile.ZipFile(path) as archive:
                for record in archive.infolist():
                    if record.filename.endswith("/data.pkl"):
                        with archive.open(record) as pickle:
                            _require_known_calls(pickle)
            return
        file.seek(0)
        for _ in range(LEGACY_PICKLES):
            _require_known_calls(file)


def _require_stored(path: Path) -> None:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
    packed = [record for record in records if record.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise UnsafeFileError(
            f"unpacked as torch.save writes them, got the packed record {packed[0].filename!r} "
            f"of {packed[0].file_size} bytes"
        )
    total = sum(record.file_size for record in records)
    if total > size:
        raise UnsafeFileError(f"at most its {size} bytes, got records of {total} bytes")


def _require_known_calls(pickle: IO[bytes]) -> None:
    for count, (operation, argument, _) in enumerate(pickletools.genops(pickle)):
        if count > MOST_OPERATIONS:
            raise UnsafeFileError(f"got a pickle of more than {MOST_OPERATIONS} operations")
        if operation.name in ("GLOBAL", "INST") and not _is_known(str(argument)):
            raise UnsafeFileError(f"got {shown(str(argument))}")


def _is_known(name: str) -> bool:
    if name in GLOBALS:
        return True
    package, _, kind = name.partition(" ")
    if package != "torch":
        return False
    is_type = isinstance(getattr(torch, kind, None), torch.dtype)
    return is_type or (kind.endswith("Storage") and kind not in ("UntypedStorage", "TypedStorage"))
