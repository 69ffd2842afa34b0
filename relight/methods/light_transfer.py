"""Light transfer: a relit frame gives the light, the source gives the pixels.

The light (gain and glow, `relight.methods.gain_and_glow`) is fitted by the guided filter (He et
al., ECCV 2010) with a *ratio prior*: the regulariser pulls the slope towards relit / source instead
of towards zero, so that flat areas and texture take the ratio, haze lowers the gain and raises the
glow, and black takes the glow. Two surfaces in one window are kept apart: every mean is taken over
pixels of like colour only (`relight.methods.like_colours`), so that no halo forms between them.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, bounded_ratio, box_max, box_mean, luma, resized
from relight.methods.like_colours import LikeColours
from relight.methods.optical_flow import AtWork, Links, link, same_scene, warp
from relight.methods.smoothstep import smoothstep
from relight.methods.spread import one_thread, spread
from relight.types import Size

FIT_SIDE = 256  # shorter side at which the map is fitted at most, in pixels
LIGHT_SIDE = 128  # shorter side at which it is kept at most: its edges return with the source's
NOISE = 0.04  # encoded value (10 codes) at which a gain above 1 is halved: noise, a codec's blocks
CONTRAST = (0.4, 1.3)  # bounds of the kept contrast, relative to the ratio
FLAT = 0.001  # variance below which even a perfect line is left to the ratio
TINTED = 0.15  # radius around a dark channel that tells the light's tint, of the shorter side
THIN = 0.2  # encoded value at which a channel counts for half in the light's own tint
AMISS = 0.0003  # variance about a window's line at which its surfaces are separated by half
BLACK = (0.02, 0.05)  # brightest channel up to which a pixel is black, and from where not
ENOUGH = (0.05, 0.2)  # part of a window that is black, for black to have its own light
PALE = 0.02  # encoded value that is added where colours are compared: black has none
REDRAWN = (0.2, 0.7)  # distance from a small window's line: as the source, or drawn anew
PLACED = 1  # pixels by which a colour that is known may be out of its place
SHARED = 2  # pixels from black at which a pixel may be partly black
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
    with one_thread():
        pairs = zip(source.split(1), relit.split(1), strict=True)
        lights = list(spread(lambda pair: _fitted(*pair, radius, eps).planes, pairs))
    return GainGlow.from_planes(torch.cat(lights))


def _fitted(source: Tensor, relit: Tensor, radius: float, eps: float) -> GainGlow:
    """`fit_light` of one frame."""
    source, relit = _within(source, FIT_SIDE), _within(relit, FIT_SIDE)
    side = min(source.shape[-2:])
    wide, near = max(1, round(radius * side)), max(1, round(radius / 3 * side))
    window, amiss = _affine(source, relit, wide, eps)
    guide = _without_grain(source)
    # Of dark and bright side by side the dark one's own: a gain for both would make it a dark rim.
    # The same of a channel that is dark, as red is in teal: what it shows is glow.
    grey = torch.minimum(box_mean(luma(source), 2), luma(guide))
    dark = grey * torch.minimum(box_mean(source, 2), guide)
    heard = dark / (dark + NOISE * NOISE)
    alike, both = LikeColours(guide[0]), torch.cat([source, relit], dim=1)
    here, there = alike.means(both[0], [wide])[0][None].split(3, dim=1)
    slope = torch.lerp(window, bounded_ratio(there, here).log(), amiss)
    slope = _tint_of_bright(slope, source, here, max(1, round(TINTED * side)))
    slope = slope.clamp_max(0) + slope.clamp_min(0) * heard
    line = torch.cat([slope.exp(), there - slope.exp() * here], dim=1)
    line = alike.means(line[0], [near])[0][None]
    line = _black_alone(line, torch.maximum(source, guide), source, relit, (wide + near) // 2)
    _, redrawn = _affine(source, relit, near, eps)
    line = of_its_colours(line, source, relit, smoothstep(redrawn, *REDRAWN))
    gain, glow = line.split(3, dim=1)
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
    seen = list(spread(AtWork, frames))

    def linked(t: int) -> tuple[int, Links]:
        return t, link(seen[t], seen[t + k], Size(*planes.shape[-2:]))

    for k in range(1, min(int(np.ceil(2 * sigma)), len(planes) - 1) + 1):
        pairs = (t for t in range(len(planes) - k) if cuts.isdisjoint(range(t + 1, t + k + 1)))
        for t, links in spread(linked, pairs):
            s = t + k
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


def black(x: Tensor) -> Tensor:
    """How nearly (..., 3, h, w) is black, where light is all glow: (..., 1, h, w) in [0, 1].

    >>> black(torch.tensor([0.01, 0.5]).expand(3, 1, 2)).tolist()
    [[[1.0, 0.0]]]
    """
    return 1 - smoothstep(x.amax(-3, keepdim=True), *BLACK)


def shared_pixels(line: Tensor, guide: Tensor, sure: Tensor) -> Tensor:
    """Gain and glow (F, 6, h, w) with those of the pixels that black and a surface share.

    They are of no kind of their own: each has as much of the surface's light as of its colour.

    Args:
        line: gain (not its logarithm) and glow.
        guide: (F, 3, h, w) in [0, 1], the frame they are for.
        sure: (F, 1, h, w) in [0, 1], how far the light of black there is known.
    """
    dark, grey = black(guide), luma(guide)
    share = (grey / box_max(grey, SHARED).clamp_min(1e-3)).clamp(0, 1)
    whole = smoothstep(share, 0.6, 0.9) * (1 - dark)
    backdrop, surface = (
        box_mean(weight * line, SHARED) / box_mean(weight, SHARED)
        for weight in (dark.clamp_min(1e-4), whole.clamp_min(1e-4))
    )
    here = box_max(dark, SHARED) * (1 - dark) * (1 - whole) * sure
    return torch.lerp(line, torch.lerp(backdrop, surface, share), here)


def of_its_colours(
    line: Tensor, source: Tensor, relit: Tensor, redrawn: Tensor | float, at: Tensor | None = None
) -> Tensor:
    """Gain and glow that give no colour which the relit frame has not got there.

    One glow for light and dark red makes the dark one green. Where the relit frame has what the
    source has, a pixel gets its own colour; elsewhere any that is beside it, or grain would come
    along.

    Args:
        line: gain (not its logarithm) and glow, (F, 6, h, w).
        source, relit: (F, 3, h, w) in [0, 1].
        redrawn: how far the relit frame shows something else, (F, 1, h, w) in [0, 1].
        at: the source where the relit frame is from, (F, 3, h, w); None: `source`. By what its
            colours have not got, those that the light gives may differ.

    >>> red, gold = (torch.tensor(c).view(1, 3, 1, 1) for c in ([0.4, 0.0, 0.0], [0.4, 0.3, 0.1]))
    >>> line = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.3, 0.1]).view(1, 6, 1, 1)
    >>> gain, glow = of_its_colours(line, red / 4, gold, 0.0).split(3, dim=1)
    >>> [round(float(x), 2) for x in (red / 4 + glow).flatten()]  # not 0.1, 0.3, 0.1
    [0.32, 0.24, 0.08]
    """
    gain, glow = line.split(3, dim=1)
    lit, known = (gain * source + glow).clamp_min(0), _chroma(relit)
    least, most = (torch.lerp(known, bound, redrawn) for bound in _around(known))
    if at is not None:
        own, (lowest, highest) = _chroma(source), _around(_chroma(at))
        least, most = least + (own - lowest).clamp_max(0), most + (own - highest).clamp_min(0)
    bounded = torch.maximum(torch.minimum(_chroma(lit), most), least)
    bounded = bounded * luma(lit + PALE) / luma(bounded)
    return torch.cat([gain, glow + bounded - PALE - lit], dim=1)


def _around(x: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and highest value at each pixel and beside it."""
    return -box_max(-x, PLACED), box_max(x, PLACED)


