"""Letterbox and pillarbox bars, which would be taken for what a subject stands before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.media.source_invariants import FRINGE, bars


def without_bars(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames whose black bars show the nearest row or column of the picture instead.

    Args:
        frames: (frames, 3, h, w) in [0, 1]; a bar is one in all of them.

    Returns:
        those frames, and the picture's place: (1, 1, h, w), 0 where bars were, else 1.

    >>> film = torch.zeros(2, 3, 20, 32)
    >>> film[..., 4:16, :] = 0.5
    >>> filled, place = without_bars(film)
    >>> float(filled.min()), place[0, 0, :, 0].int().tolist().index(1)
    (0.5, 4)
    """
    brightest = (frames.detach().float().amax(0).clamp(0, 1) * 255).round().byte()
    top, bottom, left, right = bars(brightest.permute(1, 2, 0).cpu().numpy(), FRINGE)
    h, w = frames.shape[-2:]
    rows, columns = slice(top, h - bottom), slice(left, w - right)
    place = torch.zeros(1, 1, h, w)
    place[..., rows, columns] = 1
    if not bool((place == 0).any()):
        return frames, place
    inner = frames[..., rows, columns]
    return F.pad(inner, (left, right, top, bottom), mode="replicate"), place
