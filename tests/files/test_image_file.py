from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from sgnet.data.clips.frames import BrokenFrameError, read_frame
from sgnet.files.image_file import decode_image, decode_pages, read_header
from sgnet.files.image_limits import MAX_PIXELS, MAX_SIDE, ImageFileError, check_room
from sgnet.inference.sources import SourceError, open_source

PICTURE = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
LOSSLESS = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}


def saved(image, form, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, form, **LOSSLESS.get(form, {}), **options)
    return file.getvalue()


def tagged(form, number):
    exif = Image.Exif()
    exif[0x0112] = number
    return saved(PICTURE, form, exif=exif)


def sequence(form, count=3, **options):
    images = [Image.fromarray(PICTURE + 20 * n) for n in range(count)]
    file = io.BytesIO()
    extra = LOSSLESS.get(form, {})
    images[0].save(file, form, save_all=True, append_images=images[1:], **extra, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, data=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_both_readers_show_images_upright(tmp_path, form, number):
    content = tagged(form, number)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(tagged("PNG", number))))
    path = tmp_path / f"f.{form.lower()}"
    path.write_bytes(content)
    assert read_header(content).size == (upright.height, upright.width)
    (frame,) = open_source(path)
    for image in (frame.image, read_frame(path, (upright.height, upright.width))):
        np.testing.assert_allclose(image, np.asarray(upright), atol=6)


def test_an_orientation_behind_the_pixels_counts_as_well():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(PICTURE, "PNG")
    late = content[:-12] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + content[-12:]
    assert read_header(late).size == (12, 8)
    np.testing.assert_array_equal(decode_image(late, (12, 8)), np.rot90(PICTURE, -1))


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense"])
def test_a_broken_orientation_is_none(exif):
    assert read_header(saved(PICTURE, "JPEG", exif=exif)).size == (8, 12)


BOMBS = {
    "png": png_of(60_000, 60_000),
    "long": png_of(MAX_SIDE + 1, 1),
    "many": png_of(MAX_SIDE, MAX_PIXELS // MAX_SIDE + 1),
    "jpeg": saved(PICTURE, "JPEG").replace(
        struct.pack(">HH", 8, 12), struct.pack(">HH", 65_500, 65_500), 1
    ),
    "bmp": saved(PICTURE, "BMP").replace(
        struct.pack("<ii", 12, 8), struct.pack("<ii", 50_000, 50_000), 1
    ),
    "webp": b"RIFF\x2e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xfe\x3f\0" * 2 + b"VP8L",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_giant_is_refused_by_its_header_in_both_readers(tmp_path, kind):
    path = tmp_path / f"giant.{kind}"
    path.write_bytes(BOMBS[kind])
    tracemalloc.start()
    with pytest.raises(BrokenFrameError, match=rf"giant.{kind}: frame "):
        read_frame(path)
    path = path.rename(tmp_path / "f.png")
    with pytest.raises(SourceError, match="f.png: "):
        list(open_source(path))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_the_size_of_a_giant_is_named():
    with pytest.raises(ImageFileError, match=r"expected at most 16384 .*got 16384 x 5462"):
        read_header(BOMBS["many"])


def test_another_size_than_expected_is_refused_before_anything_is_unpacked(tmp_path):
    path = tmp_path / "f.png"
    path.write_bytes(png_of(4_000, 4_000))  # has no pixels at all
    with pytest.raises(BrokenFrameError, match=r"f.png: frame size .*\(8, 12\), got \(4000, 4000"):
        read_frame(path, (8, 12))


@pytest.mark.parametrize("size", [(1, 1), (12_288, 6_912), (MAX_SIDE, 5_461)])
def test_sizes_of_real_frames_have_room(size):
    check_room(*size)


@pytest.mark.parametrize("form", ["GIF", "PNG", "TIFF", "WEBP"])
def test_all_images_of_a_file_come_in_order(form):
    content = sequence(form)
    assert len(read_header(content).pages) == 3
    with Image.open(io.BytesIO(content)) as image:
        expected = []
        for page in range(3):
            image.seek(page)
            expected.append(np.asarray(image.convert("RGB")))
    found = [image for image, _ in decode_pages(content)]
    np.testing.assert_array_equal(found, expected)


def test_pictures_of_an_animation_are_shown_for_a_time_of_their_own():
    content = sequence("WEBP", duration=[100, 300, 50])
    assert [seconds for _, seconds in decode_pages(content)] == [0.1, 0.3, 0.05]


def test_pages_of_16_bits_keep_their_highest():
    deep = [Image.fromarray(np.full((4, 6), value, np.uint16)) for value in (0, 0x4000, 0xFF00)]
    file = io.BytesIO()
    deep[0].save(file, "TIFF", save_all=True, append_images=deep[1:])
    found = [int(image[0, 0, 0]) for image, _ in decode_pages(file.getvalue())]
    assert found == [0, 0x40, 0xFF]


def test_a_preview_inside_a_tiff_is_no_page():
    file = io.BytesIO()
    small = Image.fromarray(PICTURE[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(PICTURE).save(file, "TIFF", save_all=True, append_images=[small])
    assert read_header(file.getvalue()).pages == (0,)
    np.testing.assert_array_equal(decode_image(file.getvalue()), PICTURE)


def test_a_png_for_who_knows_no_animations_is_no_part_of_it():
    content = sequence("PNG", default_image=True)
    assert [int(image[0, 0, 0]) for image, _ in decode_pages(content)] == [20, 40]


def test_a_photo_with_previews_behind_it_is_one_image():
    content = sequence("MPO")
    assert read_header(content).pages == (0,)
    assert decode_image(content).shape == (8, 12, 3)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_file_of_several_images_is_no_frame_in_either_reader(tmp_path, form):
    (tmp_path / "0.png").write_bytes(saved(PICTURE, "PNG"))
    path = tmp_path / f"1.{form.lower()}"
    path.write_bytes(sequence(form))
    with pytest.raises(BrokenFrameError, match=r"1\.\w+: frame holds 3 images; expected one"):
        read_frame(path)
    frames = iter(open_source(tmp_path))
    next(frames)
    with pytest.raises(SourceError, match=r"frame 1: .*1\.\w+ holds 3 images; expected one"):
        next(frames)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"RIFF", b"II*\0"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(ImageFileError, match="cannot be decoded; expected"):
        read_header(content)
