"""Back-projection: make a large picture agree with the small one (Irani & Peleg 1991, eq. 2).

    X <- X + up(x - down(X))

Whatever a model drew, made smaller it must give the picture it was made from; what doesn't is an
error, and is taken back, enlarged. The same rule sharpens a bicubic enlargement, and only in the
band the small picture really holds. Diffusion papers know it as null-space projection (DDNM,
arXiv:2212.00490, eq. 8), of which it is the approximate, cheap form.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.types import Size


def smaller(image: Tensor, size: Size) -> Tensor:
    """(n, 3, h, w) -> (n, 3, *size), each pixel the mean of those it covers.

    >>> import torch
    >>> smaller(torch.arange(4.0).reshape(1, 1, 2, 2), (1, 1)).item()
    1.5
    """
    return F.interpolate(image, size=size, mode="area")


def larger(image: Tensor, size: Size) -> Tensor:
    """(n, 3, h, w) -> (n, 3, *size), bicubic, neither antialiased nor clamped.

    >>> import torch
    >>> larger(torch.ones(1, 3, 2, 2), (4, 6)).shape
    torch.Size([1, 3, 4, 6])
    """
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False)


def back_project(image: Tensor, small: Tensor, rounds: int = 1, weight: float = 1.0) -> Tensor:
    """`image` with the low band of `small`.

    Args:
        image: (n, 3, h, w), any range, not clamped. small: (n, 3, h', w'), not larger, same range.
        rounds: how often; each leaves less than half of the error of a picture at least twice as
            large (6 to 11 dB less), and up to four fifths at 4/3 of the size.
        weight: part of the error that each round takes back, 0 to 1.

    >>> import torch
    >>> small = torch.rand(1, 3, 8, 8, generator=torch.manual_seed(0))
    >>> image = torch.zeros(1, 3, 16, 16)
    >>> before = (smaller(image, (8, 8)) - small).abs().mean()
    >>> after = (smaller(back_project(image, small, rounds=2), (8, 8)) - small).abs().mean()
    >>> (after < 0.2 * before).item()
    True
    """
    for _ in range(rounds):
        error = small - smaller(image, Size(*small.shape[-2:]))
        step = larger(error, Size(*image.shape[-2:]))
        learns = image.requires_grad or step.requires_grad
        # In the step's own memory: pictures are large.
        image = torch.add(image, step, alpha=weight, out=None if learns else step)
    return image
