"""Detail agreement: the frames of an enlarged clip share what is seen in them, along the motion.

What a guide adds to a bicubic enlargement is a guess, made anew in every frame, and trembles; so
does what the enlargement itself shows of fine patterns, which fall on other pixels in each frame.
Here both, the enlargement b and the guide's detail d, become the mean of the frame's own and its
neighbours', brought to it along the source's optical flow and weighted by how far that can be
trusted (the recursive form is Upscale-A-Video's propagation, arXiv:2312.06640, eq. 4; a window of
fixed length makes chunks of a clip independent of each other):

    y_t' = (y_t + sum_s w_ts warp(y_s, f_ts)) / (1 + sum_s w_ts),      0 < |s - t| <= REACH
    w_ts = c_ts exp(-|warp(x_s, f_ts) - x_t|^2 / tolerance^2)

with y = b and x the whole frame, then y = x = d. Where two frames differ by more than a tremble, as
where the flow is a little off, each keeps its own, and stays sharp. What a mean takes from the
detail is given back: x_t' = b_t' + (1 + SOFTENED (1 - 1 / sum w)) d_t'. The flow between neighbours
leads on to those behind them.

The result wants one round of back-projection to the frame's own small one (`ROUNDS`): neighbours
that show the same place on other pixels are then detail that is really there, as in multi-frame
super-resolution (Irani & Peleg 1991, eq. 2), and less is undone by a second round of it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.back_projection import larger
from relight.methods.optical_flow import WORK, link, warp
from relight.types import Size

REACH = 2
"""Frames on each side that share what they show."""
ROUNDS = 1
"""Of back-projection afterwards; two bring most of the tremble back."""
FLOW_SIDE = 640
"""Long side, in pixels, at which the flow is found at most: detail must meet to a pixel or so."""
ALIKE = 0.05
"""Difference, of a range of 1, at which a place counts as another one. Of .03, .05 and .08 the one
that keeps grain and lowers flicker; .08 is no truer."""
DETAIL_ALIKE = 0.08
"""The same of detail: of .05, .08 and .12, with which flicker is at most 1.06 times a bicubic
clip's, the sharpest."""
SOFTENED = 0.08
"""Part of its strength that detail loses where all frames share it: with it a clip is as sharp as a
picture by itself, and truer (`python -m examples.upscale_table`)."""


def agreed(
    frames: Iterable[tuple[Tensor, Tensor]], first: int = 0, last: int | None = None
) -> Iterator[Tensor]:
    """Each large frame with what it shares with its neighbours.

    Frames are taken and given one by one; 2 `REACH` + 1 are held.

    Args:
        frames: (small, large) of each frame in order: (3, h, w) in [0, 1] and (3, H, W), about
            [0, 1], not back-projected.
        first, last: of the frames that are given back; others are there as neighbours alone.

    Yields:
        (3, H, W) of each, not clamped.

    >>> small, large = torch.full((3, 8, 8), 0.5), torch.full((3, 16, 16), 0.5)
    >>> grain = [large + 0.01, large - 0.01]
    >>> [round(frame.mean().item(), 2) for frame in agreed((small, one) for one in grain)]
    [0.5, 0.5]
    """
    wanted = range(first, sys.maxsize if last is None else last)
    for index, one in enumerate(_with_neighbours(frames)):
        if index in wanted:
            yield one.shared()


def _with_neighbours(frames: Iterable[tuple[Tensor, Tensor]]) -> Iterator[_Held]:
    """Each frame as soon as those that it shares with are there."""
    held: deque[_Held] = deque()
    given = 0  # index, in `held`, of the next frame to give
    for small, large in frames:
        held.append(_Held(small, large))
        if len(held) > 1:
            held[-1].connect(held[-2])
        if len(held) - given > REACH:
            yield held[given]
            given += 1
        if given > REACH:
            held.popleft().leave()
            given -= 1
    yield from list(held)[given:]


