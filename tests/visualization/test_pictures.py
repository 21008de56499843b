from __future__ import annotations

import av
import numpy as np
import pytest
import torch

from sgnet.ops.rle import encode
from sgnet.structures import ResultTrack, Video
from sgnet.visualization.curves import plot_training_curves
from sgnet.visualization.inside import (
    level_figure,
    movement_picture,
    picture_figure,
    sub_region_figure,
)
from sgnet.visualization.overlay import (
    DrawnMask,
    draw_masks,
    masks_of_frame,
    track_color,
    union_mask,
)
from sgnet.visualization.pictures import contact_sheet
from sgnet.visualization.report_pictures import TrackPictures, write_track_pictures
from sgnet.visualization.video_file import write_mp4

HEIGHT, WIDTH = 48, 64


def rectangle(top: int, left: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top : top + 12, left : left + 16] = 1
    return mask


def grey() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 100, dtype=np.uint8)


def test_nothing_to_draw_leaves_the_frame_as_it_is():
    np.testing.assert_array_equal(draw_masks(grey(), []), grey())
    assert not union_mask([], (HEIGHT, WIDTH)).any()


def test_only_the_mask_and_its_caption_change():
    picture = draw_masks(grey(), [DrawnMask(3, "", encode(rectangle(30, 20)))])
    changed = (picture != 100).any(axis=2)
    np.testing.assert_array_equal(changed, rectangle(30, 20).astype(bool))


def test_the_union_is_equation_3():
    masks = [rectangle(2, 2), rectangle(8, 10)]
    union = union_mask([encode(mask) for mask in masks], (HEIGHT, WIDTH))
    np.testing.assert_array_equal(union, masks[0] + masks[1] > 0)


def test_neighbouring_identities_have_different_colours():
    colors = [np.array(track_color(i)) for i in range(1, 20)]
    gaps = [np.abs(a - b).sum() for a, b in zip(colors, colors[1:], strict=False)]
    assert min(gaps) > 150


def test_a_contact_sheet_fills_short_rows_and_refuses_mixed_sizes():
    assert contact_sheet([[grey(), grey()], [grey()]]).shape == (100, 132, 3)
    with pytest.raises(ValueError, match="one size"):
        contact_sheet([[grey(), grey()[:10]]])


def test_a_video_file_holds_its_frames_and_appears_only_when_complete(tmp_path):
    path = tmp_path / "out.mp4"
    assert write_mp4([grey()] * 5, path, 6) == 5
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 5
    assert np.abs(frames[0].astype(int) - 100).max() < 6

    def broken():
        yield grey()
        raise RuntimeError("camera gone")

    with pytest.raises(RuntimeError, match="camera gone"):
        write_mp4(broken(), tmp_path / "broken.mp4", 6)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_track_pictures_show_tracks_above_the_score(tmp_path):
    video = Video(1, WIDTH, HEIGHT, 3, ("a", "b", "c"))
    masks = tuple(encode(rectangle(30, 10 + 5 * t)) for t in range(3))
    tracks = [ResultTrack(1, 4, 0.9, masks), ResultTrack(1, 4, 0.1, masks)]
    pictures = TrackPictures(lambda _: grey(), {4: "disc"}, 0.3, (HEIGHT, WIDTH))
    write_track_pictures(pictures, [video], tracks, tmp_path)
    assert (tmp_path / "tracks.png").stat().st_size > 0
    hidden = TrackPictures(lambda _: grey(), {4: "disc"}, 0.95, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(hidden.frame(video, tracks, 0), grey())
    assert (pictures.frame(video, tracks, 0) != 100).any()


def test_a_picture_of_an_upright_frame_keeps_its_aspect_ratio():
    upright = np.full((2 * WIDTH, 2 * HEIGHT, 3), 100, dtype=np.uint8)
    video = Video(1, 2 * HEIGHT, 2 * WIDTH, 1, ("a",))
    picture = TrackPictures(lambda _: upright, {}, 0.3, (HEIGHT, WIDTH)).frame(video, [], 0)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    rows, columns = np.nonzero(picture[..., 0])
    assert (rows.max() + 1, columns.max() + 1) == (48, 32)  # 36 columns, in steps of eight


def test_of_tracks_on_the_same_pixels_the_strongest_is_drawn():
    mask = encode(rectangle(10, 10))
    tracks = [
        ResultTrack(1, 4, s, (m,))
        for s, m in ((0.4, mask), (0.9, mask), (0.5, encode(rectangle(30, 40))))
    ]
    drawn = masks_of_frame(tracks, 0, {4: "disc"}, 0.3)
    assert [item.caption for item in drawn] == ["2 disc", "3 disc"]


def test_arrows_run_from_where_an_object_was_to_where_it_is():
    picture = movement_picture(
        grey(), torch.tensor([[40.0, 20.0]]), torch.tensor([[30.0, 0.0]]), [1]
    )
    _, columns = (picture != 100).any(axis=2).nonzero()
    assert columns.min() == pytest.approx(10, abs=2)
    assert columns.max() == pytest.approx(42, abs=2)
    assert (movement_picture(grey(), torch.zeros(0, 2), torch.zeros(0, 2), []) == 100).all()


def test_figures_hold_what_they_are_given():
    levels = level_figure(grey(), torch.rand(48 + 12), [48, 12], [8, 16])
    assert len(levels.get_axes()) == 3
    region = sub_region_figure(
        grey(),
        torch.tensor([8.0, 4.0, 48.0, 40.0]),
        (3, 2),
        torch.randn(6),
        torch.randn(8, 24, 32),
        rectangle(10, 10).astype(bool),
    )
    assert len(region.get_axes()) == 1 + 9 + 1
    assert [text.get_text() for text in region.get_axes()[0].texts][0].replace("-", "")[1] == "."
    assert len(picture_figure([grey(), grey()], ["a", "b"]).get_axes()) == 2


def test_curves_are_drawn_from_a_log_with_gaps(tmp_path):
    log = tmp_path / "metrics.csv"
    log.write_text("step,train/loss,val/AP\n0,2.5,\n9,1.5,\n9,,0.2\n")
    plot_training_curves([log, log], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0
