"""Lamp: what a small model drew, made the light of one lamp.

A model draws colours on things, not only on light: a red car that it drew a little greener gives a
light that turns white highlights green. A lamp's colour changes slowly over a scene, so it is taken
from what shows all colours (bright, neutral pixels) over wide windows, or from the prompt's word;
the luminance of the light stays as it was drawn. And a lamp has its colour where it shines: its
share of all the light falls towards the shadow, which keeps the colours that were there.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from relight.methods.gain_and_glow import OFFSET, GainGlow, bounded_ratio, box_mean, luma, resized
from relight.methods.like_colours import like_means
from relight.methods.placed_light import AMBIENT
from relight.methods.reflectance import ENCODED, opposed, reflected, without_green

NEAR = 0.03
"""Window over which the source is averaged to count a light's ratio, of the shorter side."""
REACH = 0.25
"""Window over which a lamp has one colour, of the shorter side."""
SOLE = 6.0
"""A lamp's light relative to what was there before it, as far as no direction says where it is
less."""
HAZE, DARK = 0.2, 0.2
"""Share of a drawn glow that black keeps, and the encoded value from where all of it is kept."""
YIELD, SHINE = 0.35, 0.45
"""Where a lamp's colour goes against a thing's: the share of its strength that is lost (a brake
light stays red), and the share of the light that shines off unchanged."""
UNREACHED = (0.15, 0.4)
"""How far a lamp's colour goes against that of the sky, from where the sky loses less of its own
and where nothing: half of either is grey, which no sky is."""
PUSH = 0.4
"""Contrast added to the channels that a coloured lamp lacks, as far as it lacks them."""
FORM = 0.1
"""Window about whose mean that contrast is added, of the shorter side: wide as parts of a face."""
VIVID = 0.6
"""Share of the chroma that the dark takes which is given back."""
DARKEST, BRIGHTEST = 1 / 64, 6.0


def lamp_colour(
    light: GainGlow,
    source: Tensor,
    *,
    strength: float | Tensor = 1.0,
    reach: float = REACH,
    colour: Tensor | None = None,
    sky: Tensor | None = None,
) -> GainGlow:
    """The light with its colour smooth, its luminance as it is.

    Args:
        light: (F, 3, h, w).
        source: the frames it was fitted to, any size, (F, 3, h', w') in [0, 1].
        strength: of the colour, 0 (white light of that luminance) to 1, also (h, w). Below 1 it
            leaves room for the light that was there: eyes keep their white, a blue boat its blue.
        reach: of the windows that share a colour, of the shorter side.
        colour: natural log of the ratios, (F, 3, h, w) or fewer, where it is known; None: as it
            was drawn.
        sky: how surely it is open sky, (F, 1, h, w): a colour that goes against it leaves it its
            own, as no lamp reaches it. None: there is none.

    >>> import torch
    >>> grey = torch.full((1, 3, 32, 32), 0.4)
    >>> red = GainGlow(torch.tensor([0.4, -0.4, -0.4]).view(1, 3, 1, 1).expand(1, 3, 32, 32),
    ...     torch.zeros(1, 3, 32, 32))
    >>> bool((lamp_colour(red, grey).log_gain - red.log_gain).abs().max() < 0.02)
    True
    """
    # What stands before a sky, or in water, would have a rim in the colour of both.
    mean, target = _before_and_after(light, source, alike=True)
    gain = light.log_gain.exp()
    ratio, level = bounded_ratio(target, mean), bounded_ratio(luma(target), luma(mean))
    if colour is None:
        low, high = mean.amin(1, keepdim=True), mean.amax(1, keepdim=True)
        weight = (low * low / high.clamp_min(1e-3)).square() + 1e-4  # bright and neutral pixels
        r = max(1, round(reach * min(mean.shape[-2:])))
        colour = _twice(weight * (ratio / level).log(), r) / _twice(weight, r)
    against = opposed(mean, colour.exp())
    lost, shines = YIELD * against, SHINE * against
    if sky is not None:
        low, high = UNREACHED
        lost = torch.lerp(lost, ((against - low) / (high - low)).clamp(0, 1), sky)
        shines = shines * (1 - sky)
    ratio_of_lamp = level * (strength * (1 - lost) * colour).exp()
    lit = without_green((mean + OFFSET) * ratio_of_lamp, mean, colour.exp())
    shine = luma(lit) * (strength * colour).exp()
    lit = torch.lerp(lit, shine, shines)
    to_level = (luma(target) + OFFSET) / luma(lit).clamp_min(1e-4)
    to_level = to_level * reflected(mean, strength * colour, against)
    kept = luma(gain * (mean + OFFSET)) / luma(ratio * (mean + OFFSET))  # contrast, by the ratio
    log_gain = (kept * to_level * ratio_of_lamp).clamp(DARKEST, BRIGHTEST).log()
    lit = to_level * lit
    return GainGlow(log_gain, lit - OFFSET - log_gain.exp() * mean)


