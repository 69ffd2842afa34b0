"""Surfaces: what a scene is shaped like, softly, from depth or from the matte of its subject.

Without depth a subject's matte is inflated: the height whose Laplacian is constant inside it, as in
"Lumo" (Johnston, NPAR 2002) and in the inflations of Prasad and Fitzgibbon (CVPR 2006), with a
little of the picture's own relief. Normals are (x, y, z): x to the right, y down, z to the viewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from relight.errors import InputError
from relight.methods.gain_and_glow import luma
from relight.methods.spread import spread

WORK = 128
"""Shorter side at which a surface is made, in pixels: everything about it is smooth."""
STEEPEST = 2.0
"""Bound of a surface's slope: 63 degrees."""
RELIEF = 0.01
"""Height of the picture's relief where its luminance rises by 1, as a share of the shorter side:
little, as eyes and brows would dent a face."""
SOFT = 0.015
"""Blur of a matte before it is inflated, as a share of the shorter side: no creases, no edge."""
ROUND = 0.65
"""Height of an inflated matte relative to that of a ball: faces and bodies are flatter than one."""
RADIUS = 0.99
"""Spectral radius of Jacobi's iteration that its acceleration reckons with."""
BESIDE = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
"""Mean of a pixel's four neighbours."""
TOGETHER = 4
"""Frames that are inflated at once: some forty planes of each are in hand."""
DEEP = 0.5
"""Height of a depth map's whole range, as a share of the shorter side."""


@dataclass(frozen=True)
class Surface:
    """What a scene is shaped like.

    normals: (frames, 3, h, w), unit vectors.
    weight: (frames, 1, h, w) in [0, 1], where they are known: 1 inside a matte, 0 outside.
    confidence: (frames,) in [0, 1], how far the frame is to be shaded at all.
    """

    normals: Tensor
    weight: Tensor
    confidence: Tensor


class SurfaceSource(Protocol):
    """Anything that knows a scene's shape: a depth network, a clip's subject, a file of depth."""

    def __call__(self, frames: Tensor) -> Surface:
        """(frames, 3, h, w) in [0, 1], in order -> their surface, of that size."""
        ...


def inflated(
    matte: Tensor,
    frames: Tensor,
    confidence: Tensor,
    *,
    roundness: float = ROUND,
    relief: float = RELIEF,
) -> Surface:
    """The surface of a matte blown up like a balloon.

    Args:
        matte: (frames, 1, h, w) in [0, 1]; soft edges give soft shoulders.
        frames: (frames, 3, h, w) in [0, 1], whose luminance gives the relief.
        confidence: (frames,) in [0, 1], see `Surface`.
        roundness: 1 makes a disc half a ball, less something flatter.
        relief: height where the blurred luminance rises by 1, as a share of the shorter side.

    Returns:
        the surface at the matte's size.

    Raises:
        InputError: shapes that don't belong together.
    """
    f, _, h, w = matte.shape
    if tuple(frames.shape) != (f, 3, h, w) or tuple(confidence.shape) != (f,):
        raise InputError(
            f"a matte {tuple(matte.shape)}, frames {tuple(frames.shape)} and confidence "
            f"{tuple(confidence.shape)} don't belong together"
        )
    size = work_size(h, w)
    side = min(size)

    def normals(part: tuple[Tensor, Tensor]) -> Tensor:
        small, grey = _fit(part[0], size), _fit(luma(part[1]), size)
        height = roundness * inflate(blur(small, SOFT * side))
        band = blur(grey, 0.012 * side) - blur(grey, 0.08 * side)
        return _full_normals(height + relief * side * small * band, (h, w))

    parts = zip(matte.split(TOGETHER), frames.split(TOGETHER), strict=True)
    return Surface(torch.cat(list(spread(normals, parts))), matte, confidence)


def from_depth(depth: Tensor, *, deep: float = DEEP) -> Surface:
    """The surface of a depth map: a depth clip, or what a depth network found.

    Args:
        depth: (frames, 1, h, w), brighter is nearer, in [0, 1] for a whole clip alike. Its scale is
            unknown; steep steps at outlines are bounded like everything else.
        deep: height of the range 0 to 1, as a share of the shorter side.

    Returns:
        the surface at the depth's size, known everywhere.

    Raises:
        InputError: another shape, or values out of range.

    >>> flat = from_depth(torch.full((1, 1, 32, 32), 0.5))
    >>> bool((flat.normals[0, 2] == 1).all())
    True
    """
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise InputError(f"depth is (frames, 1, h, w) in [0, 1], not {tuple(depth.shape)}")
    low, high = float(depth.min()), float(depth.max())
    if not (math.isfinite(low) and low >= 0 and high <= 1):
        raise InputError(f"depth holds values in [0, 1], not {low:g} to {high:g}")
    h, w = depth.shape[-2:]
    size = work_size(h, w)
    height = _fit(depth.float(), size) * deep * min(size)
    known = torch.ones_like(depth, dtype=torch.float32)
    return Surface(_full_normals(height, (h, w)), known, torch.ones(len(depth)))


