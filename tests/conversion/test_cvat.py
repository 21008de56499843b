"""CVAT's XML, written by hand as CVAT exports it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from labelled_builders import rectangle, write_images

from sgnet.conversion.cvat import read_cvat
from sgnet.conversion.cvat_shapes import mask_attributes
from sgnet.ops.rle import decode, encode
from sgnet.records import Category, Video

SIZE = (6, 8)
META = (
    "<meta><task><size>{size}</size><mode>interpolation</mode><start_frame>{start}</start_frame>"
    "<stop_frame>{stop}</stop_frame><frame_filter>{step}</frame_filter><labels><label>"
    "<name>bär</name></label><label><name>ape</name></label></labels>"
    "<original_size><width>8</width><height>6</height></original_size></task></meta>"
)


def meta(start, stop, step=""):
    return META.format(size=stop - start + 1, start=start, stop=stop, step=step)


def square(left, top=1, side=2):
    right, bottom = left + side, top + side
    return f"{left}.00,{top}.00;{right}.00,{top}.00;{right}.00,{bottom}.00;{left}.00,{bottom}.00"


def polygon(frame, points, outside=0, keyframe=1):
    return (
        f'<polygon frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" '
        f'points="{points}" z_order="0"><attribute name="a">b</attribute></polygon>'
    )


def box(frame, left, outside=0):
    return (
        f'<box frame="{frame}" outside="{outside}" keyframe="1" xtl="{left}.00" ytl="1.00" '
        f'xbr="{left + 2}.00" ybr="3.00"/>'
    )


def mask(frame, rle="1, 2, 1", left=3, top=2, width=2, height=2, outside=0):
    return (
        f'<mask frame="{frame}" keyframe="1" outside="{outside}" occluded="0" rle="{rle}" '
        f'left="{left}" top="{top}" width="{width}" height="{height}" z_order="0"/>'
    )


def track(number, *shapes, label="ape", group=""):
    group = group and f' group_id="{group}"'
    return f'<track id="{number}" label="{label}" source="manual"{group}>{"".join(shapes)}</track>'


def reader(tmp_path, frames):
    names = tuple(f"frame_{number:06d}.png" for number in range(frames))
    images = write_images(tmp_path / "images", [Video(1, 8, 6, frames, names)])

    def read(*content, **options):
        text = f"<annotations><version>1.1</version>{''.join(content)}</annotations>"
        (tmp_path / "vidéo.xml").write_text(f'<?xml version="1.0"?>{text}', encoding="utf-8")
        labelled = read_cvat(tmp_path / "vidéo.xml", images, **options)
        (video,) = labelled.videos
        return labelled.categories, video

    return read


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path, 3)


def lefts(item):
    """The first column of each frame's mask, None where there is none."""
    return [None if m is None else int(decode(m).any(axis=0).argmax()) for m in item.masks]


def test_a_file_without_tracks_is_a_video_without_objects(read):
    categories, video = read(meta(0, 2))
    assert categories == (Category(1, "bär"), Category(2, "ape"))
    assert (video.name, len(video.file_names), video.objects) == ("vidéo", 3, ())


def test_without_meta_the_images_decide(read):
    categories, video = read()
    assert categories is None
    assert (len(video.file_names), video.height, video.width) == (3, 6, 8)


def test_a_single_frame_is_a_video(tmp_path):
    _, video = reader(tmp_path, 1)(meta(0, 0), track(0, polygon(0, square(2))))
    assert (decode(video.objects[0].masks[0]) == rectangle(SIZE, 1, 2, 3, 4)).all()


def test_every_frame_as_exported_and_outside_ends_it(read):
    shapes = [polygon(0, square(1)), polygon(1, square(2), keyframe=0), polygon(2, square(2), 1)]
    _, video = read(meta(0, 2), track(5, *shapes), track(7, polygon(2, square(4)), label="bär"))
    first, second = video.objects
    assert (first.category, lefts(first)) == ("ape", [1, 2, None])
    assert (second.category, lefts(second)) == ("bär", [None, None, 4])


def test_frames_count_from_the_tasks_first_one_in_its_steps(tmp_path):
    read = reader(tmp_path, 21)
    shapes = track(0, polygon(10, square(1)), polygon(15, square(2)), polygon(20, square(3)))
    _, video = read(meta(10, 20, "step=5"), shapes)
    assert [name[-6:-4] for name in video.file_names] == ["10", "15", "20"]
    assert lefts(video.objects[0]) == [1, 2, 3]


def test_as_many_images_as_frames_are_taken_in_order(read):
    _, video = read(meta(100, 102), track(0, polygon(101, square(2)), polygon(102, square(2), 1)))
    assert video.file_names[1] == "frame_000001.png"
    assert lefts(video.objects[0]) == [None, 2, None]


