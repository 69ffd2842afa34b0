"""Contact shadow: the dark strip on the ground where a subject stands on it.

A subject that is put before another background seems to float, as nothing darkens the ground under
it. It touches the ground along its lower outline: the lower convex hull of the matte, where that is
not steep. What stands on the hull keeps the light from the ground around it,
the more the nearer: so what stands over each point of the hull, counted less the higher it is, is
spread over the ground at two widths, away from the light. (This project's.)
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.errors import InputError
from relight.methods.smoothstep import smoothstep

WORK = 240
"""Shorter side at which shadows are made, in pixels: they are soft."""
STEEP = 0.25
"""Slope of a hull, in pixels down for one across, at which it is no ground any more."""
LAYERS = ((0.04, 0.04, 0.7), (0.3, 0.2, 0.7))
"""(height that counts, width of the spread, darkness) of each layer, in heights of the subject."""
FLAT = 0.5
"""Height of a shadow on the ground relative to its width: the ground is seen at a slant."""
AWAY = 1.0
"""How far a light from the side moves a shadow away from it, in widths of its spread."""
ENCODED = 2.2
"""Stops of linear light that a stop of sRGB-encoded values is, about."""
CUT = (0.01, 0.06)
"""Part of the frame's lower edge that the subject covers, from which it is cut off there and has no
foot, to where that is sure."""


def contact_shadow(matte: np.ndarray, aside: float = 0.0) -> np.ndarray:
    """How much of the light a subject keeps from the ground that it stands on.

    Args:
        matte: (h, w) in [0, 1].
        aside: where the light is: -1 on the left to 1 on the right.

    Returns:
        (h, w) float32, 0 nothing to 1 all of it; 0 where the frame's lower edge cuts the subject
        off. The shadow goes on behind the subject, which is to be laid over it.

    Raises:
        InputError: another shape, or a light that is not between the sides.

    >>> matte = np.zeros((100, 100))
    >>> matte[20:70, 40:60] = 1
    >>> shadow = contact_shadow(matte)
    >>> bool(shadow[71, 50] > 0.4), bool(shadow[95, 50] < 0.01), bool(shadow[71, 90] < 0.01)
    (True, True, True)
    >>> matte[20:] = matte[20]
    >>> float(contact_shadow(matte).max())
    0.0
    """
    if matte.ndim != 2 or not -1 <= aside <= 1:
        raise InputError(
            f"a matte is (h, w) and a light is between -1 and 1, not {matte.shape}, {aside:g}"
        )
    height, width = matte.shape
    shrink = min(WORK / min(height, width), 1.0)
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    small = cv2.resize(matte.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    left = _inside_the_frame(small)
    rows = np.flatnonzero((small > 0.5).any(1))
    if not left or not len(rows):
        return np.zeros((height, width), np.float32)
    tall = float(rows[-1] - rows[0] + 1)
    ground = _ground(small)
    lit = np.ones_like(small)
    below = np.arange(len(small))[:, None] + 0.5 - ground[None]
    for high, wide, dark in LAYERS:
        spread = max(wide * tall, 0.7)
        stands = _moved(_standing(small, -below, max(high * tall, 1.0)), -aside * AWAY * spread)
        along = cv2.GaussianBlur(stands[None], (0, 0), spread)
        lit *= 1 - left * dark * along * np.exp(-0.5 * (below / (FLAT * spread)) ** 2)
    return cv2.resize(1 - lit, (width, height), interpolation=cv2.INTER_LINEAR)


def darkened(ground: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """A background in a shadow.

    Args:
        ground: (h, w, 3) uint8, sRGB-encoded. shadow: (h, w), the part of its linear light that is
            taken, in [0, 1].

    >>> ground = np.full((2, 2, 3), 200, np.uint8)
    >>> darkened(ground, np.array([[0, 0.5], [0, 1]]))[..., 0].tolist()
    [[200, 146], [200, 0]]
    """
    rows = np.flatnonzero((shadow > 0).any(1))
    if not len(rows):
        return ground
    part = slice(rows[0], rows[-1] + 1)
    out = ground.copy()
    left = (1 - shadow[part, :, None]).clip(0, 1) ** (1 / ENCODED)
    out[part] = (ground[part] * left).round().astype(np.uint8)
    return out


def _inside_the_frame(matte: np.ndarray) -> float:
    """1 where the subject ends above the frame's lower edge, 0 where that cuts it off."""
    return 1 - smoothstep(float(matte[-1].mean()), *CUT)


def _ground(matte: np.ndarray) -> np.ndarray:
    """The height of the ground under each column, in pixels from the top: (w,).

    The lower convex hull of the outline where that is not steep, and level beyond its ends.
    """
    inside = matte > 0.5
    columns = np.flatnonzero(inside.any(0))
    lowest = len(matte) - 1 - inside[::-1].argmax(0)
    hull: list[tuple[int, int]] = []
    for x, y in zip(columns.tolist(), lowest[columns].tolist(), strict=True):
        while len(hull) > 1 and _over(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    deepest = max(range(len(hull)), key=lambda i: hull[i][1])
    first = last = deepest
    while first > 0 and _slope(hull[first - 1], hull[first]) < STEEP:
        first -= 1
    while last + 1 < len(hull) and _slope(hull[last], hull[last + 1]) < STEEP:
        last += 1
    points = np.array(hull[first : last + 1], np.float64)
    return np.interp(np.arange(matte.shape[1]), points[:, 0], points[:, 1]) + 1


def _over(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether b is on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def _slope(a: tuple[int, int], b: tuple[int, int]) -> float:
    return abs(b[1] - a[1]) / (b[0] - a[0])


def _standing(matte: np.ndarray, above: np.ndarray, high: float) -> np.ndarray:
    """How much stands over the ground of each column, what is near it most: (w,), 1 a wall."""
    near = np.where(above > 0, np.exp(-above.clip(0) / high), 0)
    return ((matte * near).sum(0) / near.sum(0).clip(1e-6)).astype(np.float32)


def _moved(x: np.ndarray, across: float) -> np.ndarray:
    at = np.arange(len(x))
    return np.interp(at - across, at, x).astype(np.float32)
