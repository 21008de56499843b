"""Figures of a network that says the truth, of one that is off by a known bit, of a real one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import liven, tiny_model
from torch import Tensor

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.youtube_vis import YouTubeVIS, load_annotations
from sgnet.evaluation.object_figures import FIGURES, ObjectTable, object_figures
from sgnet.evaluation.oracle import LADDER, oracle_ladder
from sgnet.inference.diagnosis import Diagnosis
from sgnet.inference.frame_truth import object_keys
from sgnet.models.mask_head import GranularityBlender
from sgnet.models.sgnet import location_grid
from sgnet.ops.mask_assembly import dense_probabilities
from sgnet.ops.rle import decode, encode
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category, Rle, Video
from sgnet.structures import DenseOutputs, VideoChunk
from sgnet.tracking import MovementTracker

HEIGHT, WIDTH, LENGTH = 64, 96, 4
CATEGORIES = (Category(5, "a"), Category(6, "b"), Category(9, "c"))
IDS = [5, 6, 9]
SURE = 20.0  # a logit


def rectangle(left: int, top: int, width: int = 20, height: int = 12) -> Rle:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return encode(mask)


def save_truth(path: Path, right: int = 1, down: int = 1) -> YouTubeVIS:
    """Two videos: an object that moves by (4, 2) a frame, one that comes and goes, a crowd.

    Frames and all that is in them are so many times wider and higher.
    """

    def large(mask: Rle) -> Rle:
        return encode(decode(mask).repeat(down, axis=0).repeat(right, axis=1))

    videos = [Video(n, WIDTH * right, HEIGHT * down, LENGTH, ()) for n in (1, 2)]
    tracks = []
    for n in (1, 2):
        moving = [large(rectangle(8 + 4 * t, 4 + 2 * t)) for t in range(LENGTH)]
        late = [None, large(rectangle(50, 40)), None, large(rectangle(56, 44))]
        crowd = [large(rectangle(70, 0))] * LENGTH
        tracks += [
            visible_track(10 * n + 1, n, 5, moving),
            visible_track(10 * n + 2, n, 6, late),
            visible_track(10 * n + 3, n, 6, crowd, crowd=True),
        ]
    save_annotations(path, CATEGORIES, videos, tracks)
    return load_annotations(path)


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> YouTubeVIS:
    return save_truth(tmp_path_factory.mktemp("truth") / "val.json")


class TrueMaskHead:
    """Takes scores from where `TrueNetwork` writes them instead of computing them."""

    blender = GranularityBlender("prototypes", 2, 50.0, upsample=1)

    def attention_scores(self, outputs: DenseOutputs, frames: Tensor, locations: Tensor) -> Tensor:
        return outputs.pyramid[0][frames, locations]

    def masks(self, outputs: DenseOutputs, frames: Tensor, scores: Tensor, boxes: Tensor):
        return self.blender(outputs.base_masks, frames, scores, boxes, outputs.mask_stride)

    def instance_masks(
        self, outputs: DenseOutputs, frames: Tensor, locations: Tensor, boxes: Tensor
    ):
        scores = self.attention_scores(outputs, frames, locations)
        return self.masks(outputs, frames, scores, boxes)


class TrueNetwork:
    """Says the truth of each frame in turn; `edit` may change what it says of a frame's objects."""

    def __init__(self, truth: YouTubeVIS, edit: Callable[[list[dict]], None] | None = None) -> None:
        self.mask_head = TrueMaskHead()
        self._truth, self._edit = truth, edit
        self._video, self._frame = -1, 0

    def __call__(self, images: Tensor, previous: object) -> DenseOutputs:
        if previous is None:
            self._video, self._frame = self._video + 1, 0
        frames = [self._objects(self._frame + t) for t in range(len(images))]
        self._frame += len(images)
        shapes = [(math.ceil(HEIGHT / s), math.ceil(WIDTH / s)) for s in (8, 16, 32, 64, 128)]
        grid = location_grid(shapes, 0.5, images.device)
        count = len(grid.locations)
        outputs = DenseOutputs(
            class_logits=torch.full((len(frames), count, 3), -SURE),
            distances_ltrb=torch.zeros(len(frames), count, 4),
            centerness_logits=torch.full((len(frames), count), -SURE),
            pyramid=(torch.zeros(len(frames), count, 4),),
            movements=torch.zeros(len(frames), count, 2),
            base_masks=torch.full((len(frames), 4, HEIGHT // 2, WIDTH // 2), -SURE),
            locations=grid.locations,
            strides=grid.strides,
            level_sizes=grid.level_sizes,
            mask_stride=2,
            mask_upsample=1,
            tracking_features=(torch.zeros(len(frames), 1),),
        )
        for b, objects in enumerate(frames):
            for place, item in enumerate(objects):
                self._say(outputs, b, place, item)
        return outputs

    def _objects(self, frame: int) -> list[dict]:
        found = []
        for item in self._truth.frame_objects(self._video, frame):
            if item.iscrowd:
                continue
            mask = decode(item.rle)
            rows, columns = np.nonzero(mask)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            moved = [4.0, 2.0] if item.category_id == 5 else [0.0, 0.0]
            label = IDS.index(item.category_id)
            found.append({"mask": mask, "box": box, "label": label, "movement": moved, "seen": 1})
        if self._edit is not None:
            self._edit(found)
        return found

    def _say(self, outputs: DenseOutputs, b: int, place: int, item: dict) -> None:
        box = torch.tensor(item["box"], dtype=torch.float32)
        center = (box[:2] + box[2:]) / 2
        at = int((outputs.locations - center)[: outputs.level_sizes[0]].norm(dim=1).argmin())
        if item["seen"]:
            outputs.class_logits[b, at, item["label"]] = SURE
            outputs.centerness_logits[b, at] = SURE
        point = outputs.locations[at]
        outputs.distances_ltrb[b, at] = torch.cat([point - box[:2], box[2:] - point]) / 8
        outputs.movements[b, at] = torch.tensor(item["movement"]) / 8
        outputs.pyramid[0][b, at, place] = 1
        covered = item["mask"].reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
        outputs.base_masks[b, place] = torch.logit(torch.from_numpy(covered).float(), eps=1e-6)


def diagnosed(truth: YouTubeVIS, model, chunk: int = LENGTH, decoder=None, videos=(1, 2), **more):
    decoder = decoder or DetectionDecoder(0.5)
    diagnosis = Diagnosis(model, decoder, MovementTracker(), truth, IDS, **{"seed": 0, **more})
    for video in videos:
        images = torch.randint(
            0, 256, (LENGTH, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(video)
        )
        for first in range(0, LENGTH, chunk):
            part = images[first : first + chunk]
            size = truth.videos[0].height, truth.videos[0].width
            diagnosis.add(VideoChunk(part, video, first, LENGTH, size))
    return diagnosis


def columns(table: ObjectTable) -> dict[str, np.ndarray]:
    return dict(zip(FIGURES, table.values.T, strict=True))


def ladder_of(diagnosis: Diagnosis, truth: YouTubeVIS) -> dict[str, float]:
    found = oracle_ladder(diagnosis.found, IDS, CATEGORIES, list(truth.tracks()))
    return {rung: stats["AP"] for rung, stats in found.items()}


def test_a_network_that_says_the_truth_is_at_the_ceiling_everywhere(truth):
    diagnosis = diagnosed(truth, TrueNetwork(truth))
    values = columns(diagnosis.table)
    assert len(diagnosis.table) == 2 * (LENGTH + 2)  # no crowds
    np.testing.assert_array_equal(values["mask_iou"], values["ceiling_stride_2"])
    assert (values["mask_iou"] > 0.95).all()
    assert (values["ceiling_stride_8"] < values["ceiling_stride_4"]).all()
    for name in ("class_right", "box_iou", "found_box", "found_mask"):
        assert values[name] == pytest.approx(1), name
    assert np.nansum(values["id_switched"]) == 0
    assert diagnosis.mask_stride == 2
    assert list(ladder_of(diagnosis, truth).values()) == pytest.approx([1] * len(LADDER))


def test_figures_are_in_pixels_of_frames_of_another_shape_than_the_input(truth, tmp_path):
    large = save_truth(tmp_path / "large.json", right=3, down=2)
    diagnosis = diagnosed(large, TrueNetwork(truth))  # which sees small frames
    values = columns(diagnosis.table)
    assert values["box_iou"] == pytest.approx(1)
    assert values["mask_iou"] == pytest.approx(values["ceiling_stride_2"])
    assert (values["mask_iou"] > 0.95).all()
    assert np.nanmax(values["movement_error"]) == pytest.approx(0, abs=1e-4)
    assert np.nanmean(values["movement_error_of_none"]) == pytest.approx(math.hypot(12, 4))
    assert list(ladder_of(diagnosis, large).values()) == pytest.approx([1] * len(LADDER))


def test_movements_are_those_of_objects_that_the_frame_before_shows(truth):
    values = columns(diagnosed(truth, TrueNetwork(truth)).table)
    moving = diagnosed(truth, TrueNetwork(truth)).table.keys[:, 2] % 10 == 1
    assert np.isnan(values["movement_error"][~moving]).all()  # comes and goes
    assert np.isnan(values["movement_error"]).sum() == 2 * 2 + 2  # and each video's first frame
    assert np.nanmax(values["movement_error"]) == pytest.approx(0, abs=1e-5)
    still = values["movement_error_of_none"]
    np.testing.assert_allclose(still[~np.isnan(still)], math.sqrt(4**2 + 2**2))


def test_another_objects_scores_give_another_mask_where_attention_acts(truth):
    values = columns(diagnosed(truth, TrueNetwork(truth)).table)
    assert np.isnan(values["mask_iou_other_scores"]).tolist() == [True] + [False] * 11
    # the first frames of video 2 draw from video 1, whose first base mask has the same object
    first_video = values["mask_iou_other_scores"][1:6]
    assert first_video[:2].tolist() == [0, 0]  # each in the other's base mask
    np.testing.assert_array_equal(
        values["mask_iou_own_minus_other"], values["mask_iou"] - values["mask_iou_other_scores"]
    )


def test_contested_boxes_are_those_that_hold_a_tenth_of_another_object(tmp_path):
    video = Video(1, WIDTH, HEIGHT, LENGTH, ())
    square = rectangle(8, 4, 24, 24)
    angle = decode(square)
    angle[16:28, 20:32] = 0  # 144 of 576 pixels
    tracks = [
        visible_track(11, 1, 5, [encode(angle)] * LENGTH),
        visible_track(12, 1, 6, [rectangle(20, 16, 12, 12)] * LENGTH),
        visible_track(13, 1, 6, [rectangle(60, 40)] * LENGTH),
    ]
    save_annotations(tmp_path / "val.json", CATEGORIES, [video], tracks)
    truth = load_annotations(tmp_path / "val.json")

    def fill(objects: list[dict]) -> None:
        objects[0]["mask"] = decode(square)
        objects[0]["mask"][16:28, 20:26] = 0  # half of the other object is left out
        objects[0]["mask"][4:6] = 0  # and 48 of its own 432 pixels

    values = columns(diagnosed(truth, TrueNetwork(truth, fill), videos=(1,)).table)
    for name, own in (
        ("contested_mask_iou", "mask_iou"),
        ("contested_own_minus_other", "mask_iou_own_minus_other"),
    ):
        assert np.isnan(values[name]).tolist() == [False, True, True] * LENGTH
        np.testing.assert_array_equal(values[name][::3], values[own][::3])
    assert values["contested_others_claimed"][::3] == pytest.approx(72 / 144)
    assert values["contested_mask_iou"][::3] == pytest.approx(384 / (432 + 72))
    assert values["contested_own_kept"][::3] == pytest.approx(384 / 432)
    assert values["contested_told_apart"][::3] == pytest.approx(384 / 432 - 72 / 144)
    assert np.isnan(values["contested_told_apart"]).tolist() == [False, True, True] * LENGTH


def test_masks_that_are_shifted_by_a_fifth_of_the_box_have_an_iou_of_four_fifths(truth):
    def shift(objects: list[dict]) -> None:
        for item in objects:
            item["mask"] = np.roll(item["mask"], 4, axis=1)  # of 20 columns; 16 stay in the box

    values = columns(diagnosed(truth, TrueNetwork(truth, shift)).table)
    assert values["ceiling_stride_2"] == pytest.approx(1)  # all sides are even
    assert values["mask_iou"] == pytest.approx(16 / 20)


def test_boxes_that_are_shifted_by_a_fifth_have_the_iou_worked_out_by_hand(truth):
    def shift(objects: list[dict]) -> None:
        for item in objects:
            item["box"] = [item["box"][0] + 4, item["box"][1], item["box"][2] + 4, item["box"][3]]

    diagnosis = diagnosed(truth, TrueNetwork(truth, shift))
    values = columns(diagnosis.table)
    assert values["box_iou"] == pytest.approx(16 / 24)
    assert values["found_box"] == pytest.approx(1)
    found = ladder_of(diagnosis, truth)
    # a box holds 16 of the mask's 20 columns: right from IoU 0.5 to 0.8, 7 of 10 thresholds
    assert found["none"] == found["tracks"] == found["classes"] == pytest.approx(0.7)
    assert found["boxes"] == found["masks"] == pytest.approx(1)


def test_wrong_classes_and_movements_are_measured(truth):
    def confuse(objects: list[dict]) -> None:
        for item in objects:
            item["label"] = 2
            item["movement"] = [7.0, 6.0]  # off by (3, 4)

    diagnosis = diagnosed(truth, TrueNetwork(truth, confuse))
    values = columns(diagnosis.table)
    assert values["class_right"].max() == 0
    assert np.nanmean(values["movement_error"]) == pytest.approx(5)
    found = ladder_of(diagnosis, truth)
    assert found["none"] == 0
    assert found["classes"] == found["all"] == pytest.approx(1)


def test_objects_that_are_not_found_are_missing_in_recall_and_on_the_ladder(truth):
    def hide(objects: list[dict]) -> None:
        for item in objects:
            item["seen"] = item["label"] == 0

    diagnosis = diagnosed(truth, TrueNetwork(truth, hide))
    figures = object_figures(diagnosis.table)
    assert figures["found_box"].mean == figures["found_mask"].mean == pytest.approx(8 / 12)
    # of two classes
    assert list(ladder_of(diagnosis, truth).values()) == pytest.approx([0.5] * len(LADDER))


def test_tracks_that_swap_are_the_switches_that_are_counted(truth, monkeypatch):
    frames = iter([[1], [1, 2], [2], [2, 1], [1], [1, 2], [1], [1, 3]])
    monkeypatch.setattr(MovementTracker, "update", lambda *_: next(frames))
    diagnosis = diagnosed(truth, TrueNetwork(truth))
    # video 1: the mover becomes 2 in frame 2 and stays; the other was 2 and is 1 in frame 3;
    # video 2: the mover stays 1, the other was 2 and is 3
    switched = columns(diagnosis.table)["id_switched"]
    keys = diagnosis.table.keys
    assert [tuple(k[:3]) for k in keys[switched == 1].tolist()] == [
        (1, 2, 11),
        (1, 3, 12),
        (2, 3, 22),
    ]


@pytest.mark.parametrize("chunk", [1, 3])
def test_figures_do_not_depend_on_how_many_frames_run_together(truth, chunk):
    model = liven(tiny_model().eval())
    decoder = DetectionDecoder(0.0, max_detections=6)
    together = diagnosed(truth, model, decoder=decoder).table
    apart = diagnosed(truth, model, chunk, decoder=decoder).table
    assert together.keys.tolist() == apart.keys.tolist()
    np.testing.assert_allclose(together.values, apart.values, atol=1e-4)


def test_chunks_that_do_not_follow_each_other_are_refused(truth):
    chunk = VideoChunk(torch.zeros(2, 3, HEIGHT, WIDTH), 1, 2, LENGTH, (HEIGHT, WIDTH))
    diagnosis = Diagnosis(
        TrueNetwork(truth), DetectionDecoder(), MovementTracker(), truth, IDS, seed=0
    )
    with pytest.raises(ValueError, match="video 1: chunks must start at frame 0"):
        diagnosis.add(chunk)
    diagnosis.add(replace(chunk, first_frame=0))
    diagnosis.add(chunk)
    with pytest.raises(ValueError, match=r"follow each other, .* \(1, 4\), got \(1, 2\)"):
        diagnosis.add(chunk)


def test_rows_are_the_objects_of_the_annotations(truth):
    table = diagnosed(truth, TrueNetwork(truth)).table
    labels = {number: label for label, number in enumerate(IDS)}
    assert table.keys.tolist() == object_keys(truth, truth.videos, labels).tolist()
    assert object_keys(truth, truth.videos, {6: 0})[:, 3].tolist() == [6] * 4
    assert object_keys(truth, (), labels).shape == (0, 4)


def test_a_real_networks_masks_are_those_of_a_plain_loop(truth):
    torch.manual_seed(0)
    model = liven(tiny_model(reading="region_vector").eval())
    with torch.no_grad():  # masks of both signs
        model.mask_head.base_masks.reduce.weight.normal_(0, 1)
        model.mask_head.base_masks.reduce.bias.zero_()
    table = diagnosed(truth, model, videos=(1,)).table
    images = torch.randint(
        0, 256, (LENGTH, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        outputs = model(images)
    expected = []
    for frame in range(LENGTH):
        for item in truth.frame_objects(0, frame):
            if item.iscrowd:
                continue
            mask = decode(item.rle).astype(bool)
            rows, cols = np.nonzero(mask)
            box = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
            expected.append(_loop_iou(model, outputs, frame, mask, [float(side) for side in box]))
    np.testing.assert_allclose(columns(table)["mask_iou"], expected, atol=1e-6)
    assert len(set(expected)) > 3


def _loop_iou(model, outputs: DenseOutputs, frame: int, mask: np.ndarray, box: list[float]):
    best, best_score = -1, -1.0
    center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    for i, (x, y) in enumerate(outputs.locations.tolist()):
        near = max(abs(x - center[0]), abs(y - center[1])) < 1.5 * float(outputs.strides[i])
        if near and box[0] < x < box[2] and box[1] < y < box[3]:
            likeliest = float(outputs.class_logits[frame, i].sigmoid().max())
            score = math.sqrt(likeliest * float(outputs.centerness_logits[frame, i].sigmoid()))
            if score > best_score:
                best, best_score = i, score
    levels = [model.mask_head.spatial_attention(level)[frame] for level in outputs.pyramid]
    scores = torch.cat([level.flatten(1).T for level in levels])[best]
    blended = model.mask_head.blender(
        outputs.base_masks, torch.tensor([frame]), scores[None], torch.tensor([box]), 8
    )
    dense = dense_probabilities(blended, (HEIGHT // 2, WIDTH // 2))
    size = (HEIGHT, WIDTH)
    shown = torch.nn.functional.interpolate(dense[None], size=size, mode="bilinear")[0, 0] > 0.5
    found = shown.numpy()
    return (found & mask).sum() / max((found | mask).sum(), 1)


def test_videos_without_objects_give_an_empty_table(truth, tmp_path):
    save_annotations(tmp_path / "empty.json", CATEGORIES, [truth.videos[0]], [])
    empty = load_annotations(tmp_path / "empty.json")
    diagnosis = diagnosed(empty, TrueNetwork(empty), videos=(1,))
    assert len(diagnosis.table) == 0
    assert [len(frames) for _, frames in diagnosis.found] == [LENGTH]
