"""Detail agreement: the frames of an enlarged clip share what was added to them, along the motion.

What a guide adds to a bicubic enlargement is a guess, made anew in every frame, and trembles. Here
each frame's detail becomes the mean of its own and its neighbours', brought to it along the
source's optical flow and weighted by how far that can be trusted (the recursive form of it is
Upscale-A-Video's propagation, arXiv:2312.06640, eq. 4; a window of fixed length makes chunks of a
clip independent of each other):

    d_t' = (d_t + sum_s c_ts warp(d_s, f_ts)) / (1 + sum_s c_ts),      0 < |s - t| <= REACH

Back-projection then takes half of what the result has lost of its own frame back: all of it would
bring that frame's tremble back, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.back_projection import back_project, larger
from relight.methods.optical_flow import link
from relight.types import Size

REACH = 2
"""Frames on each side that share their detail."""
OWN = 0.5
"""How far a frame is made to agree with its own small one, where nothing else is said."""


def agreed(frames: Iterable[tuple[Tensor, Tensor]], own: float = OWN) -> Iterator[Tensor]:
    """Each large frame with the detail it shares with its neighbours.

    Frames are taken and given one by one; 2 `REACH` + 1 are held.

    Args:
        frames: (small, large) of each frame in order: (3, h, w) in [0, 1] and (3, H, W), about
            [0, 1].
        own: how far a frame is made to agree with its own small one, 0 to 1.

    Yields:
        (3, H, W) of each, not clamped.

    >>> small, large = torch.full((3, 8, 8), 0.5), torch.full((3, 16, 16), 0.5)
    >>> grain = [large + 0.1, large - 0.1]
    >>> [round(frame.mean().item(), 3) for frame in agreed((small, one) for one in grain)]
    [0.5, 0.5]
    """
    held: deque[_Held] = deque()
    given = 0  # index, in `held`, of the next frame to give
    for small, large in frames:
        held.append(_Held(small, large))
        for other in list(held)[-REACH - 1 : -1]:
            held[-1].connect(other)
        if len(held) - given > REACH:
            yield held[given].shared(own)
            given += 1
        if given > REACH:
            held.popleft().leave()
            given -= 1
    for one in list(held)[given:]:
        yield one.shared(own)


@dataclass(eq=False)
class _Held:
    small: Tensor
    large: Tensor
    links: list[tuple[_Held, Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = larger(self.small[None], Size(*self.large.shape[-2:]))[0]
        self.detail = self.large - self.base

    def connect(self, other: _Held) -> None:
        """Flow and trust of both ways, at the size of the small frames."""
        size = self.small.shape[-2:]
        (there, trust), (back, trust_back) = link(self.small, other.small, (size[0], size[1]))
        self.links.append((other, there, trust))
        other.links.append((self, back, trust_back))

    def shared(self, own: float) -> Tensor:
        """The frame with the mean of its detail and its neighbours'."""
        total, weights = self.detail.clone(), torch.ones_like(self.detail[:1])
        height, width = self.detail.shape[-2:]
        scale = torch.tensor([width / self.small.shape[-1], height / self.small.shape[-2]])
        for other, flow, trust in self.links:
            flow = _fitted(flow, height, width) * scale.view(2, 1, 1)
            trust = _fitted(trust, height, width)
            total += trust * _moved(other.detail, flow)
            weights += trust
        shared = (self.base + total / weights)[None]
        return back_project(shared, self.small[None], weight=own)[0]

    def leave(self) -> None:
        """Let go of the neighbours, which hold this frame in turn."""
        for other, _, _ in self.links:
            other.links = [one for one in other.links if one[0] is not self]
        self.links.clear()


def _fitted(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x[None], (height, width), mode="bilinear", align_corners=False)[0]


def _moved(x: Tensor, flow: Tensor) -> Tensor:
    """`x` (c, h, w) read at every pixel plus `flow`, bicubic: bilinear would soften the detail."""
    height, width = flow.shape[-2:]
    down = torch.arange(height).view(height, 1) + flow[1]
    across = torch.arange(width).view(1, width) + flow[0]
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1)
    return F.grid_sample(
        x[None], grid[None].to(x), mode="bicubic", padding_mode="border", align_corners=False
    )[0]
