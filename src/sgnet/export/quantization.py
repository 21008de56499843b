"""Exported models with 8-bit integer convolutions, for processors without bfloat16 units."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgnet.files.atomic_file import atomic_path
from sgnet.files.listing import listed
from sgnet.inference.onnx_engine import OnnxFrameEngine
from sgnet.inference.sources import SourceError, SourceFrame, open_source
from sgnet.inference.sources.images import IMAGE_SUFFIXES, ImageFiles, natural_order
from sgnet.inference.streaming import filled_up
from sgnet.ops.frame_sizes import fit_size, is_upright, resize_frame, turned_to

log = logging.getLogger(__name__)

# What writes the final figures stays in float32.
FLOAT_LAYERS = (
    "class_logits",
    "boxes_and_centerness",
    "base_masks.reduce",
    "base_masks.instance_convolution",
)
INTEGER_PRODUCTS = ("attention_hidden", "attention_scores")  # at detections only
VIEWS = ("Concat", "Gather", "Reshape", "Squeeze", "Transpose")  # move figures, compute nothing


def quantize_onnx(
    source: str | Path,
    target: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    engine: OnnxFrameEngine | None = None,
    float_layers: Sequence[str] = FLOAT_LAYERS,
) -> None:
    """Writes an exported model whose convolutions and attention multiply 8-bit integers.

    Weights get one scale a channel; activations one a tensor, from the range they take on the
    frames. Group norms, the decoder, masks and movements stay in float32.

    Args:
        source: written by `sgnet.export.graphs.export` with `onnx`.
        target: file to write; it describes itself like its source.
        frames: [H, W, 3] RGB at the network's input size; a hundred of the training set will do.
        engine: of the source, where it needs more than frames.
        float_layers: parts of weight names; their convolutions stay in float32.

    Raises:
        ValueError: no frames.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    feeds = _CalibrationFeeds(engine or OnnxFrameEngine(source), frames)
    with TemporaryDirectory() as folder:
        prepared, written = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared)
        quantize_static(
            str(prepared),
            str(written),
            feeds.reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=_integer_nodes(graph, float_layers),
            op_types_to_quantize=["Conv", "MaxPool", "Gemm", *VIEWS],
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = onnx.load(written)
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(source, load_external_data=False).metadata_props)
    with atomic_path(target) as temporary:
        temporary.write_bytes(model.SerializeToString())


def calibration_frames(
    source: str | Path, count: int, size: tuple[int, int]
) -> list[NDArray[np.uint8]]:
    """Frames [H, W, 3] spread evenly over a source, as the network gets them.

    Frames of the other orientation, which the graph will never be given in their full size, are
    left out with a warning.

    Args:
        source: a folder, whose images are taken at any depth, or whatever `open_source` opens.
        count: frames at most; of a source of unknown length the first ones.
        size: (height, width) of the graph's input; upright where it is exported for upright frames.

    Raises:
        SourceError: no frames, none of the graph's orientation, or one that cannot be read.
        ValueError: count below 1.
    """
    if count < 1:
        raise ValueError(f"calibration needs at least one frame, got {count}")
    frames: Iterable[SourceFrame]
    if Path(source).is_dir():
        paths = [p for p in listed(Path(source), "**/*") if p.suffix.lower() in IMAGE_SUFFIXES]
        chosen = _spread(natural_order(paths), count)
        opened = [ImageFiles([path], str(path)) for path in chosen]  # sizes may differ
        if not opened:
            raise SourceError(f"{source}: expected image files {IMAGE_SUFFIXES}, found none")
        frames = (frame for file in opened for frame in file)
    else:
        video = open_source(source)
        step = max(1, (video.length or 0) // count)
        frames = islice(video, 0, step * count, step)
    inputs = [_as_input(frame.image, size) for frame in frames]
    fitting = [image for image in inputs if image is not None]
    if len(fitting) < len(inputs):
        turned = "landscape" if is_upright(size) else "upright"
        found = f"{len(inputs) - len(fitting)} of {len(inputs)} frames are {turned}"
        if not fitting:
            raise SourceError(
                f"{source}: expected frames for a graph of {size[0]} x {size[1]} (height x width), "
                f"got none: {found}"
            )
        log.warning("%s: %s and not used for a graph of %d x %d", source, found, *size)
    return fitting


def _as_input(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """The image as the graph gets it; None for one of the other orientation."""
    original = (image.shape[0], image.shape[1])
    if turned_to(size, original) != size:
        return None
    return filled_up(resize_frame(image, fit_size(original, size)), size)


def _spread(paths: list[Path], count: int) -> list[Path]:
    positions = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[position] for position in positions]


class _CalibrationFeeds:
    """Inputs of the graph, each frame with the features of the one before.

    Args:
        engine: of the float model.
        frames: at the network's input size.
    """

    def __init__(self, engine: OnnxFrameEngine, frames: Iterable[NDArray[np.uint8]]) -> None:
        self._engine = engine
        self._frames = frames

    def reader(self) -> Any:  # noqa: ANN401 - onnxruntime's base class, imported lazily
        """What `quantize_static` takes."""
        from onnxruntime.quantization import CalibrationDataReader

        feeds = iter(self)

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def get_next(self) -> dict[str, NDArray[Any]] | None:
                return next(feeds, None)

        return Reader()

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """One mapping a frame."""
        count = 0
        for frame in self._frames:
            yield self._engine.feeds(frame)
            self._engine.detect(frame)
            count += 1
        if count == 0:
            raise ValueError("calibration needs at least one frame, got none")
        log.info("calibrated on %d frames", count)


def _integer_nodes(model: Any, float_layers: Sequence[str]) -> list[str]:  # noqa: ANN401
    """Names of the nodes that compute with integers, and of those that carry integers to them."""
    nodes = model.graph.node
    makers = {output: node for node in nodes for output in node.output}
    chosen = [
        node.name
        for node in nodes
        if node.op_type in ("Conv", "MaxPool")
        and not any(layer in node.input[1] for layer in float_layers if len(node.input) > 1)
    ]
    waiting = [
        node
        for node in nodes
        if node.op_type == "Gemm" and any(name in node.input[1] for name in INTEGER_PRODUCTS)
    ]
    while waiting:
        node = waiting.pop()
        if node.name in chosen:
            continue
        chosen.append(node.name)
        sources = node.input if node.op_type == "Concat" else node.input[:1]
        makers_of_views = [makers[source] for source in sources if source in makers]
        waiting += [maker for maker in makers_of_views if maker.op_type in VIEWS]
    return chosen
