"""Lamp: what a small model drew, made the light of one lamp in one exposure.

A model draws colours on things, not only on light: a red car that it drew a little greener gives a
light that turns white highlights green. A lamp's colour changes slowly over a scene, so it is taken
from what shows all colours (bright, neutral pixels) over wide windows; the luminance of the light
stays as it was drawn. And a camera set for the new light would not let the picture grow brighter:
what the light adds on one side is taken from the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from relight.methods.gain_and_glow import OFFSET, GainGlow, bounded_ratio, box_mean, luma, resized

NEAR = 0.03
"""Window over which the source is averaged to count a light's ratio, of the shorter side."""
REACH = 0.25
"""Window over which a lamp has one colour, of the shorter side."""
COLOUR, FAR_COLOUR = 0.8, 0.5
"""Strength of a lamp's colour on its own side of the picture, and on the other: what it does not
reach keeps the colours that it had."""
BRIGHTNESS = 0.85
"""Mean luminance of the lit picture relative to the source's, at most: at 1 moving things flicker
more than in the source, as their lit side grows brighter."""
PALE = 0.25
"""Share of its colour that a light keeps where the prompt names none: a small model always draws
some, and skin shows it first."""
DARKEST, BRIGHTEST = 1 / 64, 6.0


def lamp_colour(
    light: GainGlow, source: Tensor, *, strength: float | Tensor = 1.0, reach: float = REACH
) -> GainGlow:
    """The light with its colour smooth, its luminance as it is.

    Args:
        light: (F, 3, h, w).
        source: the frames it was fitted to, any size, (F, 3, h', w') in [0, 1].
        strength: of the colour, 0 (white light of that luminance) to 1, also (h, w). Below 1 it
            leaves room for the light that was there: eyes keep their white, a blue boat its blue.
        reach: of the windows that share a colour, of the shorter side.

    >>> import torch
    >>> grey = torch.full((1, 3, 32, 32), 0.4)
    >>> red = GainGlow(torch.tensor([0.4, -0.4, -0.4]).view(1, 3, 1, 1).expand(1, 3, 32, 32),
    ...     torch.zeros(1, 3, 32, 32))
    >>> bool((lamp_colour(red, grey).log_gain - red.log_gain).abs().max() < 0.02)
    True
    """
    size = light.glow.shape[-2:]
    side = min(size)
    mean = box_mean(resized(source, size), max(1, round(NEAR * side)))
    gain = light.log_gain.exp()
    target = (gain * mean + light.glow).clamp_min(0)
    ratio, level = bounded_ratio(target, mean), bounded_ratio(luma(target), luma(mean))
    low, high = mean.amin(1, keepdim=True), mean.amax(1, keepdim=True)
    weight = (low * low / high.clamp_min(1e-3)).square() + 1e-4  # bright and neutral pixels
    r = max(1, round(reach * side))
    colour = _twice(weight * (ratio / level).log(), r) / _twice(weight, r)
    lit = (mean + OFFSET) * level * (strength * colour).exp()
    lit = lit * (luma(target) + OFFSET) / luma(lit).clamp_min(1e-4)
    kept = luma(gain * (mean + OFFSET)) / luma(ratio * (mean + OFFSET))  # contrast, by the ratio
    log_gain = (kept * lit / (mean + OFFSET)).clamp(DARKEST, BRIGHTEST).log()
    return GainGlow(log_gain, lit - OFFSET - log_gain.exp() * mean)


def paled(light: GainGlow, source: Tensor, share: float | Tensor = PALE) -> GainGlow:
    """The light with a share of its colour, its luminance as it is.

    Args:
        light: (F, 3, h, w).
        source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        share: of the colour that is kept: 0 is white light, 1 the light itself; also (F, 1, 1, 1).

    >>> import torch
    >>> red = GainGlow(torch.tensor([0.3, -0.1, -0.1]).view(1, 3, 1, 1).expand(1, 3, 8, 8),
    ...     torch.zeros(1, 3, 8, 8))
    >>> gain = paled(red, torch.full((1, 3, 8, 8), 0.4), 0.0).log_gain[0, :, 4, 4].exp()
    >>> round(float(gain.max() - gain.min()), 3), round(float(luma(gain.view(1, 3, 1, 1))), 2)
    (0.0, 1.0)
    """
    size = light.glow.shape[-2:]
    mean = box_mean(resized(source, size), max(1, round(NEAR * min(size))))
    gain = light.log_gain.exp()
    target = (gain * mean + light.glow).clamp_min(0)
    level = luma(target + OFFSET) / luma(mean + OFFSET)
    colour = bounded_ratio(target, mean) / level
    lit = (mean + OFFSET) * level * colour**share
    lit = lit * luma(target + OFFSET) / luma(lit)
    kept = light.log_gain - bounded_ratio(target, mean).log()  # contrast beside the ratio
    grey = luma(kept)
    log_gain = (lit / (mean + OFFSET)).log() + grey + share * (kept - grey)
    return GainGlow(log_gain, lit - OFFSET - log_gain.exp() * mean)


def exposure(
    lights: Sequence[GainGlow], sources: Sequence[Tensor], *, brightness: float = BRIGHTNESS
) -> float:
    """The factor, at most 1, that keeps lit frames at a part of their source's luminance.

    Args:
        lights: of a few frames of the clip, (3, h, w) each.
        sources: those frames, (3, h', w') in [0, 1] each.
        brightness: mean encoded luminance of all, relative to the sources', at most.

    >>> import torch
    >>> twice = GainGlow(torch.full((3, 8, 8), math.log(2.0)), torch.zeros(3, 8, 8))
    >>> round(exposure([twice], [torch.full((3, 8, 8), 0.3)], brightness=1.0), 2)
    0.5
    """
    lit = before = 1e-6
    for light, source in zip(lights, sources, strict=True):
        small = resized(source[None], light.glow.shape[-2:])[0]
        lit += float(luma((light.log_gain.exp() * small + light.glow).clamp(0, 1)).mean())
        before += float(luma(small).mean())
    return min(1.0, brightness * before / lit)


def exposed(light: GainGlow, factor: float) -> GainGlow:
    """The light through an exposure of `factor`, of encoded values.

    >>> import torch
    >>> half = exposed(GainGlow(torch.zeros(3, 2, 2), torch.full((3, 2, 2), 0.2)), 0.5)
    >>> round(float(half.log_gain.exp().mean()), 2), round(float(half.glow.mean()), 2)
    (0.5, 0.1)
    """
    return GainGlow(light.log_gain + math.log(factor), light.glow * factor)


def _twice(x: Tensor, r: int) -> Tensor:
    """Two box means: nearly a Gaussian's."""
    return box_mean(box_mean(x, r), r)
