"""The colour of two lamps that face each other, from the one's side to the other's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from relight.methods.gain_and_glow import luma
from relight.methods.reflectance import ENCODED


def two_lamps(near: Sequence[float], far: Sequence[float], nearness: Tensor) -> Tensor:
    """The colour of two lamps that face each other, for `lamp_colour`.

    Args:
        near, far: linear sRGB of each, the brightest channel at 1.
        nearness: to the first one's side, from -1 to 1, (1, h, w).

    Returns:
        (1, 3, h, w), natural logs of ratios of encoded values, of luminance 1.

    >>> colour = two_lamps((1, 0.04, 0.04), (0.06, 0.2, 1), torch.tensor([[[1.0, -1.0]]]))
    >>> colour[0, :, 0].argmax(0)
    tensor([0, 2])
    """
    logs = torch.tensor([near, far], dtype=nearness.dtype).log() / ENCODED  # 2, 3
    share = (0.5 + 0.5 * nearness).clamp(0, 1)
    mixed = share * logs[0].view(3, 1, 1) + (1 - share) * logs[1].view(3, 1, 1)
    return mixed[None] - luma(mixed[None].exp()).log()
