"""Compact super-resolution: a small convolutional network that makes a picture twice as large.

Every layer works at the size of the small picture, and one pixel shuffle at the end makes the large
one (ESPCN, arXiv:1609.05158). Plain 3x3 convolutions in short residual blocks, the outputs of
several of which are joined before the shuffle (as in SPAN, arXiv:2311.12770), give what is added to
a bicubic enlargement.

Three things hold for any weights, because of how the layers are built:

- a flat picture stays flat: the first convolution sees differences only (each of its kernels sums
  to zero), and no layer has a bias (bias-free networks: arXiv:1906.05478);
- a grey picture stays grey: what the three channels receive differently passes a gate that is
  closed where there is no colour nearby;
- any size works, odd ones included: there are no strides and no normalisation.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

COLOUR_HALF = 1 / 255
"""Colour difference, of a range of 1, at which the gate of colour detail is half open: one code."""

SLOPE = 0.1
"""Of the activation below zero."""


class DifferenceConv(nn.Conv2d):
    """A 3x3 convolution without bias whose kernels sum to zero; edge pixels are repeated."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels_out, h, w)."""
        kernels = self.weight - self.weight.mean((2, 3), keepdim=True)
        return F.conv2d(F.pad(input, (1, 1, 1, 1), mode="replicate"), kernels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around one activation, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


class CompactSuperResolution(nn.Module):
    """Twice as large, (n, 3, h, w) -> (n, 3, 2h, 2w), any size.

    Attributes:
        width: channels of the body.
        blocks: residual blocks, a multiple of `STAGES`.
    """

    STAGES = 3
    """Parts of the body whose outputs, and the body's input, are joined before the shuffle."""

    def __init__(self, width: int = 48, blocks: int = 9) -> None:
        super().__init__()
        if width < 1 or blocks < 1 or blocks % self.STAGES:
            raise ValueError(
                f"width must be at least 1 and blocks a multiple of {self.STAGES}, "
                f"got width={width}, blocks={blocks}"
            )
        self.width, self.blocks = width, blocks
        self.conv_in = DifferenceConv(3, width)
        each = blocks // self.STAGES
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(each))) for _ in range(self.STAGES)
        )
        self.join = nn.Conv2d((self.STAGES + 1) * width, width, 1, bias=False)
        self.conv_out = nn.Conv2d(width, 12, 3, padding=1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge twice.

        Args:
            image: (n, 3, h, w), RGB as stored in files (not linear), [0, 1], of the dtype of the
                weights.

        Returns:
            (n, 3, 2h, 2w), about [0, 1], not clamped, so that back-projection can correct it.
        """
        x = self.conv_in(image)  # (n, width, h, w)
        first, *others = self.join.weight.split(self.width, 1)
        joined = F.conv2d(x, first)  # `join`, as a sum that holds one stage at a time
        for stage, weight in zip(self.stages, others, strict=True):
            x = stage(x)
            joined = joined + F.conv2d(x, weight)
        detail = self.conv_out(joined)  # (n, 12, h, w)
        detail = gate_colour(F.pixel_shuffle(detail, 2), image)  # (n, 3, 2h, 2w)
        base = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
        return base + detail


def gate_colour(detail: Tensor, image: Tensor) -> Tensor:
    """`detail` (n, 3, 2h, 2w), made equal in all channels where `image` (n, 3, h, w) is grey.

    The gate is c / (c + 1 code), where c is the largest difference between channels within 5x5
    pixels.

    >>> import torch
    >>> grey = torch.full((1, 3, 4, 4), 0.5)
    >>> tuple(gate_colour(torch.zeros(1, 3, 8, 8), grey).shape)
    (1, 3, 8, 8)
    """
    colour = image.amax(1, keepdim=True) - image.amin(1, keepdim=True)  # (n, 1, h, w)
    colour = F.max_pool2d(colour, 5, stride=1, padding=2)
    gate = F.interpolate(colour / (colour + COLOUR_HALF), scale_factor=2)
    grey = detail.mean(1, keepdim=True)
    return grey + gate * (detail - grey)
