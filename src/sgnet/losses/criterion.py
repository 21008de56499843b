"""The summed loss of SG-Net Eq. 6: what it combines, and what the terms are divided by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from sgnet.losses.assignment import LocationAssigner, Positives
from sgnet.losses.terms import (
    BOX_LOSSES,
    centerness_loss,
    classification_loss,
    mask_boxes,
    mask_coverage,
    mask_loss,
    movement_loss,
    weighted_box_loss,
)
from sgnet.ops.boxes import clip_boxes, distances_to_boxes
from sgnet.ops.mask_assembly import BlendedMasks
from sgnet.structures import DenseOutputs, LocationGrid, Targets, TensorGroup

# frames, locations and boxes of N instances to their masks: `MaskHead.instance_masks`
InstanceMasks = Callable[[DenseOutputs, Tensor, Tensor, Tensor], BlendedMasks]
TERMS = ("classification", "centerness", "box", "mask", "movement")


@dataclass(frozen=True)
class LossTerms:
    """The terms of Eq. 6, unweighted scalars; L_det is the first three.

    Attributes:
        total: their weighted sum.
        num_positives: assigned locations.
    """

    classification: Tensor
    centerness: Tensor
    box: Tensor
    mask: Tensor
    movement: Tensor
    total: Tensor
    num_positives: int

    def named(self) -> dict[str, Tensor]:
        """The five terms by name."""
        return {name: getattr(self, name) for name in TERMS}


@dataclass(frozen=True)
class LossCounts(TensorGroup):
    """What the terms are divided by; it depends on targets alone.

    An optimiser step may have several shares: accumulated batches, of several processes. Their
    counts add up.

    Attributes:
        positives: [] assigned locations, for classification, centerness and masks.
        box_weights: [] sum of the weights of the box losses.
        shared: [] positives whose object is in both frames, for the movement.
    """

    positives: Tensor
    box_weights: Tensor
    shared: Tensor

    @classmethod
    def of(cls, counts: Tensor) -> Self:
        """Of [3] numbers, as `stacked` gives them."""
        return cls(*counts.unbind())

    def stacked(self) -> Tensor:
        """[3] in the order of the attributes."""
        return torch.stack([self.positives, self.box_weights, self.shared])

    def per_share(self, shares: int = 1) -> Self:
        """With these as denominators the mean of a term over the shares is that of all together.

        Args:
            shares: that these counts are the sum of.

        Returns:
            Positive numbers, also where there is nothing to count.
        """
        least_weight = torch.finfo(self.box_weights.dtype).eps
        return type(self)(
            positives=self.positives.clamp(min=1) / shares,
            box_weights=self.box_weights.clamp(min=least_weight) / shares,
            shared=self.shared.clamp(min=1) / shares,
        )


# the denominators of a share of a step, by the locations and the own counts of the share
StepCounts = Callable[[LocationGrid, LossCounts], LossCounts]


@dataclass(frozen=True)
class SGNetCriterion:
    """L = L_det + L_mask + L_track (SG-Net Eq. 6).

    Attributes:
        assigner: locations to objects.
        box_loss: `log_giou` (Eq. 5), `giou` or `iou`.
        weight_box_by_centerness: as FCOS does.
        movement_unit: `stride` scales Eq. 4 like the other terms, `pixel` is its plain reading.
        mask_min_iou: predicted boxes below this IoU are replaced by the truth, see `mask_boxes`.
        mask_box_jitter: of the boxes that stand in, as a share of their size.
        max_mask_positives: at most so many positives of a batch, drawn at random, train masks, and
            stand for all of them; of each share of an optimiser step that has several.
        weights: factor of each term by name; absent ones are 1.

    Raises:
        ValueError: unknown box loss, unit or term name.
    """

    assigner: LocationAssigner
    box_loss: str = "log_giou"
    weight_box_by_centerness: bool = True
    movement_unit: Literal["stride", "pixel"] = "stride"
    mask_min_iou: float = 0.5
    mask_box_jitter: float = 0.1
    max_mask_positives: int = 512
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.box_loss not in BOX_LOSSES:
            raise ValueError(f"box_loss must be one of {sorted(BOX_LOSSES)}, got {self.box_loss!r}")
        if self.movement_unit not in ("stride", "pixel"):
            raise ValueError(
                f"movement_unit must be 'stride' or 'pixel', got {self.movement_unit!r}"
            )
        unknown = sorted(set(self.weights or {}) - set(TERMS))
        if unknown:
            raise ValueError(f"loss weights must be among {TERMS}, got {unknown}")

    def __call__(
        self,
        outputs: DenseOutputs,
        targets: Targets,
        instance_masks: InstanceMasks,
        of_step: StepCounts | None = None,
    ) -> LossTerms:
        """All terms for the key frames of a batch.

        Args:
            outputs: of B frames.
            targets: of the same frames.
            instance_masks: the model's, see `MaskHead.instance_masks`.
            of_step: gives the denominators by the batch's own counts; None where a batch is a whole
                optimiser step.

        Returns:
            Scalars that are finite and keep the graph also where a batch has no object.
        """
        found = self.assigner(outputs.locations, outputs.strides, targets)
        own = self._counts_of(found)
        counts = own.per_share() if of_step is None else of_step(outputs.grid, own)
        where = (found.frames, found.locations)
        strides = outputs.strides[found.locations][:, None]  # [P, 1]
        boxes = distances_to_boxes(
            outputs.locations[found.locations], outputs.distances_ltrb[where] * strides
        )
        terms = {  # Eq. 6: L_det, three of them, L_mask and L_track
            "classification": classification_loss(
                outputs.class_logits, *where, found.labels, counts.positives
            ),
            "centerness": centerness_loss(
                outputs.centerness_logits[where], found.centerness, counts.positives
            ),
            "box": self._box(boxes, found, counts.box_weights),
            "mask": self._mask(outputs, targets, boxes, found, instance_masks, counts.positives),
            "movement": self._movement(outputs.movements[where], strides, found, counts.shared),
        }
        weights = self.weights or {}
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        return LossTerms(**terms, total=total, num_positives=found.frames.shape[0])

    def counts(self, grid: LocationGrid, targets: Targets) -> LossCounts:
        """What a batch of these targets would add to its step's denominators.

        Args:
            grid: the network's locations for frames of this size.
            targets: of B frames; masks are not looked at.
        """
        return self._counts_of(self.assigner(grid.locations, grid.strides, targets))

    def _counts_of(self, found: Positives) -> LossCounts:
        weights = self._box_weights(found)
        return LossCounts(
            positives=weights.new_tensor(found.frames.shape[0]),
            box_weights=weights.sum(),
            shared=found.in_both.sum().to(weights.dtype),
        )

    def _box_weights(self, found: Positives) -> Tensor:
        weights = found.centerness
        return weights if self.weight_box_by_centerness else torch.ones_like(weights)

    def _box(self, boxes_xyxy: Tensor, found: Positives, total: Tensor) -> Tensor:
        losses = BOX_LOSSES[self.box_loss](boxes_xyxy, found.boxes_xyxy)  # Eq. 5 by default
        return weighted_box_loss(losses, self._box_weights(found), total)

    def _mask(
        self,
        outputs: DenseOutputs,
        targets: Targets,
        boxes_xyxy: Tensor,
        found: Positives,
        instance_masks: InstanceMasks,
        instances: Tensor,
    ) -> Tensor:
        number = found.frames.shape[0]
        order = torch.randperm(number, device=boxes_xyxy.device)
        chosen = order[: self.max_mask_positives]
        # those that are chosen stand for all of the share, so that it weighs what it holds
        instances = instances * (chosen.shape[0] / number if number else 1.0)
        frames = found.frames[chosen]
        boxes = mask_boxes(
            boxes_xyxy[chosen], found.boxes_xyxy[chosen], self.mask_min_iou, self.mask_box_jitter
        )
        # cut at the frame, as detections are
        clipped = clip_boxes(boxes, targets.masks.shape[-2], targets.masks.shape[-1])
        blended = instance_masks(outputs, frames, found.locations[chosen], clipped)
        coverage = mask_coverage(targets.masks, outputs.mask_size, outputs.mask_stride)
        return mask_loss(blended, coverage, found.masks[chosen], instances)

    def _movement(
        self, predicted: Tensor, strides: Tensor, found: Positives, shared: Tensor
    ) -> Tensor:
        if self.movement_unit == "pixel":
            return movement_loss(predicted * strides, found.movements, found.in_both, shared)
        return movement_loss(predicted, found.movements / strides, found.in_both, shared)  # Eq. 4
