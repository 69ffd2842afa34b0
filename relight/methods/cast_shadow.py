"""Cast shadow: what a subject keeps a lamp's light from, on itself and on what is close behind it.

The inflated matte is a height field; a march from each point towards the lamp finds what stands in
the way, as in the horizon maps of bump-mapped surfaces (Max, The Visual Computer 1988). How far it
stands above the ray, relative to its distance, says how much of a lamp of some size it hides: the
shadow is soft, and softer the longer it is. (The lengths are this project's.)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from relight.errors import InputError
from relight.methods.smoothstep import smoothstep
from relight.methods.surfaces import ROUND, SOFT, blur, inflate, work_size

LONG, STEPS = 0.3, 24
"""Length of the longest shadow, of the shorter side, and the steps of the march along it."""
SPREAD = 0.25
"""How fast a lamp's edge spreads with the distance of what is in its way: a lamp is not a point."""
HIDDEN = 0.7
"""Height above the ray, in widths of the lamp's edge, that hides all of it."""
PLANE = 0.5
"""Least weight below which a matte has an outline: a surface known everywhere casts nothing."""


def cast_shadow(weight: Tensor, direction: Tensor) -> Tensor:
    """How much of a lamp a subject hides from each point.

    Args:
        weight: of the subject's surface, (frames, 1, h, w) in [0, 1]; what is behind is a wall.
        direction: (3,) unit vector to the lamp; z towards the viewer.

    Returns:
        (frames, 1, h, w), 0 nothing to 1 all of it; nothing of a light from the front.

    Raises:
        InputError: another shape.

    >>> matte = torch.zeros(1, 1, 64, 96)
    >>> matte[..., 16:48, 40:56] = 1
    >>> shadow = cast_shadow(matte, torch.tensor([-0.88, 0.0, 0.47]))  # the lamp is on the left
    >>> [round(float(shadow[0, 0, 32, x]), 1) for x in (30, 58, 90)]
    [0.0, 0.9, 0.0]
    """
    if weight.ndim != 4 or weight.shape[1] != 1 or tuple(direction.shape) != (3,):
        raise InputError(
            f"a weight is (frames, 1, h, w) and a direction (3,), not {tuple(weight.shape)} and "
            f"{tuple(direction.shape)}"
        )
    across, down, ahead = direction.tolist()
    flat = math.hypot(across, down)
    if flat < 1e-3 or float(weight.min()) > PLANE:
        return torch.zeros_like(weight)
    size = work_size(*weight.shape[-2:])
    small = functional.interpolate(weight.float(), size, mode="bilinear", antialias=True)
    height = ROUND * inflate(blur(small, SOFT * min(size)))
    above = _above(height, across / flat, down / flat, max(ahead, 0.0) / flat)
    hidden = blur(smoothstep(above, 0, HIDDEN), SOFT * min(size))
    return functional.interpolate(hidden, weight.shape[-2:], mode="bilinear")


def _above(height: Tensor, across: float, down: float, rise: float) -> Tensor:
    """How far what is towards a lamp stands above the rays to it, in widths of the lamp's edge."""
    h, w = height.shape[-2:]
    far = math.ceil(LONG * min(h, w)) + 1
    wide = functional.pad(height, (far,) * 4)  # beyond the border nothing is known to stand
    most = torch.full_like(height, -math.inf)
    for step in range(1, STEPS + 1):
        way = LONG * min(h, w) * step / STEPS
        x, y = math.floor(way * across), math.floor(way * down)
        part = wide[..., far + y : far + y + h + 1, far + x : far + x + w + 1]
        rows = torch.lerp(part[..., :-1, :], part[..., 1:, :], way * down - y)
        seen = torch.lerp(rows[..., :-1], rows[..., 1:], way * across - x)
        most = torch.maximum(most, (seen - height - way * rise) / (SPREAD * way + 1.5))
    return most
