"""The source's motion as measures need it: DIS flow at full size, and where it holds.

`relight.methods.optical_flow` is what the relighting itself uses: at 256 pixels, on tensors, with
a soft trust. A score must not be computed with the tool that made the result, so this one is kept
apart: full resolution, and TC-Light's mask (arXiv:2506.18904, its evaluation script), with DIS
(arXiv:1603.03590) for RAFT, which needs weights.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from relight.types import NO_ARRAY

SHORTEST = 16  # pixels: DIS fails on a shorter side, which is enlarged for it


class Motion(NamedTuple):
    """Where a frame's pixels were in the frame before."""

    flow: np.ndarray  # (h, w, 2) float32, x first, in pixels
    valid: np.ndarray  # (h, w) bool: there and back ends where it began


def motion(before: np.ndarray, frame: np.ndarray) -> Motion:
    """Motion b from `frame` back to `before`, valid where the way there and back agrees:

        |b(x) + f(x + b(x))| < .5 (|b(x)| + |f(x + b(x))|) + .5 pixels,  f from `before` to `frame`

    >>> noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    >>> wide = cv2.GaussianBlur(noise, (0, 0), 2)
    >>> found = motion(wide[:, :80], wide[:, 4:84])  # the camera pans by four pixels
    >>> np.median(found.flow[..., 0]).round().item(), bool(found.valid[:, :70].mean() > 0.9)
    (4.0, True)
    """
    backward, forward = dis_flow(frame, before), dis_flow(before, frame)
    returned = look_up(forward, backward)
    lengths = np.linalg.norm(backward, axis=2) + np.linalg.norm(returned, axis=2)
    astray = np.linalg.norm(backward + returned, axis=2)
    return Motion(backward, astray < 0.5 * lengths + 0.5)


def dis_flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """DIS flow, preset medium, at the frames' size: a(x) = b(x + flow(x)); (h, w, 2) float32.

    >>> still = np.zeros((20, 20, 3), np.uint8)
    >>> float(np.abs(dis_flow(still, still)).max())
    0.0
    """
    h, w = a.shape[:2]
    large = (max(w, SHORTEST), max(h, SHORTEST))
    grey_a, grey_b = _grey(a), _grey(b)
    if large != (w, h):
        grey_a, grey_b = cv2.resize(grey_a, large), cv2.resize(grey_b, large)
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = method.calc(grey_a, grey_b, NO_ARRAY)
    if large != (w, h):
        found = cv2.resize(found, (w, h)) * np.array([w / large[0], h / large[1]], np.float32)
    return found


def look_up(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`image` (h, w) or (h, w, c) read at every pixel plus `flow`: bilinear, the border repeated.

    >>> flow = np.zeros((1, 3, 2), np.float32)
    >>> flow[..., 0] = 1
    >>> look_up(np.float32([[1, 2, 3]]), flow).tolist()
    [[2.0, 3.0, 3.0]]
    """
    h, w = flow.shape[:2]
    x = np.arange(w, dtype=np.float32) + flow[..., 0]
    y = np.arange(h, dtype=np.float32)[:, None] + flow[..., 1]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _grey(frame: np.ndarray) -> np.ndarray:
    if frame.dtype != np.uint8:
        frame = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    return cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
