"""Random crops of the training pictures and random coloured light on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

cv2.setNumThreads(0)


class Pictures:
    """The cache written by sources.py: random square crops at random scale, as float RGB [0, 1]."""

    def __init__(self, path: Path, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        cache = np.load(path)
        self.photos = [cache[k] for k in cache.files if k.startswith("photo")]
        self.clips = [cache[k] for k in cache.files if k.startswith("clip")]
        # clips get a fifth of the draws, photos are drawn by the root of their area
        area = np.array([p.shape[0] * p.shape[1] for p in self.photos]) ** 0.5
        self.weights = area / area.sum()

    def still(self, smallest: int = 0) -> np.ndarray:
        """A whole photo, or one frame of a clip, with no side below `smallest` pixels."""
        if self.clips and self.rng.random() < 0.2:
            clip = self.clips[self.rng.choice(len(self.clips), p=self._clip_weights())]
            if min(clip.shape[1:3]) >= smallest:
                return clip[self.rng.integers(len(clip))]
        weights = self.weights * [min(photo.shape[:2]) >= smallest for photo in self.photos]
        if not weights.any():
            raise ValueError(f"no training photo has {smallest} pixels on its short side")
        return self.photos[self.rng.choice(len(self.photos), p=weights / weights.sum())]

    def _clip_weights(self) -> np.ndarray:
        length = np.array([len(c) for c in self.clips], np.float64) ** 0.5
        length[1:] *= 0.4  # the first clip (bikes) is the varied one
        return length / length.sum()

    def crop(self, size: int, smallest: float = 0.0) -> np.ndarray:
        """(size, size, 3) uint8; the window covers from `size` pixels up to the whole picture."""
        image = self.still()
        height, width = image.shape[:2]
        side = min(height, width)
        low = min(side, max(size, int(smallest * side)))
        window = int(np.exp(self.rng.uniform(np.log(low), np.log(side + 1e-3))))
        y = self.rng.integers(height - window + 1)
        x = self.rng.integers(width - window + 1)
        patch = image[y : y + window, x : x + window]
        if window != size:
            patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)
        if self.rng.random() < 0.5:
            patch = patch[:, ::-1]
        return patch

    def batch(self, count: int, size: int, smallest: float = 0.0) -> torch.Tensor:
        """(count, 3, size, size) in [0, 1]."""
        patches = np.stack([self.crop(size, smallest) for _ in range(count)])
        return torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255


def tint(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Random exposure, saturation and, on half of them, saturated two-colour light gradients."""
    count, _, height, width = images.shape

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    linear = images ** (1.6 + 0.8 * rand(count, 1, 1, 1))
    grey = linear.mean(1, keepdim=True)
    linear = grey + (linear - grey) * (0.6 + 0.9 * rand(count, 1, 1, 1))
    ys = torch.linspace(-1, 1, height).view(1, 1, height, 1)
    xs = torch.linspace(-1, 1, width).view(1, 1, 1, width)
    angle = 6.2832 * rand(count, 1, 1, 1)
    ramp = torch.sigmoid(3 * (xs * angle.cos() + ys * angle.sin() + rand(count, 1, 1, 1) - 0.5))
    first = rand(count, 3, 1, 1) ** 1.5
    second = rand(count, 3, 1, 1) ** 1.5
    light = ramp * first / first.mean(1, keepdim=True) * 1.3
    light = light + (1 - ramp) * second / second.mean(1, keepdim=True) * rand(count, 1, 1, 1) * 1.3
    amount = (rand(count, 1, 1, 1) < 0.5).float() * rand(count, 1, 1, 1) ** 0.5
    linear = linear.clamp(min=0) * (1 - amount + amount * light)
    return linear.clamp(0, 1) ** (1 / 2.2)
