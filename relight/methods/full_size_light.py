"""Light on full-size frames: gain and glow along the source's own edges, off white and black.

Light is kept small (`relight.methods.gain_and_glow`) and brought to full size by the fast guided
filter (arXiv:1505.00996), each channel guided by itself.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, box_mean, resized

KNEE = 0.9  # encoded value above which brightened pixels roll off
TOE = 0.35  # part of the gain that black keeps where a negative glow would clip it
WINDOW = 0.01  # radius of the guided filter's window, of the shorter side
TEXTURE = 0.002  # variance of a channel below which a difference is texture, not an edge
STRIP = 32  # rows handled at once at full size
TILE = 64  # rows after which the dither's pattern repeats


def apply_light(source: Tensor, light: GainGlow, guide: Tensor | None = None) -> Tensor:
    """The source under the light, in [0, 1].

    Brightened pixels above `KNEE` roll off on a curve that ends at white where a white source
    would, and pale as they do, so that a lamp's core is white and no skin clips. A negative glow
    bends towards black instead of clipping it. No light gives the source back.

    Args:
        source: (F, 3, H, W) in [0, 1], sRGB-encoded, any size.
        light: (F, 3, h, w).
        guide: the source at the light's size; None: made here.

    >>> grey = torch.full((1, 3, 8, 8), 0.25)
    >>> light = GainGlow(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.125))
    >>> float(apply_light(grey, light).mean())
    0.375
    """
    if guide is None:
        guide = resized(source, light.glow.shape[-2:])
    lines, low, high = guided_lines(light, guide)
    lines = F.interpolate(lines, source.shape[-2:], mode="bilinear", align_corners=False)
    return _lit(source, *_evaluated(lines, source, low, high)).clamp(0, 1)


def apply_light_uint8(
    image: np.ndarray, light: GainGlow, guide: Tensor | None = None
) -> np.ndarray:
    """`apply_light` for an 8-bit frame: (H, W, 3) uint8 to the same.

    Float inside; the last rounding is dithered by a pattern of under half a code that depends on
    the position alone, so gradients don't band, nothing flickers, and a pixel that the light
    leaves alone keeps its value. Works in strips of rows: extra memory does not grow with height.

    Args:
        image: (H, W, 3) uint8.
        light: (3, h, w), on the CPU.
        guide: the image at the light's size, (3, h, w) in [0, 1]; None: made here.

    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> bool((apply_light_uint8(image, GainGlow.none(2, 2)) == image).all())
    True
    """
    h, w = image.shape[:2]
    if guide is None:
        small = cv2.resize(image, light.glow.shape[:-3:-1], interpolation=cv2.INTER_AREA)
        guide = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    lines, low, high = guided_lines(GainGlow.from_planes(light.planes[None]), guide[None])
    _to_codes(lines, low, high)
    lines = np.stack([cv2.resize(x, (w, len(x))) for x in lines[0].numpy()])
    lines = torch.from_numpy(lines)[None]
    out, room = np.empty(image.shape, np.uint8), torch.empty(1, 12, min(STRIP, h), w)
    for top in range(0, h, STRIP):
        rows = slice(top, min(top + STRIP, h))
        source = torch.from_numpy(np.stack(cv2.split(image[rows])))[None].float()
        light_here = _evaluated(_rows(lines, rows, h, room), source, low, high)
        lit = _lit(source, *light_here, white=255.0)[0].numpy()
        pattern = _pattern(TILE, w)[:, top % TILE :]
        pairs = zip(lit, pattern, strict=True)  # added, rounded, kept within 0 and 255
        cv2.merge([cv2.add(x, p[: len(x)], dtype=cv2.CV_8U) for x, p in pairs], out[rows])
    return out


def guided_lines(light: GainGlow, guide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The guided filter's lines: gain and glow as linear functions of the guide's own channel.

    Returns:
        (F, 12, h, w): slopes of gain and glow, then their offsets, three channels each; and the
        lowest and highest gain and glow there are, (F, 6, 1, 1).

    >>> light = GainGlow(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25))
    >>> lines, low, high = guided_lines(light, torch.full((1, 3, 8, 8), 0.5))
    >>> lines[0, ::3, 4, 4].tolist(), low[0, ::3, 0, 0].tolist()
    ([0.0, 0.0, 1.0, 0.25], [1.0, 0.25])
    """
    planes = torch.cat([light.log_gain.exp(), light.glow], dim=1)  # F, 6, h, w
    r = max(1, round(WINDOW * min(planes.shape[-2:])))
    both = torch.cat([guide, guide], dim=1)
    mean_i, mean_p = box_mean(both, r), box_mean(planes, r)
    variance = (box_mean(both * both, r) - mean_i * mean_i).clamp_min(0)
    slope = (box_mean(both * planes, r) - mean_i * mean_p) / (variance + TEXTURE)
    offset = mean_p - slope * mean_i
    # Windows that hold an edge speak for the flat ones beside it: those know one of its sides only.
    weight = torch.cat([variance, variance], dim=1) + TEXTURE
    lines = box_mean(weight * torch.cat([slope, offset], dim=1), r) / box_mean(weight, r)
    return lines, planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)


