"""What coloured things show of a coloured lamp's light.

A lamp multiplies what a surface reflects; but a picture's light was no pure white, and a hue that
neither the thing nor the lamp has looks like a fault. (This project's.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from relight.methods.gain_and_glow import OFFSET, luma

ENCODED = 2.2
"""Exponent from encoded values to linear light, about."""


def opposed(source: Tensor, colour: Tensor) -> Tensor:
    """How far a lamp's colour goes against those of what it lights: 0 alike or grey, 1 at most.

    Args:
        source: (F, 3, h, w) in [0, 1]. colour: of the lamp, (F, 3, h, w) above 0.

    Returns:
        (F, 1, h, w).

    >>> import torch
    >>> gold = torch.tensor([1.2, 1.0, 0.5]).view(1, 3, 1, 1)
    >>> blue, grey = torch.tensor([0.0, 0.4, 0.6]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.5)
    >>> round(float(opposed(blue, gold)), 1), round(abs(float(opposed(grey, gold))), 1)
    (0.9, 0.0)
    """
    a, b = (x - x.mean(1, keepdim=True) for x in (source, colour))
    like = (a * b).sum(1, keepdim=True) / (_norm(a) * _norm(b)).clamp_min(1e-6)
    saturation = 1 - source.amin(1, keepdim=True) / source.amax(1, keepdim=True).clamp_min(1e-3)
    return (-like).clamp(0, 1) * saturation


def without_green(lit: Tensor, source: Tensor, colour: Tensor) -> Tensor:
    """Colours without a green that neither the thing nor the lamp has: teal under an orange lamp,
    whose two weak channels meet in it.

    Args:
        lit: (F, 3, h, w), 0 or above. source: the same in its own light. colour: of the lamp.

    >>> import torch
    >>> teal, gold = (torch.tensor(x).view(1, 3, 1, 1) for x in ([0.1, 0.5, 0.6], [1.3, 1.0, 0.5]))
    >>> [round(float(x), 2) for x in without_green(teal * gold, teal, gold).flatten()]
    [0.13, 0.3, 0.3]
    >>> leaf = torch.tensor([0.2, 0.5, 0.1]).view(1, 3, 1, 1)
    >>> bool(torch.equal(without_green(leaf * gold, leaf, gold), leaf * gold))
    True
    """

    def others(x: Tensor) -> Tensor:
        return torch.maximum(x[:, :1], x[:, 2:])

    own = torch.minimum(*(others(x) / x[:, 1:2].clamp_min(1e-3) for x in (source, colour)))
    most = others(lit) / own.clamp(0.05, 1)
    green = torch.minimum(lit[:, 1:2], most)
    return torch.cat([lit[:, :1], green, lit[:, 2:]], dim=1)


def reflected(source: Tensor, colour: Tensor, against: Tensor) -> Tensor:
    """How much darker a thing is under a lamp of a colour than a grey one: the part of the lamp's
    light that its own colour reflects. Orange cloth has little for moonlight to show.

    Args:
        source: (F, 3, h, w) in [0, 1]. colour: of the lamp, natural logs of ratios of encoded
            values, (F or 1, 3, h, w). against: see `opposed`; what a lamp's colour does not go
            against keeps its brightness.

    Returns:
        (F, 1, h, w), of encoded values, up to 1.

    >>> import torch
    >>> blue = torch.tensor([-0.7, -0.2, 0.3]).view(1, 3, 1, 1)
    >>> cloth = torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1)
    >>> grey = torch.full((1, 3, 1, 1), 0.5)
    >>> [round(float(reflected(x, blue, opposed(x, blue.exp()))), 2) for x in (cloth, grey)]
    [0.85, 1.0]
    """
    linear, lamp = (source + OFFSET) ** ENCODED, (ENCODED * colour).exp()
    part = luma(linear * lamp) / (luma(linear) * luma(lamp)).clamp_min(1e-6)
    return 1 - against * (1 - part.clamp(0, 1) ** (1 / ENCODED))


def _norm(x: Tensor) -> Tensor:
    """Lengths of colours (F, 3, h, w): (F, 1, h, w)."""
    return x.square().sum(1, keepdim=True).sqrt()
