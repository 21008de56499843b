"""A network over annotated videos: what it says of each object, and what its detections find."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.evaluation.contested_boxes import ContestedBoxes
from sgnet.evaluation.frame_matching import mask_overlaps, matched_objects
from sgnet.evaluation.identity_switches import IdentitySwitches
from sgnet.evaluation.mask_ceiling import ceiling_ious, mask_ious
from sgnet.evaluation.object_figures import CEILING_STRIDES, FIGURES, ObjectTable
from sgnet.evaluation.oracle import FoundInstance
from sgnet.evaluation.other_scores import OtherScores
from sgnet.inference.chunk_predictor import ChunkPredictor
from sgnet.inference.frame_truth import FrameTruth, frame_truth
from sgnet.inference.frame_view import FrameView
from sgnet.models import SGNet
from sgnet.ops.box_overlaps import box_overlaps
from sgnet.ops.boxes import box_centers, elementwise_iou
from sgnet.ops.rle import encode_batch
from sgnet.postprocess import DetectionDecoder
from sgnet.records import TrackedInstance, Video
from sgnet.structures import DenseOutputs, Detections, VideoChunk
from sgnet.tracking import MovementTracker

Columns = dict[str, list[float]]


class Diagnosis:
    """Gathers figures of single objects and what detections find, chunk by chunk.

    Args:
        model: the network, in evaluation mode.
        decoder: dense outputs to detections.
        tracker: starts anew with each video.
        truth: the annotations.
        category_ids: category id of each class index.
        seed: of the draws of other objects' scores.

    Attributes:
        found: per video its frames' detections, for `oracle_ladder`.
        mask_stride: of the network's masks, once a chunk went through it.
    """

    def __init__(
        self,
        model: SGNet,
        decoder: DetectionDecoder,
        tracker: MovementTracker,
        truth: YouTubeVIS,
        category_ids: Sequence[int],
        seed: int,
    ) -> None:
        self.found: list[tuple[Video, list[list[FoundInstance]]]] = []
        self.mask_stride: int | None = None
        self._model = model
        self._decoder = decoder
        self._predictor = ChunkPredictor(model, decoder, tracker)
        self._truth = truth
        self._labels = {number: label for label, number in enumerate(category_ids)}
        self._others = OtherScores(seed)
        self._keys: list[tuple[int, ...]] = []
        self._values: list[tuple[float, ...]] = []
        self._previous: tuple[Tensor, ...] | None = None
        self._switches = IdentitySwitches()
        self._centers: dict[int, Tensor] = {}  # of the objects of the frame before

    @property
    def table(self) -> ObjectTable:
        """Figures of every object so far."""
        return ObjectTable.of(self._keys, self._values)

    @torch.no_grad()
    def add(self, chunk: VideoChunk) -> None:
        """Takes the next frames.

        Args:
            chunk: on the model's device.

        Raises:
            ValueError: a video does not start at frame 0, or goes on elsewhere.
        """
        index = self._truth.video_index(chunk.video_id)
        if chunk.first_frame == 0:
            self._begin(self._truth.videos[index])
        here = (self.found[-1][0].id, len(self.found[-1][1])) if self.found else None
        if here != (chunk.video_id, chunk.first_frame):
            raise ValueError(
                f"video {chunk.video_id}: chunks must start at frame 0 and follow each other, "
                f"expected (video, frame) {here}, got {(chunk.video_id, chunk.first_frame)}"
            )
        outputs: DenseOutputs = self._model(chunk.images, self._previous)
        self._previous = tuple(level[-1:] for level in outputs.tracking_features)
        self.mask_stride = outputs.mask_stride
        size = (chunk.images.shape[-2], chunk.images.shape[-1])
        for place, detections in enumerate(self._decoder(outputs, size)):
            frame = chunk.first_frame + place
            device = outputs.locations.device
            truth = frame_truth(self._truth, index, frame, self._labels, device)
            view = FrameView(self._model, outputs, place, size, chunk.original_size)
            instances = self._predictor.instances(
                outputs, place, detections, size, chunk.original_size
            )
            self._frame(chunk.video_id, frame, view, truth, detections, instances)

    def _begin(self, video: Video) -> None:
        self._previous = None
        self._predictor.reset()
        self._switches = IdentitySwitches()
        self._centers = {}
        self.found.append((video, []))

    def _frame(
        self,
        video_id: int,
        frame: int,
        view: FrameView,
        truth: FrameTruth,
        detections: Detections,
        instances: Sequence[TrackedInstance],
    ) -> None:
        """Adds a frame's rows and what its detections find."""
        boxes = np.array([i.box_xyxy for i in instances], dtype=np.float64).reshape(-1, 4)
        overlaps = box_overlaps(boxes, truth.boxes_xyxy.double().cpu().numpy())  # [D, N]
        locations = view.best_locations(truth.boxes_xyxy)
        columns = {
            **self._masks(video_id, view, truth, locations),
            **self._at_locations(view, truth, locations),
            **self._found(overlaps, truth, instances),
        }
        keys = zip(truth.ids, truth.category_ids, strict=True)
        self._keys += [(video_id, frame, *key) for key in keys]
        self._values += zip(*(columns[name] for name in FIGURES), strict=True)
        matches = matched_objects(overlaps)
        self.found[-1][1].append(found_instances(view, truth, detections, instances, matches))

    def _masks(
        self, video_id: int, view: FrameView, truth: FrameTruth, locations: Tensor
    ) -> Columns:
        """Mask IoU in the true boxes with own scores and another's, and what a stride leaves."""
        own_scores = view.scores(locations)
        other_scores, has_other = self._others.draw(
            [(video_id, number) for number in truth.ids], own_scores
        )
        masks = view.masks(truth.boxes_xyxy, own_scores)
        own, other = (
            mask_ious(predicted, truth.masks)
            for predicted in (masks, view.masks(truth.boxes_xyxy, other_scores))
        )
        other[[not has for has in has_other]] = math.nan
        boxes = ContestedBoxes.of(truth.masks, truth.boxes_xyxy)
        kept, claimed = boxes.kept(masks), boxes.claimed(masks)
        contested = {
            "contested_mask_iou": own,
            "contested_own_minus_other": own - other,
            "contested_others_claimed": claimed,
            "contested_own_kept": kept,
            "contested_told_apart": kept - claimed,
        }
        return {
            "mask_iou": own.tolist(),
            "mask_iou_other_scores": other.tolist(),
            "mask_iou_own_minus_other": (own - other).tolist(),
            **{
                name: values.masked_fill(~boxes.contested, math.nan).tolist()
                for name, values in contested.items()
            },
            **{
                f"ceiling_stride_{stride}": ceiling_ious(
                    truth.masks, view.input_size, stride
                ).tolist()
                for stride in CEILING_STRIDES
            },
        }

    def _at_locations(self, view: FrameView, truth: FrameTruth, locations: Tensor) -> Columns:
        """Class, box and movement; the movement of objects that the frame before shows as well."""
        centers = box_centers(truth.boxes_xyxy)
        unknown = centers.new_full((2,), torch.nan)
        before = [self._centers.get(number, unknown) for number in truth.ids]
        moved = centers - torch.stack(before) if before else centers  # [N, 2]
        self._centers = dict(zip(truth.ids, centers, strict=True))
        return {
            "class_right": (view.labels(locations) == truth.labels).double().tolist(),
            "box_iou": elementwise_iou(view.boxes(locations), truth.boxes_xyxy).tolist(),
            "movement_error": (view.movements(locations) - moved).norm(dim=1).tolist(),
            "movement_error_of_none": moved.norm(dim=1).tolist(),
        }

    def _found(
        self,
        box_ious: NDArray[np.float64],
        truth: FrameTruth,
        instances: Sequence[TrackedInstance],
    ) -> Columns:
        """Whether detections find each object, and whether under another identity than before."""
        masks = [instance.mask for instance in instances]
        mask_matches = matched_objects(mask_overlaps(masks, [o.mask for o in truth.objects]))
        box_matches = matched_objects(box_ious)
        switched = self._switches.add(box_ious, [i.track_id for i in instances], truth.ids)
        count = len(truth.ids)
        return {
            "found_box": np.isin(np.arange(count), box_matches).astype(float).tolist(),
            "found_mask": np.isin(np.arange(count), mask_matches).astype(float).tolist(),
            "id_switched": [math.nan if s is None else float(s) for s in switched],
        }


def found_instances(
    view: FrameView,
    truth: FrameTruth,
    detections: Detections,
    instances: Sequence[TrackedInstance],
    matches: NDArray[np.int64],
) -> list[FoundInstance]:
    """Detections of a frame with the objects that they find.

    Args:
        view: of the frame.
        truth: its objects.
        detections: D as decoded.
        instances: the same in frame pixels.
        matches: [D] index of the object that each finds, or -1.
    """
    rows = np.flatnonzero(matches >= 0)
    kept = torch.from_numpy(rows).to(detections.location_indices.device)
    objects = torch.from_numpy(matches[rows]).to(kept.device)
    scores = view.scores(detections.location_indices[kept])
    masks = view.masks(truth.boxes_xyxy[objects], scores)
    in_true_box = dict(zip(rows.tolist(), encode_batch(masks.cpu().numpy()), strict=True))
    return [
        FoundInstance(
            instance,
            None if match < 0 else truth.objects[match],
            in_true_box.get(row),
        )
        for row, (instance, match) in enumerate(zip(instances, matches.tolist(), strict=True))
    ]