def _evaluated(lines: Tensor, source: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and glow (..., 3, H, W) at each pixel of the source, within their own range."""
    (sa, sb), (oa, ob) = (half.split(3, dim=-3) for half in lines.split(6, dim=-3))
    gain, glow = torch.addcmul(oa, sa, source), torch.addcmul(ob, sb, source)
    (gain_low, glow_low), (gain_high, glow_high) = (x.split(3, dim=1) for x in (low, high))
    return _bounded(gain, gain_low, gain_high), _bounded(glow, glow_low, glow_high)


def _bounded(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`x` (F, 3, H, W), which is overwritten, within bounds (F, 3, 1, 1).

    Plane by plane: bounds that are broadcast take six times as long.
    """
    bounds = zip(low.flatten().tolist(), high.flatten().tolist(), strict=True)
    for plane, (least, most) in zip(x.flatten(0, 1), bounds, strict=True):
        plane.clamp_(least, most)
    return x


def _lit(source: Tensor, gain: Tensor, glow: Tensor, white: float = 1.0) -> Tensor:
    """gain * source + glow, kept off black and white; (F, 3, H, W). Overwrites `glow`.

    white: its value in source and glow.
    """
    scaled = gain * source
    lit = scaled + glow
    lit = torch.maximum(lit, scaled.mul_(TOE), out=lit)
    knee, rest = KNEE * white, (1 - KNEE) * white
    top = _brightest(lit)
    if float(top.max()) <= knee:
        return lit
    end = _brightest(glow.add_(gain, alpha=white))  # where a white pixel would land
    if float(end.max()) <= white:
        return lit
    end = end.sub_(knee).div_(rest).clamp_min_(1)
    top = top.clamp_min_(knee)
    reach = (top - knee).div_(rest)
    rolled = knee + rest * reach * (1 + reach / (end * end)) / (1 + reach)
    share = rolled / top
    # What rolls off also pales: from `rolled` to lit * share by that share.
    return torch.addcmul(rolled * (1 - share), lit, share * share)


def _brightest(x: Tensor) -> Tensor:
    """The largest of three channels, (F, 1, H, W). `Tensor.amax` takes twice as long."""
    r, g, b = x.split(1, dim=1)
    return torch.maximum(torch.maximum(r, g), b)


def _to_codes(lines: Tensor, low: Tensor, high: Tensor) -> None:
    """Make `guided_lines`, in place, take a source of 0 to 255 and give the glow for it."""
    lines[:, :3] /= 255  # slopes of the gain
    lines[:, 9:] *= 255  # offsets of the glow
    low[:, 3:] *= 255
    high[:, 3:] *= 255


def _rows(lines: Tensor, rows: slice, height: int, room: Tensor) -> Tensor:
    """Rows of `lines` (1, c, h, W) interpolated to `height`, half-pixel centres: (1, c, n, W).

    They are written into `room`, (1, c, n or more, W), as new memory takes longer to fill.
    """
    h = lines.shape[2]
    y = ((torch.arange(rows.start, rows.stop) + 0.5) * (h / height) - 0.5).clamp(0, h - 1)
    first, last = int(y[0]), min(int(y[-1]) + 2, h)
    tents = (1 - (y[:, None] - torch.arange(first, last)).abs()).clamp_min(0)  # n, rows read
    # As a product: faster than gathering rows.
    return torch.matmul(tents, lines[:, :, first:last], out=room[:, :, : len(y)])


@functools.lru_cache(maxsize=4)
def _pattern(height: int, width: int) -> np.ndarray:
    """What is added before rounding, (3, height, width): up to .49 codes either way, by position.

    Interleaved gradient noise (Jimenez, SIGGRAPH 2014), another phase for each channel.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phases = np.array([0, 37, 71]).reshape(3, 1, 1)
    noise = 52.9829189 * ((0.06711056 * (x + phases) + 0.00583715 * (y + phases)) % 1) % 1
    return (0.98 * noise - 0.49).astype(np.float32)
