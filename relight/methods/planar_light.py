"""Light on frames of video as they are stored: 4:2:0, brightness at full size, colour at half.

At half size pixels are lit as RGB is (`relight.methods.full_size_light`). By how their brightness
changes, and how much more of it there is by one more code, brightness at full size is lit.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.methods.full_size_light import (
    KNEE,
    TILE,
    Strip,
    dither,
    lit_strips,
    roll_off,
)
from relight.methods.gain_and_glow import LUMA, GainGlow

Yuv = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Y, (H, W), and U and V, (H / 2, W / 2), uint8: BT.709 in limited range."""

STRIP = 64  # rows of brightness handled at once: as many as `TILE`, or an even part of it
BLACK, NEUTRAL = 16, 128  # codes of Y where it is black, and of U and V where they are grey
WHITE = 219.0  # codes of Y between black and white
LUMAS, RED, _, BLUE = torch.cat([torch.tensor([LUMA]), torch.eye(3)])
Y_CODES = 219 / 255  # codes of Y for one code of all channels of RGB
U_CODES, V_CODES = (112 / 255 / (1 - LUMA[channel]) for channel in (2, 0))  # for B - Y, R - Y
TO_YUV = torch.stack([LUMAS * Y_CODES, (BLUE - LUMAS) * U_CODES, (RED - LUMAS) * V_CODES])
TO_RGB = TO_YUV.inverse()  # of Y above black, and U and V above grey


def light_planes(planes: Yuv, light: GainGlow, guide: Tensor, out: Yuv) -> None:
    """A frame of video under a light; what the light leaves alone keeps its values.

    Args:
        light: (3, h, w), on the CPU. guide: the frame at its size, (3, h, w) RGB in [0, 1].
        out: the result.

    >>> y, u, v = (np.full(shape, 90, np.uint8) for shape in ((8, 8), (4, 4), (4, 4)))
    >>> lit = tuple(np.empty_like(plane) for plane in (y, u, v))
    >>> light_planes((y, u, v), GainGlow.none(4, 4), torch.full((3, 4, 4), 0.2), lit)
    >>> [np.unique(plane).tolist() for plane in lit]
    [[90], [90], [90]]
    """
    size = planes[1].shape
    grey = cv2.resize(planes[0], size[::-1], interpolation=cv2.INTER_AREA)
    halves = [torch.from_numpy(plane) for plane in (grey, *planes[1:])]
    found, pattern = np.empty((4, *size), np.float32), dither(size[1])
    for rows, strip in lit_strips(size, functools.partial(_rgb, halves), light, guide):
        _brightness(strip, halves[0][rows].float(), found[:, rows])
        added_light = strip.rolled_off().sub_(strip.source[0])
        red, _, blue = added_light
        luma = _luma(added_light)
        noise = torch.from_numpy(pattern[:, rows.start % TILE :][:, : len(luma)])
        blue.sub_(luma).mul_(U_CODES).add_(noise[1])
        red.sub_(luma).mul_(V_CODES).add_(noise[2])
        cv2.add(planes[1][rows], blue.numpy(), out[1][rows], dtype=cv2.CV_8U)
        cv2.add(planes[2][rows], red.numpy(), out[2][rows], dtype=cv2.CV_8U)
    _enlarged(planes[0], found, out[0])


def _rgb(halves: list[Tensor], rows: slice, out: Tensor) -> None:
    """Rows of Y, U and V of one size, uint8, as codes of RGB, (3, n, W)."""
    codes = torch.empty_like(out)
    for plane, half, zero in zip(codes, halves, (BLACK, NEUTRAL, NEUTRAL), strict=True):
        plane.copy_(half[rows]).sub_(zero)
    torch.mm(TO_RGB, codes.flatten(1), out=out.flatten(1)).clamp_(0, 255)


def _brightness(strip: Strip, grey: Tensor, out: np.ndarray) -> None:
    """What brightness at full size is lit by, (4, n, W), in codes of Y above black.

    Before it rolls off, lit = slope * Y + offset; how far the brightest channel of RGB is above it;
    how that bends (`roll_off`).

    Args:
        grey: (n, W) of Y.
    """
    slope, offset, above, bend = torch.from_numpy(out)
    gain_slope, glow_slope, gain = strip.lines[0, :9].split(3)
    slopes = torch.addcmul(gain, gain_slope, strip.source[0], out=strip.scaled[0])
    slope.copy_(_luma(slopes.add_(glow_slope)))
    luma = _luma(strip.lit[0])
    torch.sub(strip.top[0, 0], luma, out=above).mul_(Y_CODES)
    bend.copy_(strip.bend())
    # What is known of the source is its mean over four pixels: by what that changes.
    change = luma.sub_(_luma(strip.source[0])).mul_(Y_CODES)
    torch.addcmul(change.add_(grey).sub_(BLACK), slope, grey, value=-1, out=offset)


def _luma(codes: Tensor) -> Tensor:
    """(n, W) of RGB, (3, n, W)."""
    return torch.mv(codes.flatten(1).T, LUMAS).view(codes.shape[1:])


def _enlarged(y: np.ndarray, found: np.ndarray, out: np.ndarray) -> None:
    """Brightness by what `_brightness` found at half its size, (H, W) uint8 written into `out`."""
    slope, offset, above, bend = found
    everywhere = _near(slice(0, y.shape[1]), found.shape[2])
    noise = dither(y.shape[1])[0] + BLACK
    for top in range(0, len(y), STRIP):
        rows = slice(top, min(top + STRIP, len(y)))
        near = _near(rows, found.shape[1])
        lit = cv2.multiply(y[rows].astype(np.float32), _large(slope, near, everywhere))
        lit += _large(offset, near, everywhere)
        # A column missed is just above the knee, where the curve is a straight line still.
        bright = lit.max(axis=0) + above[near[0]].max(axis=0).repeat(2) > KNEE * WHITE
        if bright.any():
            columns = slice(int(bright.argmax()), len(bright) - int(bright[::-1].argmax()))
            across = _near(columns, found.shape[2])
            more = (_large(plane, near, across) for plane in (above, bend))
            own, top, bent = (torch.from_numpy(x)[None, None] for x in (lit[:, columns], *more))
            roll_off(own, top.add_(own), bent, WHITE)
        cv2.add(lit, noise[: len(lit)], out[rows], dtype=cv2.CV_8U)


def _near(large: slice, count: int) -> tuple[slice, slice]:
    """Rows or columns of half the size that decide those of the full size, of `count` in all; and
    where these are when those are enlarged."""
    near = slice(max(large.start // 2 - 1, 0), min(large.stop // 2 + 2, count))
    return near, slice(large.start - 2 * near.start, large.stop - 2 * near.start)


def _large(
    plane: np.ndarray, rows: tuple[slice, slice], columns: tuple[slice, slice]
) -> np.ndarray:
    """A part of a plane at twice its size; see `_near`."""
    near = plane[rows[0], columns[0]]
    return cv2.resize(near, (2 * near.shape[1], 2 * near.shape[0]))[rows[1], columns[1]]
