"""Where the subject of a clip may be, before anything is cut out: by motion, by place and colour.

What moves against the dominant motion is the subject: the camera's own motion is fitted to the flow
as an affine field, robustly, and with more trust in the frame's border, where the background is.
Where nothing moves, what no path from the border leads to without crossing an edge.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from relight.methods.minimum_barrier import barrier_distance

ROUNDS = 8
"""Of reweighting in the robust fit."""
ENOUGH = 48 * 48
"""Pixels that the robust fit is made of, about."""
STILL_PX = 0.7
"""Motion against the dominant one that may be noise of the flow, at a shorter side of 128 px."""
GRAIN = 4.0
"""Standard deviation in 8-bit levels that noise may have, and that a flow is lost in."""
UNLIKE = 25.0
"""Distance in CIE Lab at which a colour is another one."""
BARRIER = (20.0, 40.0)
"""Barrier in CIE Lab, of all channels together, that parts a thing from the border: .4 of the
highest there is, within these bounds."""


def against_dominant(flow: np.ndarray) -> np.ndarray:
    """How clearly each pixel moves differently from the scene: (h, w) in [0, 1].

    Args:
        flow: (2, h, w) in pixels, x first.

    Returns:
        1 - exp(-(residual / tolerance)^2) of an affine fit by iteratively reweighted least squares
        (Cauchy's weights, squared); the tolerance grows with the spread of the residuals.

    >>> flow = np.zeros((2, 64, 64), np.float32)
    >>> flow[0, 20:40, 20:40] = 5
    >>> moving = against_dominant(flow)
    >>> bool(moving[30, 30] > 0.9), bool(moving[5, 5] < 0.01)
    (True, True)
    """
    h, w = flow.shape[1:]
    x, y = _coordinates(h, w)
    fit, spread = dominant(flow, np.clip(np.maximum(abs(x), abs(y)), 0.05, 1) ** 2)
    apart = np.hypot(*(flow - fit))
    return 1 - np.exp(-((apart / max(STILL_PX * min(h, w) / 128, 2.5 * spread)) ** 2))


def dominant(flow: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the affine motion that most of a frame has.

    Args:
        flow: (2, h, w) in pixels, x first. prior: weight of each pixel, (h, w) in [0, 1].

    Returns:
        its flow, (2, h, w), and the spread of the residuals, both in pixels.

    >>> flow = np.ones((2, 64, 64), np.float32)
    >>> flow[0, 20:40, 20:40] = 5
    >>> bool(np.allclose(dominant(flow, np.ones((64, 64)))[0], 1, atol=0.01))
    True
    """
    h, w = flow.shape[1:]
    x, y = _coordinates(h, w)
    terms = np.stack([np.ones_like(x), x, y], axis=-1)  # h, w, 3
    every = slice(None, None, max(1, round(math.sqrt(h * w / ENOUGH))))
    a = terms[every, every].reshape(-1, 3)
    v = flow[:, every, every].reshape(2, -1).T
    prior = prior[every, every].reshape(-1)
    counts = prior > 0 if (prior > 0).any() else np.ones_like(prior, bool)
    weight, unit = prior, min(h, w) / 128
    fit, spread = np.zeros((3, 2)), 0.15 * unit
    for i in range(ROUNDS):
        weighted = a * weight[:, None]
        fit = np.linalg.solve(a.T @ weighted + 1e-6 * np.eye(3), weighted.T @ v)
        residual = np.hypot(*(v - a @ fit).T)
        spread = max(0.15 * unit, 1.5 * float(np.median(residual[counts])))
        weight = prior / (1 + (residual / (spread * (2 if i < ROUNDS // 2 else 1))) ** 2) ** 2
    return np.moveaxis(terms @ fit, -1, 0), spread


def texture(image: np.ndarray) -> np.ndarray:
    """How reliable a flow is around each pixel, by the texture there: (h, w) in [0, 1], float32.

    Args:
        image: (h, w, 3) uint8.

    >>> float(texture(np.full((64, 64, 3), 9, np.uint8)).max())
    0.0
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = (max(3, min(image.shape[:2]) // 8 | 1),) * 2
    variance = cv2.blur(grey * grey, size) - cv2.blur(grey, size) ** 2
    return variance.clip(0) / (variance.clip(0) + GRAIN**2)


def apart_from_border(images: np.ndarray) -> np.ndarray:
    """How clearly each pixel is separated from the border: (n, h, w) in [0, 1], float32.

    Args:
        images: (n, h, w, 3) uint8.

    >>> image = np.full((1, 64, 64, 3), 40, np.uint8)
    >>> image[:, 20:60, 20:40] = (250, 30, 30)
    >>> far = apart_from_border(image)
    >>> bool(far[0, 40, 30] > 0.9), bool(far[0, 5, 5] < 0.01)
    (True, True)
    """
    blur = max(0.5, min(images.shape[1:3]) / 140)
    soft = [cv2.GaussianBlur(one.astype(np.float32) / 255, (0, 0), blur) for one in images]
    lab = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2LAB) for one in soft])
    distance = barrier_distance(lab)
    highest = np.percentile(distance, 98, axis=(1, 2), keepdims=True)
    return 1 - np.exp(-((distance / (0.4 * highest).clip(*BARRIER)) ** 2)).astype(np.float32)


def centre_prior(h: int, w: int) -> np.ndarray:
    """Where subjects are: around the centre and below it, (h, w) in [0, 1]."""
    x, y = _coordinates(h, w)
    return np.exp(-0.5 * ((x / 0.55) ** 2 + ((y - 0.15) / 0.7) ** 2)).astype(np.float32)


def _coordinates(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    return (x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1
