"""The exported step with detections from outside, for the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import nms

from benchmarks.forced import FINEST_STRIDE, ForcedBoxes, nearest_locations
from sgnet.export.graphs import Graph, describe, write_onnx
from sgnet.export.step import ExportedStep
from sgnet.inference.onnx_engine import OnnxFrameEngine
from sgnet.models import SGNet
from sgnet.postprocess import DetectionDecoder, SelectedBoxes
from sgnet.records import Category

FORCED_INPUTS = ("boxes_in", "scores_in", "labels_in", "locations_in")


class ForcedStep(ExportedStep):
    """Decodes as ever and goes on with the forced detections instead."""

    def forward(  # type: ignore[override]
        self,
        image: Tensor,
        previous: Tensor,
        is_first: Tensor,
        boxes_xyxy: Tensor,
        scores: Tensor,
        labels: Tensor,
        locations: Tensor,
    ) -> tuple[Tensor, ...]:
        """The fields of `StepOutputs`.

        Args:
            image: [3, H, W] uint8 RGB.
            previous: [L, C] `features` of the frame before.
            is_first: [1] bool.
            boxes_xyxy: [N, 4] forced boxes.
            scores: [N] their scores.
            labels: [N] their class index.
            locations: [N] their index into the L locations.
        """
        maps = self.network(image)
        own = self.selected(maps)
        kept = nms(boxes_xyxy, scores, 1.0)  # all N are candidates, and survive
        # the graph's own decoding would be dropped if nothing depended on it
        nothing = (own.scores.sum() + own.boxes_xyxy.sum() + kept.sum()) * 0.0
        selected = SelectedBoxes(boxes_xyxy + nothing, scores, labels, locations)
        return self.finish(maps, selected, previous, is_first)


class ForcedOnnxEngine(OnnxFrameEngine):
    """Feeds forced detections to a `ForcedStep`.

    Attributes:
        forced: the detections of the frames to come.
    """

    forced: ForcedBoxes

    def feeds(self, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Inputs of the graph for the next frame."""
        forced = self.forced
        near = nearest_locations(forced, self.description.input_size[1] // FINEST_STRIDE)
        values = (forced.boxes_xyxy, forced.scores, forced.labels, near)
        arrays = [value.cpu().numpy() for value in values]
        return {**super().feeds(image), **dict(zip(FORCED_INPUTS, arrays, strict=True))}


def export_forced(model: SGNet, size: tuple[int, int], path: str | Path) -> None:
    """Writes a network that takes its detections from outside, as one graph.

    Args:
        model: ours.
        size: (height, width) of the network's input, multiples of 8.
        path: of the file.
    """
    step = ForcedStep(model, DetectionDecoder(), size).eval()
    forced = ForcedBoxes.drawn(7, size, 2, "cpu")
    near = nearest_locations(forced, size[1] // FINEST_STRIDE)
    inputs = (forced.boxes_xyxy, forced.scores, forced.labels, near)
    graph = Graph.of(step, dict(zip(FORCED_INPUTS, inputs, strict=True)))
    classes = range(model.detection_head.num_classes)
    categories = [Category(number, f"class {number}") for number in classes]
    write_onnx(graph, describe(step, categories, {}), path)
