"""GrabCut (SIGGRAPH 2004) of one image, from how likely each pixel is the subject's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.types import NO_ARRAY

ITERATIONS = 2
"""Of GrabCut."""


@dataclass(frozen=True, eq=False)
class Colours:
    """The colours of a clip's background and of its subject.

    Each is a Gaussian mixture as OpenCV's GrabCut stores it, (1, 65) float64.
    """

    background: np.ndarray
    subject: np.ndarray


def cut(image: np.ndarray, score: np.ndarray, colours: Colours | None = None) -> Tensor:
    """GrabCut of one image (h, w, 3) uint8 from a score (h, w) in [0, 1] -> (h, w), 0 or 1.

    `colours` are used unchanged where they are given, else estimated from the image.

    >>> image = np.full((32, 32, 3), 40, np.uint8)
    >>> image[8:24, 8:24] = (250, 30, 30)
    >>> score = np.where(image[..., 0] > 100, 0.9, 0.1)
    >>> found = cut(image, score)
    >>> float(found[16, 16]), float(found[2, 2])
    (1.0, 0.0)
    """
    labels = labels_from(score)
    if not two_sides(labels):
        return torch.zeros(score.shape)
    if colours is None:
        grab(image, labels, (np.zeros((1, 65)), np.zeros((1, 65))), cv2.GC_INIT_WITH_MASK)
    else:
        models = colours.background.copy(), colours.subject.copy()
        grab(image, labels, models, cv2.GC_EVAL_FREEZE_MODEL, rounds=1)
    return torch.from_numpy(_tidied(labels % 2)).float()


def labels_from(score: np.ndarray) -> np.ndarray:
    """GrabCut's initial labels, from how likely each pixel is the subject's.

    >>> score = np.array([[0.0, 0.2, 0.5, 0.9]])
    >>> np.equal(labels_from(score), [[cv2.GC_BGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD, cv2.GC_FGD]]).all()
    np.True_
    """
    labels = np.full(score.shape, cv2.GC_PR_BGD, np.uint8)
    labels[score > 0.45] = cv2.GC_PR_FGD
    labels[score > 0.8] = cv2.GC_FGD
    labels[score < 0.05] = cv2.GC_BGD
    return labels


def two_sides(labels: np.ndarray) -> bool:
    """Whether there is enough of both to tell two sets of colours.

    >>> two_sides(np.array([cv2.GC_BGD, cv2.GC_PR_FGD])), two_sides(np.array([cv2.GC_BGD] * 2))
    (True, False)
    """
    inside = labels % 2 == 1
    return bool(min(inside.mean(), (~inside).mean()) >= 0.005)


def grab(
    image: np.ndarray,
    labels: np.ndarray,
    models: tuple[np.ndarray, np.ndarray],
    mode: int,
    rounds: int = ITERATIONS,
) -> None:
    """Run GrabCut; `labels` change in place, `models` too unless `mode` freezes them.

    Args:
        image: (h, w, 3) uint8, RGB. labels: (h, w) uint8, OpenCV's `GC_...`.
        models: of background and subject, (1, 65) float64 each. mode: OpenCV's `GC_...`.

    >>> labels = np.full((32, 32), cv2.GC_BGD, np.uint8)
    >>> labels[8:24, 8:24] = cv2.GC_PR_FGD
    >>> image = np.where(labels[..., None] > 0, 250, 40).repeat(3, 2).astype(np.uint8)
    >>> grab(image, labels, (np.zeros((1, 65)), np.zeros((1, 65))), cv2.GC_INIT_WITH_MASK)
    >>> int(labels[16, 16]) == cv2.GC_PR_FGD
    True
    """
    cv2.setRNGSeed(1)  # its colour models start from random clusters
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, labels, NO_ARRAY, *models, rounds, mode)


def _tidied(mask: np.ndarray) -> np.ndarray:
    """A mask (h, w) of 0 and 1 without specks, slits and holes, and without its small parts."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(line) for line in outlines]
    kept = [line for line, a in zip(outlines, areas, strict=True) if a > 0.15 * max(areas)]
    return cv2.drawContours(np.zeros_like(mask), kept, -1, 1, cv2.FILLED)
