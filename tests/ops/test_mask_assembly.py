from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from sgnet.ops.mask_assembly import blend, dense_probabilities

STRIDE, HEIGHT, WIDTH, GRID, CELL = 2, 20, 28, 3, 11.0
READINGS = ["region", "global", "region_vector", "prototypes"]


def plain_blend(base, frame, coefficients, box, reading):
    """Eq. 1 and Eq. 2 as three nested loops in plain Python; None outside the box."""
    x1, y1, x2, y2 = box
    r1 = min(GRID, max(1, math.ceil((x2 - x1) / CELL)))
    r2 = min(GRID, max(1, math.ceil((y2 - y1) / CELL)))
    channels = base.shape[1]
    logits = [[None] * WIDTH for _ in range(HEIGHT)]
    for row in range(HEIGHT):
        for column in range(WIDTH):
            touches_x = column * STRIDE < x2 and (column + 1) * STRIDE > x1
            touches_y = row * STRIDE < y2 and (row + 1) * STRIDE > y1
            if not (touches_x and touches_y and x2 > x1 and y2 > y1):
                continue
            cell_x = math.floor(((column + 0.5) * STRIDE - x1) / (x2 - x1) * r1)
            cell_y = math.floor(((row + 0.5) * STRIDE - y1) / (y2 - y1) * r2)
            cell = min(max(cell_y, 0), r2 - 1) * r1 + min(max(cell_x, 0), r1 - 1)
            total = 0.0
            for k in range(channels):
                value = float(base[frame, k, row, column])
                if reading == "region" and k == cell or reading == "global" and k < r1 * r2:
                    total += float(coefficients[k]) * value
                elif reading == "region_vector":
                    total += float(coefficients[cell * channels + k]) * value
                elif reading == "prototypes":
                    total += float(coefficients[k]) * value
            logits[row][column] = total
    return logits


class NewElements(TorchDispatchMode):
    """Elements of all tensors that are computed inside of it; views are none."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            results = out if isinstance(out, tuple | list) else (out,)
            self.count += sum(r.numel() for r in results if isinstance(r, torch.Tensor))
        return out


def random_boxes(count: int, seed: int) -> torch.Tensor:
    """Boxes of all sizes inside, across the border of and wholly outside a 52x36 frame."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator) * 110 - 30
    sizes = torch.rand(count, 2, generator=generator) * 50 + 0.1
    boxes = torch.cat([corners, corners + sizes], dim=1)
    boxes[0] = torch.tensor([-5.0, -5.0, 60.0, 40.0])
    boxes[1] = torch.tensor([100.0, 100.0, 120.0, 130.0])
    boxes[2] = torch.tensor([-40.0, 5.0, -2.0, 9.0])
    boxes[3] = torch.tensor([20.3, 11.2, 20.9, 11.7])
    return boxes.double()


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("upsample", [1, 2, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_blending_equals_a_plain_triple_loop_over_upsampled_base_masks(reading, upsample, seed):
    generator = torch.Generator().manual_seed(seed)
    boxes = random_boxes(14, seed)
    coarse = torch.randn(
        (2, GRID**2, HEIGHT // upsample, WIDTH // upsample), generator=generator
    ).double()
    base = F.interpolate(coarse, scale_factor=upsample, mode="bilinear", align_corners=False)
    scores = GRID**2 * (GRID**2 if reading == "region_vector" else 1)
    coefficients = torch.randn(14, scores, generator=generator, dtype=torch.float64)
    frames = torch.arange(14) % 2
    masks = blend(
        coarse,
        frames,
        coefficients,
        boxes,
        stride=STRIDE * upsample,
        upsample=upsample,
        reading=reading,
        grid=GRID,
        cell_size=CELL,
    )
    dense = dense_probabilities(masks, (HEIGHT, WIDTH))
    for n in range(14):
        expected = plain_blend(base, n % 2, coefficients[n], boxes[n].tolist(), reading)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                value = expected[row][column]
                probability = 0.0 if value is None else 1 / (1 + math.exp(-value))
                assert dense[n, row, column].item() == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("count", [0, 1, 400])
def test_any_number_of_instances_blends_and_keeps_the_graph(reading, count):
    base = torch.randn(1, 9, HEIGHT // 2, WIDTH // 2, requires_grad=True)
    scores = 81 if reading == "region_vector" else 9
    coefficients = torch.randn(count, scores, requires_grad=True)
    boxes = random_boxes(max(count, 4), 0)[:count].float()
    masks = blend(
        base,
        torch.zeros(count, dtype=torch.int64),
        coefficients,
        boxes,
        stride=2 * STRIDE,
        upsample=2,
        reading=reading,
        grid=GRID,
        cell_size=CELL,
    )
    assert dense_probabilities(masks, (HEIGHT, WIDTH)).shape == (count, HEIGHT, WIDTH)
    masks.logits.sum().backward()
    assert base.grad is not None
    assert coefficients.grad is not None


def elements_of_instances(reading: str, boxes: torch.Tensor, side: int, upsample: int) -> int:
    """Elements computed for the instances of a frame of `side` x `side` base-mask samples."""
    grid, channels = 6, 36
    base = torch.zeros(1, channels, side, side)
    counts = []
    for chosen in (boxes, boxes[:0]):
        scores = {"region_vector": grid * grid * channels, "prototypes": channels}
        given = torch.zeros(len(chosen), scores.get(reading, grid * grid))
        frame = torch.zeros(len(chosen), dtype=torch.long)
        with NewElements() as computed:
            blend(
                base, frame, given, chosen, stride=8, upsample=upsample, reading=reading,
                grid=grid, cell_size=8.0,
            )  # fmt: skip
        counts.append(computed.count)
    return counts[0] - counts[1]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("upsample", [1, 4])
def test_an_instances_cost_follows_its_boxs_area_whatever_the_frame(reading, upsample):
    box = torch.tensor([[64.0, 64.0, 256.0, 256.0]])
    one = elements_of_instances(reading, box, 80, upsample)
    assert one > 24 * 24  # base-mask samples of the box
    assert elements_of_instances(reading, box, 320, upsample) == one
    fifty = elements_of_instances(reading, box.repeat(50, 1), 80, upsample)
    assert fifty == pytest.approx(50 * one, rel=0.05)
    larger = torch.tensor([[64.0, 64.0, 448.0, 448.0]])
    assert elements_of_instances(reading, larger, 80, upsample) <= 4 * one


def test_an_unknown_reading_is_refused_by_name():
    with pytest.raises(ValueError, match="region.*got 'sum'"):
        blend(
            torch.zeros(1, 9, 4, 4),
            torch.zeros(1, dtype=torch.int64),
            torch.zeros(1, 9),
            torch.tensor([[0.0, 0.0, 4.0, 4.0]]),
            stride=2,
            upsample=1,
            reading="sum",
            grid=3,
            cell_size=5.0,
        )
