"""A frame's segmentation in JSON, as annotation and results files share it."""

from __future__ import annotations

from collections.abc import Sequence

from sgnet.files.checked_json import JsonEntry, describe, whole_number
from sgnet.ops.polygons import rle_from_polygons
from sgnet.ops.rle import rle_from_counts, rle_from_runs
from sgnet.ops.rle_batch import are_plain
from sgnet.records import Rle


def parse_segmentation(value: object, height: int, width: int) -> Rle | None:
    """Reads a mask: run lengths or polygons; null, {} and [] say that the object is absent.

    Args:
        value: parsed JSON: `{"size": [h, w], "counts": ...}`, whose counts are a compressed string
            or a list of run lengths, or a list of polygons `[x, y, x, y, ...]` in pixels, which are
            filled as COCO fills them.
        height: the video's height in pixels.
        width: the video's width in pixels.

    Raises:
        ValueError: the value is no mask of that size; the message names the field, or begins with
            the polygon's number in brackets.
    """
    if value is None or value == {} or value == []:
        return None
    if isinstance(value, list):
        return rle_from_polygons(value, height, width)
    if not isinstance(value, dict):
        raise ValueError(
            f"must be a run-length encoded mask, polygons or null, got {describe(value)}"
        )
    size = value.get("size")
    if not isinstance(size, list) or list(map(whole_number, size)) != [height, width]:
        got = describe(size) if "size" in value else "nothing (it is missing)"
        raise ValueError(
            f"size must be the video's [height, width] [{height}, {width}], and counts cover it, "
            f"got size {got}"
        )
    counts = value.get("counts")
    if isinstance(counts, str):
        return rle_from_counts(counts, height, width)
    if isinstance(counts, list):
        return rle_from_runs(_integers(counts), height, width)
    got = describe(counts) if "counts" in value else "nothing (it is missing)"
    raise ValueError(f"counts must be a compressed string or a list of integers, got {got}")


def _integers(runs: list[object]) -> list[object]:
    """Run lengths with whole floats as integers; all else is left to the check of the runs."""
    if float not in set(map(type, runs)):
        return runs
    whole = map(whole_number, runs)
    return [run if number is None else number for run, number in zip(runs, whole, strict=True)]


def parse_segmentations(
    entry: JsonEntry, height: int, width: int, length: int | None
) -> tuple[Rle | None, ...]:
    """Reads a track's `segmentations`, one for each of the video's `length` frames.

    A length of None takes a list of any length, as the official code does.

    Raises:
        ValueError: the list or one of its masks is malformed; the message names file, entry,
            frame and field.
    """
    values = entry.items("segmentations", length, "one for each frame of the video")
    plain = _plain_masks(values, height, width)
    return tuple(
        plain[frame]
        if frame in plain
        else segmentation_of_frame(entry, frame, value, height, width)
        for frame, value in enumerate(values)
    )


def _plain_masks(values: Sequence[object], height: int, width: int) -> dict[int, Rle]:
    """The masks of a track in the usual form, by frame, checked all at once.

    The others, whether in another form, absent or malformed, are to be read one by one.
    """
    size = [height, width]
    frames, counts = [], []
    for frame, value in enumerate(values):
        if isinstance(value, dict) and isinstance(value.get("counts"), str):
            given = value.get("size")
            if given == size and [type(side) for side in given] == [int, int]:
                frames.append(frame)
                counts.append(value["counts"])
    plain = are_plain(counts, height * width)
    return {
        frame: Rle(height, width, text.encode("ascii"))
        for frame, text, is_plain in zip(frames, counts, plain.tolist(), strict=True)
        if is_plain
    }


def segmentation_of_frame(
    entry: JsonEntry, frame: int, value: object, height: int, width: int
) -> Rle | None:
    """Reads the value of one frame of a track's `segmentations`.

    Raises:
        ValueError: the mask is malformed; the message names file, entry, frame and field.
    """
    try:
        return parse_segmentation(value, height, width)
    except ValueError as error:
        raise wrong_segmentation(entry, f"segmentations[{frame}]", error) from error


def wrong_segmentation(entry: JsonEntry, name: str, error: ValueError) -> ValueError:
    """What `parse_segmentation` says, with the name of the field and of its entry.

    Args:
        entry: that holds the mask.
        name: of the field.
        error: of the field's value.
    """
    problem = str(error)
    return entry.error(f"{name}{'' if problem.startswith('[') else ': '}{problem}")


def segmentation_to_json(mask: Rle | None) -> dict[str, object] | None:
    """The compressed form of a mask that results files hold, null where it is absent."""
    if mask is None:
        return None
    return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