def test_between_keyframes_polygons_and_boxes_move_in_straight_lines(tmp_path):
    read = reader(tmp_path, 6)
    moving = track(0, polygon(0, square(0)), polygon(4, square(4)), polygon(5, square(4), 1))
    boxes = track(1, box(1, 0), box(3, 4), box(4, 4, outside=1), label="bär")
    _, video = read(meta(0, 5), moving, boxes, boxes="mask")
    assert lefts(video.objects[0]) == [0, 1, 2, 3, 4, None]
    assert lefts(video.objects[1]) == [None, 0, 2, 4, None, None]
    halfway = decode(video.objects[0].masks[2])
    assert (halfway == rectangle(SIZE, 1, 2, 3, 4)).all()


def test_an_object_that_ends_at_the_next_keyframe_stays_until_then(tmp_path):
    _, video = reader(tmp_path, 4)(track(0, polygon(0, square(1)), polygon(3, square(5), 1)))
    assert lefts(video.objects[0]) == [1, 1, 1, None]


def test_keyframes_that_end_early_give_a_warning(tmp_path):
    read = reader(tmp_path, 4)
    with pytest.warns(UserWarning, match="track 0: polygon of frame 2: no shape follows"):
        _, video = read(track(0, polygon(0, square(1)), polygon(2, square(3))))
    assert lefts(video.objects[0]) == [1, 2, 3, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(track(0, polygon(0, square(1)), polygon(1, square(3))))


def test_masks_of_single_frames_are_one_object_by_label_and_group(read):
    """As CVAT exports masks: each is a track of its own."""
    _, video = read(
        meta(0, 2),
        track(0, mask(0), mask(1, outside=1), group=1),
        track(1, mask(2), group=1),
        track(2, mask(0, left=0), mask(1, left=0, outside=1), group=2),
        track(3, mask(0, left=5), mask(1, left=5, outside=1), group=2),
    )
    first, second = video.objects
    assert lefts(first) == [3, None, 3]
    assert (decode(first.masks[0])[2:4, 3:5] == [[0, 1], [1, 0]]).all()
    assert decode(second.masks[0]).sum() == 4
    assert second.masks[1:] == (None, None)


def test_masks_without_group_need_another_identity(read):
    masks = (track(0, mask(0), mask(1, outside=1)), track(1, mask(2)))
    with pytest.raises(ValueError, match="track 0: group_id must say .* identity=label"):
        read(meta(0, 2), *masks)
    _, video = read(meta(0, 2), *masks, identity="label")
    assert [lefts(item) for item in video.objects] == [[3, None, 3]]
    with pytest.raises(ValueError, match="track 2: label must be unique in a frame"):
        read(meta(0, 2), *masks, track(2, mask(2, left=0)), identity="label")


def test_polygons_of_single_frames_may_be_shapes_or_tracks(read):
    """CVAT writes both the same way."""
    drawn = (
        track(0, polygon(0, square(0)), polygon(1, square(0), 1)),
        track(1, polygon(2, square(4))),
    )
    with pytest.warns(UserWarning, match="2 tracks without group_id show one frame only"):
        _, video = read(meta(0, 2), *drawn)
    assert [lefts(item) for item in video.objects] == [[0, None, None], [None, None, 4]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, video = read(meta(0, 2), *drawn, identity="label")
    assert [lefts(item) for item in video.objects] == [[0, None, 4]]
    grouped_ones = [text.replace('label="ape"', 'label="ape" group_id="3"') for text in drawn]
    _, video = read(meta(0, 2), *grouped_ones)
    assert [lefts(item) for item in video.objects] == [[0, None, 4]]


def test_a_track_of_masks_for_every_frame_is_an_object(read):
    _, video = read(meta(0, 2), track(0, mask(0, left=1), mask(1, left=2), mask(2, outside=1)))
    (item,) = video.objects
    assert [m and (decode(m)[2:4, 1:4].tolist()) for m in item.masks] == [
        [[0, 1, 0], [1, 0, 0]],
        [[0, 0, 1], [0, 1, 0]],
        None,
    ]


def image(number, *shapes, name=None, width=8):
    name = name or f"frame_{number:06d}.png"
    return (
        f'<image id="{number}" name="{name}" width="{width}" height="6">{"".join(shapes)}</image>'
    )


def grouped(left, group=1, label="ape"):
    return (
        f'<mask label="{label}" source="manual" occluded="0" rle="0, 4" left="{left}" top="2" '
        f'width="2" height="2" z_order="0" group_id="{group}"/>'
    )


def test_images_hold_shapes_that_groups_join(read):
    drawn = f'<polygon label="bär" points="{square(5)}" group_id="4"/><tag label="night"/>'
    _, video = read(image(2, grouped(4), drawn), image(0, grouped(1), grouped(3, 2)), image(1))
    assert video.file_names == tuple(f"frame_00000{n}.png" for n in range(3))
    ape, other, bear = video.objects
    assert (lefts(ape), lefts(other), lefts(bear)) == (
        [1, None, 4],
        [3, None, None],
        [None, None, 5],
    )
    assert (bear.category, ape.category) == ("bär", "ape")


def test_image_names_without_suffix_find_their_image(read):
    _, video = read(image(1, grouped(1), name="frame_000001"))
    assert video.file_names == ("frame_000001.png",)


def test_image_names_with_backslashes_find_their_image(tmp_path):
    read = reader(tmp_path, 1)
    folder = tmp_path / "images" / "day"
    folder.mkdir()
    (tmp_path / "images/frame_000000.png").rename(folder / "a.png")
    _, video = read(image(0, grouped(1), name="day\\a.png"))
    assert video.file_names == ("day/a.png",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([track(0, polygon(0, square(1))), track(0)], "track 0: id must be unique"),
        ([track("x")], "track x: id must be an integer of at least 0, got 'x'"),
        (
            [track(0, polygon(9, square(1)))],
            "track 0: polygon of frame 9: frame must be one of the",
        ),
        (
            [track(0, polygon(0, square(1)), polygon(0, square(1)))],
            "frame must be unique in its track",
        ),
        ([track(0, polygon(0, square(1), outside=2))], "outside must be .* at most 1, got 2"),
        ([track(0, polygon(0, "1,2;3,4"))], "points must be a list of at least 3 pairs"),
        ([track(0, polygon(0, "1,2;3,4;5"))], "points must be a list of at least 3 pairs"),
        ([track(0, polygon(0, "1,2;3,4;nan,6"))], "points must be a list of at least 3 pairs"),
        ([track(0, polygon(0, "1,2;3,4;9e9,6"))], "points must be coordinates from -16384"),
        ([track(0, box(0, 1))], r"box of frame 0: expected a mask or polygon, got a box \(boxes="),
        ([track(0, '<points frame="0" outside="0" points="1,2"/>')], "expected one of .* <points>"),
        ([track(0, mask(0, "1, 2"))], "rle must sum to 2 x 2 = 4 pixels, got 3"),
        ([track(0, mask(0, "1, -2, 5"))], "rle must be run lengths, separated by commas, got"),
        ([track(0, mask(0, left=7))], "must be inside the frame of 8 x 6 pixels, got 7, 2, 2, 2"),
        ([track(0, mask(0, width=0))], "width must be an integer of at least 1"),
        (
            [track(0, mask(0), mask(2))],
            "expected a shape for every frame, .* got a mask in frame 0",
        ),
        (
            [track(0, polygon(0, square(1)), polygon(2, "1,1;2,2;3,1"))],
            "got a polygon of 4 points in frame 0 and then a polygon of 3 points in frame 2",
        ),
        ([image(0, grouped(1)), image(0)], r"image\[1\]: id must be unique"),
        ([image(0, name="../x.png")], r"image\[0\]: name must be a relative path inside"),
        ([image(0, name="none.png")], r"image\[0\]: name must be an image in"),
        ([image(0), image(1, width=9)], r"image\[1\]: height and width must be \(6, 8\)"),
        ([image(0, width=9)], r"frame_000000.png: frame size .* expected \(6, 9\)"),
        ([image(0, grouped(1, 0)), image(1)], r"image 0: mask\[0\]: group_id must say"),
        ([meta(0, 3)], "expected 4 images for the frames 0 to 3, .* got 3"),
        ([meta(2, 1)], "stop_frame must be an integer of at least 2"),
        ([meta(0, 2, "every=3")], "frame_filter must be empty or step=N"),
        (["<meta><project/></meta>"], "expected the export of one task"),
    ],
)
def test_malformed_content_is_named(content, words, read):
    with pytest.raises(ValueError, match=rf"vidéo\.xml.*{words}|{words}"):
        read(*content)


def test_another_document_is_refused(tmp_path, images):
    (tmp_path / "x.xml").write_text("<kml/>")
    with pytest.raises(ValueError, match=r"x\.xml: expected CVAT's <annotations>, got <kml>"):
        list(read_cvat(tmp_path / "x.xml", images).videos)
    with pytest.raises(ValueError, match="expected an XML file or a folder of them"):
        read_cvat(tmp_path / "none", images)


@pytest.mark.parametrize("seed", range(5))
def test_written_masks_are_row_major_runs_over_the_box(seed):
    """Decoded by a plain loop, as CVAT's documentation describes it."""
    pixels = np.random.default_rng(seed).integers(0, 2, (6, 8)).astype(np.uint8)
    pixels[:, :seed] = 0
    found = mask_attributes(encode(pixels))
    decoded = np.zeros((6, 8), np.uint8)
    position, value = 0, 0
    for run in map(int, found["rle"].split(", ")):
        for _ in range(run):
            y, x = divmod(position, int(found["width"]))
            decoded[int(found["top"]) + y, int(found["left"]) + x] = value
            position += 1
        value = 1 - value
    assert (decoded == pixels).all()
    assert position == int(found["width"]) * int(found["height"])
