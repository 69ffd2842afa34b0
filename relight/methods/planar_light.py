"""Light on frames of video as they are stored: 4:2:0, brightness at full size, colour at half.

At half size pixels are lit as RGB is (`relight.methods.full_size_light`). By how their brightness
changes, and how much more of it there is by one more code, brightness at full size is lit.
"""

from __future__ import annotations

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
BLACK, WHITE = 16, 219.0  # codes of Y, and of white above it
Y_CODES = 219 / 255  # codes of Y for one code of all channels of RGB
U_CODES, V_CODES = (224 / 255 / (2 * (1 - LUMA[channel])) for channel in (2, 0))  # for B - Y, R - Y


def light_planes(planes: Yuv, half: np.ndarray, light: GainGlow, guide: Tensor, out: Yuv) -> None:
    """A frame of video under a light; what the light leaves alone keeps its values.

    Args:
        half: the same, (H / 2, W / 2, 3) uint8 RGB. light: (3, h, w), on the CPU.
        guide: the same at the light's size, (3, h, w) in [0, 1]. out: the result.

    >>> y, u, v = (np.full(shape, 90, np.uint8) for shape in ((8, 8), (4, 4), (4, 4)))
    >>> half, guide = np.full((4, 4, 3), 40, np.uint8), torch.full((3, 4, 4), 40 / 255)
    >>> lit = tuple(np.empty_like(plane) for plane in (y, u, v))
    >>> light_planes((y, u, v), half, GainGlow.none(4, 4), guide, lit)
    >>> [np.unique(plane).tolist() for plane in lit]
    [[90], [90], [90]]
    """
    grey = cv2.resize(planes[0], half.shape[1::-1], interpolation=cv2.INTER_AREA)
    found = np.empty((4, *grey.shape), np.float32)
    pattern = dither(grey.shape[1])
    for rows, strip in lit_strips(half, light, guide):
        codes = torch.from_numpy(np.stack(cv2.split(half[rows]))).float()
        _brightness(strip, codes, torch.from_numpy(grey[rows]).float(), found[:, rows])
        red, green, blue = strip.rolled_off().sub_(codes)
        luma = _luma(red, green, blue)
        added = pattern[:, rows.start % TILE :][:, : len(luma)]
        blue.sub_(luma).mul_(U_CODES).add_(torch.from_numpy(added[1]))
        red.sub_(luma).mul_(V_CODES).add_(torch.from_numpy(added[2]))
        cv2.add(planes[1][rows], blue.numpy(), out[1][rows], dtype=cv2.CV_8U)
        cv2.add(planes[2][rows], red.numpy(), out[2][rows], dtype=cv2.CV_8U)
    _enlarged(planes[0], found, out[0])


def _brightness(strip: Strip, codes: Tensor, grey: Tensor, out: np.ndarray) -> None:
    """What brightness at full size is lit by, (4, n, W), in codes of Y above black.

    Before it rolls off, lit = slope * Y + offset; how far the brightest channel of RGB is above it;
    where white lands.

    Args:
        codes: (3, n, W) of RGB. grey: (n, W) of Y.
    """
    slope, offset, above, ends = torch.from_numpy(out)
    slope.zero_()
    for channel, weight in enumerate(LUMA):
        gain_slope, glow_slope, gain = (strip.lines[0, at + channel] for at in (0, 3, 6))
        slope.add_(gain, alpha=weight).add_(glow_slope, alpha=weight)
        slope.addcmul_(gain_slope, codes[channel], value=weight)
    luma = _luma(*strip.lit[0])
    torch.sub(strip.top[0, 0], luma, out=above).mul_(Y_CODES)
    torch.mul(strip.ends(), Y_CODES, out=ends)
    # What is known of the source is its mean over four pixels, rounded: by what it changes.
    change = luma.sub_(_luma(*codes)).mul_(Y_CODES)
    torch.addcmul(change.add_(grey).sub_(BLACK), slope, grey, value=-1, out=offset)


def _luma(red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _enlarged(y: np.ndarray, found: np.ndarray, out: np.ndarray) -> None:
    """Brightness by what `_brightness` found at half its size, (H, W) uint8 written into `out`."""
    slope, offset, above, ends = found
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
            more = (_large(plane, near, across) for plane in (above, ends))
            own, top, end = (torch.from_numpy(x)[None, None] for x in (lit[:, columns], *more))
            roll_off(own, top.add_(own), end, WHITE)
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
