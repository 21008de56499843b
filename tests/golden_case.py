"""The golden cases of the metric: inputs and the figures of the official code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sgnet.files.segmentation_json import parse_segmentation
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, Video

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())


def masks(entry: dict[str, Any], video: Video) -> tuple[Rle | None, ...]:
    return tuple(
        parse_segmentation(value, video.height, video.width) for value in entry["segmentations"]
    )


class Case:
    """A golden case, read without the package's readers, which refuse ragged tracks."""

    def __init__(self, name: str) -> None:
        folder = GOLDEN / name
        document, results, self.expected = (
            json.loads((folder / f"{part}.json").read_text())
            for part in ("gt", "results", "expected")
        )
        self.videos = [
            Video(v["id"], v["width"], v["height"], v["length"], ()) for v in document["videos"]
        ]
        video_of = {video.id: video for video in self.videos}
        self.categories = [Category(c["id"], c["name"]) for c in document["categories"]]
        self.ground_truth = [
            AnnotatedTrack(
                id=a["id"],
                video_id=a["video_id"],
                category_id=a["category_id"],
                iscrowd=bool(a["iscrowd"]),
                segmentations=masks(a, video_of[a["video_id"]]),
                boxes_xywh=(),
                areas=tuple(a["areas"]),
            )
            for a in document["annotations"]
        ]
        self.results = [
            ResultTrack(
                r["video_id"], r["category_id"], r["score"], masks(r, video_of[r["video_id"]])
            )
            for r in results
        ]
