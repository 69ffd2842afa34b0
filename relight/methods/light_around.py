"""Light that is known in places, for the others: from their surroundings of like colour."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from relight.methods.gain_and_glow import box_max, luma
from relight.methods.light_transfer import PALE, PLACED, of_its_colours
from relight.methods.like_colours import LikeColours
from relight.methods.smoothstep import smoothstep

REACHES = (0.5, 0.15, 0.05)  # windows' radii, of the shorter side, the widest first
LITTLE = 0.005  # weight of what the wider window knows
KNOWN = 0.999  # weight from which nothing is asked of a pixel's surroundings
COARSE = 2  # pixels, squared, whose light is added up first
FINE = 3  # radius of a window, in blocks of them, that is fine enough
ODD = (0.04, 0.1)  # change of a colour, over its luminance, that is left, and that is made in full
BRIGHTER = (0.15, 0.28)  # root above that of what is around, which tells less, and nothing


def light_around(planes: Tensor, weight: Tensor, colour: Tensor, frame: Tensor) -> Tensor:
    """The light for what it is not known for: that of surroundings, in the colours it gives there.

    A mean of gains and a mean of glows, of pixels that are brighter and darker, would make dark
    teal water under a golden light green.

    Args:
        planes: log gain and glow, (6, h, w), anything where `weight` is 0.
        weight: how well they are known, (1, h, w) in [0, 1].
        colour: of the source where that light is from, (3, h, w) in [0, 1].
        frame: the frame at that size, (3, h, w) in [0, 1].

    Returns:
        (6, h, w), for every pixel.

    >>> warm = torch.tensor([0.5, 0.0, -1.0, 0.1, 0.05, 0.0]).view(6, 1, 1).expand(6, 32, 32)
    >>> known = torch.zeros(1, 32, 32)
    >>> known[..., :16] = 1
    >>> frame = torch.full((3, 32, 32), 0.5)
    >>> frame[..., 16:] = 0.45
    >>> light = light_around(known * warm, known, frame, frame)
    >>> lit = light[:3].exp() * frame + light[3:]
    >>> [round(float(x), 2) for x in lit[:, 16, 4] / lit[1, 16, 4]]
    [1.68, 1.0, 0.33]
    >>> [round(float(x), 2) for x in lit[:, 16, 30] / lit[1, 16, 30]]
    [1.68, 1.0, 0.33]
    """
    given = (planes[:3].exp() * colour + planes[3:]).clamp_min(0)
    found = surroundings(torch.cat([planes, given, colour]), weight, frame[None])
    log_gain, glow, given, at = found.split(3, dim=1)
    line = torch.cat([log_gain.exp(), glow], dim=1)
    change = of_its_colours(line, frame[None], given, 0.0, at)[:, 3:] - glow
    lit = (log_gain.exp() * frame + glow).clamp_min(0)
    odd = change.abs().amax(1, keepdim=True) / luma(lit + PALE)
    # Dark legs around bright straw don't tell the colours that straw may have.
    above = (frame.clamp_min(0).sqrt() - at.clamp_min(0).sqrt()).amax(1, keepdim=True)
    share = smoothstep(odd, *ODD) * (1 - smoothstep(above, *BRIGHTER))
    return torch.cat([log_gain, glow + share * change], dim=1)[0]


def surroundings(planes: Tensor, weight: Tensor, guide: Tensor) -> Tensor:
    """What is known of the light around each pixel, from pixels of like colour first.

    Args:
        planes: (1, c, h, w) or (c, h, w), anything where `weight` is 0.
        weight: (1, h, w) or (1, 1, h, w), how well the light is known.
        guide: the frame at that size, (1, 3, h, w) in [0, 1].

    Returns:
        (1, c, h, w): weighted means over ever smaller windows, each relying on the wider one
        where it knows too little; what is known stays.

    >>> known = torch.zeros(1, 1, 32, 32)
    >>> known[..., :16] = 1
    >>> filled = surroundings(0.3 * known, known, torch.full((1, 3, 32, 32), 0.5))
    >>> round(float(filled[0, 0, 16, 30]), 2)
    0.3
    """
    size = guide.shape[-2:]
    planes, weight = planes.reshape(1, -1, *size), weight.reshape(1, 1, *size)
    total = weight.sum()
    mean = (planes * weight).sum((2, 3), keepdim=True) / total.clamp_min(1e-6)
    mean = mean if float(total) > 1 else planes.mean((2, 3), keepdim=True)
    out, coarse = mean.expand_as(planes), [-(-side // COARSE) for side in size]
    known = F.interpolate(torch.cat([weight * planes, weight], dim=1), coarse, mode="area")
    seen = F.interpolate(guide, coarse, mode="area")
    # Of its square root: black and dark grey are two kinds, white and light grey one.
    kinds = (frame[0].clamp_min(0).sqrt() for frame in (seen, guide))
    wanted = box_max((weight < KNOWN).float(), PLACED) > 0  # colours beside a pixel bound its own
    alike = LikeColours(*kinds, wanted=wanted[0, 0])
    radii = [max(1, round(reach * min(coarse))) for reach in REACHES]
    for there in alike.means(known[0], radii, FINE):
        out = (there[None, :-1] + LITTLE * out) / (there[None, -1:] + LITTLE)
    return torch.where(wanted, out, planes)
