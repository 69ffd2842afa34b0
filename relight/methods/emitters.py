"""Emitters: lamps, windows and skies in the picture that shine by themselves.

What a camera shows as white without any shade is mostly no white paint but light: a lamp, a blown
out window, a bright sky. A new lamp does not light it, and its shadow does not darken it: darkened
it is a grey board. So there a light that would darken is taken off. (This project's.)
"""

from __future__ import annotations

from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, box_mean, check_frames, resized
from relight.methods.smoothstep import smoothstep

CLIPPED = (0.9, 0.97)
"""Encoded value of the weakest channel from where it may be an emitter, and from where it is."""
HELD = 0.4
"""Share of the stops that an emitter does not lose: a little of it is paint on most pictures."""


def emitters(frames: Tensor) -> Tensor:
    """How surely each pixel shines by itself: (frames, 1, h, w) in [0, 1]; each frame by itself.

    Args:
        frames: (frames, 3, h, w) in [0, 1], sRGB; small ones do.

    Raises:
        InputError: another shape.

    >>> import torch
    >>> room = torch.full((1, 3, 32, 32), 0.6)
    >>> room[..., 8:24, 8:24] = 1.0
    >>> [float(emitters(room)[0, 0, y, 16]) for y in (2, 16)]
    [0.0, 1.0]
    """
    check_frames(frames)
    white = box_mean(frames.amin(1, keepdim=True), 1)  # grain on what is nearly white is no lamp
    return smoothstep(white, *CLIPPED)


def undarkened(light: GainGlow, source: Tensor, share: float = HELD) -> GainGlow:
    """The light with less of what it takes from emitters; what it adds to them stays.

    Args:
        light: (F, 3, h, w). source: the frames it lights, any size, (F, 3, h', w') in [0, 1].
        share: of the stops that they keep.

    >>> import torch
    >>> half = GainGlow(torch.full((1, 3, 8, 8), -0.7), torch.zeros(1, 3, 8, 8))
    >>> kept = undarkened(half, torch.ones(1, 3, 8, 8), 1.0)
    >>> round(float(kept.log_gain.exp().mean()), 2)
    1.0
    """
    shines = emitters(source)
    if not bool(shines.any()):
        return light
    size = light.glow.shape[-2:]
    white = resized(source, size)
    lit = (light.log_gain.exp() * white + light.glow).clamp_min(1 / 255)
    lost = (lit / white.clamp_min(1 / 255)).log().clamp_max(0)
    back = -share * resized(shines, size) * lost
    return GainGlow(light.log_gain + back, light.glow * back.exp())
