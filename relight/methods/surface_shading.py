"""Surface shading: form under a directed light, as a log gain that is added to the model's own.

A generated light tints; a lamp also makes the near side of a thing bright and its far side dark.
The Lambert shading N.L of a soft surface (`relight.methods.surfaces`) is divided by that of a plane
facing the viewer, so that a flat area keeps what it has; a fall-off across the picture adds what
the model's light lacks of one.

Directions and normals are (x, y, z): x to the right, y down, z towards the viewer; a direction
points to the light. Gains are natural logarithms of a gain in linear light; about 1 / 2.2 of one is
the same gain on sRGB-encoded values. Each frame by itself: nothing here remembers another.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.surfaces import Surface

ELEVATION = 28.0
"""Degrees by which a light named by its side stands before the picture."""
SHADE = 0.20
"""What a surface turned away still shows, as a share of one turned to the light."""
SHAPE = 0.8
"""Share of the effect that looks right on most clips."""
GOAL, MOST = 2.5, 2.0
"""Stops of fall-off from the picture's middle to the light's side: wanted, and added at most."""


def direction_of(levels: Tensor, *, elevation: float = ELEVATION) -> tuple[Tensor, float]:
    """Where the light of a level map comes from.

    Args:
        levels: (h, w) or (3, h, w), 0 or above: bright where the light is.
        elevation: degrees by which it stands before the picture plane, in (0, 90).

    Returns:
        (3,) unit vector, and how clearly there is a direction, in [0, 1]: the share of the map's
        variance that a plane explains, faded out at low contrast; 0 for a flat map.

    Raises:
        InputError: a map of another shape.

    >>> ramp = torch.linspace(1, 0, 32).expand(16, 32)
    >>> direction, clear = direction_of(ramp)
    >>> round(float(direction[0]), 2), round(float(direction[2]), 2), round(clear, 2)
    (-0.88, 0.47, 1.0)
    """
    if levels.ndim == 3:
        levels = levels.float().mean(0)
    if levels.ndim != 2 or min(levels.shape) < 2:
        raise InputError(f"a level map is (h, w) or (3, h, w), not {tuple(levels.shape)}")
    levels = levels.float()
    h, w = levels.shape
    x = torch.linspace(-1, 1, w).expand(h, w) * (w / max(h, w))
    y = torch.linspace(-1, 1, h).view(h, 1).expand(h, w) * (h / max(h, w))
    off = levels - levels.mean()
    gx, gy = (float((off * a).mean() / (a * a).mean()) for a in (x, y))
    plane = gx * x + gy * y
    length, rise = math.hypot(gx, gy), math.radians(elevation)
    if length < 1e-6:
        return torch.tensor([0.0, 0.0, 1.0]), 0.0
    explained = 1 - float((off - plane).square().mean() / off.square().mean())
    contrast = float(plane.amax() - plane.amin()) / max(2 * float(levels.mean()), 1e-6)
    flat = math.cos(rise) / length
    clear = min(max(explained, 0.0), 1.0) * _step(contrast, 0.1, 0.35)
    return torch.tensor([gx * flat, gy * flat, math.sin(rise)]), clear


def shading_gain(
    surface: Surface, direction: Tensor, *, shape: float = SHAPE, fall_off: float = 0.0
) -> Tensor:
    """Natural log of the light that form and distance add, to be added to a linear log gain.

    Args:
        surface: of the frames, (h, w).
        direction: (3,) unit vector to the light, or (3, h, w), one for each pixel.
        shape: 0 no effect, 1 all of it.
        fall_off: stops by which the light is stronger on its own side of the picture than in the
            middle, and weaker on the far side; see `missing_fall_off`. It needs no subject.

    Returns:
        (frames, 1, h, w). A surface facing the viewer, or of confidence 0, has the fall-off alone.

    Raises:
        InputError: `shape` outside 0 to 1, or a direction of another shape.
    """
    if not 0 <= shape <= 1:
        raise InputError(f"shape is a share between 0 and 1, not {shape:g}")
    h, w = surface.normals.shape[-2:]
    if tuple(direction.shape) not in ((3,), (3, h, w)):
        raise InputError(f"a direction is (3,) or (3, {h}, {w}), not {tuple(direction.shape)}")
    light = direction.to(surface.normals).reshape(3, *direction.shape[1:] or (1, 1))
    facing = (surface.normals * light).sum(1, keepdim=True)
    form = (lambert(facing) / lambert(light[2:])).log()
    known = surface.weight * surface.confidence.view(-1, 1, 1, 1)
    return shape * (known * form + fall_off * math.log(2) * nearness(light, h, w))


def lambert(facing: Tensor) -> Tensor:
    """N.L in [-1, 1] -> what is reflected, in (0, 1]: N.L with a soft foot at `SHADE`.

    >>> [round(float(v), 2) for v in lambert(torch.tensor([-1.0, 0.0, 0.5, 1.0]))]
    [0.21, 0.28, 0.62, 1.01]
    """
    return SHADE + (1 - SHADE) * 0.5 * (facing + (facing.square() + SHADE**2).sqrt())


def nearness(light: Tensor, h: int, w: int) -> Tensor:
    """How near each pixel is to the light's side: 1 in the middle of that side, -1 opposite.

    Args:
        light: (3, 1, 1) or (3, h, w).

    Returns:
        (1, h, w); 0 for a light from the front.
    """
    y, x = torch.linspace(-1, 1, h).view(h, 1), torch.linspace(-1, 1, w).view(1, w)
    flat = light[:2] / light[:2].square().sum(0, keepdim=True).sqrt().clamp_min(1e-6)
    return (flat[0] * x + flat[1] * y).expand(1, h, w)


def missing_fall_off(
    gain: Tensor, direction: Tensor, *, goal: float = GOAL, most: float = MOST
) -> float:
    """Stops of fall-off that a model's light lacks, for `shading_gain`: one number for a clip.

    Args:
        gain: natural log gains of a clip in linear light, (frames, c, h, w); a few frames do.
        direction: (3,) unit vector to the light.
        goal: stops from the middle to the light's side that a lamp beside the picture has.
        most: bound of the answer.

    Returns:
        `goal` less the slope that the gains have along the direction, in [0, `most`].
    """
    h, w = gain.shape[-2:]
    along = nearness(direction.float().view(3, 1, 1), h, w)
    level = gain.float().mean((0, 1))[None] / math.log(2)
    slope = float((along * (level - level.mean())).mean() / along.square().mean().clamp_min(1e-9))
    return min(max(goal - slope, 0.0), most)


def _step(x: float, low: float, high: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)
