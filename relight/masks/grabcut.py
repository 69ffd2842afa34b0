"""The subject of a clip by GrabCut (SIGGRAPH 2004), from evidence rather than from a hand.

No network: what moves against the dominant motion, and what is parted from the border by edges,
seeds the cut of every frame; evidence and cuts are both averaged along the flow, edges follow the
colours. How clearly there is a subject is a number, so that nothing need be claimed where there is
none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.masks.cutting import Colours, cut, grab, labels_from, two_sides
from relight.masks.evidence import apart_from_border
from relight.masks.scores import clarity, over_time, subject_scores
from relight.masks.seeds import Box, Click, Seed, carried_score, link_to, order_from, seeded_score
from relight.masks.steady import (
    GATHER,
    REACH,
    Motion,
    along_flow,
    box,
    guided,
    motion_of,
    part_of,
    resized,
)
from relight.methods.smoothstep import smoothstep
from relight.methods.spread import one_thread, spread

WORK = 112
"""Frames are cut at this many pixels squared, whatever their shape."""
SHARE = 3
"""Frames on either side whose cuts are evidence for a frame's second cut."""
GRAIN = 4
"""Frames on either side over which grain is averaged before a frame is cut."""
UNCHANGED = 2 / 255
"""Change of a small mean up to which that is grain."""
CONTEXT = 1 + GATHER + SHARE + 2 * REACH + GRAIN
"""Frames on either side that a frame's matte depends on."""
GROWN = 3.0
"""Most that the whole clip's colours may add to a frame's cut, of its area."""
CLEAR = 0.3
"""Confidence from which what is found by itself is what a click or a box points at."""
FULL = 0.85
"""Part of the frame from which a box says little: hardly any background is outside of it."""
EDGE = 4e-4
"""Variance of the picture (sRGB values) from which a matte's edge follows it: 5 levels."""


@dataclass(frozen=True)
class Subject:
    """The subject of a run of frames.

    matte: (frames, 1, h, w) in [0, 1].
    confidence: (frames,) in [0, 1], that there is a clear subject; 0 where the matte is empty.
    """

    matte: Tensor
    confidence: Tensor


@dataclass(frozen=True, eq=False)
class Coarse:
    """A subject at the size it is looked for.

    small: the frames, (frames, 3, h, w) in [0, 1]. score: where the subject may be, (frames, 1, h,
    w) in [0, 1]. cut: what GrabCut makes of it, averaged along the motion. confidence: (frames,).
    """

    small: Tensor
    score: Tensor
    cut: Tensor
    confidence: Tensor


def find_subject(
    frames: Tensor, seed: Seed | None = None, colours: Colours | None = None
) -> Subject:
    """Find a clip's subject, or track the one that is pointed out.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order, a few a second; no side under 16 pixels.
        seed: a click, a box or a matte of one frame; default by motion, place and colour.
        colours: those of the whole clip, see `colours_of`, beside each frame's own: without them a
            suit or a hat may be in it in some frames only. For a subject that is found.

    Returns:
        the subject at the frames' size. Frame t depends on frames t - CONTEXT to t + CONTEXT, or
        on all frames from its seed to t + CONTEXT; a seed's scene alone has a subject then.

    Raises:
        InputError: frames of another shape, a seed outside of them.

    >>> found = find_subject(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    >>> found.matte.shape, found.confidence.shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2]))
    """
    frames = frames.float().cpu()
    found = look_for(frames, seed, colours)
    with one_thread():
        matte = guided(found.cut, found.small, eps=EDGE, full=frames)
    return Subject(matte, found.confidence)


def look_for(
    frames: Tensor,
    seed: Seed | None = None,
    colours: Colours | None = None,
    motion: Motion | None = None,
) -> Coarse:
    """What `find_subject` finds, at the size it is found at, with the evidence for it.

    Args:
        motion: of the frames, at their `work_size`; None: found here.

    >>> found = look_for(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    >>> found.score.shape, found.cut.shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2, 1, 32, 32]))
    """
    if frames.ndim != 4 or frames.shape[1] != 3 or not len(frames) or min(frames.shape[2:]) < 16:
        raise InputError(
            f"frames are (frames, 3, h, w) of 16 pixels and more, not {tuple(frames.shape)}"
        )
    with one_thread():
        size = work_size(*frames.shape[-2:])
        small = resized(frames.float().cpu(), size)
        motion = motion or motion_of(small, size)
        score, cuts, sure = (
            _found(small, _codes(_without_grain(small, motion)), motion, colours)
            if seed is None
            else _followed(small, _codes(small), motion, seed)
        )
        return Coarse(small, score, cuts, over_time(sure, motion))


