"""Light transfer: a relit frame gives the light, the source gives the pixels.

The light (gain and glow, `relight.methods.gain_and_glow`) is fitted by the guided filter (He et
al., ECCV 2010) with a *ratio prior*: the regulariser pulls the slope towards relit / source instead
of towards zero, so that flat areas and texture take the ratio, haze lowers the gain and raises the
glow, and black takes the glow. Two surfaces in one window are kept apart: every mean is taken over
pixels of like value only (the range bins of the bilateral grid, Chen et al., SIGGRAPH 2007), so
that no halo forms between them.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, bounded_ratio, box_mean, luma, resized
from relight.methods.optical_flow import link, same_scene, warp
from relight.types import Size

FIT_SIDE = 256  # shorter side at which the map is fitted at most, in pixels
LIGHT_SIDE = 128  # shorter side at which it is kept at most: its edges return with the source's
NOISE = 0.03  # encoded value (8 codes) at which a gain above 1 is halved: black holds noise only
CONTRAST = (0.4, 1.3)  # bounds of the kept contrast, relative to the ratio
FLAT = 0.001  # variance below which even a perfect line is left to the ratio
AMISS = 0.0003  # variance about a window's line at which its surfaces are half told apart
BINS = 5  # range bins over [0, 1] that keep surfaces apart
OVERLAP = 1.5  # half width of a bin, in bins
FLOOR = 0.15  # weight of the others: a speck in a window does not get a light of its own
STILL = 0.3  # weight of a neighbour's light left in place where the flow cannot be trusted


def fit_light(
    source: Tensor, relit: Tensor, *, radius: float = 0.03, eps: float = 0.03
) -> GainGlow:
    """The light under which `source` looks like `relit`; each frame by itself.

    Args:
        source, relit: (F, 3, h, w) in [0, 1], sRGB-encoded, of one size and registered.
        radius: of the window, as a fraction of the shorter side. Smaller is nearer to the relit
            frame, larger is steadier: 0.06 suits frames that a small model drew.
        eps: variance of the source below which the ratio, above which the relit frame's own
            contrast decides.

    Returns:
        (F, 3, h', w') each, the shorter side `LIGHT_SIDE` at most.

    >>> grey = torch.full((1, 3, 32, 32), 0.4)
    >>> round(float(fit_light(grey, grey * 0.5).log_gain.mean().exp()), 1)
    0.5
    """
    source, relit = _within(source, FIT_SIDE), _within(relit, FIT_SIDE)
    side = min(source.shape[-2:])
    wide, near = max(1, round(radius * side)), max(1, round(radius / 3 * side))
    window, amiss = _affine(source, relit, wide, eps)
    guide = _without_grain(source)
    # Of dark and bright side by side the dark one's own: a gain for both would make it a dark rim.
    dark = torch.minimum(box_mean(luma(source), 2), luma(guide)).square()
    heard = dark / (dark + NOISE * NOISE)
    planes = []
    for c in range(3):
        own = slice(c, c + 1)
        values = torch.cat([source[:, own], relit[:, own]], dim=1)
        here, there = _like_means(guide[:, own], values, wide).split(1, dim=1)
        slope = torch.lerp(window[:, own], bounded_ratio(there, here).log(), amiss)
        slope = slope.clamp_max(0) + slope.clamp_min(0) * heard
        line = torch.cat([slope.exp(), there - slope.exp() * here], dim=1)
        planes.append(_like_means(guide[:, own], line, near))
    gain, glow = torch.stack(planes, dim=2).unbind(1)  # F, 3, h, w
    return GainGlow(_within(gain, LIGHT_SIDE).log(), _within(glow, LIGHT_SIDE))


def smooth_light(light: GainGlow, frames: Tensor, *, sigma: float = 2.0) -> GainGlow:
    """The light of consecutive frames without flicker: a mean over time along the flow.

    `light` is (F, 3, h, w), `frames` (F, 3, h', w') are the source at those frames, `sigma` the
    width in frames. A neighbour counts by its distance in time and by how far the flow to it can
    be trusted; where it cannot, the light stays where it was. Nothing crosses a cut.
    """
    planes = light.planes
    total, weights = planes.clone(), torch.ones_like(planes[:, :1])
    cuts: set[int] = set()  # frames that begin another scene
    for k in range(1, min(int(np.ceil(2 * sigma)), len(planes) - 1) + 1):
        for t in range(len(planes) - k):
            s = t + k
            if cuts.intersection(range(t + 1, s + 1)):
                continue
            links = link(frames[t], frames[s], Size(*planes.shape[-2:]))
            scene = min(same_scene(trust) for _, trust in links)
            if scene == 0 and k == 1:
                cuts.add(s)
            share = scene * float(np.exp(-0.5 * (k / sigma) ** 2))
            for here, there, (vectors, trust) in zip((t, s), (s, t), links, strict=True):
                trust = trust.to(planes)
                along, still = share * trust, share * STILL * (1 - trust)
                total[here] += along * warp(planes[there], vectors) + still * planes[there]
                weights[here] += along + still
    return GainGlow.from_planes(total / weights)


def _affine(source: Tensor, relit: Tensor, r: int, eps: float) -> tuple[Tensor, Tensor]:
    """Log slope of one line per window, and how far that line is from the relit frame.

    Where the line of the luminance predicts the relit frame, each channel has its own slope;
    where it does not, all keep the luminance's contrast, or edges would get coloured fringes.

    Returns:
        (F, 3, h, w); (F, 1, h, w): 0 where the line predicts the relit frame, 1 where it does not.
    """
    source, relit = (torch.cat([x, luma(x)], dim=1) for x in (source, relit))  # F, 4, h, w
    mean, relit_mean = box_mean(source, r), box_mean(relit, r)
    variance = (box_mean(source * source, r) - mean * mean).clamp_min(0)
    covariance = box_mean(source * relit, r) - mean * relit_mean
    grey = slice(3, 4)
    spread = box_mean(relit[:, grey].square(), r) - relit_mean[:, grey].square()
    rest = spread - covariance[:, grey].square() / (variance[:, grey] + 1e-6)
    amiss = rest.clamp_min(0) / (rest.clamp_min(0) + AMISS)
    ratio, pull = bounded_ratio(relit_mean, mean), eps * amiss + FLAT
    kept = ((covariance + pull * ratio) / (variance + pull) / ratio).clamp(*CONTRAST)
    kept = torch.lerp(kept[:, :3], kept[:, grey], amiss)
    return (kept * ratio[:, :3]).log(), amiss


def _like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """Means of `x` (F, c, h, w) over (2r + 1)^2 pixels whose `guide` (F, 1, h, w) is alike."""
    place = guide * (BINS - 1)
    out = torch.zeros_like(x)
    for i in range(BINS):
        away = (place - i).abs()
        weight = (1 - away / OVERLAP).clamp_min(FLOOR)
        mean = box_mean(weight * x, r) / box_mean(weight, r).clamp_min(1e-6)
        out += (1 - away).clamp_min(0) * mean  # linear between the two nearest bins
    return out


def _without_grain(x: Tensor) -> Tensor:
    """A median over 3 x 3 pixels of (F, c, h, w): grain goes, edges stay where they are."""
    planes = x.cpu().float().reshape(-1, *x.shape[-2:]).numpy()
    return torch.from_numpy(np.stack([cv2.medianBlur(p, 3) for p in planes])).view(x.shape).to(x)


def _within(x: Tensor, side: int) -> Tensor:
    """`x` (F, c, h, w) with its shorter side brought down to `side` where it is longer."""
    h, w = x.shape[-2:]
    shrink = side / min(h, w)
    return resized(x, (round(h * shrink), round(w * shrink))) if shrink < 1 else x
