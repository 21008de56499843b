"""Archives in the place of what they hold."""

from __future__ import annotations

from pathlib import Path

STARTS = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}
TAR_MARK, TAR_PLACE = b"ustar", 257


def refuse_archive(path: str | Path | None, setting: str) -> None:
    """Says that an archive is to be unpacked, whatever its name; None and others pass.

    Raises:
        ValueError: the file is an archive.
        OSError: the file cannot be read.
    """
    if path is None or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        start = file.read(TAR_PLACE + len(TAR_MARK))
    kinds = [kind for mark, kind in STARTS.items() if start.startswith(mark)]
    kinds += ["a tar archive"] if start[TAR_PLACE:] == TAR_MARK else []
    if kinds:
        raise ValueError(
            f"{path}: {setting} must be the files themselves, got {kinds[0]}; unpack it and give "
            f"{setting}= what is inside"
        )
