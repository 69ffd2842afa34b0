"""Surface shading: form under a directed light, as a log gain that is added to the model's own.

A generated light tints; a lamp also makes the near side of a thing bright and its far side dark.
The Lambert shading N.L of a soft surface (`relight.methods.surfaces`) is divided by that of a plane
facing the viewer, so that a flat area keeps what it has; the subject casts a soft shadow
(`relight.methods.cast_shadow`); a fall-off across the picture adds what the model's light lacks of
one.

Directions and normals are (x, y, z): x to the right, y down, z towards the viewer; a direction
points to the light. Gains are natural logarithms in linear light. Each frame by itself: nothing
here remembers another.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.cast_shadow import cast_shadow
from relight.methods.gain_and_glow import luma
from relight.methods.smoothstep import smoothstep
from relight.methods.surfaces import Surface, blur

ELEVATION = 28.0
"""Degrees by which a light named by its side stands before the picture."""
SHADE = 0.20
"""What a surface turned away still shows, as a share of one turned to the light."""
TAKEN, BEYOND = 0.8, 0.35
"""Share of a lamp's light that a full cast shadow takes on the subject, and on what is behind it,
whose distance nobody knows: a dark rim there would look like the edge of a matte."""
SHAPE = 0.8
"""Share of the effect that looks right on most clips."""
ENCODED = 2.2
"""Stops of linear light that a stop of sRGB-encoded values is, about."""
BLACK = 0.02
"""Encoded value that keeps ratios finite in black."""
BEHIND, LARGE = 0.8, 0.2
"""Stops by which a background is lit less than its subject; and the share of the picture from which
a subject counts as one that a lamp is set for."""
POOL = 0.12
"""Width of that light's edge, of the shorter side."""
BENT = 0.35
"""Part of a fall-off that is taken off beside the lamp."""
GOAL, MOST = 3.1, 2.6
"""Stops of fall-off from the picture's middle to the light's side: wanted, and added at most."""


