"""Pictures of an evaluation: an overlay video and a contact sheet of tracked masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.frame_sizes import fit_within, resize_frame
from sgnet.records import ResultTrack, Video
from sgnet.visualization.overlay import draw_masks, masks_of_frame
from sgnet.visualization.pictures import contact_sheet, write_image
from sgnet.visualization.video_file import write_mp4

FRAMES_PER_SECOND = 6


@dataclass(frozen=True)
class TrackPictures:
    """Draws the tracks of some videos.

    Attributes:
        read_frame: [H, W, 3] RGB of a file name of the annotation file.
        names: category name by category id.
        min_score: weaker tracks are left out.
        size: (height, width) frames are fitted into, black beside them, so that videos of all
            sizes fit together.
    """

    read_frame: Callable[[str], NDArray[np.uint8]]
    names: dict[int, str]
    min_score: float
    size: tuple[int, int]

    def frame(self, video: Video, tracks: Sequence[ResultTrack], index: int) -> NDArray[np.uint8]:
        """One frame with its tracks; `tracks` are those of this video."""
        masks = masks_of_frame(tracks, index, self.names, self.min_score)
        picture = draw_masks(self.read_frame(video.file_names[index]), masks)
        fitted = resize_frame(picture, fit_within((picture.shape[0], picture.shape[1]), self.size))
        filled = np.zeros((*self.size, 3), dtype=np.uint8)
        filled[: fitted.shape[0], : fitted.shape[1]] = fitted
        return filled

    def sheet(
        self, videos: Sequence[Video], tracks: Sequence[ResultTrack], columns: int = 6
    ) -> NDArray[np.uint8]:
        """A row of evenly spaced frames for each video."""
        rows = []
        for video in videos:
            mine = [track for track in tracks if track.video_id == video.id]
            steps = np.linspace(0, video.length - 1, min(columns, video.length)).round()
            rows.append([self.frame(video, mine, int(t)) for t in steps])
        return contact_sheet(rows)

    def frames(
        self, videos: Sequence[Video], tracks: Sequence[ResultTrack]
    ) -> Iterator[NDArray[np.uint8]]:
        """All frames of the videos, one video after the other."""
        for video in videos:
            mine = [track for track in tracks if track.video_id == video.id]
            for index in range(video.length):
                yield self.frame(video, mine, index)


def write_track_pictures(
    pictures: TrackPictures, videos: Sequence[Video], tracks: Sequence[ResultTrack], folder: Path
) -> None:
    """Writes `tracks.png` and `tracks.mp4` of the videos into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet = pictures.sheet(videos, tracks)
    write_image(sheet, folder / "tracks.png")
    write_mp4(pictures.frames(videos, tracks), folder / "tracks.mp4", FRAMES_PER_SECOND)
