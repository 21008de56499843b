"""Labels of a video file: every form finds the frames that are written from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from settings import settings_of

from sgnet.commands.convert import run
from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.ops.rle import decode
from sgnet.visualization.video_file import write_mp4

BOX = [[0, 0], [8, 0], [8, 8], [0, 8]]
POINTS = ";".join(f"{x},{y}" for x, y in BOX)


def cvat_images(folder, name="frame_00000{0}"):
    shape = f'<polygon label="a" group_id="1" points="{POINTS}"/>'
    image = '<image id="{0}" name="' + name + '" width="64" height="48">{1}</image>'
    images = image.format(0, "") + image.format(1, shape)
    (folder / "labels.xml").write_text(f"<annotations>{images}</annotations>")
    return "cvat", folder / "labels.xml"


def cvat_png(folder):
    return cvat_images(folder, "frame_00000{0}.PNG")


def supervisely(folder):
    points = {"points": {"exterior": BOX, "interior": []}}
    figure = {"objectKey": "o", "geometryType": "polygon", "geometry": points}
    content = {
        "size": {"height": 48, "width": 64},
        "framesCount": 2,
        "objects": [{"key": "o", "classTitle": "a"}],
        "frames": [{"index": 1, "figures": [figure]}],
    }
    (folder / "clip.mp4.json").write_text(json.dumps(content))
    return "supervisely", folder / "clip.mp4.json"


def coco_video(folder):
    size = {"height": 48, "width": 64, "video_id": 1}
    flat = [number for point in BOX for number in point]
    mark = {"id": 1, "image_id": 2, "category_id": 1, "instance_id": 1, "segmentation": [flat]}
    names = ("frame_000000.PNG", "frame_000001.PNG")
    images = [{"id": i + 1, "frame_id": i, "file_name": n, **size} for i, n in enumerate(names)]
    content = {
        "videos": [{"id": 1, "name": "clip"}],
        "images": images,
        "annotations": [mark],
        "categories": [{"id": 1, "name": "a"}],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return "coco_video", folder / "labels.json"


def labelme(folder):
    (folder / "labels").mkdir()
    for number in range(2):
        shape = {"label": "a", "points": BOX, "group_id": 1, "shape_type": "polygon"}
        sides = {"imageHeight": 48, "imageWidth": 64}
        content = {"imagePath": f"{number:08d}.jpg", "shapes": [shape] * number, **sides}
        (folder / f"labels/{number:08d}.json").write_text(json.dumps(content))
    return "labelme", folder / "labels"


def davis(folder):
    for number in range(2):
        path = folder / f"labels/Annotations/bear/{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((48, 64), np.uint8)
        mask[:8, :8] = number
        Image.fromarray(mask).save(path)
    return "davis", folder / "labels"


@pytest.mark.parametrize("write", [cvat_images, cvat_png, supervisely, coco_video, labelme, davis])
def test_the_frames_of_the_video_are_those_of_the_labels(write, tmp_path):
    write_mp4([np.full((48, 64, 3), 90, np.uint8)] * 2, tmp_path / "clip.mp4", 10.0)
    form, source = write(tmp_path)
    video = f"source_video={tmp_path}/clip.mp4"
    run(settings_of("convert", f"from={form}", f"source={source}", video, f"output={tmp_path}/out"))
    path, images = find_split(tmp_path / "out", "train")
    data = load_annotations(path)
    names = data.videos[0].file_names
    assert [name.rpartition("/")[2] for name in names] == ["000000.jpg", "000001.jpg"]
    assert all((images / name).is_file() for name in names)
    masks = data.track(0).segmentations
    assert masks[0] is None
    assert decode(masks[1])[:8, :8].all()