def direction_of(
    levels: Tensor | np.ndarray, *, elevation: float = ELEVATION
) -> tuple[Tensor, float]:
    """Where the light of a level map comes from, one direction for the whole picture.

    Args:
        levels: (h, w) or (h, w, 3), 0 or above: bright where the light is. The level map of a kind
            of `relight.lights`, or one given as a picture.
        elevation: degrees by which the light stands before the picture plane, in (0, 90).

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
    level = _grey(levels)
    h, w = level.shape
    y, x = torch.linspace(-1, 1, h).view(h, 1) * h, torch.linspace(-1, 1, w) * w
    off = level - level.mean()
    gx, gy = (float((off * a).mean() / a.square().mean()) for a in (x, y))
    plane, length, rise = gx * x + gy * y, math.hypot(gx, gy), math.radians(elevation)
    if length * max(h, w) < 1e-6:
        return torch.tensor([0.0, 0.0, 1.0]), 0.0
    explained = 1 - float((off - plane).square().mean() / off.square().mean())
    contrast = float(plane.amax() - plane.amin()) / max(2 * float(level.mean()), 1e-6)
    flat = math.cos(rise) / length
    clear = min(max(explained, 0.0), 1.0) * smoothstep(contrast, 0.1, 0.35)
    return torch.tensor([gx * flat, gy * flat, math.sin(rise)]), clear


def directions_of(
    levels: Tensor | np.ndarray, *, elevation: float = ELEVATION
) -> tuple[Tensor, float]:
    """Where the light of a level map comes from at each pixel, for lamps within the picture.

    Up the slope of the map's logarithm: for a lamp whose level falls with the distance that is
    towards the lamp from everywhere. Close to it, where the slope ends, the light is in front.

    Args:
        levels, elevation: as for `direction_of`; the elevation is that of a light far off.

    Returns:
        (3, h, w) unit vectors, and how clearly there are directions, in [0, 1]: by contrast alone.

    >>> x = (torch.arange(64) + 0.5) / 64
    >>> lamp = 0.5 ** (((x - 0.5) ** 2 + (x[:, None] - 0.5) ** 2) / 0.25**2)
    >>> field, clear = directions_of(lamp)
    >>> [round(float(v), 1) for v in field[0, 32, [4, 60]]], clear
    ([0.9, -0.9], 1.0)
    """
    level = _grey(levels)
    h, w = level.shape
    contrast = float(level.amax() - level.amin()) / max(float(level.amax() + level.amin()), 1e-6)
    log = (level / level.amax().clamp_min(1e-6) + 0.01).log()[None, None]
    log = blur(log, 0.04 * min(h, w))
    slope = torch.cat(torch.gradient(log, dim=(3, 2)), dim=1)[0] * min(h, w)  # 2, h, w
    steep = slope.norm(dim=0, keepdim=True).clamp_min(1e-6)
    reach = math.cos(math.radians(elevation)) * torch.tanh(steep)
    field = torch.cat([slope / steep * reach, (1 - reach.square()).sqrt()])
    return field, smoothstep(contrast, 0.1, 0.35)


def shading_gain(
    surface: Surface,
    direction: Tensor,
    *,
    shape: float = SHAPE,
    fall_off: float = 0.0,
    behind: float = 0.0,
) -> Tensor:
    """Natural log of the light that form and distance add, to be added to a linear log gain.

    Put it on a light (`shaded_light`) before that is smoothed along time, not after: then it adds
    no flicker.

    Args:
        surface: of the frames, (h, w).
        direction: (3,) unit vector to the light, or (3, h, w), one for each pixel.
        shape: 0 no effect, 1 all of it.
        fall_off: stops by which the light is stronger on its own side of the picture than in the
            middle, and weaker on the far side; see `missing_fall_off`. It needs no subject.
        behind: stops by which a lamp that is set for the subject lights less what is behind it.

    Returns:
        (frames, 1, h, w). A surface facing the viewer, or of confidence 0, has the fall-off alone.

    Raises:
        InputError: `shape` outside 0 to 1, a direction of another shape, a fall-off with many.
    """
    if not 0 <= shape <= 1:
        raise InputError(f"shape is a share between 0 and 1, not {shape:g}")
    h, w = surface.normals.shape[-2:]
    if tuple(direction.shape) not in ((3,), (3, h, w)):
        raise InputError(f"a direction is (3,) or (3, {h}, {w}), not {tuple(direction.shape)}")
    if fall_off and direction.ndim == 3:
        raise InputError("a fall-off needs one direction: a lamp in the picture has its own")
    light = direction.to(surface.normals).reshape(3, *direction.shape[1:] or (1, 1))
    facing = (surface.normals * light).sum(1, keepdim=True)
    turned, plane = lambert(facing), lambert(light[2:])
    clear = surface.confidence.view(-1, 1, 1, 1)
    total = surface.weight * clear * (turned / plane).log()
    if direction.ndim == 1 and bool(clear.any()):
        shown = torch.lerp(plane.expand_as(turned), turned, surface.weight)
        taken = torch.lerp(torch.tensor(BEYOND), torch.tensor(TAKEN), surface.weight)
        left = SHADE + (shown - SHADE) * (1 - taken * cast_shadow(surface.weight, direction))
        total = total + clear * (left / shown).log()
    if behind:
        large = (surface.weight.mean((1, 2, 3), keepdim=True) / LARGE).clamp_max(1)
        pool = 1 - blur(surface.weight, POOL * min(h, w))  # wide: no edge of a matte is seen
        total = total - behind * math.log(2) * clear * large * pool
    if fall_off:
        total = total + fall_off * math.log(2) * bent(nearness(direction, h, w))
    return shape * total


def lambert(facing: Tensor) -> Tensor:
    """N.L in [-1, 1] -> what is reflected, in (0, 1]: N.L with a soft foot at `SHADE`.

    >>> [round(float(v), 2) for v in lambert(torch.tensor([-1.0, 0.0, 0.5, 1.0]))]
    [0.21, 0.28, 0.62, 1.01]
    """
    return SHADE + (1 - SHADE) * 0.5 * (facing + (facing.square() + SHADE**2).sqrt())


def nearness(direction: Tensor, h: int, w: int) -> Tensor:
    """How near each pixel is to the light's side: 1 in the middle of that side, -1 opposite.

    Args:
        direction: (3,) to the light.

    Returns:
        (1, h, w); 0 for a light from the front.

    >>> nearness(torch.tensor([0.6, 0.0, 0.8]), 1, 3)
    tensor([[[-1.,  0.,  1.]]])
    """
    y, x = torch.linspace(-1, 1, h).view(h, 1), torch.linspace(-1, 1, w).view(1, w)
    flat = direction[:2] / direction[:2].norm().clamp_min(1e-6)
    return (flat[0] * x + flat[1] * y).expand(1, h, w)


def bent(near: Tensor) -> Tensor:
    """The course of a fall-off over `nearness`: gentler beside the lamp, where a picture burns out.

    >>> [round(float(x), 2) for x in bent(torch.tensor([-1.0, 0.0, 0.5, 1.0]))]
    [-1.0, 0.0, 0.41, 0.65]
    """
    return near - BENT * near.clamp_min(0).square()


def missing_fall_off(
    source: Tensor, lit: Tensor, direction: Tensor, *, goal: float = GOAL, most: float = MOST
) -> float:
    """Stops of fall-off that a model's light lacks, for `shading_gain`: one number for a clip.

    Args:
        source: frames of a clip, (frames, 3, h, w) in [0, 1], sRGB; a few do.
        lit: the same under the light, of the same size.
        direction: (3,) unit vector to the light.
        goal: stops from the middle to the light's side that a lamp beside the picture has.
        most: bound of the answer.

    Returns:
        `goal` less the slope that the light has along the direction, in [0, `most`].

    Raises:
        InputError: frames of different shapes.
    """
    if source.shape != lit.shape or source.ndim != 4:
        raise InputError(f"{tuple(source.shape)} and {tuple(lit.shape)} are not the same frames")
    h, w = source.shape[-2:]
    before, after = (blur(luma(x.float()), 0.05 * min(h, w)) + BLACK for x in (source, lit))
    stops = ENCODED * (after / before).log2().mean(0)  # 1, h, w
    along = nearness(direction.float(), h, w)
    slope = float((along * (stops - stops.mean())).mean() / along.square().mean().clamp_min(1e-9))
    return min(max(goal - slope, 0.0), most)


def _grey(levels: Tensor | np.ndarray) -> Tensor:
    levels = torch.as_tensor(levels).float()
    if levels.ndim == 3 and levels.shape[-1] in (1, 3):
        levels = levels.mean(-1)
    if levels.ndim != 2 or min(levels.shape) < 2:
        raise InputError(f"a level map is (h, w) or (h, w, 3), not {tuple(levels.shape)}")
    return levels
