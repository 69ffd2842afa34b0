"""Steadiness along the source's motion: warp SSIM, warp error, flicker.

All three compare a result's frame t with its frame t-1 moved along the flow of the *source*
(`flow.motion`), only where that flow holds; the mean of all pairs of frames is the score. A
result that equals the source has the source's own score, so none of them says anything without
`change` and `lean` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from relight.metrics.flow import Motion, look_up, motion
from relight.metrics.frames import WHITE, Frames, luminance, mean, paired
from relight.metrics.ssim import ssim_map

Measure = Callable[[np.ndarray, np.ndarray, Motion], float]


def warp_ssim(source: Frames, result: Frames) -> float:
    """SSIM of the luminance of frame t and of frame t-1 moved to it. -1 to 1, higher is steadier.

    After TC-Light's WarpSSIM (arXiv:2506.18904), with DIS for RAFT, on luminance, and as the mean
    over valid pixels instead of with the invalid ones set to zero, which raises it. The windows
    are those of `ssim`.

    >>> still = np.stack([np.random.default_rng(0).integers(0, 256, (32, 32, 3))] * 3)
    >>> warp_ssim(still, still)
    1.0
    """
    return mean(_along(source, result, pair_ssim))


def warp_error(source: Frames, result: Frames) -> float:
    """Mean squared colour difference along the flow, values in [0, 1]. 0 to 3, lower is steadier.

        E = 1 / sum_x M(x) * sum_x M(x) |V_t(x) - warp(V_{t-1})(x)|^2        (arXiv:1808.00449, 4.2)

    >>> still = np.full((2, 32, 32, 3), 100.0)
    >>> blinking = still + np.float64([0, 25.5]).reshape(2, 1, 1, 1)  # by a tenth of white
    >>> round(warp_error(still, blinking), 6), warp_error(still, still)
    (0.03, 0.0)
    """
    return mean(_along(source, result, pair_error))


def flicker(source: Frames, result: Frames) -> float:
    """Mean |Y_t - warp(Y_{t-1})| of the luminance, in 8-bit levels. 0 to 255, lower is steadier.

    The source's own flicker, `flicker(source, source)`, is what its noise and wrong flow cost; a
    result below it is steadier than its source.

    >>> still = np.full((3, 32, 32, 3), 100.0)
    >>> blinking = still + np.float64([0, 6, 0]).reshape(3, 1, 1, 1)
    >>> round(flicker(still, blinking), 3), flicker(still, still)
    (6.0, 0.0)
    """
    return mean(_along(source, result, pair_flicker))


def pair_ssim(before: np.ndarray, frame: np.ndarray, moved: Motion) -> float:
    """Warp SSIM of one pair of frames; nan when no pixel is valid.

    >>> flat = np.full((16, 16, 3), 9.0)
    >>> pair_ssim(flat, flat, motion(flat, flat))
    1.0
    """
    y, last = luminance(frame), look_up(luminance(before), moved.flow)
    return _valid_mean(ssim_map(y, last), moved)


def pair_error(before: np.ndarray, frame: np.ndarray, moved: Motion) -> float:
    """Warp error of one pair of frames; nan when no pixel is valid.

    >>> flat = np.full((16, 16, 3), 9.0)
    >>> pair_error(flat, flat, motion(flat, flat))
    0.0
    """
    frame, before = (np.asarray(x, np.float32) / WHITE for x in (frame, before))
    return _valid_mean(((frame - look_up(before, moved.flow)) ** 2).sum(axis=2), moved)


def pair_flicker(before: np.ndarray, frame: np.ndarray, moved: Motion) -> float:
    """Flicker of one pair of frames in levels; nan when no pixel is valid.

    >>> flat = np.full((16, 16, 3), 9.0)
    >>> round(pair_flicker(flat, flat + 2, motion(flat, flat)), 3)
    2.0
    """
    return _valid_mean(np.abs(luminance(frame) - look_up(luminance(before), moved.flow)), moved)


def _valid_mean(values: np.ndarray, moved: Motion) -> float:
    return float(values[moved.valid].mean(dtype=np.float64)) if moved.valid.any() else float("nan")


def _along(source: Frames, result: Frames, measure: Measure) -> Iterator[float]:
    """A measure of each pair of successive frames; pairs without a valid pixel are left out."""
    for (before, old), (frame, new) in pairwise(paired(source, result)):
        value = measure(old, new, motion(before, frame))
        if not np.isnan(value):
            yield value