def highlighted(light: GainGlow, source: Tensor, push: float = PUSH) -> GainGlow:
    """The light with highlights that go towards white, and shadows towards its own colour.

    The channels that a coloured lamp lacks get more contrast about their surroundings: what is
    brighter than those, an eye's white or a shining forehead, keeps more of its own colour.

    Args:
        light: (F, 3, h, w).
        source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        push: contrast added to a channel that the lamp lacks altogether; white light has none.

    >>> import torch
    >>> lamp = torch.tensor([0.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> light = highlighted(GainGlow(lamp, torch.zeros(1, 3, 8, 8)), torch.full((1, 3, 8, 8), 0.4))
    >>> [round(float(x), 2) for x in light.log_gain[0, :, 4, 4] - lamp[0, :, 4, 4]]
    [0.0, 0.22, 0.22]
    """
    size = light.glow.shape[-2:]
    mean = box_mean(resized(source, size), max(1, round(FORM * min(size))))
    ratio = bounded_ratio((light.log_gain.exp() * mean + light.glow).clamp_min(0), mean)
    more = 1 + push * (1 - ratio / ratio.amax(1, keepdim=True))
    gain = light.log_gain.exp()
    return GainGlow(light.log_gain + more.log(), light.glow + gain * (1 - more) * mean)


def vivid(light: GainGlow, source: Tensor, share: float = VIVID) -> GainGlow:
    """The light that darkens things without taking as much of their colour, its luminance as it is.

    A face in half the light has half of the chroma (CIELAB), and looks grey beside itself before.

    Args:
        light: (F, 3, h, w).
        source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        share: of what the dark takes of the chroma that is given back, 0 to 1.

    >>> import math, torch
    >>> half = GainGlow(torch.full((1, 3, 8, 8), math.log(0.5)), torch.zeros(1, 3, 8, 8))
    >>> skin = torch.tensor([0.8, 0.6, 0.5]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    >>> lit = vivid(half, skin, 1.0).log_gain[0, :, 4, 4].exp() * skin[0, :, 4, 4]
    >>> round(float(lit.max() - lit.min()), 2), round(float(luma(lit.view(3, 1, 1))), 2)
    (0.29, 0.32)
    """
    mean, lit = _before_and_after(light, source)
    lit = lit + OFFSET
    grey = luma(lit)
    darker = (grey / (luma(mean) + OFFSET)).clamp(0.25, 1)
    factor = ((grey + (lit - grey) * darker ** (-share)) / lit).clamp(0.5, 2)
    return GainGlow(light.log_gain + factor.log(), light.glow * factor)


def paled(light: GainGlow, source: Tensor, share: float | Tensor) -> GainGlow:
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
    return _recoloured(light, source, lambda colour: share * colour)


def mixed(light: GainGlow, source: Tensor, lamp: Tensor) -> GainGlow:
    """The light of a lamp together with the white one that was there before, its luminance as it
    is.

    Of a channel c of the lamp, linear and the brightest at 1, there is (1 + K c) / (1 + K): its
    hue is the lamp's, it is as pale as K is low.

    Args:
        light: (F, 3, h, w).
        source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        lamp: K, its light relative to what was there before, (F or 1, 1, h, w) or of size 1, from
            0; see `lamp_part`.

    >>> import torch
    >>> lamp = torch.tensor([1.0, 0.36, 0.04])
    >>> light = GainGlow((lamp.log() / ENCODED).view(1, 3, 1, 1).expand(1, 3, 8, 8),
    ...     torch.zeros(1, 3, 8, 8))
    >>> grey = torch.full((1, 3, 8, 8), 0.5)
    >>> gain = mixed(light, grey, torch.full((1, 1, 1, 1), 4.0)).log_gain[0, :, 4, 4].exp()
    >>> ((gain / gain.max()) ** ENCODED).mul(100).round().tolist()
    [100.0, 49.0, 22.0]
    """

    def together(colour: Tensor) -> Tensor:
        pure = ((colour - colour.amax(1, keepdim=True)) * ENCODED).exp()
        return ((1 + lamp * pure) / (1 + lamp)).log() / ENCODED

    return _recoloured(light, source, together)


