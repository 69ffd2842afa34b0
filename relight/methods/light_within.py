"""The light of a part of the picture, carried on beyond its edge.

A relighter that is shown a part of the picture on grey, as IC-Light was trained (ICLR 2025), draws
what it likes elsewhere. A light fitted to that holds inside of the part alone. Beyond its edge it
is replaced by that of the nearest pixels of the part, of like brightness first, so that neither the
edge nor a hair takes the light of the grey.
"""

from __future__ import annotations

import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, box_mean, resized, resized_weights
from relight.methods.light_around import light_around

EDGE = 0.06
"""Width of the edge in which a fit has seen the other side, of the shorter side."""


def light_within(light: GainGlow, source: Tensor, weight: Tensor) -> GainGlow:
    """A light that is right inside a part, made right around it as well.

    Args:
        light: (F, 3, h, w), fitted to frames that were relit in that part.
        source: those frames, (F, 3, h', w') in [0, 1].
        weight: 1 in the part, 0 elsewhere, (F, 1, h'', w'') in [0, 1].

    Returns:
        (F, 3, h, w): the light itself well inside, that of the part's nearest pixels elsewhere.

    >>> inside = torch.zeros(1, 1, 32, 32)
    >>> inside[..., :16] = 1
    >>> log_gain = torch.where(inside > 0, 0.5, -3.0).expand(1, 3, 32, 32)
    >>> light = GainGlow(log_gain, torch.zeros(1, 3, 32, 32))
    >>> spread = light_within(light, torch.full((1, 3, 32, 32), 0.4), inside)
    >>> round(float(spread.log_gain.min()), 2), round(float(spread.log_gain.max()), 2)
    (0.5, 0.5)
    """
    size = light.glow.shape[-2:]
    inside, guide = resized_weights(weight.float(), size), resized(source, size)
    r = max(1, round(EDGE * min(size)))
    # Pixels whose whole window is inside; of a part thinner than that, its middle.
    sure = box_mean(inside, r)
    sure = sure / sure.amax((2, 3), keepdim=True).clamp_min(1e-3)
    sure = inside * (5 * sure - 4).clamp(0, 1)  # from 0.8 on; exactly 1 well inside
    planes = [
        known * share + (1 - share) * light_around(known, share, frame, frame)
        for known, share, frame in zip(light.planes, sure, guide, strict=True)
    ]
    return GainGlow.from_planes(torch.stack(planes))
