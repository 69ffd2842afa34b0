"""Anchored windows: a video model's windows, each brought to the one light of the whole clip.

A long clip is relit window by window, and each window finds its light by itself: cross-faded, the
light of a still scene pulses with the windows; within a window it drifts from its first frame to
its last. So each frame that a window drew is divided by its own light and given the clip's, both
averaged over wide areas: what is fine stays the window's. (This project's; the idea of one anchor
for all windows is that of Light-A-Video's shared attention, arXiv:2502.08590, over windows.)
"""

from __future__ import annotations

from torch import Tensor

from relight.errors import InputError
from relight.methods.gain_and_glow import OFFSET, bounded_ratio, box_mean

REACH = 0.06
"""Radius of the areas whose light is the clip's, of the shorter side; taken twice."""


def anchored(relit: Tensor, lit: Tensor, *, reach: float = REACH) -> Tensor:
    """The frames of a window under the clip's light.

    Args:
        relit: as the window's model drew them, (frames, 3, h, w) in [0, 1].
        lit: the same frames under the light that the whole clip shares, of the same shape.
        reach: see `REACH`.

    Returns:
        (frames, 3, h, w), not clamped: the mean over an area of each frame is that of `lit`.

    Raises:
        InputError: frames of different shapes.

    >>> import torch
    >>> relit, lit = torch.full((2, 3, 32, 32), 0.3), torch.full((2, 3, 32, 32), 0.6)
    >>> round(float(anchored(relit, lit).mean()), 2)
    0.6
    """
    if relit.shape != lit.shape or relit.ndim != 4:
        raise InputError(f"{tuple(relit.shape)} and {tuple(lit.shape)} are not the same frames")
    radius = max(1, round(reach * min(relit.shape[-2:])))
    own, wanted = (box_mean(box_mean(x, radius), radius) for x in (relit, lit))
    return (relit + OFFSET) * bounded_ratio(wanted, own) - OFFSET
