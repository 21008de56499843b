"""One frame through the network on any device, to detections with masks as crops."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgnet.inference.frame_network import FrameMaps, FrameNetwork
from sgnet.models import SGNet
from sgnet.postprocess import DetectionDecoder, SelectedBoxes, base_crops
from sgnet.records import FrameDetections


class TorchFrameEngine:
    """Runs frames of one video in order; the frame before is the reference.

    Args:
        model: trained; it is left as it is.
        decoder: dense outputs to boxes.
        device: where the network runs.
        dtype: of its weights and features.
        compiled: through torch.compile; the first frame of each size then takes minutes.
        winograd: wide 3x3 convolutions in Winograd's form where that is faster, which is in eager
            float32 on a processor; their weights then take four times the memory.
    """

    def __init__(
        self,
        model: SGNet,
        decoder: DetectionDecoder,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        compiled: bool = False,
        winograd: bool = True,
    ) -> None:
        self.device = torch.device(device)
        faster_so = self.device.type == "cpu" and not compiled and dtype == torch.float32
        self.network = FrameNetwork(model, dtype, winograd and faster_so).to(device).eval()
        self.decoder = decoder
        self._forward = torch.compile(self.network) if compiled else self.network
        self._reference: Tensor | None = None

    def reset(self) -> None:
        """Starts a new video."""
        self._reference = None

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> FrameDetections:
        """Detections of the next frame.

        Args:
            image: [H, W, 3] RGB at the network's input size, sides multiples of 8.
        """
        size = (image.shape[0], image.shape[1])
        pixels = (
            torch.from_numpy(np.ascontiguousarray(image))
            .to(self.device, non_blocking=True)
            .permute(2, 0, 1)
        )
        maps: FrameMaps = self._forward(pixels)
        selected = self.decoder.select(
            maps.class_logits, maps.centerness_logits, maps.distances_ltrb, maps.grid, size
        )
        return self.finish(maps, selected, size)

    @torch.inference_mode()
    def finish(
        self, maps: FrameMaps, selected: SelectedBoxes, size: tuple[int, int]
    ) -> FrameDetections:
        """What only detections need: attention scores, movements and masks.

        Args:
            maps: of the next frame.
            selected: its N boxes; none is fine.
            size: (height, width) of the network's input.
        """
        found = self.network.instances(
            maps, self._reference, selected.location_indices, selected.boxes_xyxy
        )
        self._reference = maps.box_features
        return FrameDetections(
            boxes_xyxy=selected.boxes_xyxy.cpu().numpy(),
            scores=selected.scores.cpu().numpy(),
            labels=selected.labels.cpu().numpy(),
            locations=found.locations.cpu().numpy(),
            movements=found.movements.cpu().numpy(),
            masks=tuple(base_crops(found.masks)),
            mask_size=self.network.mask_size(maps),
            input_size=size,
        )
