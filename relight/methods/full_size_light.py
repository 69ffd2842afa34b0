"""Light on full-size frames: gain and glow along the source's own edges, off white and black.

Light is kept small (`relight.methods.gain_and_glow`) and brought to full size by the fast guided
filter (arXiv:1505.00996), each channel guided by itself.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.fast_guided_filter import Bounds, guided_lines
from relight.methods.gain_and_glow import GainGlow, resized

KNEE = 0.9  # encoded value above which brightened pixels roll off
TOE = 0.35  # part of the gain that black keeps where a negative glow would clip it
STRIP = 32  # rows handled at once at full size
TILE = 64  # rows after which the dither's pattern repeats

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
    lit, top = _under(source, lines, bounds)
    _rolled(lit, top, lines, 1.0)
    return lit.clamp(0, 1)


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
    if guide is None:
        small = cv2.resize(image, light.glow.shape[:-3:-1], interpolation=cv2.INTER_AREA)
        guide = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    pattern, out = dither(image.shape[1]), np.empty(image.shape, np.uint8)

    def fill(rows: slice, source: Tensor) -> None:
        for plane, codes in zip(source, cv2.split(image[rows]), strict=True):
            plane.copy_(torch.from_numpy(codes))

    for rows, strip in lit_strips(image.shape[:2], fill, light, guide):
        added = pattern[:, rows.start % TILE :]
        lit = strip.rolled_off().numpy()
        pairs = zip(lit, added, strict=True)  # added, rounded, kept within 0 and 255
        cv2.merge([cv2.add(x, p[: len(x)], dtype=cv2.CV_8U) for x, p in pairs], out[rows])
    return out


@dataclass(frozen=True)
class Strip:
    """Some rows of a frame under a light; its memory is used again for the next ones.

    Attributes:
        lines: (1, 12, n, W): slopes of gain and glow by a channel's own codes, gain, glow.
        source: (1, 3, n, W), codes. lit: likewise, not rolled off. scaled: for what is worked out.
        top: the brightest channel, (1, 1, n, W).
    """

    lines: Tensor
    source: Tensor
    lit: Tensor
    scaled: Tensor
    top: Tensor

    @classmethod
    def of(cls, rows: int, width: int) -> Strip:
        """New memory, which takes longer to fill than such that was used."""
        return cls(*(torch.empty(1, channels, rows, width) for channels in (12, 3, 3, 3, 1)))

    def cut(self, rows: int) -> Strip:
        """For fewer rows: those left at the end of a frame."""
        if rows == self.top.shape[2]:
            return self
        return Strip.of(rows, self.top.shape[3])

    def bend(self) -> Tensor:
        """For `roll_off`: (n, W)."""
        return _bend(self.lines, 255.0, self.scaled)[0, 0]

    def rolled_off(self) -> Tensor:
        """(3, n, W) of 0 to 255; overwrites the rest."""
        _rolled(self.lit, self.top, self.lines, 255.0)
        return self.lit[0]


def lit_strips(
    size: tuple[int, int], fill: Callable[[slice, Tensor], None], light: GainGlow, guide: Tensor
) -> Iterator[tuple[slice, Strip]]:
    """A frame under a light, before it rolls off and is rounded: rows, and what they are.

    Args:
        size: height and width. fill: writes the source's codes of some rows, (3, n, W).
        light: (3, h, w). guide: the frame at its size, (3, h, w) in [0, 1].

    >>> guide = torch.full((3, 4, 4), 80 / 255)
    >>> light = GainGlow(torch.full((3, 4, 4), 2.0).log(), torch.zeros(3, 4, 4))
    >>> for rows, strip in lit_strips((4, 4), lambda rows, codes: codes.fill_(80), light, guide):
    ...     rows, strip.rolled_off()[:, 0, 0].tolist()
    (slice(0, 4, None), [160.0, 160.0, 160.0])
    """
    h, w = size
    lines, bounds = guided_lines(GainGlow.from_planes(light.planes[None]), guide[None])
    _to_codes(lines, bounds)
    count = lines.shape[2]
    across = cv2.resize(lines[0].flatten(0, 1).numpy(), (w, 12 * count))  # columns alone
    wide, room = torch.from_numpy(across).view(12, count, w), Strip.of(STRIP, w)
    for rows, spans in _strips(count, h):
        strip = room.cut(rows.stop - rows.start)
        for made, above, below, weights in spans:
            torch.lerp(wide[:, above], wide[:, below], weights, out=strip.lines[0, :, made])
        fill(rows, strip.source[0])
        _under(strip.source, strip.lines, bounds, strip)
        yield rows, strip


def _to_codes(lines: Tensor, bounds: Bounds) -> None:
    """Make `guided_lines`, in place, take a source of 0 to 255 and give the glow for it."""
    lines[:, :3] /= 255  # slopes of the gain
    lines[:, 9:] *= 255  # offsets of the glow
    bounds[:, 3:] *= 255


def _under(
    source: Tensor, lines: Tensor, bounds: Bounds, room: Strip | None = None
) -> tuple[Tensor, Tensor]:
    """The source, (F, 3, H, W), under gain and glow by `lines`, kept off black; and its brightest
    channel, (F, 1, H, W).

    Puts gain and glow into the place of the offsets in `lines`, (F, 12, H, W). room: for the
    result.
    """
    gain_slope, glow_slope, gain, glow = lines.split(3, dim=1)
    gain.addcmul_(gain_slope, source)
    glow.addcmul_(glow_slope, source)
    for planes, ranges in zip(lines[:, 6:], bounds.tolist(), strict=True):
        # Plane by plane: bounds that are broadcast take six times as long.
        for plane, (least, most) in zip(planes, ranges, strict=True):
            plane.clamp_(least, most)
    scaled = torch.mul(gain, source, out=room and room.scaled)
    lit = torch.add(scaled, glow, out=room and room.lit)
    lit = torch.maximum(lit, scaled.mul_(TOE), out=lit)
    return lit, _brightest(lit, room and room.top)


def _bend(lines: Tensor, white: float, out: Tensor | None = None) -> Tensor:
    """For `roll_off`, from gain and glow, the last six of `lines`: (F, 1, H, W)."""
    end = _brightest(torch.add(lines[:, 9:], lines[:, 6:9], alpha=white, out=out))
    end.sub_(KNEE * white).div_((1 - KNEE) * white).clamp_min_(1)
    return end.square_().reciprocal_().neg_().add_(1)


def _rolled(lit: Tensor, top: Tensor, lines: Tensor, white: float) -> None:
    """Roll off what `_under` has lit, in place; overwrites `top`."""
    if columns := bright_columns(top, white):
        lit, top, lines = (x[..., columns] for x in (lit, top, lines))
        roll_off(lit, top, _bend(lines, white), white)


def bright_columns(top: Tensor, white: float) -> slice | None:
    """The columns between which something is above `KNEE`; None: nothing is.

    >>> bright_columns(torch.tensor([0.2, 0.95, 0.5, 0.99]).view(1, 1, 1, 4), 1.0)
    slice(1, 4, None)
    """
    bright = (top.amax((0, 1, 2)) > KNEE * white).nonzero()
    return slice(int(bright[0]), int(bright[-1]) + 1) if len(bright) else None


def roll_off(lit: Tensor, top: Tensor, bend: Tensor, white: float) -> None:
    """Bend what is above `KNEE` towards white, in place; overwrites `top`, too.

    With reach r above the knee and e, where a white pixel would land, in spans from the knee to
    white, the brightest channel t = knee + r becomes knee + r (1 + r / e²) / (1 + r).

    Args:
        lit: (F, c, H, W). top: its brightest channel, (F, 1, H, W). bend: 1 - 1 / e², likewise;
            0 where e would be less than 1.

    >>> lit = torch.tensor([0.5, 0.9, 1.2, 1.5]).view(1, 1, 1, 4)
    >>> roll_off(lit, lit.clone(), torch.full((1, 1, 1, 4), 1 - 1 / 6**2), 1.0)
    >>> [round(x, 3) for x in lit.flatten().tolist()]
    [0.5, 0.9, 0.981, 1.0]
    """
    if not float(bend.max()):
        return
    knee, span = KNEE / (1 - KNEE), (1 - KNEE) * white
    reach = torch.div(top, span).sub_(knee).clamp_min_(0)
    # The share of the brightest channel that is lost: r² (1 - 1 / e²) / ((1 + r) (knee + r)).
    lost = torch.square(reach).mul_(bend)
    lost.div_((reach + 1).mul_(reach.add_(knee)))
    # What rolls off far also pales; what does so a little keeps its colour: red cloth stays red.
    lit.lerp_(top, torch.square(lost))
    lit.addcmul_(lit, lost, value=-1)


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
def dither(width: int) -> np.ndarray:
    """What is added before rounding, (3, TILE, width): up to .49 codes either way, by position.

    Interleaved gradient noise (Jimenez, SIGGRAPH 2014), another phase for each channel.

    >>> float(np.abs(dither(8)).max()) < 0.5
    True
    """
    y, x = np.mgrid[0:TILE, 0:width].astype(np.float64)
    phases = np.array([0, 37, 71]).reshape(3, 1, 1)
    noise = 52.9829189 * ((0.06711056 * (x + phases) + 0.00583715 * (y + phases)) % 1) % 1
    return (0.98 * noise - 0.49).astype(np.float32)
