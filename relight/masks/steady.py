"""Mattes without flicker or jagged edges: averaged along the source's flow, edges by its colours.

Everything here is local in time: frame t depends on frames t - reach to t + reach alone, so that a
clip can be worked on in chunks, in any order, with that many frames of context on either side.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from relight.methods.optical_flow import AtWork, Links, link, same_scene, warp
from relight.methods.spread import spread
from relight.types import Size

REACH = 2
"""Frames on either side that a steadied frame is averaged with."""
GATHER = 2
"""Frames on either side whose evidence a frame may use."""
TOGETHER = 4
"""Frames that are filtered at once."""


@dataclass(frozen=True)
class Motion:
    """The flow between neighbours of a run of frames, at one size.

    ahead: for each frame but the last, (vectors (2, h, w) in pixels, trust (1, h, w)) to the next.
    back: for each frame but the first, the same to the one before it.
    cuts: the frames that begin another scene.
    """

    ahead: list[tuple[Tensor, Tensor]]
    back: list[tuple[Tensor, Tensor]]
    cuts: frozenset[int]


def motion_of(frames: Sequence[Tensor] | Tensor, size: tuple[int, int]) -> Motion:
    """Flow and trust between neighbouring frames (3, H, W) in [0, 1], at `size` (h, w)."""
    seen = list(spread(AtWork, frames))

    def linked(t: int) -> Links:
        return link(seen[t], seen[t + 1], size)

    return motion_from(spread(linked, range(len(frames) - 1)))


def motion_from(links: Iterable[Links]) -> Motion:
    """The motion of frames, from the links between each and the next.

    >>> still = torch.zeros(2, 8, 8), torch.ones(1, 8, 8)
    >>> lost = torch.zeros(2, 8, 8), torch.zeros(1, 8, 8)
    >>> motion_from([(still, still), (lost, lost)]).cuts
    frozenset({2})
    """
    ahead, back, cuts = [], [], set()
    for t, (there, here) in enumerate(links):
        if min(same_scene(there[1]), same_scene(here[1])) == 0:
            cuts.add(t + 1)
        ahead.append(there)
        back.append(here)
    return Motion(ahead, back, frozenset(cuts))


def part_of(motion: Motion, frames: slice, count: int) -> Motion:
    """The motion of some of the `count` frames, those of a slice with step 1."""
    first, last, _ = frames.indices(count)
    cuts = frozenset(c - first for c in motion.cuts if first < c < last)
    return Motion(motion.ahead[first : last - 1], motion.back[first : last - 1], cuts)


def along_flow(
    x: Tensor, motion: Motion, *, reach: int = REACH, weight: Tensor | None = None
) -> Tensor:
    """Mean of each frame and its neighbours, brought to it along the flow.

    Args:
        x: (frames, c, h, w), any range, of the size `motion` was found at.
        motion: of those frames.
        reach: neighbours on either side. One k frames away counts (1 - k / (reach + 1)) times the
            trust of the way to it; nothing is taken from the other side of a cut.
        weight: (frames,), how much each frame counts by itself; default 1.

    Returns:
        (frames, c, h, w).

    >>> still = (torch.zeros(2, 8, 8), torch.ones(1, 8, 8))
    >>> motion = Motion([still] * 2, [still] * 2, frozenset())
    >>> x = torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    >>> round(float(along_flow(x, motion, reach=1)[1].mean()), 3)
    0.25
    """
    weight = torch.ones(len(x)) if weight is None else weight.clamp_min(1e-3)

    def mean(t: int) -> Tensor:
        total = torch.full_like(x[t, :1], float(weight[t]))
        out = x[t] * total
        for s, moved, trust in _neighbours(x, motion, t, reach):
            share = (1 - abs(s - t) / (reach + 1)) * weight[s] * trust
            out += share * moved
            total += share
        return out / total

    return torch.stack(list(spread(mean, range(len(x)))))


def gathered(x: Tensor, motion: Motion, *, reach: int = GATHER, kept: float = 0.85) -> Tensor:
    """The maximum over each frame and its neighbours, warped to it along the flow.

    Evidence such as motion comes and goes; what moved a moment ago is still the subject. Arguments
    as for `along_flow`; what comes over a way that is not trusted counts less, and `kept` is what
    is left of a value from one frame to the next.
    """

    def most(t: int) -> Tensor:
        out = x[t]
        for s, moved, trust in _neighbours(x, motion, t, reach):
            out = torch.maximum(out, kept ** abs(s - t) * trust.square() * moved)
        return out

    return torch.stack(list(spread(most, range(len(x)))))


def _neighbours(
    x: Tensor, motion: Motion, t: int, reach: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Index, values and trust (1, h, w) of the frames around `t`, brought to its place."""
    for step, links in ((1, motion.ahead), (-1, motion.back)):
        way = None  # 3, h, w: vectors and trust from t to the neighbour
        for k in range(1, reach + 1):
            s = t + step * k
            if not 0 <= s < len(x) or max(s, s - step) in motion.cuts:
                break
            hop = torch.cat(links[s - 1 if step > 0 else s])
            if way is not None:
                hop = warp(hop, way[:2])
                hop = torch.cat([way[:2] + hop[:2], way[2:] * hop[2:]])
            way = hop
            yield s, warp(x[s], way[:2]), way[2:].to(x)


