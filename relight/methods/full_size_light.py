"""Light on full-size frames: gain and glow along the source's own edges, off white and black.

Light is kept small (`relight.methods.gain_and_glow`) and brought to full size by the fast guided
filter (arXiv:1505.00996), each channel guided by itself.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

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
    return _lit(source, *_evaluated(lines, source, _bounds(low, high))).clamp(0, 1)


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
    bounds = _bounds(low, high)
    count = lines.shape[2]
    across = cv2.resize(lines[0].flatten(0, 1).numpy(), (w, 12 * count))  # columns alone
    lines, pattern = torch.from_numpy(across).view(12, count, w), _pattern(TILE, w)
    out, room = np.empty(image.shape, np.uint8), _Room.of(min(STRIP, h), w)
    for top, spans in zip(range(0, h, STRIP), _spans(count, h), strict=True):
        rows = slice(top, min(top + STRIP, h))
        if rows.stop - top < STRIP:
            room = _Room.of(rows.stop - top, w)
        for made, above, below, weights in spans:
            torch.lerp(lines[:, above], lines[:, below], weights, out=room.lines[0, :, made])
        gain, glow = _evaluated(room.lines, room.filled(image[rows]), bounds)
        lit = _lit(room.source, gain, glow, 255.0, room)[0].numpy()
        dither = pattern[:, top % TILE :]
        pairs = zip(lit, dither, strict=True)  # added, rounded, kept within 0 and 255
        cv2.merge([cv2.add(x, p[: len(x)], dtype=cv2.CV_8U) for x, p in pairs], out[rows])
    return out


@dataclass(frozen=True)
class _Room:
    """Memory for a strip of a frame, used again and again: new memory takes longer to fill.

    Attributes:
        lines: (1, 12, n, W). source, which is lit in place, and scaled: (1, 3, n, W).
        top: (1, 1, n, W).
    """

    lines: Tensor
    source: Tensor
    scaled: Tensor
    top: Tensor

    @classmethod
    def of(cls, rows: int, width: int) -> _Room:
        return cls(*(torch.empty(1, channels, rows, width) for channels in (12, 3, 3, 1)))

    def filled(self, image: np.ndarray) -> Tensor:
        """The source: (n, W, 3) uint8 as float, (1, 3, n, W)."""
        for plane, codes in zip(self.source[0], cv2.split(image), strict=True):
            plane.copy_(torch.from_numpy(codes))
        return self.source


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
    mean_i, mean_p = box_mean(guide, r), box_mean(planes, r)
    variance = (box_mean(guide * guide, r) - mean_i * mean_i).clamp_min(0)
    both, mean_i = guide.repeat(1, 2, 1, 1), mean_i.repeat(1, 2, 1, 1)  # for gain, and for glow
    spread = variance.repeat(1, 2, 1, 1) + TEXTURE
    slope = (box_mean(both * planes, r) - mean_i * mean_p) / spread
    # Windows that hold an edge speak for the flat ones beside it: those know one of its sides only.
    weighted = spread.repeat(1, 2, 1, 1) * torch.cat([slope, mean_p - slope * mean_i], dim=1)
    lines = box_mean(weighted, r) / box_mean(variance + TEXTURE, r).repeat(1, 4, 1, 1)
    _made_exact(lines, planes, guide)
    return lines, planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)


def _made_exact(lines: Tensor, planes: Tensor, guide: Tensor) -> None:
    """Let the lines give at the guide's pixels what gain and glow give there; works in place.

    Gain and glow are each smoothed by itself. Beside an outline, where one falls and the other
    rises to the same colour, they would not meet, and a rim of light would stand there.
    """
    gain_slope, glow_slope, gain, glow = lines.split(3, dim=1)
    given = planes[:, :3] * guide + planes[:, 3:]
    glow += given - (gain_slope * guide + gain + glow_slope) * guide - glow


Bounds = list[list[tuple[float, float]]]


def _bounds(low: Tensor, high: Tensor) -> Bounds:
    """(F, 6, 1, 1) each: of each frame, the lowest and highest of its planes."""
    pairs = zip(low.flatten(1).tolist(), high.flatten(1).tolist(), strict=True)
    return [list(zip(*pair, strict=True)) for pair in pairs]


def _evaluated(lines: Tensor, source: Tensor, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """Gain and glow (F, 3, H, W) at each pixel of the source, within their own range.

    They are written over the offsets in `lines`, (F, 12, H, W).
    """
    gain_slope, glow_slope, gain, glow = lines.split(3, dim=1)
    gain.addcmul_(gain_slope, source)
    glow.addcmul_(glow_slope, source)
    for planes, ranges in zip(lines[:, 6:], bounds, strict=True):
        # Plane by plane: bounds that are broadcast take six times as long.
        for plane, (least, most) in zip(planes, ranges, strict=True):
            plane.clamp_(least, most)
    return gain, glow


def _lit(
    source: Tensor, gain: Tensor, glow: Tensor, white: float = 1.0, room: _Room | None = None
) -> Tensor:
    """gain * source + glow, kept off black and white; (F, 3, H, W). Overwrites `glow`.

    white: its value in source and glow. room: holds the source, which is overwritten too.
    """
    scaled = torch.mul(gain, source, out=room and room.scaled)
    lit = torch.add(scaled, glow, out=room and room.source)
    lit = torch.maximum(lit, scaled.mul_(TOE), out=lit)
    top = _brightest(lit, room and room.top)
    bright = (top.amax((0, 1, 2)) > KNEE * white).nonzero()  # columns
    if len(bright):
        columns = slice(int(bright[0]), int(bright[-1]) + 1)
        _roll_off(*(x[..., columns] for x in (lit, top, gain, glow)), white=white)
    return lit


def _roll_off(lit: Tensor, top: Tensor, gain: Tensor, glow: Tensor, white: float) -> None:
    """Bend what is above `KNEE` towards white, in place; overwrites `top` and `glow`, too.

    top: the brightest channel of `lit`, (F, 1, H, W).
    """
    knee, rest = KNEE * white, (1 - KNEE) * white
    end = _brightest(glow.add_(gain, alpha=white))  # where a white pixel would land
    if float(end.max()) <= white:
        return
    end.sub_(knee).div_(rest).clamp_min_(1)
    top.clamp_min_(knee)
    reach = (top - knee).div_(rest)
    # knee + rest * reach * (1 + reach / end^2) / (1 + reach)
    rolled = torch.div(reach, end.mul_(end), out=end).add_(1).mul_(reach)
    rolled.div_(reach.add_(1)).mul_(rest).add_(knee)
    share = rolled / top
    # What rolls off also pales: from `rolled` to lit * share by that share.
    rolled.addcmul_(rolled, share, value=-1)
    lit.mul_(share.mul_(share)).add_(rolled)


def _brightest(x: Tensor, out: Tensor | None = None) -> Tensor:
    """The largest of three channels, (F, 1, H, W). `Tensor.amax` takes twice as long."""
    r, g, b = x.split(1, dim=1)
    out = torch.maximum(r, g, out=out)
    return torch.maximum(out, b, out=out)


def _to_codes(lines: Tensor, low: Tensor, high: Tensor) -> None:
    """Make `guided_lines`, in place, take a source of 0 to 255 and give the glow for it."""
    lines[:, :3] /= 255  # slopes of the gain
    lines[:, 9:] *= 255  # offsets of the glow
    low[:, 3:] *= 255
    high[:, 3:] *= 255


Span = tuple[slice, slice, slice, Tensor]


@functools.lru_cache(maxsize=4)
def _spans(count: int, height: int) -> list[list[Span]]:
    """What interpolates `count` rows to `height`, half-pixel centres: of each strip, its spans.

    A span is made of the same two rows: where it is in the strip, the row above and the row below,
    and the weights of the latter, (rows, 1).
    """
    places = ((torch.arange(height) + 0.5) * (count / height) - 0.5).clamp(0, count - 1)
    above, strips = places.int().tolist(), []
    for top in range(0, height, STRIP):
        spans, rows = [], range(top, min(top + STRIP, height))
        for k, run in itertools.groupby(rows, above.__getitem__):
            run = list(run)
            weights = places[run[0] : run[-1] + 1, None] - k
            below = min(k + 1, count - 1)
            made = slice(run[0] - top, run[-1] + 1 - top)
            spans.append((made, slice(k, k + 1), slice(below, below + 1), weights))
        strips.append(spans)
    return strips


@functools.lru_cache(maxsize=4)
def _pattern(height: int, width: int) -> np.ndarray:
    """What is added before rounding, (3, height, width): up to .49 codes either way, by position.

    Interleaved gradient noise (Jimenez, SIGGRAPH 2014), another phase for each channel.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phases = np.array([0, 37, 71]).reshape(3, 1, 1)
    noise = 52.9829189 * ((0.06711056 * (x + phases) + 0.00583715 * (y + phases)) % 1) % 1
    return (0.98 * noise - 0.49).astype(np.float32)
