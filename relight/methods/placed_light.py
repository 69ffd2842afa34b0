"""Lamps at places: where their light falls on a surface, in which colour; what a small model lacks.

A small model follows words; where a lamp stands, and its colour, it hardly sees. So both are given
to its light as a gain. The fall-off is that of multi-plane light images (RelightMaster,
arXiv:2511.06271): irradiance = I / (|P - L|^2 / s1 + s2) at points P of planes at several depths;
here P is the surface itself, whose depth each pixel has: the subject's round form before a wall. A
lamp before the surface lights what faces it, one behind lights rims and the wall.

Places are in fractions of the frame's width, from its top left corner, z towards the viewer with
the subject's plane at 0. Light is linear; gains are natural logarithms in linear light.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.exposure import seen_as
from relight.methods.gain_and_glow import OFFSET, GainGlow, box_mean, luma, resized
from relight.methods.smoothstep import smoothstep
from relight.methods.surface_shading import lambert
from relight.methods.surfaces import Surface

WALL = 0.25
"""How far what is no subject is behind it, in frame widths."""
AMBIENT, STRENGTH = 0.12, 3.0
"""What is left of the source's own light, and what a lamp of intensity 1 adds where it is nearest,
as parts of the source's: from 3 stops down to 1.6 up."""
SOFT = 0.2
"""Half width of the foot of a cosine: a lamp has a size."""
RIM = 1.5
"""Strength of the light that comes round the edge of a form from behind."""
STEEP = 0.45
"""z of a normal at such an edge: slopes are bounded there."""
TURNED = 0.25
"""Share of the way that a lamp must be behind a point to light it from behind alone."""
WIDE = 0.08
"""Window of the low band that a place replaces, of the shorter side: what is left of the model's
own light is finer than a lamp's."""
COLOURED = (0.1, 0.5)
"""Least channel of a lamp below its brightest, from where its colour begins to count to where it
alone does."""


@dataclass(frozen=True, kw_only=True)
class Lamp:
    """A round lamp.

    Attributes:
        x, y: fractions of the frame's width and height. z: in widths, towards the viewer.
        radius: distance at which it is half as bright as where it is nearest, in widths.
        colour: linear RGB, the brightest channel at 1.
        intensity: 1 is full.
        fall: exponent of the fall-off, in multiples of that of a point: above 1 a spot's.
    """

    x: float
    y: float
    z: float
    radius: float
    colour: tuple[float, float, float]
    intensity: float
    fall: float = 1.0


def irradiance(lamp: Lamp, surface: Surface, *, shape: float = 1.0) -> Tensor:
    """How much of a lamp's light each point of a surface reflects, white and of intensity 1.

    Args:
        surface: of the frames, (h, w). shape: 0 a plane before a wall, 1 its whole form.

    Returns:
        (frames, 1, h, w), 1 on a plane where the lamp is nearest.

    Raises:
        InputError: `shape` outside 0 to 1.

    >>> flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 40, 80)
    >>> surface = Surface(flat, torch.ones(1, 1, 40, 80), torch.ones(1))
    >>> lamp = Lamp(x=0.25, y=0.5, z=0.001, radius=0.25, colour=(1, 1, 1), intensity=1)
    >>> row = irradiance(lamp, surface)[0, 0, 20]
    >>> int(row.argmax()) in (19, 20), round(float(row.max()), 1), round(float(row[40]), 1)
    (True, 1.0, 0.5)
    """
    if not 0 <= shape <= 1:
        raise InputError(f"shape is a share between 0 and 1, not {shape:g}")
    h, w = surface.normals.shape[-2:]
    clear = surface.confidence.view(-1, 1, 1, 1)
    inside = surface.weight * clear
    x = (torch.arange(w) + 0.5) / w
    y = ((torch.arange(h) + 0.5) / w).view(h, 1)
    across = (lamp.x - x).expand(h, w).expand_as(inside)
    down = (lamp.y * h / w - y).expand(h, w).expand_as(inside)
    behind = WALL * clear * (1 - surface.weight)  # without a subject all is one plane
    ahead = lamp.z + behind
    if lamp.z < 0:  # never inside of the wall
        ahead = torch.where(inside < 0.5, ahead.clamp_min(0.05), ahead)
    way = torch.cat([across, down, ahead], dim=1)  # frames, 3, h, w
    squared = way.square().sum(1, keepdim=True)
    s1 = lamp.radius**2
    fall_off = ((1 + lamp.z**2 / s1) / (squared / s1 + 1)) ** lamp.fall
    to_lamp = way / squared.sqrt().clamp_min(1e-6)
    return fall_off * _reflected(surface.normals, to_lamp, shape * inside)


