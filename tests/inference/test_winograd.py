"""Winograd's form of a convolution against the plain one in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgnet.inference.winograd import WinogradConv2d, use_winograd

SIZES = [(1, 1), (3, 7), (4, 4), (5, 8), (23, 40)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bias", [False, True])
def test_it_equals_the_convolution(size, bias):
    torch.manual_seed(0)
    convolution = nn.Conv2d(20, 12, 3, padding=1, bias=bias)
    feature = torch.randn(1, 20, *size).to(memory_format=torch.channels_last)
    with torch.no_grad():
        ours = WinogradConv2d(convolution)(feature)
        weight, shift = convolution.weight.double(), convolution.bias
        shift = None if shift is None else shift.double()
        exact = F.conv2d(feature.double(), weight, shift, padding=1)
    assert ours.shape == exact.shape
    torch.testing.assert_close(ours.double(), exact, atol=1e-4, rtol=1e-4)


def test_levels_together_equal_levels_alone():
    torch.manual_seed(0)
    winograd = WinogradConv2d(nn.Conv2d(16, 8, 3, padding=1))
    levels = [torch.randn(1, 16, *size).to(memory_format=torch.channels_last) for size in SIZES]
    with torch.no_grad():
        for together, level in zip(winograd.levels(levels), levels, strict=True):
            torch.testing.assert_close(together, winograd(level), atol=1e-5, rtol=1e-5)


def test_its_memory_serves_in_and_outside_of_inference_mode():
    winograd = WinogradConv2d(nn.Conv2d(16, 8, 3, padding=1))
    feature = torch.randn(1, 16, 5, 8).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        first = winograd(feature)
    with torch.no_grad():
        torch.testing.assert_close(winograd(feature), first)


def test_only_wide_plain_convolutions_are_replaced():
    network = nn.Sequential(
        nn.Conv2d(128, 128, 3, padding=1),
        nn.Sequential(nn.Conv2d(128, 128, 3, padding=1, stride=2)),
        nn.Sequential(nn.Conv2d(128, 32, 3, padding=1)),
        nn.Conv2d(128, 128, 1),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.Conv2d(128, 5, 3, padding=1),
    )
    use_winograd(network)
    replaced = [any(isinstance(m, WinogradConv2d) for m in part.modules()) for part in network]
    assert replaced == [True, False, True, False, False, False]


@pytest.mark.parametrize("change", [{"stride": 2}, {"dilation": 2}, {"padding": 0}, {"groups": 2}])
def test_other_convolutions_are_refused(change):
    with pytest.raises(ValueError, match="must be 3x3"):
        WinogradConv2d(nn.Conv2d(4, 4, 3, **{"padding": 1, **change}))
