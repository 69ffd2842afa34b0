"""The subject by a matte network of the user's own, run by OpenCV: .tflite or .onnx.

The network is shown each frame, stretched to its own size, RGB in [0, 1] (what matte networks of
MediaPipe, MODNet's and U2-Net's exports take, the latter up to a shift of the mean), and gives one
map, or two, of which the last is the subject. Frames are judged one by one and then steadied along
the source's flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError, ModelError
from relight.masks.grabcut import EDGE, Subject, work_size
from relight.masks.steady import REACH, along_flow, guided, motion_of, resized

SIDES = (256, 320, 512, 224, 192, 1024)
"""Sides of the square that such networks are given, in the order they are tried in."""
SMALLEST = 0.002
"""Share of the frame from which there is a subject."""


class MatteNetwork:
    """A network that says of each pixel how surely it is the subject.

    Args:
        path: a .tflite or .onnx file.

    Raises:
        InputError: there is no such file. ModelError: OpenCV can't read or run it, or what it gives
            is no map.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"there is no matte model {path}: check the path", field="matte_model")
        lite = path.suffix.lower() == ".tflite"
        read = cv2.dnn.readNetFromTFLite if lite else cv2.dnn.readNetFromONNX
        try:
            self._net = read(str(path))
        except cv2.error as error:
            raise ModelError(f"{path} can't be read as a network: {_reason(error)}") from None
        self._side = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (h, w) float32 in [0, 1]."""
        sides, reason = (self._side,) if self._side else SIDES, ""
        for side in sides:
            try:
                raw = self._run(image, side)
            except cv2.error as error:
                reason = _reason(error)
                continue
            self._side = side
            height, width = image.shape[:2]
            return cv2.resize(_map(raw, self.path), (width, height)).clip(0, 1)
        raise ModelError(
            f"the matte model {self.path} can't be run on a square of "
            f"{', '.join(map(str, sides))} pixels: {reason}"
        )

    def _run(self, image: np.ndarray, side: int) -> np.ndarray:
        self._net.setInput(cv2.dnn.blobFromImage(image, 1 / 255, (side, side)))
        return np.asarray(self._net.forward())


def network_subject(frames: Tensor, network: MatteNetwork) -> Subject:
    """The subject of frames by a network, steady along their motion.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order. A frame depends on `REACH` on either side.

    Returns:
        the subject at the frames' size; its confidence is 1 where there is one, else 0.
    """
    size = work_size(*frames.shape[-2:])
    codes = (frames.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    raw = torch.from_numpy(np.stack([network(np.ascontiguousarray(image)) for image in codes]))
    return steadied(raw[:, None].float(), frames, size)


def steadied(mattes: Tensor, frames: Tensor, size: Sequence[int] | None = None) -> Subject:
    """Mattes that were made frame by frame, as a subject: averaged along the flow, edges by colour.

    Args:
        mattes: (frames, 1, h, w) in [0, 1]. frames: (frames, 3, h, w) in [0, 1].
        size: (h, w) at which the flow is found; default: as for GrabCut.

    >>> still = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> flicker = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 32, 32)
    >>> found = steadied(flicker, still.expand(3, 3, 32, 32))
    >>> bool(found.matte[1].mean() > 0.4)
    True
    """
    height, width = tuple(size or work_size(*frames.shape[-2:]))
    small = resized(frames, (height, width))
    motion = motion_of(small, (height, width))
    mean = along_flow(resized(mattes, (height, width)), motion, reach=REACH)
    edged = guided(mean, small, eps=EDGE, full=frames)
    return Subject(edged, (mattes.mean((1, 2, 3)) > SMALLEST).float())


def _map(raw: np.ndarray, path: Path) -> np.ndarray:
    """What a network gives, (..., h, w) or (..., h, w, 1 or 2), as one map (h, w)."""
    found = np.squeeze(raw)
    if found.ndim == 3 and found.shape[0] == 2:
        found = _second(found[0], found[1])
    elif found.ndim == 3 and found.shape[-1] == 2:
        found = _second(found[..., 0], found[..., 1])
    if found.ndim != 2 or min(found.shape) < 8:
        raise ModelError(
            f"the matte model {path} gives {raw.shape}, which is no map of one subject"
        )
    found = found.astype(np.float32)
    if not np.isfinite(found).all():
        raise ModelError(f"the matte model {path} gives values that are not numbers")
    if found.min() >= -1e-3 and found.max() <= 1.001:
        return found
    return 0.5 * (1 + np.tanh(found / 2))  # the logistic function, which doesn't overflow


def _second(rest: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Of the scores of two classes: how far the second one wins; kept, if they are shares."""
    if abs(float((rest + subject).mean()) - 1) < 1e-3:
        return subject
    return subject - rest


def _reason(error: cv2.error) -> str:
    return " ".join(str(error).split())[:160]
