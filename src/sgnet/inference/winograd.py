"""3x3 convolutions with a quarter of the multiplications, for float32 on processors.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks", CVPR 2016): tiles of 6x6 pixels and the 3x3 weights are transformed, multiplied channel
by channel as 36 products of matrices, and transformed back to 4x4 pixels. Rounding grows from about
1e-5 to 6e-5 of the output's scale. PyTorch's own convolutions do this on GPUs only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

TILE, STEP = 6, 4  # pixels a side that a tile reads, and writes
NARROWEST = 128  # with fewer input channels the transforms cost what the products save
FEWEST = 32  # the same for output channels

# B^T, G and A^T of F(4, 3): Lavin and Gray, section 4.3
_OF_PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OF_WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OF_PRODUCTS = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


class Workspace:
    """Memory that convolutions running one after the other share.

    A dozen megabytes that are asked from the system and given back for each of them cost as much as
    the products themselves.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor of any content, valid until the same name is taken again."""
        size = math.prod(shape)
        held = self._buffers.get(name)
        if held is None or held.numel() < size or held.device != like.device:
            with torch.inference_mode(mode=False):  # else only inference mode could write it again
                held = self._buffers[name] = torch.empty(size, dtype=like.dtype, device=like.device)
        return held[:size].view(*shape)


class WinogradConv2d(nn.Module):
    """A 3x3 convolution of stride 1 that keeps the size of its input; four times the weights.

    Args:
        convolution: is copied; see `is_plain`.
        workspace: shared with convolutions that never run at the same time; None is its own.

    Raises:
        ValueError: a convolution of another kind.
    """

    pixels: Tensor
    products: Tensor

    def __init__(self, convolution: nn.Conv2d, workspace: Workspace | None = None) -> None:
        super().__init__()
        self.workspace = workspace or Workspace()
        if not is_plain(convolution):
            raise ValueError(
                "convolution must be 3x3 with stride, padding, dilation and groups of 1, "
                f"got {convolution}"
            )
        weights = torch.tensor(_OF_WEIGHTS, dtype=torch.float64)
        transformed = torch.einsum(
            "ij,kcjl,ml->imck", weights, convolution.weight.double(), weights
        )
        self.weight = nn.Parameter(transformed.flatten(0, 1).float(), requires_grad=False)
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.float(), requires_grad=False)
        self.register_buffer("pixels", _both_sides(_OF_PIXELS), persistent=False)  # [36, 36]
        self.register_buffer("products", _both_sides(_OF_PRODUCTS), persistent=False)  # [16, 36]

    def forward(self, feature: Tensor) -> Tensor:
        """Feature [1, C, H, W] to [1, K, H, W], both channels-last."""
        return self.levels([feature])[0]

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Several features [1, C, H_l, W_l] of one frame in one product, to [1, K, H_l, W_l]."""
        rows = [-(-feature.shape[-2] // STEP) for feature in features]
        columns = [-(-feature.shape[-1] // STEP) for feature in features]
        counts = [r * c for r, c in zip(rows, columns, strict=True)]
        _, channels, outputs = self.weight.shape
        take, like = self.workspace.take, features[0]
        tiles = take("tiles", (TILE * TILE, sum(counts), channels), like)
        for part, feature, r, c in zip(
            torch.split(tiles, counts, dim=1), features, rows, columns, strict=True
        ):
            part.view(TILE, TILE, r, c, channels).copy_(self._tiles(feature, r, c))
        transformed = take("transformed", tiles.shape, like)
        torch.mm(self.pixels, tiles.flatten(1), out=transformed.view(TILE * TILE, -1))
        multiplied = take("tiles", (TILE * TILE, sum(counts), outputs), like)  # no longer read
        torch.bmm(transformed, self.weight, out=multiplied)
        values = take("transformed", (STEP * STEP, sum(counts), outputs), like)
        torch.mm(self.products, multiplied.flatten(1), out=values.view(STEP * STEP, -1))
        if self.bias is not None:
            values += self.bias
        return [
            _joined(part, r, c)[:, :, : feature.shape[-2], : feature.shape[-1]]
            for part, feature, r, c in zip(
                torch.split(values, counts, dim=1), features, rows, columns, strict=True
            )
        ]

    def _tiles(self, feature: Tensor, rows: int, columns: int) -> Tensor:
        """Overlapping tiles [6, 6, rows, columns, C] of a feature [1, C, H, W]; a view."""
        channels, height, width = feature.shape[1:]
        shape = (STEP * rows + 2, STEP * columns + 2, channels)
        padded = self.workspace.take("padded", shape, feature).zero_()
        padded[1 : height + 1, 1 : width + 1] = feature[0].permute(1, 2, 0)
        down, across, _ = padded.stride()
        tiles = (TILE, TILE, rows, columns, channels)
        return padded.as_strided(
            tiles, (down, across, STEP * down, STEP * across, 1), padded.storage_offset()
        )


def is_plain(convolution: nn.Conv2d) -> bool:
    """Whether a convolution is 3x3 with stride, padding, dilation and groups of 1."""
    kind = (convolution.kernel_size, convolution.stride, convolution.dilation, convolution.groups)
    return kind == ((3, 3), (1, 1), (1, 1), 1) and convolution.padding == (1, 1)


def use_winograd(module: nn.Module, workspace: Workspace | None = None) -> None:
    """Replaces the convolutions that gain by it, in place; they share a workspace."""
    shared = workspace or Workspace()
    for name, child in list(module.named_children()):
        if not isinstance(child, nn.Conv2d):
            use_winograd(child, shared)
        elif type(child) is not nn.Conv2d:
            continue  # it does something to its weights or its input
        elif is_plain(child) and child.in_channels >= NARROWEST and child.out_channels >= FEWEST:
            setattr(module, name, WinogradConv2d(child, shared))


def _both_sides(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """The matrix applied to the rows and to the columns of a tile, as one."""
    one_side = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one_side, one_side).float()


def _joined(tiles: Tensor, rows: int, columns: int) -> Tensor:
    """Copies tiles [16, rows * columns, K] side by side, [1, K, 4 * rows, 4 * columns]."""
    outputs = tiles.shape[-1]
    lines = tiles.new_empty(1, STEP * rows, STEP * columns, outputs)
    ordered = tiles.view(STEP, STEP, rows, columns, outputs).permute(2, 0, 3, 1, 4)
    lines.view(rows, STEP, columns, STEP, outputs).copy_(ordered)
    return lines.permute(0, 3, 1, 2)
