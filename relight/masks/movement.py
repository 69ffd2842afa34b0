"""What moves with the subject and what with the scene behind it, by which motion fits better.

Flow alone bleeds over outlines by some pixels. Here each frame is compared with its neighbours as
the scene's motion would bring them, and as the subject's would, carried on beyond its outline (the
layers of Wang and Adelson, IEEE Trans. Image Processing 1994): a sleeve of the wall's colour shows
by its folds, a pattern of the ground by its lines. Where nothing is to be seen that moves, neither
fits better.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.masks.evidence import dominant
from relight.masks.steady import Motion, guided
from relight.methods.optical_flow import warp
from relight.methods.spread import spread

REACHES = 0.06
"""How far the subject's motion is carried on, of the shorter side: the sigma of a blur."""
NEAR = 0.1
"""Share of the subject in the surroundings (sigma 2 REACHES) from which its motion fully counts."""
WINDOW = 0.02
"""Radius of the window in which pixels of like colours share their odds, of the shorter side."""
GRAIN = 4.0
"""Squared difference in CIE Lab that is grain."""
UNLIKE = 0.5
"""Share of the difference that neither motion explains, which counts as grain too."""
MOST = 3.0
"""Largest log odds that motion may give."""


def movement(colours: Tensor, motion: Motion, matte: Tensor) -> Tensor:
    """Log odds that each pixel moves with the subject rather than with the scene.

    Args:
        colours: of the frames, (n, 3, h, w) CIE Lab. motion: of those, at their size.
        matte: about where the subject is, (n, 1, h, w) in [0, 1].

    Returns:
        (n, 1, h, w), within -MOST and MOST; 0 where there is no neighbour to compare with.

    >>> still = (torch.zeros(2, 32, 32), torch.ones(1, 32, 32))
    >>> motion = Motion([still], [still], frozenset())
    >>> float(movement(torch.rand(2, 3, 32, 32), motion, torch.zeros(2, 1, 32, 32)).abs().max())
    0.0
    """

    def of(t: int) -> Tensor:
        return _of(t, colours, motion, matte[t, 0])

    return torch.stack(list(spread(of, range(len(colours)))))[:, None]


def _of(t: int, colours: Tensor, motion: Motion, matte: Tensor) -> Tensor:
    """The same of one frame, (h, w)."""
    scene, subject, near, sure = [], [], torch.zeros_like(matte), torch.zeros_like(matte)
    for s, links in ((t - 1, motion.back), (t + 1, motion.ahead)):
        if not 0 <= s < len(colours) or max(s, t) in motion.cuts:
            continue
        vectors, trust = links[min(s, t)]
        behind, own, near = _layers(vectors, trust, matte)
        sure = trust[0] if not scene else torch.ones_like(sure)
        for found, flow in ((scene, behind), (subject, own)):
            found.append((colours[t] - warp(colours[s], flow)).square().sum(0))
    if not scene:
        return near
    # What one neighbour hides the other shows; where there is one alone, flow says what it hides.
    behind, own = torch.stack(scene).amin(0), torch.stack(subject).amin(0)
    odds = (behind - own) / (GRAIN + UNLIKE * torch.minimum(behind, own))
    odds = sure * torch.where(odds > 0, odds * near, odds).clamp(-MOST, MOST)
    return guided(odds[None, None], colours[t][None] / 100, radius=WINDOW)[0, 0]


def _layers(vectors: Tensor, trust: Tensor, matte: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The flow of the scene, that of the subject, (2, h, w) each, and how near that is, (h, w)."""
    flow, inside = vectors.numpy(), matte.numpy()
    scene = dominant(flow, np.where(inside > 0.5, 0, 1 - inside))[0].astype(np.float32)
    sigma = REACHES * min(inside.shape)
    weight = inside**2 * (trust[0].numpy() + 0.01)
    sums = [_wide(part * weight, sigma) for part in (*(flow - scene), np.ones_like(weight))]
    own = np.stack(sums[:2]) / (sums[2] + 1e-5)
    near = np.clip(_wide(inside, 2 * sigma) / NEAR, 0, 1)
    return (
        torch.from_numpy(scene),
        torch.from_numpy((scene + own).astype(np.float32)),
        torch.from_numpy(near.astype(np.float32)),
    )


def _wide(plane: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), sigma)
