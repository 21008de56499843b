"""Supervisely's video annotations, written by hand."""

from __future__ import annotations

import base64
import io
import json
import zlib

import numpy as np
import pytest
from labelled_builders import rectangle, write_images
from PIL import Image

from sgnet.conversion.supervisely import read_supervisely
from sgnet.ops.rle import decode
from sgnet.records import Video

PART = np.array([[1, 0, 1], [0, 1, 0]], np.uint8)


def packed(mask, mode="palette"):
    """As Supervisely's SDK packs a bitmap: palette with transparency; or other kinds of PNG."""
    image = Image.fromarray(mask)
    buffer = io.BytesIO()
    if mode == "palette":
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(buffer, format="PNG", transparency=0)
    else:
        image.convert(mode).save(buffer, format="PNG")
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def bitmap(data=None, origin=(4, 2), key="o1"):
    content = {"data": packed(PART) if data is None else data, "origin": list(origin)}
    return {"objectKey": key, "geometryType": "bitmap", "geometry": {"bitmap": content}}


def polygon(exterior, interior=(), kind="polygon", key="o2"):
    points = {"exterior": exterior, "interior": list(interior)}
    return {"objectKey": key, "geometryType": kind, "geometry": {"points": points}}


def document(*frames, **more):
    objects = [{"key": "o1", "classTitle": "bär"}, {"key": "o2", "classTitle": "ape"}]
    listed = [{"index": index, "figures": list(figures)} for index, *figures in frames]
    size = {"height": 6, "width": 8}
    return {"size": size, "framesCount": 3, "objects": objects, "frames": listed, **more}


@pytest.fixture
def read(tmp_path):
    images = write_images(
        tmp_path / "images", [Video(1, 8, 6, 3, tuple(f"vidéo/{n}.png" for n in (9, 10, 11)))]
    )

    def read_document(content, **options):
        folder = tmp_path / "project" / "set" / "ann"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vidéo.mp4.json").write_text(json.dumps(content))
        (video,) = read_supervisely(tmp_path / "project", images, **options).videos
        return video

    return read_document


def test_a_video_without_figures_has_its_frames(read):
    video = read(document())
    assert (video.name, video.objects) == ("vidéo", ())
    assert video.file_names == ("vidéo/9.png", "vidéo/10.png", "vidéo/11.png")


def test_figures_of_an_object_are_joined_over_frames(read):
    triangle = polygon([[0, 0], [4, 0], [4, 4], [0, 4]], [[[2, 2], [2, 2], [2, 2]]])
    video = read(document((2, bitmap()), (0, bitmap(origin=(1, 0)), triangle)))
    bear, ape = video.objects
    assert (bear.category, ape.category) == ("bär", "ape")
    assert bear.masks[1] is None
    assert (decode(bear.masks[2])[2:4, 4:7] == PART).all()
    assert decode(bear.masks[0])[0:2, 1:4].sum() == decode(bear.masks[0]).sum() == 3
    expected = rectangle((6, 8), 0, 0, 5, 5)  # the outline's pixels belong to it
    expected[2, 2] = 0
    assert (decode(ape.masks[0]) == expected).all()


@pytest.mark.parametrize("mode", ["L", "1", "RGBA"])
def test_other_pngs_are_read_where_they_say_what_is_inside(mode, read):
    if mode == "RGBA":
        pixels = np.repeat(PART[..., None] * np.uint8(255), 4, axis=2)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    else:
        data = packed(PART * 255, mode)
    video = read(document((0, bitmap(data))))
    assert (decode(video.objects[0].masks[0])[2:4, 4:7] == PART).all()


def test_rectangles_are_masks_only_where_asked(read):
    content = document((0, polygon([[5, 4], [2, 1]], kind="rectangle")))
    with pytest.raises(ValueError, match=r"frames\[0\] \(index 0\): figures\[0\]: .*boxes=mask"):
        read(content)
    video = read(content, boxes="mask")
    assert (decode(video.objects[0].masks[0]) == rectangle((6, 8), 1, 2, 5, 6)).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (document(framesCount=4), "framesCount must be 3, the images of .*, got 4"),
        (document(size=[6, 8]), "size must be an object"),
        (document(size={"height": 7, "width": 8}), r"9.png: frame size .* expected \(7, 8\)"),
        (document(objects=[{"key": "a"}]), r"objects\[0\]: classTitle must be"),
        (document(objects=[{"key": "a", "classTitle": "b"}] * 2), "key must be unique, got 'a'"),
        (document((3, bitmap())), "index must be an integer of at least 0 and at most 2, got 3"),
        (document((0, bitmap(key="o3"))), "objectKey must be the key of an object .* 'o3'"),
        (document((0, bitmap(key=None))), "objectKey or objectId must be there"),
        (document((0, bitmap("?"))), "data must be a compressed PNG in base64"),
        (document((0, bitmap("abcd"))), "data must be a compressed PNG in base64"),
        (document((0, bitmap(origin=(1,)))), "origin must be a list"),
        (
            document((0, bitmap(packed(np.zeros((7, 3), np.uint8))))),
            "at most 8 x 6 pixels, got 3 x 7",
        ),
        (document((0, bitmap(packed(PART, "RGB")))), "in grey or with transparency, got RGB"),
        (document((0, polygon([[0, 0], [1, 1]]))), "exterior must be at least 3 points, got 2"),
        (document((0, polygon([[0, 0]], kind="point"))), "geometryType must be bitmap, polygon"),
        (document((0, polygon([[0, 0], [4, 0], [4, 4]], [[1]]))), r"interior\[0\] must be a list"),
    ],
)
def test_malformed_files_are_named(content, words, read):
    with pytest.raises(ValueError, match=words):
        read(content)
