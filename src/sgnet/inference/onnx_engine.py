"""Exported models with onnxruntime and numpy; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sgnet.checkpoints.description import CHECKPOINT_KEY, ExportDescription, call
from sgnet.inference.onnx_file import OnnxContent, read_onnx
from sgnet.inference.streaming import InstanceStreamer
from sgnet.ops.mask_crops import split_crops
from sgnet.records import FrameDetections
from sgnet.tracking import MovementTracker

METADATA_KEY = CHECKPOINT_KEY
CLASS_BIAS = "class_logits.bias"  # one number a class


class OnnxFrameEngine:
    """Runs an exported step over the frames of one video in order.

    Args:
        path: written by `sgnet export` with format=onnx.
        providers: of onnxruntime, best first; None is the CPU.
        threads: None is onnxruntime's choice.

    Raises:
        ValueError: no such file, none of our exports, weights that are no numbers, or a
            description that is wrong or of another model.

    Attributes:
        description: what the model says about itself.
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
        self._path = str(path)
        self._again = (str(Path(path).absolute()), providers, threads)
        self.description = _described(self._path, read_onnx(path))
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=providers or ["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a dozen of its own
            raise ValueError(f"{path}: expected an onnx model of export.py: {error}") from error
        self._require_inputs()
        self._nothing = np.zeros(self.description.features, dtype=np.float32)
        self.reset()

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Copies and other processes open the file again; a session of onnxruntime stays here."""
        return type(self), self._again

    def _require_inputs(self) -> None:
        """Refuses a description of a model with other inputs."""
        described = {
            "input_size": ("image", [3, *self.description.input_size]),
            "features": ("previous", list(self.description.features)),
        }
        shapes = {given.name: given.shape for given in self._session.get_inputs()}
        for entry, (name, expected) in described.items():
            if shapes.get(name) != expected:
                raise ValueError(
                    f"{self._path}: {METADATA_KEY}.{entry} must be that of the model's input "
                    f"{name!r} {shapes.get(name)}, got {expected}"
                )

    def reset(self) -> None:
        """Starts a new video."""
        self._features: NDArray[np.float32] | None = None

    def feeds(self, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Inputs of the graph for the next frame; see `detect`."""
        expected = self.description.input_size
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
        classes = len(self.description.categories)
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(
                f"{self._path}: {METADATA_KEY}.categories must have an entry for each class, "
                f"got {classes} for class {labels.max()}"
            )
        height, width = self.description.input_size
        stride = self.description.mask_stride
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
        call(MovementTracker, {**description.tracker, **(tracker or {})}, "tracker"),
        description.categories,
        description.input_size,
        fixed_size=True,
        fill_up=fill_up,
    )


def _described(path: str, content: OnnxContent) -> ExportDescription:
    """The description of a file, which must be that of its network.

    Raises:
        ValueError: there is none, an entry is wrong, or there are other classes than categories.
    """
    if METADATA_KEY not in content.metadata:
        raise ValueError(f"{path}: expected an entry {METADATA_KEY!r}; not made by export.py")
    description = ExportDescription.parse(path, content.metadata[METADATA_KEY])
    classes = len(description.categories)
    for name, shape in content.shapes.items():
        if name.endswith(CLASS_BIAS) and shape != (classes,):
            raise ValueError(
                f"{path}: {METADATA_KEY}.categories must have an entry for each class of the "
                f"network, expected {shape[0] if shape else 0}, got {classes}"
            )
    return description