def lamp_part(light: GainGlow, source: Tensor, shading: Tensor) -> Tensor:
    """What a lamp beside the picture gives relative to the light that was there: K of `mixed`.

    Of all the light on a point `AMBIENT` is left from before, the rest is the lamp's, so that its
    colour shows where it shines, not in its shadow, whether that was drawn or is a form's.

    Args:
        light: as it was drawn, (F, 3, h, w).
        source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        shading: to be put on it, natural log in linear light, (F, 1 or 3, h, w); see `form.py`.

    Returns:
        (F, 1, h, w), 0 and above.

    >>> shading = torch.tensor([2.0, 1.0, 0.1]).log().view(1, 1, 1, 3)
    >>> light = GainGlow(torch.zeros(1, 3, 1, 3), torch.zeros(1, 3, 1, 3))
    >>> part = lamp_part(light, torch.full((1, 3, 1, 3), 0.5), shading)
    >>> [round(float(x), 1) for x in part[0, 0, 0]]
    [15.7, 7.3, 0.0]
    """
    mean, drawn = _before_and_after(light, source)
    level = (luma(drawn) + OFFSET) / (luma(mean) + OFFSET)
    all_of_it = level**ENCODED * shading.mean(-3, keepdim=True).exp()
    return (all_of_it / AMBIENT - 1).clamp_min(0)


def without_haze(light: GainGlow, source: Tensor) -> GainGlow:
    """The light with less of a glow in black: a small model draws grey where nothing is to light.

    Args:
        light: (F, 3, h, w). source: the frames it lights, any size, (F, 3, h', w') in [0, 1].

    >>> glow = GainGlow(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.1))
    >>> round(float(without_haze(glow, torch.zeros(1, 3, 8, 8)).glow.mean()), 2)
    0.02
    """
    size = light.glow.shape[-2:]
    mean = luma(box_mean(resized(source, size), max(1, round(NEAR * min(size)))))
    t = (mean / DARK).clamp(0, 1)
    share = HAZE + (1 - HAZE) * t * t * (3 - 2 * t)
    return GainGlow(light.log_gain, light.glow.clamp_max(0) + share * light.glow.clamp_min(0))


def _recoloured(light: GainGlow, source: Tensor, change: Callable[[Tensor], Tensor]) -> GainGlow:
    """The light with another colour, its luminance as it is.

    Args:
        light: (F, 3, h, w). source: the frames it lights, any size.
        change: natural logs of the ratios of encoded values, (F, 3, h, w), to other such logs; a
            factor that all channels share does nothing.
    """
    mean, target = _before_and_after(light, source)
    level = luma(target + OFFSET) / luma(mean + OFFSET)
    ratio = bounded_ratio(target, mean)
    colour = (ratio / level).log()
    other = change(colour)
    lit = (mean + OFFSET) * level * other.exp()
    lit = lit * luma(target + OFFSET) / luma(lit)
    kept = light.log_gain - ratio.log()  # contrast beside the ratio
    grey = luma(kept)
    share = (_spread(other) / _spread(colour).clamp_min(1e-3)).clamp(0, 1)
    log_gain = (lit / (mean + OFFSET)).log() + grey + share * (kept - grey)
    return GainGlow(log_gain, lit - OFFSET - log_gain.exp() * mean)


def _before_and_after(
    light: GainGlow, source: Tensor, *, alike: bool = False
) -> tuple[Tensor, Tensor]:
    """Means of small windows of the source at the light's size, and of the lit: (F, 3, h, w).

    Those of what is alike take ten times as long.
    """
    image = resized(source, light.glow.shape[-2:])
    r = max(1, round(NEAR * min(image.shape[-2:])))
    mean = like_means(image, image, r) if alike else box_mean(image, r)
    return mean, (light.log_gain.exp() * mean + light.glow).clamp_min(0)


def _spread(colour: Tensor) -> Tensor:
    """Of logs (F, 3, h, w): from the weakest channel to the strongest, (F, 1, h, w)."""
    return colour.amax(1, keepdim=True) - colour.amin(1, keepdim=True)


def _twice(x: Tensor, r: int) -> Tensor:
    """Two box means: nearly a Gaussian's."""
    return box_mean(box_mean(x, r), r)
