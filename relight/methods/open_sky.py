"""Open sky: what a lamp's direction does not darken, as there is no surface to light.

A fall-off over a plain sky looks like a graduated filter before the camera. So the sky is found, by
what it is on most pictures: smooth, bluish, bright, and open to the upper border; and there the
shading of a light is brought towards its mean. Grey skies and those of a sunset are left alone:
they look like walls, which are lit. (This project's.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import (
    OFFSET,
    GainGlow,
    box_max,
    box_mean,
    check_frames,
    luma,
    resized,
    resized_weights,
)
from relight.methods.smoothstep import smoothstep

NEAR = 0.02
"""Radius of the windows that are looked at for texture, of the shorter side."""
TEXTURE = (0.03, 0.07)
"""Standard deviation of the channel that varies most in a window, up to which it is sky, and from
where it is none."""
BLUE, DEEP = (0.03, 0.08), (0.12, 0.16)
"""Blue above red, from where it may be a bright sky and where it is; and the same of a dark one."""
BRIGHT = (-0.02, 0.1)
"""Luminance above that of the rest, from where it may be a bright sky and where it is."""
LARGE, WIDE = (0.06, 0.15), (0.3, 0.6)
"""Shares of the picture, and of its upper border, from where it may be sky and where it is."""
ALIKE = (0.05, 0.15)
"""Difference from the sky around it, of the channel that differs most, up to which a pixel is sky,
and from where it is none."""
FARTHER = 3
"""Times that what is like the sky beside it is taken for sky, each by six hundredths of the shorter
side: between twigs, whose windows all have texture."""
FINE = 3
"""Times the size at which its shares are wanted that the sky is looked for."""
BROAD = 0.06
"""Radius of the windows over which a light's own is broad, of the shorter side; taken twice."""
SHARED = 2
"""Radius of the windows round a pixel that is partly sky, for the light of its parts, in pixels."""
OPEN = 0.5
"""Share of a light's shading, about its mean, that the sky does not show."""


def open_sky(frames: Tensor) -> Tensor:
    """How surely each pixel is open sky: (frames, 1, h, w) in [0, 1]; each frame by itself.

    Args:
        frames: (frames, 3, h, w) in [0, 1], sRGB; small ones do.

    Raises:
        InputError: another shape.

    >>> scene = torch.tensor([0.3, 0.3, 0.2]).view(1, 3, 1, 1).repeat(1, 1, 64, 64)
    >>> scene[:, :, :24] = torch.tensor([0.6, 0.7, 0.8]).view(3, 1, 1)
    >>> sky = open_sky(scene)
    >>> [round(float(sky[0, 0, y, 32]), 1) for y in (8, 40)]
    [1.0, 0.0]
    """
    check_frames(frames)
    radius = max(1, round(NEAR * min(frames.shape[-2:])))
    grey = luma(frames)
    around = box_mean(frames, radius)
    texture = box_mean(frames.square(), radius) - around.square()
    texture = texture.amax(1, keepdim=True).clamp_min(0).sqrt()
    smooth = box_mean(1 - smoothstep(texture, *TEXTURE), radius)
    core = smoothstep(_reached(smooth), 0.3, 0.8)
    if not bool(core.any()):  # nothing smooth is open to the upper border
        return core
    sky = _to_outlines(core, frames, radius)
    share = sky.mean((2, 3), keepdim=True)
    blue = _inside(frames[:, 2:] - frames[:, :1], sky)
    brighter = _inside(grey, sky) - _inside(grey, 1 - sky)
    alike = torch.maximum(
        smoothstep(blue, *BLUE) * smoothstep(brighter, *BRIGHT), smoothstep(blue, *DEEP)
    )
    edge = max(1, round(0.05 * frames.shape[-2]))
    across = sky[:, :, :edge].mean((2, 3), keepdim=True)
    return sky * alike * smoothstep(share, *LARGE) * smoothstep(across, *WIDE)


def sky_shares(frames: Tensor, size: Iterable[int]) -> Tensor:
    """How much of each pixel of smaller frames is open sky: (frames, 1, h', w') in [0, 1].

    Args:
        frames: (frames, 3, h, w) in [0, 1].
        size: (h', w').

    >>> sky_shares(torch.zeros(1, 3, 64, 64), (16, 16)).shape
    torch.Size([1, 1, 16, 16])
    """
    height, width = size
    if FINE * height < frames.shape[-2]:
        frames = resized(frames, (FINE * height, FINE * width))
    # A pixel on an outline is not like the sky any more, but half of it is sky in the mean.
    sky = open_sky(frames)
    return resized_weights((sky + box_max(sky, 1)) / 2, size)


def evened(gain: Tensor, sky: Tensor, share: float = OPEN, *, least: float = -math.inf) -> Tensor:
    """A light's shading with less of it in the sky, whose mean stays.

    Args:
        gain: natural log, (c, h, w). sky: (1, h, w), see `open_sky`.
        share: of the shading about its mean that is taken off.
        least: of the mean; a lower one is brought to it by that share.

    >>> ramp = torch.linspace(-1, 1, 5).expand(1, 4, 5)
    >>> evened(ramp, torch.ones(1, 4, 5), 0.5)[0, 0].tolist()
    [-0.5, -0.25, 0.0, 0.25, 0.5]
    """
    mean = (gain * sky).sum((1, 2), keepdim=True) / sky.sum().clamp_min(1e-6)
    return torch.lerp(gain, mean.clamp_min(least), share * sky)


