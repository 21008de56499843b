"""Writes a `shapes` split to disk in the YouTube-VIS layout."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock
from rich.progress import track

from sgnet.data.shapes.annotations import TrackAnnotation, annotate_scene, category_entries
from sgnet.data.shapes.rendering import SceneRenderer
from sgnet.data.shapes.sampling import sample_scene, video_generator
from sgnet.data.shapes.spec import GENERATOR_VERSION, ShapesSpec
from sgnet.files.path_names import checked_name

ANNOTATION_FILE = "instances.json"
FRAME_FOLDER = "JPEGImages"
_MARKER = ".sgnet-shapes"  # says that this folder is ours to delete
_QUIET_VIDEOS = 4


@dataclass(frozen=True)
class _VideoRecord:
    """What the annotation file needs of a written video."""

    name: str
    length: int
    tracks: list[TrackAnnotation]


def generate_shapes(
    root: Path,
    spec: ShapesSpec,
    split: str,
    num_videos: int,
    seed: int,
    num_workers: int = 0,
) -> Path:
    """Writes `<root>/<split>/JPEGImages/<video>/<frame>.jpg` and `<root>/<split>/instances.json`.

    The annotation file comes last and at once, so that it never describes frames that are missing.
    A call with the arguments of the copy on disk returns it; other arguments replace the copy.
    Splits never share a video, because the split's name is part of every video's seed. The content
    does not depend on `num_workers`. Of two processes that ask at once, one writes and the other
    waits.

    Args:
        root: Folder of the data set.
        spec: Size and difficulty.
        split: Folder name of the split, e.g. "train".
        num_videos: Videos to write, at least 1.
        seed: Seed of the data set, 0 or more.
        num_workers: Worker processes; 0 works in this one. Workers are spawned, so a script needs
            its `if __name__ == "__main__"` guard.

    Returns:
        The path of `instances.json`.

    Raises:
        ValueError: `split`, `num_videos`, `seed` or `num_workers` is out of range.
        FileExistsError: The split's folder holds files that this generator did not write.
    """
    _check_arguments(split, num_videos, seed, num_workers)
    folder = Path(root) / split
    annotation_path = folder / ANNOTATION_FILE
    info = _describe(spec, split, num_videos, seed)
    Path(root).mkdir(parents=True, exist_ok=True)
    with FileLock(Path(root) / f".{split}.lock"):
        _check_ownership(folder)
        if _is_complete(folder, info, num_videos):
            return annotation_path
        _clear(folder)
        write = partial(_write_video, folder / FRAME_FOLDER, spec, split, seed)
        records = list(_with_progress(_map(write, num_videos, num_workers), split, num_videos))
        _write_annotations(annotation_path, spec, info, records)
    return annotation_path


def _check_arguments(split: str, num_videos: int, seed: int, num_workers: int) -> None:
    checked_name(split, "split")
    if num_videos < 1 or seed < 0 or num_workers < 0:
        raise ValueError(
            "expected num_videos >= 1, seed >= 0 and num_workers >= 0, "
            f"got {num_videos}, {seed} and {num_workers}"
        )


def _describe(spec: ShapesSpec, split: str, num_videos: int, seed: int) -> dict[str, object]:
    """The `info` entry, by which a copy on disk is recognised."""
    return {
        "generator": "sgnet.data.shapes",
        "version": GENERATOR_VERSION,
        "spec": asdict(spec),
        "split": split,
        "num_videos": num_videos,
        "seed": seed,
    }


def _check_ownership(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise FileExistsError(
            f"{folder} holds files that the shapes generator did not write; "
            "expected an empty folder or one of its own: choose another root or split"
        )


def _is_complete(folder: Path, info: dict[str, object], num_videos: int) -> bool:
    """Whether the copy on disk is whole and was made with the same arguments."""
    try:
        content = json.loads((folder / ANNOTATION_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none, or damaged
        return False
    if not isinstance(content, dict) or content.get("info") != info:
        return False
    frames = folder / FRAME_FOLDER
    return all((frames / _video_name(index)).is_dir() for index in range(num_videos))


def _clear(folder: Path) -> None:
    """Removes an old copy, annotations first, and marks the folder as ours."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARKER).touch()
    (folder / ANNOTATION_FILE).unlink(missing_ok=True)
    frames = folder / FRAME_FOLDER
    if frames.exists():
        shutil.rmtree(frames)


def _map(
    write: "partial[_VideoRecord]", num_videos: int, num_workers: int
) -> Iterator[_VideoRecord]:
    """Written videos in order; the first failure ends the work."""
    if num_workers == 0:
        yield from map(write, range(num_videos))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        try:
            yield from pool.map(write, range(num_videos), chunksize=2)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _with_progress(
    records: Iterator[_VideoRecord], split: str, total: int
) -> Iterator[_VideoRecord]:
    if total <= _QUIET_VIDEOS:
        return records
    return iter(track(records, description=f"shapes {split}", total=total))


def _video_name(index: int) -> str:
    return f"{index:05d}"


def _write_video(
    frames_root: Path, spec: ShapesSpec, split: str, seed: int, index: int
) -> _VideoRecord:
    """Draws and writes one video; depends on nothing but its arguments."""
    cv2.setNumThreads(1)
    scene = sample_scene(spec, video_generator(seed, split, index))
    renderer = SceneRenderer(scene)
    folder = frames_root / _video_name(index)
    folder.mkdir(parents=True)
    for number in range(scene.length):
        bgr = np.ascontiguousarray(renderer.frame(number)[..., ::-1])
        written, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, spec.jpeg_quality])
        if not written:
            raise RuntimeError(f"could not encode frame {number} of {folder}")
        (folder / f"{number:05d}.jpg").write_bytes(data.tobytes())
    tracks = annotate_scene(scene, spec.min_visible_area)
    return _VideoRecord(_video_name(index), scene.length, tracks)


def _write_annotations(
    path: Path, spec: ShapesSpec, info: dict[str, object], records: list[_VideoRecord]
) -> None:
    """Writes the annotation file in one step: a reader sees all of it or none."""
    size = {"width": spec.width, "height": spec.height}
    videos: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for video_id, record in enumerate(records, start=1):
        names = [f"{record.name}/{number:05d}.jpg" for number in range(record.length)]
        videos.append({"id": video_id, **size, "length": record.length, "file_names": names})
        for annotation in record.tracks:
            identity = {"id": len(annotations) + 1, "video_id": video_id, "iscrowd": 0}
            annotations.append({**identity, **size, "length": record.length, **asdict(annotation)})
    content = {
        "info": info,
        "videos": videos,
        "categories": category_entries(),
        "annotations": annotations,
    }
    unfinished = path.with_suffix(".json.partial")
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    os.replace(unfinished, path)