def _codes(small: Tensor) -> np.ndarray:
    """(frames, 3, h, w) in [0, 1] as (frames, h, w, 3) uint8."""
    return (small.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def _without_grain(small: Tensor, motion: Motion) -> Tensor:
    """Frames averaged along the flow where that changes nothing but their grain.

    Grain decides what edges leave open: the cuts of a still scene would differ without it.
    """
    plain = along_flow(small, motion, reach=GRAIN)
    apart = box(plain - small, 1).abs().amax(1, keepdim=True)
    return torch.where(apart < UNCHANGED, plain, small)


def colours_of(runs: Sequence[Tensor], motions: Sequence[Motion] | None = None) -> Colours | None:
    """The colours of a clip's subject, from a few of its moments cut together.

    Args:
        runs: an odd number of frames about each moment, (frames, 3, h, w) in [0, 1], of one scene
            and size. motions: of each run, at the `work_size`; None: found here.

    Returns:
        what `find_subject` takes; None where nothing is a subject.

    >>> still = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> colours_of([still * 0]) is None
    True
    """

    size = work_size(*runs[0].shape[-2:])
    smalls = [resized(run.float().cpu(), size) for run in runs]
    codes = [_codes(small) for small in smalls]
    images = [one[len(one) // 2] for one in codes]
    edges = apart_from_border(np.stack(images))  # of all at once: they take hardly longer than one

    def score(i: int) -> np.ndarray:
        at = len(codes[i]) // 2
        motion = motions[i] if motions is not None else motion_of(smalls[i], size)
        return subject_scores(codes[i], motion, slice(at, at + 1), edges[i : i + 1])[0, 0].numpy()

    scores = list(spread(score, range(len(runs))))
    labels = labels_from(np.hstack(scores))
    if not two_sides(labels):
        return None
    models = np.zeros((1, 65)), np.zeros((1, 65))
    grab(np.hstack(images), labels, models, cv2.GC_INIT_WITH_MASK, rounds=3)
    return Colours(*models)


def _found(
    small: Tensor, images: np.ndarray, motion: Motion, colours: Colours | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence, cuts and how clear they are."""
    evidence = score = subject_scores(images, motion)
    # The clip's colours count in the second cut alone: in the first they change nothing but time.
    cuts, sure = _cut_all(images, score), torch.ones(len(images))
    for again in (True, False):
        mean = along_flow(cuts, motion, weight=0.1 + sure)
        each = zip(small, cuts, mean, score, strict=True)
        sure = torch.stack(list(spread(lambda one: clarity(*one), each)))
        if again:  # what is clear in one frame is evidence in its neighbours
            score = (score + along_flow(cuts, motion, reach=SHARE, weight=sure)) / 2
            cuts = _cut_all(images, score, colours)
    return evidence, mean, sure


def _followed(
    small: Tensor, images: np.ndarray, motion: Motion, seed: Seed
) -> tuple[Tensor, Tensor, Tensor]:
    if not 0 <= seed.at < len(images):
        raise InputError(f"the seed is in frame {seed.at}, but there are {len(images)} frames")
    cuts = torch.zeros(len(images), 1, *images.shape[1:3])
    score = seeded_score(images[seed.at], seed)
    if isinstance(seed, Click) or (isinstance(seed, Box) and seed.area > FULL):
        score = _with_object(score, small, images, motion, seed)
    scores = cuts.clone()
    scores[seed.at, 0] = score
    cuts[seed.at, 0] = cut(images[seed.at], score.numpy())
    for t, s in order_from(seed.at, len(images)):
        link = link_to(motion, t, s)
        if link is not None and cuts[s].any():
            scores[t, 0] = carried_score(cuts[s], *link)
            cuts[t, 0] = cut(images[t], scores[t, 0].numpy())
    return scores, along_flow(cuts, motion), smoothstep(cuts.mean((1, 2, 3)), 0.001, 0.004)


def _with_object(
    score: Tensor, small: Tensor, images: np.ndarray, motion: Motion, seed: Click | Box
) -> Tensor:
    """A click on something that would be found by itself means all of that thing; and so does a
    box about it that leaves too little of the background outside to tell its colours."""
    near = slice(max(0, seed.at - CONTEXT), seed.at + CONTEXT + 1)
    _, mean, sure = _found(small[near], images[near], part_of(motion, near, len(images)))
    matte, h, w = mean[seed.at - near.start, 0], *score.shape
    if sure[seed.at - near.start] < CLEAR:
        return score
    if isinstance(seed, Box):
        inside = (score > 0).float()
        return torch.where(score > 0.8, score, inside * (0.3 + 0.55 * matte))
    _, parts = cv2.connectedComponents((matte > 0.5).byte().numpy())
    part = parts[min(int(seed.y * h), h - 1), min(int(seed.x * w), w - 1)]
    return score if part == 0 else matte * torch.from_numpy(parts == part)


def _cut_all(images: np.ndarray, score: Tensor, colours: Colours | None = None) -> Tensor:
    """The cut of each frame by its own colours, and what those of the clip add to it."""

    def both(frame: int) -> Tensor:
        image, one = images[frame], score[frame, 0].numpy()
        own = cut(image, one)
        if colours is None:
            return own
        more = torch.maximum(own, cut(image, one, colours))
        return more if more.sum() <= GROWN * own.sum() else own

    return torch.stack(list(spread(both, range(len(images)))))[:, None]


def work_size(h: int, w: int) -> tuple[int, int]:
    """Size at which a frame of (h, w) is cut: at most `WORK` squared pixels, no side under 16."""
    scale = min(1.0, WORK / math.sqrt(h * w))
    return max(16, round(h * scale)), max(16, round(w * scale))
