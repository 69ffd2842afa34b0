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

from relight.methods.gain_and_glow import GainGlow, box_mean_of, resized

KNEE = 0.9  # encoded value above which brightened pixels roll off
TOE = 0.35  # part of the gain that black keeps where a negative glow would clip it
WINDOW = 0.01  # radius of the guided filter's window, of the shorter side
TEXTURE = 0.002  # variance of a channel below which a difference is texture, not an edge
STRIP = 32  # rows handled at once at full size
TILE = 64  # rows after which the dither's pattern repeats

Bounds = np.ndarray
"""(F, 6, 2): of each frame's gain and glow, by channel, the lowest and the highest."""
Span = tuple[slice, slice, slice, Tensor]


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
    lines, bounds = guided_lines(light, guide)
    lines = F.interpolate(lines, source.shape[-2:], mode="bilinear", align_corners=False)
    return _lit(source, lines, bounds, 1.0).clamp(0, 1)


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
    lines, bounds = guided_lines(GainGlow.from_planes(light.planes[None]), guide[None])
    _to_codes(lines, bounds)
    count = lines.shape[2]
    across = cv2.resize(lines[0].flatten(0, 1).numpy(), (w, 12 * count))  # columns alone
    wide = torch.from_numpy(across).view(12, count, w)
    pattern, out, room = _pattern(TILE, w), np.empty(image.shape, np.uint8), _Room.of(STRIP, w)
    for rows, spans in _strips(count, h):
        part = room.cut(rows.stop - rows.start)
        for made, above, below, weights in spans:
            torch.lerp(wide[:, above], wide[:, below], weights, out=part.lines[0, :, made])
        lit = _lit(part.filled(image[rows]), part.lines, bounds, 255.0, part)[0].numpy()
        dither = pattern[:, rows.start % TILE :]
        pairs = zip(lit, dither, strict=True)  # added, rounded, kept within 0 and 255
        cv2.merge([cv2.add(x, p[: len(x)], dtype=cv2.CV_8U) for x, p in pairs], out[rows])
    return out


@dataclass(frozen=True)
class _Room:
    """Memory for a strip of a frame, used again and again: new memory takes longer to fill.

    Attributes:
        lines: (1, 12, n, W). source, scaled: (1, 3, n, W). top: (1, 1, n, W).
    """

    lines: Tensor
    source: Tensor
    scaled: Tensor
    top: Tensor

    @classmethod
    def of(cls, rows: int, width: int) -> _Room:
        return cls(*(torch.empty(1, channels, rows, width) for channels in (12, 3, 3, 1)))

    def cut(self, rows: int) -> _Room:
        """For fewer rows: those left at the end of a frame."""
        if rows == self.top.shape[2]:
            return self
        return _Room.of(rows, self.top.shape[3])

    def filled(self, image: np.ndarray) -> Tensor:
        """The source: (n, W, 3) uint8 as float, (1, 3, n, W)."""
        for plane, codes in zip(self.source[0], cv2.split(image), strict=True):
            plane.copy_(torch.from_numpy(codes))
        return self.source


def guided_lines(light: GainGlow, guide: Tensor) -> tuple[Tensor, Bounds]:
    """The guided filter's lines: gain and glow as linear functions of the guide's own channel.

    At the guide's pixels they give together what gain and glow give there. Each is smoothed by
    itself: beside an outline, where one falls and the other rises to the same colour, they would
    not meet otherwise, and a rim of light would stand there.

    Returns:
        (F, 12, h, w): slopes of gain and glow, then their offsets, three channels each; and of
        each frame the lowest and highest gain and glow there are, by channel.

    >>> light = GainGlow(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25))
    >>> lines, bounds = guided_lines(light, torch.full((1, 3, 8, 8), 0.5))
    >>> lines[0, ::3, 4, 4].tolist(), bounds[0].tolist()[::3]
    ([0.0, 0.0, 1.0, 0.25], [[1.0, 1.0], [0.25, 0.25]])
    """
    lines = torch.empty(len(guide), 12, *guide.shape[-2:])
    planes = torch.cat([light.log_gain.exp(), light.glow], dim=1).cpu().float().numpy()
    guides = guide.detach().cpu().float().numpy()
    for made, pair, own in zip(lines.numpy(), planes, guides, strict=True):
        for channel, seen in enumerate(own):  # planes this small stay in the processor's cache
            _guided(made[channel::3], pair[channel::3], seen)
    return lines.to(guide), np.stack([planes.min((2, 3)), planes.max((2, 3))], axis=-1)


