"""Light along the source's own edges: the fast guided filter (arXiv:1505.00996), by channel.

Gain and glow, each channel guided by itself, as linear functions of it: these are brought to full
size, not the light.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, box_mean_of

WINDOW = 0.01  # radius of the guided filter's window, of the shorter side
TEXTURE = 0.002  # variance of a channel below which a difference is texture, not an edge

Bounds = np.ndarray
"""(F, 6, 2): of each frame's gain and glow, by channel, the lowest and the highest."""


def guided_lines(light: GainGlow, guide: Tensor) -> tuple[Tensor, Bounds]:
    """The guided filter's lines: gain and glow as linear functions of the guide's own channel.

    At the guide's pixels they give together what gain and glow give there. Each is smoothed by
    itself: beside an outline, where one falls and the other rises to the same colour, they would
    not meet otherwise, and a rim of light would stand there.

    Returns:
        (F, 12, h, w): slopes of gain and glow, then their offsets, three channels each; and of
        each frame the lowest and highest gain and glow there are, by channel.

    >>> light = GainGlow(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25))
    >>> lines, bounds = guided_lines(light, torch.full((1, 3, 8, 8), 0.5))
    >>> lines[0, ::3, 4, 4].tolist(), bounds[0].tolist()[::3]
    ([0.0, 0.0, 1.0, 0.25], [[1.0, 1.0], [0.25, 0.25]])
    """
    lines = torch.empty(len(guide), 12, *guide.shape[-2:])
    planes = torch.cat([light.log_gain.exp(), light.glow], dim=1).cpu().float().numpy()
    guides = guide.detach().cpu().float().numpy()
    for made, pair, own in zip(lines.numpy(), planes, guides, strict=True):
        for channel, seen in enumerate(own):  # planes this small stay in the processor's cache
            _guided(made[channel::3], pair[channel::3], seen)
    return lines.to(guide), np.stack([planes.min((2, 3)), planes.max((2, 3))], axis=-1)


def _guided(lines: np.ndarray, planes: np.ndarray, guide: np.ndarray) -> None:
    """One channel of `guided_lines`: (2, h, w) and (h, w) -> (4, h, w), written into `lines`."""
    r = max(1, round(WINDOW * min(guide.shape)))
    mean = box_mean_of(guide, r)
    spread = np.maximum(box_mean_of(guide * guide, r) - mean * mean, 0) + TEXTURE
    # Windows that hold an edge speak for the flat ones beside it, which know one side only.
    total = box_mean_of(spread, r)
    for slope, offset, plane in zip(lines[:2], lines[2:], planes, strict=True):
        level = box_mean_of(plane, r)
        shared = box_mean_of(guide * plane, r) - mean * level  # the window's slope times `spread`
        np.divide(box_mean_of(shared, r), total, out=slope)
        np.divide(box_mean_of(level * spread - shared * mean, r), total, out=offset)
    gain_slope, glow_slope, gain, glow = lines
    given = planes[0] * guide + planes[1]
    glow += given - (gain_slope * guide + gain + glow_slope) * guide - glow
