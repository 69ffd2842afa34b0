"""Light as gain and glow: what it is, how strong it is, and what all that works on it shares.

Light is an affine map per pixel and channel of sRGB-encoded values, result = gain * source + glow:
a lamp's ratio where there is something to light, the haze it spreads where there is not. It is
kept small; `relight.methods.full_size_light` puts it on full-size frames.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from relight.errors import InputError

LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
OFFSET = 0.01  # encoded value (2.5 codes) that keeps ratios finite in black
DARKEST, BRIGHTEST = 1 / 64, 6.0  # bounds of a ratio of encoded values


@dataclass(frozen=True, eq=False)
class GainGlow:
    """The light of one frame, or of several: result = exp(log_gain) * source + glow.

    Attributes:
        log_gain: (..., 3, h, w) float, natural log of the slope on sRGB-encoded values.
        glow: (..., 3, h, w) float, what is added, in encoded values (1 is white).

    >>> light = GainGlow.none(4, 6)
    >>> light.log_gain.shape, float(light.glow.abs().max())
    (torch.Size([3, 4, 6]), 0.0)
    """

    log_gain: Tensor
    glow: Tensor

    @classmethod
    def none(cls, height: int, width: int) -> GainGlow:
        """The light that changes nothing."""
        return cls(torch.zeros(3, height, width), torch.zeros(3, height, width))

    @property
    def planes(self) -> Tensor:
        """Both as one tensor (..., 6, h, w), for warping and blending."""
        return torch.cat([self.log_gain, self.glow], dim=-3)

    @classmethod
    def from_planes(cls, planes: Tensor) -> GainGlow:
        """The inverse of `planes`."""
        return cls(*planes.split(3, dim=-3))

    def to_tensors(self, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
        """Named tensors for a safetensors file; half precision errs by a tenth of a code."""
        return {
            "log_gain": self.log_gain.to(dtype).contiguous(),
            "glow": self.glow.to(dtype).contiguous(),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> GainGlow:
        """The inverse of `to_tensors`, as float32."""
        return cls(tensors["log_gain"].float(), tensors["glow"].float())


def shaded_light(light: GainGlow, log_gain: Tensor) -> GainGlow:
    """The light with a further gain in linear light upon it, e.g. the shading of a form.

    `log_gain` (..., 1 or 3, h, w) is a natural logarithm; encoded values take 1 / 2.2 of it.

    >>> shaded = shaded_light(GainGlow.none(2, 2), torch.full((1, 2, 2), 2.2))
    >>> round(float(shaded.log_gain.mean()), 3)
    1.0
    """
    encoded = log_gain / 2.2
    return GainGlow(light.log_gain + encoded, light.glow * encoded.exp())


def scaled_light(
    light: GainGlow, guide: Tensor, intensity: float, *, radius: float = 0.03
) -> GainGlow:
    """The light weaker (below 1) or stronger (above) in stops, with its direction and colour.

    Where it takes the local mean of the source from I to r I, the scaled light takes it to
    r^intensity I, and treats the kept contrast likewise. Light in black, where no stop can be
    counted, is multiplied as linear light.

    Args:
        light: (..., 3, h, w).
        guide: the source at any size, (..., 3, h', w') in [0, 1].
        intensity: 0 (no light, exactly) to 2; 1 returns `light` itself.
        radius: of the local mean, as a fraction of the shorter side.

    >>> light = GainGlow(torch.full((3, 8, 8), 0.5), torch.zeros(3, 8, 8))
    >>> float(scaled_light(light, torch.full((3, 8, 8), 0.3), 2.0).log_gain.mean())
    1.0
    """
    if intensity == 1:
        return light
    if intensity == 0:
        return GainGlow(torch.zeros_like(light.log_gain), torch.zeros_like(light.glow))
    shape = light.glow.shape
    small = resized(guide.to(light.glow).reshape(-1, 3, *guide.shape[-2:]), shape[-2:])
    mean = box_mean(small, max(1, round(radius * min(shape[-2:])))).view(shape)
    target = light.log_gain.exp() * mean + light.glow
    ratio = bounded_ratio(target, mean)
    black = target + OFFSET - ratio * (mean + OFFSET)  # what the bounds of the ratio left out
    black = black * min(intensity, intensity**0.45)  # linear light times intensity, encoded
    ratio = (ratio**intensity).clamp_max(BRIGHTEST)
    target = ratio * (mean + OFFSET) - OFFSET + black
    log_gain = light.log_gain * intensity
    return GainGlow(log_gain, target - log_gain.exp() * mean)


def luma(x: Tensor) -> Tensor:
    """BT.709 luminance of (..., 3, h, w): (..., 1, h, w)."""
    r, g, b = x.split(1, dim=-3)
    return r * LUMA[0] + g * LUMA[1] + b * LUMA[2]


def bounded_ratio(relit: Tensor, source: Tensor) -> Tensor:
    """relit / source of encoded values, bounded; black over black is 1."""
    return ((relit + OFFSET) / (source + OFFSET)).clamp(DARKEST, BRIGHTEST)


def check_frames(frames: Tensor) -> None:
    """Refuse what is not (frames, 3, h, w).

    Raises:
        InputError: another shape.

    >>> check_frames(torch.zeros(2, 3, 8, 8))
    """
    if frames.ndim != 4 or frames.shape[1] != 3:
        raise InputError(f"frames are (frames, 3, h, w), not {tuple(frames.shape)}")


def box_mean(x: Tensor, r: int) -> Tensor:
    """Mean over (2r + 1)^2 pixels of (F, c, h, w), over those inside the image at its border.

    >>> box_mean(torch.arange(4.0).view(1, 1, 1, 4), 1)
    tensor([[[[0.5000, 1.0000, 2.0000, 2.5000]]]])
    """
    planes = x.detach().cpu().float().numpy().reshape(-1, *x.shape[-2:])
    out = np.empty(planes.shape, np.float32)
    for mean, plane in zip(out, planes, strict=True):
        box_mean_of(plane, r, mean)
    return torch.from_numpy(out).view(x.shape).to(x)


def box_mean_of(plane: np.ndarray, r: int, out: np.ndarray | None = None) -> np.ndarray:
    """`box_mean` of a single plane, (h, w) float32.

    >>> box_mean_of(np.arange(4, dtype=np.float32).reshape(1, 4), 1).tolist()
    [[0.5, 1.0, 2.0, 2.5]]
    """
    # Running sums: the time does not grow with the window, as it does with torch's pooling.
    size = (2 * r + 1,) * 2
    total = cv2.boxFilter(plane, -1, size, out, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.divide(total, _inside(*plane.shape, r), out=total)


def box_max(x: Tensor, r: int) -> Tensor:
    """Maximum over (2r + 1)^2 pixels of (F, c, h, w), over those inside the image at its border.

    >>> box_max(torch.arange(4.0).view(1, 1, 1, 4), 1)
    tensor([[[[1., 2., 3., 3.]]]])
    """
    window = np.ones((2 * r + 1,) * 2, np.uint8)  # OpenCV's is twenty times as fast as a pooling
    planes = x.detach().cpu().float().reshape(-1, *x.shape[-2:]).numpy()
    out = np.stack([cv2.dilate(plane, window) for plane in planes])
    return torch.from_numpy(out).view(x.shape).to(x)


def resized(x: Tensor, size: Iterable[int]) -> Tensor:
    """(F, c, h, w) at another size (h', w'), averaged where that is smaller."""
    size = tuple(size)
    if tuple(x.shape[-2:]) == size:
        return x
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def resized_weights(weights: Tensor, size: Iterable[int]) -> Tensor:
    """`resized` for weights in [0, 1]: what is all 0 or all 1 stays so, bit for bit.

    An averaging resize of ones gives 1 - 2e-7, and a weight that is nearly 1 is a blend.

    >>> bool((resized_weights(torch.ones(1, 1, 131, 157), (60, 68)) == 1).all())
    True
    """
    return (resized(weights, size) * (1 + 1e-6)).clamp(0, 1)


@functools.lru_cache(maxsize=32)
def _inside(height: int, width: int, r: int) -> np.ndarray:
    """How many of the (2r + 1)^2 pixels around each are inside: (height, width) float32."""
    down, across = (
        np.minimum(at + r, len(at) - 1) - np.maximum(at - r, 0) + 1
        for at in (np.arange(height), np.arange(width))
    )
    return (down[:, None] * across).astype(np.float32)
