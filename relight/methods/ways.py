"""The ways that light takes to a frame: from the reference, and from the frame before it.

They depend on the frames alone, not on any light: many can be found at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import box_max, box_mean, resized
from relight.methods.light_transfer import black
from relight.methods.optical_flow import apart, as_tensor, lengths, one_way, same_scene, warp
from relight.methods.smoothstep import smoothstep

OTHER = 0.12  # difference of two frames' thumbnails from which a flow that fails means a cut
BESIDE = 8  # pixels from what is unmoved at which black is taken not to have moved either
OUTLINE = 3  # pixels that an outline shares with black
SAME = (2 / 255, 6 / 255)  # difference of blurred values up to which a pixel is the same, or not


@dataclass(frozen=True, eq=False)
class Ways:
    """From a frame to the one before it (near) and to the reference (far).

    near_flow, far_flow: (2, h, w) in pixels. near, far: how far light that comes along them can be
    trusted, (1, h, w) in [0, 1]. stays: where the frame looks as the reference does, (1, h, w) in
    [0, 1]. cut: the frame before is of another scene.
    """

    near_flow: Tensor
    near: Tensor
    far_flow: Tensor
    far: Tensor
    stays: Tensor
    cut: bool


def ways_of(
    frame: np.ndarray,
    before: np.ndarray,
    reference: np.ndarray,
    size: tuple[int, int],
    near: tuple[Tensor, Tensor] | None = None,
) -> Ways:
    """The ways from a frame, at a size.

    Args:
        frame, before, reference: (h', w', 3) uint8; `before` may be `reference` itself.
        size: (h, w) of the light. near: flow and trust from `frame` to `before`, at that size;
            None: found here.

    >>> frame = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    >>> ways = ways_of(frame, frame, frame, (16, 24))
    >>> ways.cut, float(ways.stays.min())
    (False, 1.0)
    """
    near_flow, trust = near or one_way(frame, before, size)
    far_flow, far = near_flow, trust
    if before is not reference:
        far_flow, far = one_way(frame, reference, size)
    stays = unmoved(frame, reference, size)
    scene = same_scene(torch.maximum(far, stays))  # what is even has no flow to be trusted
    stays = stays * scene
    beside = unmoved(frame, before, size)
    return Ways(
        near_flow=near_flow,
        near=trust * _inside(near_flow) * (1 - _stayed(beside, near_flow)),
        far_flow=far_flow,
        far=far * _inside(far_flow) * scene * (1 - _stayed(stays, far_flow)),
        stays=stays,
        cut=same_scene(trust) == 0 and apart(frame, before) > OTHER,
    )


def unmoved(a: np.ndarray, b: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Where two frames look the same in place: (1, h, w) in [0, 1], of the given size.

    A flow says anything where there is nothing to see, as in a black background; what looks the
    same, with all that is around it, is best taken not to have moved. Beside that, black stays
    however near something moves; what an outline shares in `b` is not black.

    >>> frame = np.full((32, 48, 3), 90, np.uint8)
    >>> other = frame.copy()
    >>> other[:, :20] = 200
    >>> [float(unmoved(frame, other, (16, 24))[0, 8, x]) for x in (2, 20)]
    [0.0, 1.0]
    """
    here, there = as_tensor(a), as_tensor(b)
    apart = (here - there).abs().amax(0, keepdim=True)[None]
    same = 1 - smoothstep(box_max(box_mean(apart, 2), 3), *SAME)
    full = torch.maximum(1 - black(here)[None], box_max(1 - black(there)[None], OUTLINE))
    stays = torch.maximum(same, (1 - full) * box_max(same, BESIDE))
    return resized(stays, size)[0]


def _stayed(stays: Tensor, flow: Tensor) -> Tensor:
    """How surely a look-up (2, h, w) ends on what never left its place, (1, h, w): what is here
    can't have come from there."""
    far = (lengths(flow) - 1).clamp(0, 1)
    return far * warp(stays, flow)


def _inside(flow: Tensor) -> Tensor:
    """1 where a look-up (2, h, w) stays inside the frame, 0 a pixel or more outside: (1, h, w)."""
    h, w = flow.shape[-2:]
    x, y = torch.arange(w) + flow[0], torch.arange(h)[:, None] + flow[1]
    out = torch.maximum((-x).clamp_min(x - (w - 1)), (-y).clamp_min(y - (h - 1)))
    return (1 - out.clamp_min(0)).clamp_min(0)[None]
