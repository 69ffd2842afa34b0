"""Pairs to train on: a sharp crop, and the same made twice as small as files in the wild are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .drawn import drawing

cv2.setNumThreads(0)

LARGEST_ZOOM = 4.0  # times that a window may be larger than the crop it becomes
DRAWN, FRAMES, GREY, GRAIN = 0.1, 0.08, 0.06, 0.12  # shares of the crops
KERNELS = {  # how the small picture is made; the mean of 2x2 pixels is what back-projection assumes
    "mean": 0.55,
    Image.Resampling.BICUBIC: 0.2,
    Image.Resampling.LANCZOS: 0.1,
    Image.Resampling.BILINEAR: 0.08,
    Image.Resampling.HAMMING: 0.07,
}


class Crops:
    """Random pairs from the cache that sources.py writes."""

    def __init__(self, path: Path, seed: int = 0, damage: float = 0.0) -> None:
        """`damage`: share of the small pictures that get noise and compression."""
        self.rng, self.damage = np.random.default_rng(seed), damage
        cache = np.load(path)
        self.photos = [cache[k] for k in cache.files if k.startswith("photo")]
        self.frames = [cache[k] for k in cache.files if k.startswith("frame")]
        area = np.array([p.shape[0] * p.shape[1] for p in self.photos]) ** 0.5
        self.weights = area / area.sum()

    def batch(self, count: int, side: int) -> tuple[Tensor, Tensor]:
        """(count, 3, side / 2, side / 2) small and (count, 3, side, side) sharp, in [0, 1]."""
        pairs = [self.pair(side) for _ in range(count)]
        small = torch.from_numpy(np.stack([p[0] for p in pairs])).permute(0, 3, 1, 2)
        sharp = torch.from_numpy(np.stack([p[1] for p in pairs])).permute(0, 3, 1, 2)
        return small.contiguous(), sharp.float().contiguous() / 255

    def pair(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Small (side / 2, side / 2, 3) float32 in [0, 1], sharp (side, side, 3) uint8."""
        sharp = self.crop(side)
        if self.rng.random() < 0.7:  # of two, the one with more in it
            other = self.crop(side)
            sharp = max(sharp, other, key=detail)
        sharp = self.altered(sharp)
        names = list(KERNELS)
        kernel = names[self.rng.choice(len(names), p=list(KERNELS.values()))]
        small = halved(sharp, kernel)
        if self.damage and self.rng.random() < self.damage:
            small = damaged(small, self.rng)
        return small, sharp

    def crop(self, side: int) -> np.ndarray:
        """(side, side, 3) uint8 from a photo, a frame or a drawing, by area from a window."""
        rng, kind = self.rng, self.rng.random()
        if kind < DRAWN:
            return drawing(side, rng)
        if kind < DRAWN + FRAMES:
            image = self.frames[rng.integers(len(self.frames))]
        else:
            image = self.photos[rng.choice(len(self.photos), p=self.weights)]
        most = min(min(image.shape[:2]) / side, LARGEST_ZOOM)
        window = int(side * np.exp(rng.uniform(0, np.log(most))))
        y = rng.integers(image.shape[0] - window + 1)
        x = rng.integers(image.shape[1] - window + 1)
        part = image[y : y + window, x : x + window]
        return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)

    def altered(self, sharp: np.ndarray) -> np.ndarray:
        """Mirrored, turned, sometimes grey, sometimes grainy, with other contrast and colours."""
        rng = self.rng
        if rng.random() < 0.5:
            sharp = sharp[:, ::-1]
        sharp = np.rot90(sharp, rng.integers(4))
        if rng.random() < GREY:
            sharp = np.repeat(sharp.mean(-1, keepdims=True), 3, -1)
        if rng.random() < 0.3:
            sharp = sharp[..., rng.permutation(3)]
        values = sharp.astype(np.float32)
        if rng.random() < 0.4:
            values = 255 * (values / 255) ** rng.uniform(0.6, 1.7)
            values = values * rng.uniform(0.6, 1.0) + rng.uniform(0, 40)
        if rng.random() < GRAIN:
            values = values + grain(values.shape, rng)
        return np.clip(np.round(values), 0, 255).astype(np.uint8)


def detail(image: np.ndarray) -> float:
    """Mean absolute step between neighbours, capped so that noise doesn't always win."""
    grey = image[..., 1].astype(np.float32)
    steps = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    return min(float(steps), 24.0)


def halved(sharp: np.ndarray, kernel: str | Image.Resampling) -> np.ndarray:
    """(2h, 2w, 3) uint8 -> (h, w, 3) float32 in [0, 1]; all but the mean rounded to 8 bits."""
    height, width = sharp.shape[0] // 2, sharp.shape[1] // 2
    if kernel == "mean":
        blocks = sharp.reshape(height, 2, width, 2, 3).astype(np.float32)
        return blocks.mean((1, 3)) / 255
    small = Image.fromarray(np.ascontiguousarray(sharp)).resize((width, height), kernel)
    return np.asarray(small, np.float32) / 255


def grain(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Film grain of 1 to 6 codes, mostly the same in all channels, one to two pixels large."""
    noise = rng.normal(size=(*shape[:2], 1)) + 0.4 * rng.normal(size=shape)
    if rng.random() < 0.6:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 0.9))
    noise = noise.reshape(shape)
    return (rng.uniform(1, 6) * noise / noise.std()).astype(np.float32)


def damaged(small: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mild noise, then JPEG of quality 35 to 95, either one left out at times."""
    values = small * 255
    if rng.random() < 0.5:
        values = values + 0.7 * grain(values.shape, rng)
    values = np.clip(np.round(values), 0, 255).astype(np.uint8)
    if rng.random() < 0.85:
        sampling = (
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        )[int(rng.random() < 0.3)]
        quality = int(rng.uniform(35, 95))
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(values[..., ::-1]), options)
        values = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    return values.astype(np.float32) / 255