Link = tuple[Tensor, Tensor]
"""Where each pixel of a frame is in another one (2, h, w), and how far that holds (1, h, w)."""


@dataclass(eq=False)
class _Held:
    small: Tensor
    large: InitVar[Tensor]
    before: _Held | None = None
    after: _Held | None = None
    to_before: Link | None = None
    to_after: Link | None = None

    def __post_init__(self, large: Tensor) -> None:
        small = self.small[None].to(large)
        self.base = larger(small, Size(*large.shape[-2:]))[0]
        self.detail = large - self.base

    def connect(self, before: _Held) -> None:
        """Flow and trust to the frame before and from it, as fine as they are found."""
        height, width = self.small.shape[-2:]
        shrink = min(FLOW_SIDE / max(height, width), 1.0)
        size = (max(round(height * shrink), 1), max(round(width * shrink), 1))
        links = link(self.small, before.small, size, max(*size, WORK))
        self.to_before, before.to_after = links
        self.before, before.after = before, self

    def neighbours(self, *, later: bool) -> Iterator[tuple[_Held, Link]]:
        """Up to `REACH` frames on one side, and the way to each, step by step."""
        frame, way = self, None
        for _ in range(REACH):
            step = frame.to_after if later else frame.to_before
            following = frame.after if later else frame.before
            if step is None or following is None:
                return
            way = step if way is None else _joined(way, step)
            frame = following
            yield frame, way

    def shared(self) -> Tensor:
        """The frame with the mean of what it and its neighbours show."""
        whole = self.base + self.detail
        base, detail = self.base.clone(), self.detail.clone()
        bases, details = torch.ones_like(base[:1]), torch.ones_like(base[:1])
        height, width = base.shape[-2:]
        for later in (False, True):
            for other, (flow, trust) in self.neighbours(later=later):
                scale = torch.tensor([width / flow.shape[-1], height / flow.shape[-2]])
                flow = _fitted((flow * scale.view(2, 1, 1)).to(base), height, width)
                trust = _fitted(trust.to(base), height, width)
                moved = _moved(other.detail, flow)
                weight = trust * _alike(moved, self.detail, DETAIL_ALIKE)
                detail.addcmul_(weight, moved)
                details += weight
                under = _moved(other.base, flow)
                weight = trust * _alike(moved.add_(under), whole, ALIKE)
                base.addcmul_(weight, under)
                bases += weight
        strength = (1 + SOFTENED) - SOFTENED / details
        return base.div_(bases).addcmul_(detail.div_(details), strength)

    def leave(self) -> None:
        """Let go of the frame after, which holds this one in turn."""
        if self.after is not None:
            self.after.before = self.after.to_before = None
        self.after = self.to_after = None


def _joined(way: Link, step: Link) -> Link:
    """One way, then another from where it ends."""
    flow, trust = way
    return flow + warp(step[0], flow), trust * warp(step[1], flow)


def _alike(a: Tensor, b: Tensor, tolerance: float) -> Tensor:
    """How far two pictures (c, h, w) may show one thing: (1, h, w) in [0, 1]."""
    apart = (a - b).square_().mean(0, keepdim=True)
    return torch.exp(F.avg_pool2d(apart[None], 3, 1, 1)[0] / -(tolerance**2))


def _fitted(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x[None], (height, width), mode="bilinear", align_corners=False)[0]


def _moved(x: Tensor, flow: Tensor) -> Tensor:
    """`x` (c, h, w) read at every pixel plus `flow`, bicubic: bilinear would soften the detail."""
    height, width = flow.shape[-2:]
    down = torch.arange(height, device=flow.device).view(height, 1) + flow[1]
    across = torch.arange(width, device=flow.device).view(1, width) + flow[0]
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1)
    return F.grid_sample(
        x[None], grid[None].to(x), mode="bicubic", padding_mode="border", align_corners=False
    )[0]
