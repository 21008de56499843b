from __future__ import annotations

import numpy as np
import torch

from sgnet.evaluation.contested_boxes import ContestedBoxes


def drawn(*rows: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks [N, H, W] of the letters a, b, ... of a drawing, and boxes around them."""
    letters = sorted({letter for row in rows for letter in row} - {"."})
    masks = np.array([[[cell == letter for cell in row] for row in rows] for letter in letters])
    boxes = []
    for mask in masks:
        y, x = np.nonzero(mask)
        boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
    return torch.from_numpy(masks), torch.tensor(boxes, dtype=torch.float32)


def test_no_objects_contest_nothing():
    found = ContestedBoxes.of(torch.zeros(0, 4, 6, dtype=torch.bool), torch.zeros(0, 4))
    assert found.others.shape == (0, 4, 6)
    assert found.contested.shape == (0,)
    nothing = torch.zeros(0, 4, 6, dtype=torch.bool)
    assert found.claimed(nothing).shape == found.kept(nothing).shape == (0,)


def test_others_are_the_pixels_of_a_box_that_another_object_has():
    masks, boxes = drawn(
        "aaaa..",
        "abbb..",
        "abbb.c",
        "aaaa..",
    )
    found = ContestedBoxes.of(masks, boxes)
    assert found.others[0].tolist() == masks[1].tolist()  # all of b lies in the box of a
    assert found.others[1:].sum() == 0
    assert found.contested.tolist() == [True, False, False]


def test_a_box_is_contested_from_a_tenth_on():
    masks, boxes = drawn("aaaaaaaaab", "aaaaaaaaaa")  # 1 of 20
    assert ContestedBoxes.of(masks, boxes).contested.tolist() == [False, False]
    masks, boxes = drawn("aaaaaaaabb", "aaaaaaaaaa")  # 2 of 20
    assert ContestedBoxes.of(masks, boxes).contested.tolist() == [True, False]


def test_masks_that_overlap_are_others_only_where_they_are_not_ones_own():
    masks, boxes = drawn("aabb", "aabb")
    masks[0] = True  # a lies below b and is annotated there as well
    boxes[0] = torch.tensor([0, 0, 4, 2])
    found = ContestedBoxes.of(masks, boxes)
    assert found.others.sum() == 0
    masks[0, 0, 3] = False
    assert ContestedBoxes.of(masks, boxes).others[0].nonzero().tolist() == [[0, 3]]


def test_what_a_mask_claims_is_counted_among_the_others_pixels_alone():
    masks, boxes = drawn("aaab", "aabb", "aaaa")
    found = ContestedBoxes.of(masks, boxes)
    predicted = masks.clone()
    assert found.claimed(predicted).tolist() == [0, 0]
    predicted[0, 1, 3] = True  # one of three
    predicted[0, 2] = False
    assert found.claimed(predicted).tolist() == [1 / 3, 0]
    assert found.kept(predicted).tolist() == [5 / 9, 1]
    predicted[0] = True
    assert found.claimed(predicted).tolist() == [1, 0]
    assert found.kept(predicted).tolist() == [1, 1]
