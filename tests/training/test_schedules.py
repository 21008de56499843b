from __future__ import annotations

import math

import pytest
import torch

from sgnet.training.schedules import warmup_cosine, warmup_exponential


def factors(schedule, steps: int, **settings) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = schedule(optimizer, total_steps=steps, **settings)
    values = []
    for _ in range(steps + 1):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


@pytest.mark.parametrize("schedule", [warmup_exponential, warmup_cosine])
def test_warm_up_rises_linearly_and_the_end_is_the_final_factor(schedule):
    values = factors(schedule, 40, warmup_steps=10, warmup_factor=0.1, final_factor=0.01)
    assert values[:11] == pytest.approx([0.1 + 0.09 * i for i in range(11)])
    assert values[-1] == pytest.approx(0.01)


def test_exponential_decay_falls_by_the_same_ratio_each_step():
    values = factors(warmup_exponential, 20, final_factor=0.1)
    ratios = [b / a for a, b in zip(values, values[1:], strict=False)]
    assert ratios == pytest.approx([0.1 ** (1 / 20)] * 20)


def test_cosine_is_half_way_in_the_middle():
    values = factors(warmup_cosine, 20, final_factor=0.0)
    assert values[10] == pytest.approx(0.5)
    assert values[5] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
