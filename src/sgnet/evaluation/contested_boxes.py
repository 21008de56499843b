"""Objects whose boxes hold parts of others: where a mask has to tell one object from another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONTESTED_SHARE = 0.1  # of the box


@dataclass(frozen=True)
class ContestedBoxes:
    """What others have of the boxes of N objects.

    Attributes:
        own: [N, H, W] bool, the objects' own pixels.
        others: [N, H, W] bool, pixels of the box that are another object's and not its own.
        contested: [N] bool, whether these are at least a tenth of the box.
    """

    own: Tensor
    others: Tensor
    contested: Tensor

    @classmethod
    def of(cls, masks: Tensor, boxes_xyxy: Tensor) -> ContestedBoxes:
        """Those of the N objects of one frame.

        Args:
            masks: [N, H, W] bool at frame size; they may overlap. None is fine.
            boxes_xyxy: [N, 4] tight around the masks, frame pixels.
        """
        down, across = (
            (torch.arange(side, device=masks.device) + 0.5)[None] for side in masks.shape[1:]
        )
        left, top, right, bottom = boxes_xyxy[:, :, None].unbind(1)  # [N, 1] each
        in_rows = (down > top) & (down < bottom)
        in_columns = (across > left) & (across < right)
        inside = in_rows[:, :, None] & in_columns[:, None]
        others = masks.any(dim=0) & ~masks & inside
        share = others.sum(dim=(1, 2)) / inside.sum(dim=(1, 2)).clamp(min=1)
        return cls(masks, others, share >= CONTESTED_SHARE)

    def claimed(self, masks: Tensor) -> Tensor:
        """Share [N] of the others' pixels that predicted masks [N, H, W] bool take as their own."""
        return _share(masks, self.others)

    def kept(self, masks: Tensor) -> Tensor:
        """Share [N] of its own pixels that each of predicted masks [N, H, W] bool takes."""
        return _share(masks, self.own)


def _share(masks: Tensor, pixels: Tensor) -> Tensor:
    """Share [N] of pixels [N, H, W] bool that masks [N, H, W] bool take; 0 of none."""
    taken = (masks & pixels).sum(dim=(1, 2))
    return taken.double() / pixels.sum(dim=(1, 2)).clamp(min=1)