def guided(
    x: Tensor,
    guide: Tensor,
    *,
    radius: float = 0.04,
    eps: float = 1e-3,
    full: Tensor | None = None,
) -> Tensor:
    """The guided filter with a colour guide (He et al., ECCV 2010, eq. 19 to 21).

    Args:
        x: (frames, 1, h, w), e.g. a matte.
        guide: (frames, 3, h, w) in [0, 1]; its edges are kept.
        radius: of the windows, as a fraction of the shorter side.
        eps: variance of the guide below which a difference is texture rather than an edge.
        full: (frames, 3, H, W): the guide at another size, to carry `x` to (the fast guided filter,
            arXiv:1505.00996); default `guide`.

    Returns:
        (frames, 1, H, W), within the range of each frame of `x`.

    >>> flat = torch.full((1, 3, 16, 16), 0.5)
    >>> torch.allclose(guided(torch.ones(1, 1, 16, 16), flat), torch.ones(1, 1, 16, 16))
    True
    """
    full = guide if full is None else full
    if len(x) > TOGETHER:  # some sixty planes a frame are in hand at once
        parts = zip(x.split(TOGETHER), guide.split(TOGETHER), full.split(TOGETHER), strict=True)
        filtered = functools.partial(_guided_part, radius=radius, eps=eps)
        return torch.cat(list(spread(filtered, parts)))
    r = max(1, round(radius * min(x.shape[-2:])))
    mean_i, mean_x = box(guide, r), box(x, r)
    rows = [box(guide * guide[:, c : c + 1], r) - mean_i * mean_i[:, c : c + 1] for c in range(3)]
    covariance = torch.stack(rows, dim=1).permute(0, 3, 4, 1, 2)  # frames, h, w, 3, 3
    covariance = covariance + eps * torch.eye(3)
    cross = (box(guide * x, r) - mean_i * mean_x).permute(0, 2, 3, 1)[..., None]
    a = (_inverse3(covariance) @ cross)[..., 0].permute(0, 3, 1, 2)  # frames, 3, h, w
    b = mean_x - (a * mean_i).sum(1, keepdim=True)
    a, b = (resized(box(part, r), Size(*full.shape[-2:])) for part in (a, b))
    out = (a * full).sum(1, keepdim=True) + b
    return out.clamp(x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))


def _guided_part(part: tuple[Tensor, Tensor, Tensor], radius: float, eps: float) -> Tensor:
    x, guide, full = part
    return guided(x, guide, radius=radius, eps=eps, full=full)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(frames, c, h, w) brought to `size` (h, w): by area when smaller, smoothly when larger."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)


def box(x: Tensor, r: int) -> Tensor:
    """Mean over (2r + 1)^2 pixels, over those inside the image at its border: (frames, c, h, w)."""
    size = (2 * r + 1, 2 * r + 1)
    h, w = x.shape[-2:]
    plain = {"ddepth": -1, "normalize": False, "borderType": cv2.BORDER_CONSTANT}
    inside = cv2.boxFilter(np.ones((h, w), np.float32), ksize=size, **plain)
    planes = x.reshape(-1, h, w).numpy()  # OpenCV's running sums are ten times as fast as pooling
    sums = np.stack([cv2.boxFilter(plane, ksize=size, **plain) / inside for plane in planes])
    return torch.from_numpy(sums).view(x.shape)


def _inverse3(m: Tensor) -> Tensor:
    """Inverse of symmetric matrices (..., 3, 3) by cofactors: far cheaper than a solver's."""
    x, y, z = m.unbind(-1)
    rows = [torch.linalg.cross(p, q) for p, q in ((y, z), (z, x), (x, y))]
    return torch.stack(rows, -2) / (x * rows[0]).sum(-1)[..., None, None]
