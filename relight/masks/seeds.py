"""A subject that is pointed out by a click, a box or a matte of one frame, and then followed.

Unlike the subject found by itself, a followed one depends on all frames from the seed on. A clip in
chunks hands the last matte of one chunk to the next as its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.masks.evidence import UNLIKE
from relight.masks.steady import Motion, resized
from relight.methods.optical_flow import warp

REACHED = 0.3
"""How far from a click its subject is looked for, as a share of the shorter side."""
CORE = 0.3
"""Part of a box, about its middle, that is the subject for sure: else colours that the ground has
too may leave nothing of it."""
LOOSE = 0.03
"""How far an outline may stray from where the flow leads it, as a share of the shorter side."""


@dataclass(frozen=True)
class Click:
    """A point of the subject: x and y as fractions of the frame, in frame number `at`."""

    x: float
    y: float
    at: int = 0


@dataclass(frozen=True)
class Box:
    """A box around the subject: fractions of the frame, in frame number `at`."""

    left: float
    top: float
    right: float
    bottom: float
    at: int = 0

    @property
    def area(self) -> float:
        """As a part of the frame's."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True, eq=False)
class Known:
    """The subject's matte (1, h, w) in [0, 1] in frame number `at`, any size."""

    matte: Tensor
    at: int = 0


Seed = Click | Box | Known


def seeded_score(image: np.ndarray, seed: Seed) -> Tensor:
    """Where the subject may be in the frame of its seed: (h, w) in [0, 1].

    Args:
        image: that frame, (h, w, 3) uint8.

    Raises:
        InputError: a point outside the frame, an empty box, or a matte that is not one.

    >>> image = np.full((32, 48, 3), 90, np.uint8)
    >>> score = seeded_score(image, Box(0.25, 0.25, 0.75, 0.75))
    >>> bool(score[16, 24] > 0.5), float(score[2, 2])
    (True, 0.0)
    """
    h, w = image.shape[:2]
    if isinstance(seed, Known):
        if seed.matte.ndim != 3 or seed.matte.shape[0] != 1:
            raise InputError(f"a known matte is (1, h, w), not {tuple(seed.matte.shape)}")
        return resized(seed.matte[None].float(), (h, w))[0, 0].clamp(0, 1)
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    if isinstance(seed, Box):
        if not (0 <= seed.left < seed.right <= 1 and 0 <= seed.top < seed.bottom <= 1):
            raise InputError(f"a box has 0 <= left < right <= 1 and so on, not {seed}")
        inside = (x > seed.left) & (x < seed.right) & (y > seed.top) & (y < seed.bottom)
        across = (2 * x - seed.left - seed.right) / (seed.right - seed.left)
        down = (2 * y - seed.top - seed.bottom) / (seed.bottom - seed.top)
        return torch.where(torch.hypot(across, down) < CORE, 0.9, 0.6 * inside.float())
    if not (0 <= seed.x <= 1 and 0 <= seed.y <= 1):
        raise InputError(f"a click is a point of the frame, x and y in [0, 1], not {seed}")
    away = torch.hypot((x - seed.x) * w, (y - seed.y) * h) / min(h, w)
    soft = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), max(0.5, min(h, w) / 64))
    lab = torch.from_numpy(cv2.cvtColor(soft, cv2.COLOR_RGB2LAB))
    near = away <= max(0.05, float(away.min()))
    unlike = torch.cdist(lab.reshape(-1, 3), lab[near]).amin(1).view(h, w) / UNLIKE
    score = 0.75 * torch.exp(-(unlike**2) - (away / REACHED) ** 2)
    return torch.where(near, torch.ones(()), score)


def carried_score(matte: Tensor, vectors: Tensor, trust: Tensor) -> Tensor:
    """Where the subject may be, from a neighbour's cut.

    Args:
        matte: the neighbour's, (1, h, w) in [0, 1].
        vectors: the flow to the neighbour, (2, h, w) in pixels; trust: of it, (1, h, w).

    Returns:
        (h, w) in [0, 1]: sure inside, doubtful in a band along the outline, 0 beyond it.
    """
    moved = warp(matte, vectors)[0].numpy()
    band = max(0.7, LOOSE * min(moved.shape))
    soft = torch.from_numpy(cv2.GaussianBlur(moved, (0, 0), band))
    return soft * (0.7 + 0.3 * trust[0] * torch.from_numpy(moved))


def order_from(at: int, count: int) -> list[tuple[int, int]]:
    """Pairs (frame, neighbour it is followed from), outwards from frame `at`.

    >>> order_from(1, 4)
    [(2, 1), (3, 2), (0, 1)]
    """
    return [(t, t - 1) for t in range(at + 1, count)] + [(t, t + 1) for t in range(at - 1, -1, -1)]


def link_to(motion: Motion, t: int, s: int) -> tuple[Tensor, Tensor] | None:
    """Flow and trust from frame t to its neighbour s; None across a cut."""
    if max(t, s) in motion.cuts:
        return None
    return motion.ahead[t] if s > t else motion.back[s]
