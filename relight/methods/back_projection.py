"""Back-projection: make a large picture agree with the small one (Irani & Peleg 1991, eq. 2).

    X <- X + up(x - down(X))

Whatever a model drew, made smaller it must give the picture it was made from; what doesn't is an
error, and is taken back, enlarged. The same rule sharpens a bicubic enlargement, and only in the
band the small picture really holds. Diffusion papers know it as null-space projection (DDNM,
arXiv:2212.00490, eq. 8), of which it is the approximate, cheap form.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def smaller(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, 3, h, w) -> (n, 3, *size), each pixel the mean of those it covers."""
    return F.interpolate(image, size=size, mode="area")


def larger(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, 3, h, w) -> (n, 3, *size), bicubic, neither antialiased nor clamped."""
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False)


def back_project(image: Tensor, small: Tensor, rounds: int = 1, weight: float = 1.0) -> Tensor:
    """`image` with the low band of `small`.

    Args:
        image: (n, 3, h, w), any range, not clamped. small: (n, 3, h', w'), not larger, same range.
        rounds: how often; each leaves less than half of the error of a picture at least twice as
            large (6 to 11 dB less), and up to four fifths at 4/3 of the size.
        weight: part of the error that each round takes back, 0 to 1.
    """
    for _ in range(rounds):
        error = small - smaller(image, tuple(small.shape[-2:]))
        image = image + weight * larger(error, tuple(image.shape[-2:]))
    return image