def evened_light(light: GainGlow, source: Tensor, sky: Tensor, share: float = OPEN) -> GainGlow:
    """The light with less of its own broad bright and dark in the sky, as `evened`.

    Args:
        light: (3, h, w). source: the frame it lights, (3, h, w) in [0, 1]. sky: (1, h, w).

    >>> ramp = torch.linspace(-1, 1, 64).expand(3, 32, 64)
    >>> light = GainGlow(ramp, torch.zeros(3, 32, 64))
    >>> even = evened_light(light, torch.full((3, 32, 64), 0.4), torch.ones(1, 32, 64), 1.0)
    >>> bool(even.log_gain.std() < 0.3 * ramp.std())
    True
    """
    lit = light.log_gain.exp() * source + light.glow
    stops = ((luma(lit).clamp_min(0) + OFFSET) / (luma(source) + OFFSET)).log()
    radius = max(1, round(BROAD * min(sky.shape[-2:])))
    weight = box_mean(box_mean(sky[None], radius), radius)[0]
    broad = box_mean(box_mean((sky * stops)[None], radius), radius)[0] / weight.clamp_min(1e-3)
    change = (evened(broad, sky, share) - broad).clamp(-1, 1)
    return GainGlow(light.log_gain + change, light.glow * change.exp())


def shared_with_sky(light: GainGlow, source: Tensor, sky: Tensor) -> GainGlow:
    """The light, its pixels that the sky and what stands before it share with as much of the light
    of each as there is of it: that of what stands there would be a rim round it.

    Args:
        light: (F, 3, h, w). source: the frames it lights, (F, 3, h, w) in [0, 1].
        sky: share of each pixel that is sky, (F, 1, h, w).

    >>> gain = torch.tensor([1.0, 2.0, 2.0]).view(1, 1, 1, 3).expand(1, 3, 8, 3)
    >>> light = GainGlow(gain.log(), torch.zeros(1, 3, 8, 3))
    >>> source = torch.tensor([0.8, 0.5, 0.2]).view(1, 1, 1, 3).expand(1, 3, 8, 3)
    >>> sky = torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3).expand(1, 1, 8, 3)
    >>> gain = shared_with_sky(light, source, sky).log_gain[0, 0, 4].exp()
    >>> [round(float(x), 2) for x in gain]  # 0.4 + 2 * 0.1 is 0.6
    [1.0, 1.2, 2.0]
    """
    above, below = smoothstep(sky, 0.9, 1.0), 1 - smoothstep(sky, 0.0, 0.1)
    planes = torch.cat([light.log_gain.exp(), light.glow, source], dim=1)
    (gain, glow, colour), (other_gain, other_glow, _) = (
        (box_mean(weight * planes, SHARED) / box_mean(weight, SHARED)).split(3, dim=1)
        for weight in (above.clamp_min(1e-4), below.clamp_min(1e-4))
    )
    part = (sky * colour / source.clamp_min(OFFSET)).clamp(0, 1)  # of the pixel's light
    own = torch.maximum(above, below)
    gain = torch.lerp(torch.lerp(other_gain, gain, part), planes[:, :3], own)
    return GainGlow(gain.log(), torch.lerp(torch.lerp(other_glow, glow, sky), light.glow, own))


def _reached(smooth: Tensor) -> Tensor:
    """The least there is of `smooth` (frames, 1, h, w) on the best way down from the upper border,
    round what stands before the sky."""
    rows = smooth[:, 0].detach().cpu().numpy().copy()  # frames, h, w
    beside = np.ones((1, 5), np.uint8)
    for y in range(1, rows.shape[1]):
        np.minimum(rows[:, y], cv2.dilate(rows[:, y - 1], beside), out=rows[:, y])
    return torch.from_numpy(rows)[:, None].to(smooth)


def _to_outlines(core: Tensor, frames: Tensor, radius: int) -> Tensor:
    """What is sure to be sky, and what is coloured like it beside it: up to the outlines of what
    stands before it, or these would have a rim of another light, and on between twigs."""
    # What is far below all sky costs time alone.
    lowest = int(core.amax((0, 1, 3)).nonzero().max()) + 1 + (FARTHER + 1) * 3 * radius
    below = core[:, :, lowest:]
    core, frames = core[:, :, :lowest], frames[:, :, :lowest]
    sky = torch.zeros_like(core)
    for _ in range(FARTHER):
        sure = torch.maximum(core, sky)
        near = box_mean(sure, 3 * radius)
        colour = box_mean(sure * frames, 3 * radius) / near.clamp_min(1e-3)
        apart = (frames - colour).abs().amax(1, keepdim=True)
        alike = 1 - smoothstep(apart, *ALIKE)
        sky = torch.maximum(sky, alike * smoothstep(near, 0.02, 0.2))
    return torch.cat([sky, torch.zeros_like(below)], dim=2)


def _inside(x: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum((2, 3), keepdim=True).clamp_min(1e-3)
    return (x * weight).sum((2, 3), keepdim=True) / total