def _chroma(x: Tensor) -> Tensor:
    """Colours (F, 3, h, w) over their luminance."""
    return (x + PALE) / luma(x + PALE)


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


def _tint_of_bright(slope: Tensor, source: Tensor, here: Tensor, r: int) -> Tensor:
    """Log slopes (F, 3, h, w) whose tint is that of the light around where a channel is dark.

    A ratio says little where there was little: what a red cloth's green becomes is how it was drawn
    anew, not the lamp. Its tint is taken from bright channels all around; the rest becomes glow.

    source: (F, 3, h, w) in [0, 1]. here: its means over pixels of like colour.
    """
    grey = slope.mean(1, keepdim=True)
    tint = slope - grey
    around = box_mean(source * tint, r) / box_mean(source, r).clamp_min(1e-3)
    plenty = here.square() / (here.square() + THIN * THIN)
    return grey + torch.lerp(around, tint, plenty)


def _black_alone(line: Tensor, guide: Tensor, source: Tensor, relit: Tensor, r: int) -> Tensor:
    """Gain and glow (F, 6, h, w) with those of black found from black alone.

    Black shows what a glow adds and nothing else. What is white beside it would take its share of
    that, even as one pixel in ten of its kind, and leave a dark rim in a background that is lit.
    """
    dark = black(guide)
    weight = dark.clamp_min(1e-4)
    values = torch.cat([line[:, :3], source, relit], dim=1)
    gain, here, there = (box_mean(weight * values, r) / box_mean(weight, r)).split(3, dim=1)
    gain = gain.clamp_max(1)
    own = torch.cat([gain, there - gain * here], dim=1)
    sure = smoothstep(box_mean(dark, r), *ENOUGH)
    line = torch.lerp(line, own, dark * sure)
    return shared_pixels(line, guide, sure)


def _without_grain(x: Tensor) -> Tensor:
    """A median over 3 x 3 pixels of (F, c, h, w): grain goes, edges stay where they are."""
    planes = x.cpu().float().reshape(-1, *x.shape[-2:]).numpy()
    return torch.from_numpy(np.stack([cv2.medianBlur(p, 3) for p in planes])).view(x.shape).to(x)


def _within(x: Tensor, side: int) -> Tensor:
    """`x` (F, c, h, w) with its shorter side brought down to `side` where it is longer."""
    h, w = x.shape[-2:]
    shrink = side / min(h, w)
    return resized(x, (round(h * shrink), round(w * shrink))) if shrink < 1 else x