def work_size(h: int, w: int) -> tuple[int, int]:
    """Size at which the surface of frames (h, w) is made."""
    scale = min(1.0, WORK / min(h, w))
    return round(h * scale), round(w * scale)


def inflate(matte: Tensor) -> Tensor:
    """Height (frames, 1, h, w) in pixels of a matte blown up: a disc gives half a sphere.

    2 sqrt(u) with Laplacian(u) = -1 inside and u = 0 outside; the picture's own border reflects,
    so that what it cuts off goes on beyond it. Solved from coarse to fine.

    >>> y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    >>> disc = (((x - 32) ** 2 + (y - 32) ** 2) < 20**2).float()[None, None]
    >>> bool(abs(inflate(disc).max() - 20) < 1)
    True
    """
    levels = [matte]
    while min(levels[-1].shape[-2:]) > 12:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    u = torch.zeros_like(levels[-1])
    for i, inside in reversed(list(enumerate(levels))):
        u = F.interpolate(u, inside.shape[-2:], mode="bilinear", align_corners=False)
        u = _relaxed(u, inside, area=4.0**i, rounds=40 if i == len(levels) - 1 else 24)
    return 2 * u.clamp_min(0).sqrt()


def _relaxed(u: Tensor, inside: Tensor, area: float, rounds: int) -> Tensor:
    """Jacobi's iteration of Laplacian(u) = -1 over pixels of `area`, Chebyshev-accelerated."""
    begin, parts = (x[:, 0].detach().cpu().float().numpy() for x in (u, inside))
    planes = zip(begin, parts, strict=True)
    found = np.stack([_relaxed_plane(one, part, area, rounds) for one, part in planes])
    return torch.from_numpy(found)[:, None].to(u)


def _relaxed_plane(u: np.ndarray, inside: np.ndarray, area: float, rounds: int) -> np.ndarray:
    before, omega = u.copy(), 1.0
    for k in range(rounds):
        mean = cv2.filter2D(u, -1, BESIDE, borderType=cv2.BORDER_REPLICATE)
        mean += area / 4
        mean *= inside
        if k:
            omega = 1 / (1 - RADIUS**2 * (omega / 4 if k > 1 else 0.5))
        mean -= before
        mean *= omega
        mean += before
        before, u = u, mean
    return u


def normals_of(height: Tensor) -> Tensor:
    """Unit normals (frames, 3, h, w) of a height (frames, 1, h, w) in pixels, slopes bounded.

    >>> slope = torch.arange(8.0).expand(1, 1, 8, 8)
    >>> [round(float(v), 2) for v in normals_of(slope)[0, ::2, 4, 4]]
    [-0.67, 0.75]
    """
    around = F.pad(height, (1, 1, 1, 1), mode="replicate")
    gx = (around[..., 1:-1, 2:] - around[..., 1:-1, :-2]) / 2
    gy = (around[..., 2:, 1:-1] - around[..., :-2, 1:-1]) / 2
    bound = 1 / (1 + (gx.square() + gy.square()) / STEEPEST**2).sqrt()
    return unit(torch.cat([-gx * bound, -gy * bound, torch.ones_like(gx)], dim=1))


def unit(vectors: Tensor) -> Tensor:
    """Vectors (frames, 3, h, w) at length 1. PyTorch's `normalize` takes thirty times as long.

    >>> unit(torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1)).flatten().tolist()
    [0.6000000238418579, 0.0, 0.800000011920929]
    """
    return vectors / vectors.square().sum(1, keepdim=True).sqrt().clamp_min(1e-12)


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (frames, c, h, w), sigma in pixels, the border repeated."""
    reach = max(1, math.ceil(2.5 * sigma))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1.0) / max(sigma, 1e-3)) ** 2)
    line = line / line.sum()
    planes = x.detach().cpu().float().flatten(0, 1).numpy()
    out = [  # five times as fast as PyTorch's convolution of one channel
        cv2.sepFilter2D(plane, -1, line, line, borderType=cv2.BORDER_REPLICATE) for plane in planes
    ]
    return torch.from_numpy(np.stack(out)).view(x.shape).to(x)


def _full_normals(height: Tensor, size: tuple[int, int]) -> Tensor:
    return unit(_fit(normals_of(blur(height, 0.01 * min(height.shape[-2:]))), size))


def _fit(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
