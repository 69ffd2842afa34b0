"""Latent propagation: frames agree on their detail along the motion (arXiv:2312.06640, sec. 3.3).

Upscale-A-Video mixes, at some denoising steps, each frame's predicted clean latents with those of
the frame before, moved along the source's optical flow, and then the same from the end of the clip:

    x0_t <- x0_t + w m_t (warp(x0_{t-1}) - x0_t),       m: where the flow can be trusted

Here only what differs from the guide is mixed, the detail that was drawn: the guide moves as the
source does already, and would only lose by being resampled.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from relight.methods.optical_flow import link, warp
from relight.types import Size


class LatentPropagation:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        reference: clean latents of the guide, in the shape of x0: (1, c, frames, h, w).
        source: (frames, 3, H, W) in [0, 1], any size: the frames whose motion is followed.
        weight: w, 0 to 1: part of a frame's detail that comes from its neighbour.

    >>> still = torch.rand(1, 3, 64, 64, generator=torch.manual_seed(0)).repeat(2, 1, 1, 1)
    >>> edit = LatentPropagation(torch.zeros(1, 4, 2, 8, 8), still, weight=0.5)
    >>> x0 = torch.zeros(1, 4, 2, 8, 8)
    >>> x0[:, :, 1] = 1  # detail of one frame alone
    >>> agreed = edit(x0, 0, torch.tensor(0)).mean((0, 1, 3, 4))
    >>> (agreed[1] - agreed[0] < 0.5).item()
    True
    """

    def __init__(self, reference: Tensor, source: Tensor, weight: float) -> None:
        self.reference, self.weight = reference, weight
        size = Size(*reference.shape[-2:])
        self.links = [link(a, b, size) for a, b in pairwise(source)]

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor:
        """x0 float32 -> x0'."""
        reference = self.reference.to(x0)
        detail = list((x0 - reference)[0].unbind(1))  # frames of (c, h, w)
        for i, (_, (back, trust)) in enumerate(self.links):
            detail[i + 1] = self._mixed(detail[i + 1], detail[i], back, trust)
        for i, ((there, trust), _) in reversed(list(enumerate(self.links))):
            detail[i] = self._mixed(detail[i], detail[i + 1], there, trust)
        return reference + torch.stack(detail, dim=1)[None]

    def _mixed(self, own: Tensor, other: Tensor, flow: Tensor, trust: Tensor) -> Tensor:
        return own + self.weight * trust.to(own) * (warp(other, flow) - own)
