"""Registration: where, and when, in a clip a relit still belongs.

A still that went through an editor comes back in another size, cropped, squashed or moved by some
pixels, and in another light. Its place is found from features (SIFT, Lowe 2004) between local
contrasts, which light changes little, next to two plain guesses (the whole frame, its centre); each
is refined by ECC (Evangelidis and Psarakis, PAMI 2008) on those contrasts, and the one whose
gradients agree best wins. Its moment is the frame for which that agreement is best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.types import NO_ARRAY

SIDE = 256  # shorter side of the pictures that are compared, in pixels
SMALLEST = 64  # shorter side of a still that can be registered, in pixels
MATCH = 0.2  # agreement below which a still is of another scene; another scene measures .1 at most
PROBES = 32  # frames looked at first, evenly spread over the clip
REFINED = 16  # of the probes, the most promising
FEATURES = 800  # of a picture, the strongest
ECC_STEPS = 25
LARGEST_STRETCH = 4.0  # of a side, beyond which a transform is a false match


@dataclass(frozen=True, eq=False)
class Registration:
    """Where a still belongs.

    Attributes:
        index: of the frame it shows.
        matrix: (2, 3) float64, from positions in the frame to positions in the still, both as
            fractions of width and height.
        match: agreement of the gradients, -1 to 1; 1 is the frame itself.
        shown: share of the still that is in the frame; a neighbour in a pan shows less of it.
    """

    index: int
    matrix: np.ndarray
    match: float
    shown: float

    @property
    def rank(self) -> float:
        """What places are compared by."""
        return self.match * min(self.shown, 1.0) ** 3

    def warp(self, still: np.ndarray, height: int, width: int) -> tuple[Tensor, Tensor]:
        """The still laid over the frame.

        Returns:
            (3, height, width) in [0, 1], and (1, height, width): 1 where the still shows the frame.
        """
        still = _shrunk(still, self.matrix, height, width)
        matrix = _in_pixels(self.matrix, (height, width), still.shape[:2])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(
            still, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        inside = cv2.warpAffine(
            np.ones(still.shape[:2], np.float32), matrix, (width, height), flags=flags
        )
        covered = torch.from_numpy((inside > 0.99).astype(np.float32))[None]
        return torch.from_numpy(laid).permute(2, 0, 1).float() / 255, covered


def register(
    still: np.ndarray, frames: Sequence[np.ndarray], index: int | None = None
) -> Registration:
    """Find where, and unless it is named when, `still` belongs.

    Args:
        still: (H, W, 3) uint8, a relit frame of the clip, any size, maybe cropped or squashed.
        frames: the clip's small frames, (h, w, 3) uint8 each; random access, e.g. a memory map.
        index: of the frame that it shows; None: found here.

    Raises:
        InputError: the still is too small, `index` is not in the clip, or no frame matches.

    >>> rng = np.random.default_rng(0)
    >>> small = [rng.integers(0, 256, (12, 16, 3), np.uint8) for _ in range(3)]
    >>> frames = [cv2.resize(image, (341, 256)) for image in small]
    >>> found = register((frames[1] * 0.6).astype(np.uint8), frames)
    >>> found.index, found.match > 0.5
    (1, True)
    """
    if min(still.shape[:2]) < SMALLEST:
        size = f"{still.shape[1]}x{still.shape[0]}"
        raise InputError(f"the reference is {size}: give one of {SMALLEST} pixels a side or more")
    if index is not None and not 0 <= index < len(frames):
        raise InputError(
            f"a reference for frame {index}: the clip has frames 0 to {len(frames) - 1}"
        )
    view = _View.of(still)
    best = _searched(view, frames) if index is None else _placed(view, frames[index], index)
    if best.match < MATCH:
        where = f"frame {best.index}" if index is None else f"frame {index}, which was named"
        raise InputError(
            f"the reference shows another scene: its best match is {best.match:.2f} "
            f"(at {where}), {MATCH:g} or more is needed; give a relit frame of this clip"
        )
    return best


def _searched(view: _View, frames: Sequence[np.ndarray]) -> Registration:
    """Probes over the whole clip, the best of them refined, then ever closer around that one."""
    gap = max(1, -(-len(frames) // PROBES))
    seen = {i: _placed(view, frames[i], i, refine=False) for i in range(0, len(frames), gap)}
    for rough in sorted(seen.values(), key=lambda found: -found.rank)[:REFINED]:
        seen[rough.index] = _placed(view, frames[rough.index], rough.index)
    best = max(seen.values(), key=lambda found: found.rank)
    while gap > 1:
        gap = -(-gap // 2)
        for i in (best.index - gap, best.index + gap):
            if 0 <= i < len(frames) and i not in seen:
                seen[i] = _placed(view, frames[i], i, start=best.matrix)
        best = max(seen.values(), key=lambda found: found.rank)
    return best


@dataclass(frozen=True, eq=False)
class _View:
    """A picture as it is compared: local contrast (h, w) float32, and its features."""

    contrast: np.ndarray
    aspect: float  # width over height of the picture itself
    points: np.ndarray
    descriptors: np.ndarray | None

    @classmethod
    def of(cls, image: np.ndarray) -> _View:
        h, w = image.shape[:2]
        scale = SIDE / min(h, w)
        size = (max(round(w * scale), 16), max(round(h * scale), 16))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.cvtColor(cv2.resize(image, size, interpolation=method), cv2.COLOR_RGB2GRAY)
        contrast = _contrast(grey)
        codes = cv2.convertScaleAbs(contrast, alpha=40, beta=128)
        points, descriptors = cv2.SIFT.create(FEATURES).detectAndCompute(codes, NO_ARRAY)
        places = np.array([p.pt for p in points], np.float32).reshape(-1, 2)
        return cls(contrast, w / h, places, descriptors)


def _contrast(grey: np.ndarray) -> np.ndarray:
    """Log luminance minus its surroundings, over its local spread: much the same in any light."""
    log = np.log1p(cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32))
    local = log - cv2.GaussianBlur(log, (0, 0), 8)
    spread = np.sqrt(cv2.GaussianBlur(local * local, (0, 0), 16))
    return local / (spread + 0.05)


def _placed(
    view: _View,
    frame: np.ndarray,
    index: int,
    *,
    start: np.ndarray | None = None,
    refine: bool = True,
) -> Registration:
    """The best place of the still in one frame, from `start` or from every guess."""
    other = _View.of(frame)
    guesses = _guesses(view, other) if start is None else [start]
    found = [Registration(index, guess, *_agreement(view, other, guess)) for guess in guesses]
    best = max(found, key=lambda one: one.rank)
    if refine:
        for one in found:
            matrix = _refined(view, other, one.matrix)
            better = Registration(index, matrix, *_agreement(view, other, matrix))
            best = max(best, better, key=lambda one: one.rank)
    return best


def _guesses(still: _View, frame: _View) -> Iterator[np.ndarray]:
    """From frame to still as fractions: squashed whole, the centre alone, by features."""
    yield np.eye(2, 3)
    wide = still.aspect / frame.aspect  # of the frame's width that a centre crop shows, or more
    if abs(np.log(wide)) > 0.02:
        x, y = (1 / wide, 1.0) if wide < 1 else (1.0, wide)
        yield np.array([[x, 0, 0.5 - 0.5 * x], [0, y, 0.5 - 0.5 * y]])
    found = _by_features(still, frame)
    if found is not None:
        yield found


def _by_features(still: _View, frame: _View) -> np.ndarray | None:
    """An affine transform on which enough features agree, or None."""
    if still.descriptors is None or frame.descriptors is None or len(still.points) < 2:
        return None
    pairs = cv2.BFMatcher().knnMatch(frame.descriptors, still.descriptors, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.8 * p[1].distance]
    if len(good) < 6:
        return None
    here = frame.points[[m.queryIdx for m in good]]
    there = still.points[[m.trainIdx for m in good]]
    matrix, _ = cv2.estimateAffine2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=4)
    if matrix is None:
        return None
    matrix = _as_fractions(matrix, frame.contrast.shape, still.contrast.shape)
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    sane = stretch[0] < LARGEST_STRETCH and stretch[1] > 1 / LARGEST_STRETCH
    return matrix if sane and np.linalg.det(matrix[:, :2]) > 0 else None


def _refined(still: _View, frame: _View, matrix: np.ndarray) -> np.ndarray:
    """ECC from a first guess; the guess itself where that does not converge."""
    start = _in_pixels(matrix, frame.contrast.shape, still.contrast.shape).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, 1e-4)
    try:
        _, found = cv2.findTransformECC(
            frame.contrast, still.contrast, start, cv2.MOTION_AFFINE, stop, NO_ARRAY, 5
        )
    except cv2.error:
        return matrix
    return _as_fractions(found.astype(np.float64), frame.contrast.shape, still.contrast.shape)


def _agreement(still: _View, frame: _View, matrix: np.ndarray) -> tuple[float, float]:
    """Correlation of the gradients where the still covers the frame (-1 where it hardly does), and
    the share of the still that does."""
    h, w = frame.contrast.shape
    pixels = _in_pixels(matrix, (h, w), still.contrast.shape)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(still.contrast, pixels, (w, h), flags=flags)
    inside = cv2.warpAffine(np.ones_like(still.contrast), pixels, (w, h), flags=flags)
    inside = cv2.erode((inside > 0.99).astype(np.uint8), np.ones((3, 3))) > 0
    inside[:, -1] = inside[-1] = False  # no gradient there
    shown = float(inside.mean() * np.linalg.det(matrix[:, :2]))
    if inside.mean() < 0.1:
        return -1.0, shown
    pairs = []
    for x in (laid, frame.contrast):
        steps = (np.diff(x, axis=1, append=0)[inside], np.diff(x, axis=0, append=0)[inside])
        pairs.append(np.concatenate(steps))
    a, b = (x - x.mean() for x in pairs)
    return float((a @ b) / np.sqrt((a @ a) * (b @ b) + 1e-12)), shown


def _in_pixels(matrix: np.ndarray, frame: tuple[int, int], still: tuple[int, int]) -> np.ndarray:
    """From fractions to pixel centres of pictures of these (height, width)."""
    return (_to_pixels(still) @ _square(matrix) @ np.linalg.inv(_to_pixels(frame)))[:2]


def _as_fractions(matrix: np.ndarray, frame: tuple[int, int], still: tuple[int, int]) -> np.ndarray:
    """The inverse of `_in_pixels`."""
    return (np.linalg.inv(_to_pixels(still)) @ _square(matrix) @ _to_pixels(frame))[:2]


def _to_pixels(size: tuple[int, int]) -> np.ndarray:
    """Fractions to the pixel centres of a picture: x w - 1/2, y h - 1/2."""
    return np.array([[size[1], 0, -0.5], [0, size[0], -0.5], [0, 0, 1.0]])


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 1]])


def _shrunk(still: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """The still brought down by area where the frame shows it smaller, so that nothing aliases."""
    w = min(still.shape[1], max(1, round(width / np.linalg.norm(matrix[0, :2]))))
    h = min(still.shape[0], max(1, round(height / np.linalg.norm(matrix[1, :2]))))
    return cv2.resize(still, (w, h), interpolation=cv2.INTER_AREA)
