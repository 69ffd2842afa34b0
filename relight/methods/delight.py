"""De-lighting: the source's own strong shading is weakened before it is relit.

Retinex (Land and McCann, 1971; the centre/surround form of Jobson et al., IEEE TIP 1997): a picture
is reflectance times illumination, and the illumination is the smooth part of the log luminance.
Smoothed edge-aware, by the guided filter (He et al., ECCV 2010) guided by itself, so that no halo
forms where a dark thing stands before a bright one; only the luminance is divided, colours stay.
What is an even illumination, or the picture's mean, stays as it is.
"""

from __future__ import annotations

from torch import Tensor

from relight.errors import InputError
from relight.methods.gain_and_glow import box_mean, luma

WINDOW = 0.12
"""Of the filter, of the shorter side."""
EDGE = 0.15
"""Variance of the log luminance from which a difference is an edge between two things."""
BLACK = 0.01
"""Linear light that keeps the logarithm finite."""
MOST = 2.0
"""Bound of the natural log gain: what is nearly black holds noise only."""


def illumination(frames: Tensor) -> Tensor:
    """Natural log of the smooth illumination of each frame, less its mean.

    Args:
        frames: (frames, 3, h, w) in [0, 1], sRGB.

    Returns:
        (frames, 1, h, w).

    >>> import torch
    >>> float(illumination(torch.full((1, 3, 16, 16), 0.4)).abs().max()) < 1e-4
    True
    """
    level = (luma(frames.clamp(0, 1) ** 2.2) + BLACK).log()
    r = max(1, round(WINDOW * min(frames.shape[-2:])))
    mean = box_mean(level, r)
    variance = (box_mean(level * level, r) - mean * mean).clamp_min(0)
    slope = variance / (variance + EDGE)
    smooth = box_mean(slope, r) * level + box_mean(mean - slope * mean, r)
    smooth = box_mean(smooth, max(1, r // 2))
    return smooth - smooth.mean((2, 3), keepdim=True)


def delit(frames: Tensor, amount: float) -> Tensor:
    """Frames with a part of their own shading taken away.

    Args:
        frames: (frames, 3, h, w) in [0, 1], sRGB. Each by itself.
        amount: 0 gives them back, bit for bit; 1 takes all of the smooth shading.

    Returns:
        (frames, 3, h, w) in [0, 1].

    Raises:
        InputError: `amount` outside 0 to 1.

    >>> import torch
    >>> ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 48, 64)
    >>> flat = delit(ramp, 1.0)
    >>> bool(flat.std() < 0.4 * ramp.std()), delit(ramp, 0.0) is ramp
    (True, True)
    """
    if not 0 <= amount <= 1:
        raise InputError(f"delight is a share between 0 and 1, not {amount:g}", field="delight")
    if amount == 0:
        return frames
    gain = (-amount * illumination(frames)).clamp(-MOST, MOST)
    return (frames * (gain / 2.2).exp()).clamp(0, 1)
