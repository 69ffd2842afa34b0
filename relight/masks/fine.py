"""A subject's matte with its thin parts: what was found coarsely, looked at again larger.

GrabCut of small frames says where the subject is; ears, fingers and hair are below its pixels, and
it knows no place, so a fence of the colours of a tyre is as good as the tyre. Here each pixel of
larger frames is judged by the colours around it (`relight.masks.appearance`), its neighbours' edges
and the frames before and after, and what is sure after a round tells the next.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.masks.appearance import gathered, lab, subjects_share
from relight.masks.cutting import Colours
from relight.masks.grabcut import CONTEXT, EDGE, Coarse, Subject, look_for
from relight.masks.movement import movement
from relight.masks.seeds import Seed
from relight.masks.steady import along_flow, guided, motion_of, resized
from relight.masks.steady import gathered as held
from relight.methods.smoothstep import smoothstep
from relight.methods.spread import one_thread, spread

SIDE = 224
"""Frames are looked at with so many pixels squared, whatever their shape."""
POOL = 3
"""Frames on either side whose colours tell those of a frame."""
HELD = 8
"""Frames on either side whose subject stays it, along the motion."""
KEPT = 0.92
"""Of what is held, from one frame to the next."""
SPREAD = 3 * (POOL + 2) + HELD
"""Frames on either side whose coarse cuts a frame's matte depends on."""
FINE_CONTEXT = CONTEXT + SPREAD
"""Frames on either side that it depends on."""
ROUNDS = (4, 2, 1)
"""Of reading colours: from what was found coarsely, from the result along the motion, held and
widened, and from that as it is."""
DOUBT = 0.12
"""Of the coarse evidence: how far from its threshold it is sure."""
THRESHOLD = (0.2, 0.6)
"""Bounds of the evidence from which something is the subject; between them Otsu's decides."""
EVIDENCE = 0.35
"""Its part in what is thought of a pixel at first; the rest is the coarse cut's."""
COARSE, COLOUR, SMOOTH, MOVEMENT = 0.7, 1.0, 2.0, 2.0
"""Weights of the coarse evidence, the colours, the neighbours and the motion, on log odds."""
PASSES = 3
"""Of smoothing along the picture's edges in a round."""
CLEAR = (0.8, 0.86)
"""Share of the evidence's variance that parting it in two explains (Otsu), from which some evidence
beside the cut is doubt of it."""
DOUBTFUL = (0.2, 0.7)
"""Evidence, relative to its threshold, from which that is so, to where it is full doubt."""
DOUBTED = 0.5
"""Part of the coarse evidence that is taken back where it is in doubt."""
TOLD = 0.08
"""How far around what is seen to move that tells enough, of the shorter side."""
AROUND = 0.04
"""How far the second round looks around an outline, of the shorter side."""
BESIDE = 0.05
"""How far beside the subject nothing is sure, of the shorter side."""
EDGE_RADIUS = 0.012
"""Of the filter that brings a matte to the frames' size, of the shorter side."""
LEAST_PART, LEAST_HOLE = 0.1, 0.004
"""Smallest part kept, of the largest one; smallest hole kept, of the frame."""


def fine_subject(
    frames: Tensor, seed: Seed | None = None, colours: Colours | None = None
) -> Subject:
    """Find a clip's subject, or track the one that is pointed out, with its thin parts.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order, a few a second; no side under 16 pixels.
        seed, colours: as for `find_subject`, which this begins with.

    Returns:
        the subject at the frames' size. Frame t depends on frames t - FINE_CONTEXT to t +
        FINE_CONTEXT, or on all frames from its seed to t + FINE_CONTEXT.

    Raises:
        InputError: frames of another shape, a seed outside of them.

    >>> found = fine_subject(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    >>> found.matte.shape, float(found.confidence.max())
    (torch.Size([2, 1, 32, 32]), 0.0)
    """
    coarse = look_for(frames, seed, colours)
    frames = frames.float().cpu()
    if not float(coarse.confidence.max()):
        return Subject(torch.zeros_like(frames[:, :1]), coarse.confidence)
    with one_thread():
        images = resized(frames, fine_size(*frames.shape[-2:]))
        matte = _refined(images, coarse)
        return Subject(
            guided(matte, images, eps=EDGE, radius=EDGE_RADIUS, full=frames), coarse.confidence
        )


def fine_size(h: int, w: int) -> tuple[int, int]:
    """Size at which a frame of (h, w) is looked at: at most `SIDE` squared pixels.

    >>> fine_size(1080, 1920), fine_size(90, 160)
    ((168, 299), (90, 160))
    """
    scale = min(1.0, SIDE / math.sqrt(h * w))
    return max(16, round(h * scale)), max(16, round(w * scale))


def _prior(coarse: Coarse) -> Tensor:
    """How likely each pixel is the subject's, before its surroundings are asked: (n, 1, h, w)."""
    evidence = torch.sigmoid((coarse.score - _threshold(coarse.score)) / DOUBT)
    return torch.lerp(coarse.cut, evidence, EVIDENCE)


def _threshold(score: Tensor) -> Tensor:
    """The evidence from which something is the subject, (n, 1, 1, 1)."""
    codes = (255 * score).round().byte().numpy()
    otsu = [cv2.threshold(one.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)[0] / 255 for one in codes]
    return torch.tensor(otsu).float().clamp(*THRESHOLD).view(-1, 1, 1, 1)