def _reflected(normals: Tensor, to_lamp: Tensor, share: Tensor) -> Tensor:
    """What a surface shows of light from a direction, relative to a plane that faces the viewer."""
    facing = (normals * to_lamp).sum(1, keepdim=True)
    depth = to_lamp[:, 2:]
    before = lambert(facing) / lambert(depth.clamp_min(0))
    edge = ((1 - normals[:, 2:]) / (1 - STEEP)).clamp(0, 1) ** 4
    behind = 0.5 * (facing + (facing.square() + SOFT**2).sqrt()) + RIM * edge
    turned = (-depth / TURNED).clamp(0, 1)
    form = torch.lerp(before, behind, turned)
    plane = torch.lerp(torch.ones_like(depth), torch.full_like(depth, 0.05), turned)
    return torch.lerp(plane, form, share)


def placed_gain(
    lamps: Sequence[Lamp], surface: Surface, levels: Tensor | None = None, *, shape: float = 1.0
) -> Tensor:
    """Natural log of the light of lamps on a surface, relative to the source's own light.

    Args:
        lamps: added up. surface: of the frames.
        levels: linear light of further sources that have a map alone, (1 or frames, 3, h, w).
        shape: 0 a plane before a wall, 1 its whole form.

    Returns:
        (frames, 3, h, w).

    >>> flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> surface = Surface(flat, torch.ones(1, 1, 8, 8), torch.ones(1))
    >>> round(float(placed_gain([], surface).exp().mean()), 2)
    0.12
    """
    total = torch.full_like(surface.normals, AMBIENT)
    for lamp in lamps:
        colour = torch.tensor(lamp.colour).view(1, 3, 1, 1) / _grey(lamp.colour)
        strong = STRENGTH * lamp.intensity * irradiance(lamp, surface, shape=shape)
        total = total + strong * colour
    if levels is not None:
        total = total + STRENGTH * levels
    return total.clamp(1 / 64, 16).log()


def strength_gain(strength: float) -> float:
    """Natural log of the light that a lamp beside the picture gives, full at strength 1.

    A model hardly draws how strong such a light is, so it is shown it at full strength.

    >>> [round(strength_gain(x), 2) for x in (0, 0.5, 1, 2)]
    [-2.12, -0.58, 0.0, 0.63]
    """
    return math.log(AMBIENT + (1 - AMBIENT) * strength)


def tint_gain(levels: Tensor) -> Tensor:
    """Natural log of the colour that a light's map gives, as bright to the eye as without it.

    At the same luminance the one channel of a strong red would burn out, and white turn pink.

    Args:
        levels: linear light of the map, (frames, 3, h, w), 0 and above.

    Returns:
        (frames, 3, h, w); where the map is dark the source's own light is left.

    >>> red = tint_gain(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1))
    >>> [round(float(x), 1) for x in red.flatten()]
    [0.4, -1.8, -1.8]
    """
    light = levels + AMBIENT
    return (light / seen_as(light)).log().clamp(-2, 2)


def colour_share(tint: Sequence[float]) -> float:
    """How far a lamp has a colour of its own, in [0, 1]: what the words' colour leaves to it.

    Args:
        tint: encoded RGB, the brightest channel at 1.

    >>> colour_share((1, 1, 1)), colour_share((1, 0.2, 0.1))
    (0.0, 1.0)
    """
    return smoothstep(1 - min(tint), *COLOURED)


def levelled(light: GainGlow, source: Tensor) -> GainGlow:
    """The light without the broad bright and dark of its own, so that a place can give them.

    Args:
        light: (F, 3, h, w). source: the frames it lights, any size, (F, 3, h', w') in [0, 1].

    >>> ramp = torch.linspace(-1, 1, 64).expand(1, 3, 32, 64)
    >>> light = GainGlow(ramp, torch.zeros(1, 3, 32, 64))
    >>> even = levelled(light, torch.full((1, 3, 32, 64), 0.4)).log_gain
    >>> bool(even.std() < 0.3 * ramp.std())
    True
    """
    size = light.glow.shape[-2:]
    mean = box_mean(resized(source, size), max(1, round(0.03 * min(size))))
    target = (light.log_gain.exp() * mean + light.glow).clamp_min(0)
    stops = ((luma(target) + OFFSET) / (luma(mean) + OFFSET)).log()
    r = max(1, round(WIDE * min(size)))
    low = box_mean(box_mean(stops, r), r)
    return GainGlow(light.log_gain - low, light.glow * (-low).exp())


def _grey(colour: Sequence[float]) -> float:
    """Mean of the channels: a lamp's light is counted by it, so that blue is no weaker than red."""
    return max(sum(colour) / 3, 1e-6)