def _guided(lines: np.ndarray, planes: np.ndarray, guide: np.ndarray) -> None:
    """One channel of `guided_lines`: (2, h, w) and (h, w) -> (4, h, w), written into `lines`."""
    r = max(1, round(WINDOW * min(guide.shape)))
    mean = box_mean_of(guide, r)
    spread = np.maximum(box_mean_of(guide * guide, r) - mean * mean, 0) + TEXTURE
    # Windows that hold an edge speak for the flat ones beside it, which know one side only.
    total = box_mean_of(spread, r)
    for slope, offset, plane in zip(lines[:2], lines[2:], planes, strict=True):
        level = box_mean_of(plane, r)
        shared = box_mean_of(guide * plane, r) - mean * level  # the window's slope times `spread`
        np.divide(box_mean_of(shared, r), total, out=slope)
        np.divide(box_mean_of(level * spread - shared * mean, r), total, out=offset)
    gain_slope, glow_slope, gain, glow = lines
    given = planes[0] * guide + planes[1]
    glow += given - (gain_slope * guide + gain + glow_slope) * guide - glow


def _to_codes(lines: Tensor, bounds: Bounds) -> None:
    """Make `guided_lines`, in place, take a source of 0 to 255 and give the glow for it."""
    lines[:, :3] /= 255  # slopes of the gain
    lines[:, 9:] *= 255  # offsets of the glow
    bounds[:, 3:] *= 255


def _lit(
    source: Tensor, lines: Tensor, bounds: Bounds, white: float, room: _Room | None = None
) -> Tensor:
    """The source, (F, 3, H, W), under gain and glow by `lines`, kept off black and white.

    Overwrites the offsets in `lines`, (F, 12, H, W). white: its value in source and glow. room:
    for the result.
    """
    gain_slope, glow_slope, gain, glow = lines.split(3, dim=1)
    gain.addcmul_(gain_slope, source)
    glow.addcmul_(glow_slope, source)
    for planes, ranges in zip(lines[:, 6:], bounds.tolist(), strict=True):
        # Plane by plane: bounds that are broadcast take six times as long.
        for plane, (least, most) in zip(planes, ranges, strict=True):
            plane.clamp_(least, most)
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
    # What rolls off far also pales; what does so a little keeps its colour: red cloth stays red.
    pale = (1 - share).square_()
    lit.mul_(share.addcmul_(share, pale, value=-1)).add_(rolled.mul_(pale))


def _brightest(x: Tensor, out: Tensor | None = None) -> Tensor:
    """The largest of three channels, (F, 1, H, W). `Tensor.amax` takes twice as long."""
    r, g, b = x.split(1, dim=1)
    out = torch.maximum(r, g, out=out)
    return torch.maximum(out, b, out=out)


@functools.lru_cache(maxsize=4)
def _strips(count: int, height: int) -> list[tuple[slice, list[Span]]]:
    """What interpolates `count` rows to `height`, half-pixel centres, in strips of `STRIP` rows.

    Of each strip: its rows, and its spans. A span is made of the same two rows: where it is in
    the strip, the row above and the row below, and the weights of the latter, (rows, 1).
    """
    places = ((torch.arange(height) + 0.5) * (count / height) - 0.5).clamp(0, count - 1)
    above, strips = places.int().tolist(), []
    for top in range(0, height, STRIP):
        rows = range(top, min(top + STRIP, height))
        spans = []
        for k, run in itertools.groupby(rows, above.__getitem__):
            run = list(run)
            made = slice(run[0] - top, run[-1] + 1 - top)
            below = min(k + 1, count - 1)
            weights = places[run[0] : run[-1] + 1, None] - k
            spans.append((made, slice(k, k + 1), slice(below, below + 1), weights))
        strips.append((slice(top, rows.stop), spans))
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
