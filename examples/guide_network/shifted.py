"""A picture twice, as a moving camera sees it: what a network makes of both must agree.

The second view lies a few pixels of the large picture further, so that the pixels of the small one
fall elsewhere. What a network draws in one place and not in the other flickers in a clip.
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 4  # pixels of the large picture that the second view lies further, at most
EDGE = 4  # pixels next to the border of a view that are not compared


def second_view(
    whole: Tensor, side: int, top: Tensor | None = None, left: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Of (n, c, side + REACH, side + REACH): (n, c, side, side), and where each begins, (n,).

    Args:
        top, left: 0 to REACH each; drawn at random where they are not given.
    """
    count, device = len(whole), whole.device
    if top is None or left is None:
        top, left = (torch.rand(2, count, device=device) * (REACH + 1)).long().unbind()
    return cut(whole, top, left, side), top, left


def aligned(first: Tensor, second: Tensor, top: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """What two views (n, c, side, side) share, in the same place, without their borders."""
    begin, side = REACH + EDGE, first.shape[-1]
    inner = side - EDGE - begin
    shared = first[..., begin : begin + inner, begin : begin + inner]
    return shared, cut(second, begin - top, begin - left, inner)


def cut(images: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """A window of each of (n, c, h, w): (n, c, side, side).

    Products with one-hot matrices, whose gradients need no scattered sums.
    """
    rows = _one_hot(top, side, images.shape[-2])
    columns = _one_hot(left, side, images.shape[-1])
    return rows @ images @ columns.mT


def _one_hot(begin: Tensor, length: int, whole: int) -> Tensor:
    """(n,) -> (n, 1, length, whole): row r has its one at begin + r."""
    place = torch.arange(whole, device=begin.device)
    row = torch.arange(length, device=begin.device)[:, None]
    return (begin.view(-1, 1, 1, 1) + row == place).float()
