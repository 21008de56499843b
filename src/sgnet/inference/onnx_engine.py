"""Exported models with onnxruntime and numpy; needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgnet.inference.streaming import InstanceStreamer
from sgnet.ops.mask_crops import split_crops
from sgnet.records import Category, FrameDetections
from sgnet.tracking import MovementTracker

METADATA_KEY = "sgnet"


class OnnxFrameEngine:
    """Runs an exported step over the frames of one video in order.

    Args:
        path: written by `sgnet export` with format=onnx.
        providers: of onnxruntime, best first; None is the CPU.
        threads: None is onnxruntime's choice.

    Raises:
        ValueError: no such file, or none of our exports.
    """

    def __init__(
        self,
        path: str | Path,
        providers: list[str] | None = None,
        threads: int | None = None,
    ) -> None:
        import onnxruntime

        if not Path(path).is_file():
            raise ValueError(f"{path}: exported model not found; expected a file of export.py")
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=providers or ["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a dozen of its own
            raise ValueError(f"{path}: expected an onnx model of export.py: {error}") from error
        entries = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in entries:
            raise ValueError(f"{path}: expected an entry {METADATA_KEY!r}; not made by export.py")
        self.description: dict[str, Any] = json.loads(entries[METADATA_KEY])
        shape = tuple(self.description["features"])
        self._nothing = np.zeros(shape, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Starts a new video."""
        self._features: NDArray[np.float32] | None = None

    def feeds(self, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Inputs of the graph for the next frame; see `detect`."""
        expected = tuple(self.description["input_size"])
        if image.shape[:2] != expected:
            raise ValueError(
                f"frames must have the exported (height, width) {expected}, got {image.shape[:2]}"
            )
        first = self._features is None
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
            "previous": self._nothing if self._features is None else self._features,
            "is_first": np.array([first]),
        }

    def detect(self, image: NDArray[np.uint8]) -> FrameDetections:
        """Detections of the next frame.

        Args:
            image: [H, W, 3] RGB at the exported input size.

        Raises:
            ValueError: another size than the exported one.
        """
        outputs = self._session.run(None, self.feeds(image))
        boxes, scores, labels, locations, movements, *masks, self._features = outputs
        height, width = self.description["input_size"]
        stride = self.description["mask_stride"]
        return FrameDetections(
            boxes_xyxy=boxes,
            scores=scores,
            labels=labels,
            locations=locations,
            movements=movements,
            masks=tuple(split_crops(*masks)),
            mask_size=(height // stride, width // stride),
            input_size=(height, width),
        )


def onnx_predictor(
    path: str | Path,
    providers: list[str] | None = None,
    threads: int | None = None,
    tracker: Mapping[str, Any] | None = None,
    fill_up: bool = False,
) -> InstanceStreamer:
    """A predictor from an exported model alone: tracker, categories and input size come with it.

    Args:
        path: the onnx file.
        providers: of onnxruntime, best first; None is the CPU.
        threads: None is onnxruntime's choice.
        tracker: settings that replace the file's.
        fill_up: take frames of another shape than the exported one too; see `InstanceStreamer`.

    Raises:
        ValueError: no such file, or none of our exports.
    """
    engine = OnnxFrameEngine(path, providers, threads)
    description = engine.description
    return InstanceStreamer(
        engine,
        MovementTracker(**{**description["tracker"], **(tracker or {})}),
        [Category(entry["id"], entry["name"]) for entry in description["categories"]],
        tuple(description["input_size"]),
        fixed_size=True,
        fill_up=fill_up,
    )