def _doubt(score: Tensor) -> Tensor:
    """Where a cut may have lost a part of the subject, (n, 1, h, w) in [0, 1].

    A sleeve of the wall's colours has less evidence than the face, but more than the wall, if the
    evidence parts the two well. What was cut off there must not tell the background's colours.
    """
    threshold = _threshold(score)
    above = (score > threshold).float()
    share = above.mean((2, 3), keepdim=True).clamp(1e-3, 1 - 1e-3)
    inside = (score * above).mean((2, 3), keepdim=True) / share
    outside = (score * (1 - above)).mean((2, 3), keepdim=True) / (1 - share)
    variance = score.var((2, 3), keepdim=True).clamp_min(1e-6)
    parted = share * (1 - share) * (inside - outside).square() / variance
    return smoothstep(parted, *CLEAR) * smoothstep(score / threshold, *DOUBTFUL)


def _refined(images: Tensor, coarse: Coarse) -> Tensor:
    """The matte of what was found coarsely, at the size of the images: (n, 1, h, w)."""
    size = (images.shape[-2], images.shape[-1])
    prior = resized(_prior(coarse), size).clamp(0.01, 0.99)
    motion, colours = motion_of(images, size), lab(images)
    unclear = resized(_doubt(coarse.score), size)

    def steadied(prior: Tensor, rounds: int) -> Tensor:
        moved = movement(colours, motion, prior)
        told = torch.stack([_blurred(one[0].abs(), TOLD)[None] for one in moved]).clamp(0, 1)
        doubt = unclear * (1 - told)
        odds = COARSE * (1 - DOUBTED * doubt) * _logit(prior) + MOVEMENT * moved
        prior = torch.sigmoid(odds)
        each = zip(colours, prior, doubt, strict=True)
        around = _pooled(torch.stack([_grid(*one) for one in each]))

        def judged(t: int) -> Tensor:
            return _judged(images[t], colours[t], odds[t], doubt[t], around[t], rounds)

        return along_flow(torch.stack(list(spread(judged, range(len(images))))), motion, reach=1)

    # A sleeve may have its evidence in other frames, before or after: what was lost is held.
    matte = held(steadied(prior, ROUNDS[0]), motion, reach=HELD, kept=KEPT)
    wide = torch.stack([_blurred(one[0], AROUND)[None] for one in matte])
    matte = steadied(0.5 * wide + 0.35 * matte + 0.15 * prior, ROUNDS[1])
    matte = steadied(0.85 * matte + 0.15 * prior, ROUNDS[2])
    return torch.stack([torch.from_numpy(_whole(one[0].numpy()))[None] for one in matte])


def _judged(
    image: Tensor, colours: Tensor, known: Tensor, doubt: Tensor, around: Tensor, rounds: int
) -> Tensor:
    """One frame's matte after some rounds, (1, h, w).

    Args:
        known: log odds by what else is known of it, (1, h, w). doubt: where its background may be
            none, (1, h, w). around: grid of the frames around it.
    """
    matte = torch.sigmoid(known)
    for _ in range(rounds):
        share = subjects_share(colours, _grid(colours, matte, doubt) + around)
        odds = known + COLOUR * _logit(share)
        matte = torch.sigmoid(odds)
        for _ in range(PASSES):
            smooth = guided(matte[None], image[None], radius=0.02)[0]
            matte = torch.sigmoid(odds + SMOOTH * (2 * smooth - 1))
    return matte


def _grid(colours: Tensor, matte: Tensor, doubt: Tensor) -> Tensor:
    """What is sure of one frame, of the subject and of the background.

    Beside the subject, and in doubt, little is sure to be background: a paw that was missed would
    tell that its colour isn't the subject's.
    """
    near = _blurred(matte[0], BESIDE)
    sure = 2 * matte[0] - 1
    ground = (-sure).clamp_min(0) * (1 - near) * (1 - doubt[0])
    return gathered(colours, torch.stack([sure.clamp_min(0), ground]))


def _blurred(matte: Tensor, part: float) -> Tensor:
    """(h, w), blurred by a part of its shorter side."""
    wide = cv2.GaussianBlur(matte.numpy(), (0, 0), part * min(matte.shape))
    return torch.from_numpy(wide)


def _pooled(grids: Tensor) -> Tensor:
    """The mean of each grid and its neighbours in time."""
    count = len(grids)
    spans = [grids[max(t - POOL, 0) : min(t + POOL + 1, count)] for t in range(count)]
    return torch.stack([span.mean(0) for span in spans])


def _logit(p: Tensor) -> Tensor:
    return torch.logit(p, eps=0.005)


def _whole(matte: np.ndarray) -> np.ndarray:
    """A matte (h, w) without its specks and its small holes."""
    inside = (matte > 0.5).astype(np.uint8)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(inside)
    if count == 1:
        return matte
    areas = sizes[1:, cv2.CC_STAT_AREA]
    specks = 1 + np.flatnonzero(areas < LEAST_PART * areas.max())
    matte = np.where(np.isin(parts, specks), 0, matte).astype(np.float32)
    _, holes, sizes, _ = cv2.connectedComponentsWithStats(1 - inside, connectivity=4)
    small = np.flatnonzero(sizes[:, cv2.CC_STAT_AREA] < LEAST_HOLE * matte.size)
    border = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    inner = np.setdiff1d(small, border)
    return np.where((inside == 0) & np.isin(holes, inner), 1, matte).astype(np.float32)
