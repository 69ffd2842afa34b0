"""Light stability, S_LS of Hi-Light (the paper's score; its repository's evaluation script).

Of each frame, the pixels whose grey level is above 125: their mean level I_t, their number C_t, and
the difference dI_t = I_t - I_{t-1}. For each of these three series

    U = mean |s_t - s_{t-1}| / (max s - min s),    S = exp(-a U),    a = 20, 20, 5

and S_LS is the mean of the three S. 0 to 1, higher is steadier. A series that does not change has
S = 1. It doesn't know the source, so motion counts as flicker, and because it is divided by the
range, a tiny flicker alone scores as low as a strong one: read it beside `flicker`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from relight.metrics.frames import Frames

BRIGHT = 125  # grey level
SHARPNESS = (20.0, 20.0, 5.0)  # a of the three series


def light_stability(frames: Frames) -> float:
    """S_LS of a clip, 0 to 1, higher is steadier.

    >>> light_stability(np.full((5, 8, 8, 3), 200, np.uint8))
    1.0
    >>> blinking = np.full((6, 8, 8, 3), 200, np.uint8)
    >>> blinking[::2] = 130  # U of I and of dI is 1, C stands still
    >>> round(light_stability(blinking), 4) == round((math.exp(-20) + 1 + math.exp(-5)) / 3, 4)
    True
    """
    return stability([bright_pixels(frame) for frame in frames])


def bright_pixels(frame: np.ndarray) -> tuple[float, int]:
    """Mean level (nan when there is none) and number of the pixels above grey level 125.

    >>> bright_pixels(np.full((2, 2, 3), 200, np.uint8))
    (200.0, 4)
    """
    if frame.dtype != np.uint8:
        frame = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    bright = grey[grey > BRIGHT]
    return (float(bright.mean()) if bright.size else math.nan), int(bright.size)


def stability(series: list[tuple[float, int]]) -> float:
    """S_LS of what `bright_pixels` gave for each frame; nan when there is no frame.

    >>> stability([(200.0, 4)] * 3)
    1.0
    """
    if not series:
        return math.nan
    levels, counts = np.array(series, float).T
    scores = zip((levels, counts, np.diff(levels)), SHARPNESS, strict=True)
    return float(np.mean([_steadiness(values, a) for values, a in scores]))


def _steadiness(values: np.ndarray, a: float) -> float:
    values = values[~np.isnan(values)]
    steps = np.abs(np.diff(values))
    if not steps.size or steps.mean() < 1e-9:
        return 1.0
    return math.exp(-a * float(steps.mean() / np.ptp(values)))
