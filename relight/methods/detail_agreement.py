"""Detail agreement: the frames of an enlarged clip share what was added to them, along the motion.

What a guide adds to a bicubic enlargement is a guess, made anew in every frame, and trembles. Here
each frame's detail becomes the mean of its own and its neighbours', brought to it along the
source's optical flow and weighted by how far that can be trusted (the recursive form of it is
Upscale-A-Video's propagation, arXiv:2312.06640, eq. 4; a window of fixed length makes chunks of a
clip independent of each other):

    d_t' = (d_t + sum_s w_ts warp(d_s, f_ts)) / (1 + sum_s w_ts),      0 < |s - t| <= REACH
    w_ts = c_ts exp(-|warp(d_s, f_ts) - d_t|^2 / ALIKE^2)

Where two frames' details differ by more than a tremble, as where the flow is a little off, each
keeps its own, and stays sharp. Nothing is back-projected any more: that would bring the tremble of
each frame back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.back_projection import larger
from relight.methods.optical_flow import WORK, link
from relight.types import Size

REACH = 2
"""Frames on each side that share their detail."""
FLOW_SIDE = 640
"""Long side, in pixels, at which the flow is found at most: detail must meet to a pixel or so."""
ALIKE = 0.08
"""Difference, of a range of 1, at which detail counts as another's: of .02, .04 and .08 the one
that keeps flicker within 1.1 times that of bicubic clips; no less true than the others."""


def agreed(frames: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
    """Each large frame with the detail it shares with its neighbours.

    Frames are taken and given one by one; 2 `REACH` + 1 are held.

    Args:
        frames: (small, large) of each frame in order: (3, h, w) in [0, 1] and (3, H, W), about
            [0, 1].

    Yields:
        (3, H, W) of each, not clamped.

    >>> small, large = torch.full((3, 8, 8), 0.5), torch.full((3, 16, 16), 0.5)
    >>> grain = [large + 0.01, large - 0.01]
    >>> [round(frame.mean().item(), 2) for frame in agreed((small, one) for one in grain)]
    [0.5, 0.5]
    """
    held: deque[_Held] = deque()
    given = 0  # index, in `held`, of the next frame to give
    for small, large in frames:
        held.append(_Held(small, large))
        for other in list(held)[-REACH - 1 : -1]:
            held[-1].connect(other)
        if len(held) - given > REACH:
            yield held[given].shared()
            given += 1
        if given > REACH:
            held.popleft().leave()
            given -= 1
    for one in list(held)[given:]:
        yield one.shared()


@dataclass(eq=False)
class _Held:
    small: Tensor
    large: InitVar[Tensor]
    links: list[tuple[_Held, Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self, large: Tensor) -> None:
        small = self.small[None].to(large)
        self.base = larger(small, Size(*large.shape[-2:]))[0]
        self.detail = large - self.base

    def connect(self, other: _Held) -> None:
        """Flow and trust of both ways, as fine as they are found."""
        height, width = self.small.shape[-2:]
        shrink = min(FLOW_SIDE / max(height, width), 1.0)
        size = (max(round(height * shrink), 1), max(round(width * shrink), 1))
        (there, trust), (back, back_trust) = link(self.small, other.small, size, max(*size, WORK))
        self.links.append((other, there, trust))
        other.links.append((self, back, back_trust))

    def shared(self) -> Tensor:
        """The frame with the mean of its detail and its neighbours'."""
        total, weights = self.detail.clone(), torch.ones_like(self.detail[:1])
        height, width = self.detail.shape[-2:]
        for other, flow, trust in self.links:
            scale = torch.tensor([width / flow.shape[-1], height / flow.shape[-2]])
            flow = _fitted((flow * scale.view(2, 1, 1)).to(total), height, width)
            trust = _fitted(trust.to(total), height, width)
            moved = _moved(other.detail, flow)
            weight = trust * _alike(moved, self.detail)
            total.addcmul_(weight, moved)
            weights += weight
        return total.div_(weights).add_(self.base)

    def leave(self) -> None:
        """Let go of the neighbours, which hold this frame in turn."""
        for other, _, _ in self.links:
            other.links = [one for one in other.links if one[0] is not self]
        self.links.clear()


def _alike(a: Tensor, b: Tensor) -> Tensor:
    """How far two details (c, h, w) may be one: (1, h, w) in [0, 1]."""
    apart = (a - b).square_().mean(0, keepdim=True)
    return torch.exp(F.avg_pool2d(apart[None], 3, 1, 1)[0] / -(ALIKE**2))


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
