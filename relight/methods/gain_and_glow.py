"""Light as gain and glow: what it is, how strong it is, and how it is put on a full-size frame.

Light is an affine map per pixel and channel of sRGB-encoded values, result = gain * source + glow:
a lamp's ratio where there is something to light, the haze it spreads where there is not. It is
kept small and brought to full size along the source's own edges by the fast guided filter
(arXiv:1505.00996), each channel guided by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
OFFSET = 0.01  # encoded value (2.5 codes) that keeps ratios finite in black
DARKEST, BRIGHTEST = 1 / 64, 6.0  # bounds of a ratio of encoded values
KNEE = 0.9  # encoded value above which brightened pixels roll off
TOE = 0.35  # part of the gain that black keeps where a negative glow would clip it
WINDOW = 0.01  # radius of the guided filter's window, of the shorter side
TEXTURE = 0.002  # variance of a channel below which a difference is texture, not an edge
STRIP = 64  # rows handled at once at full size
_ZERO = cv2.BORDER_CONSTANT


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


def apply_light(source: Tensor, light: GainGlow, guide: Tensor | None = None) -> Tensor:
    """The source under the light, in [0, 1].

    Brightened pixels above `KNEE` roll off on a curve that ends at white where a white source
    would, and pale as they do, so that a lamp's core is white and no skin clips. A negative glow
    bends towards black instead of clipping it. No light gives the source back.

    Args:
        source: (F, 3, H, W) in [0, 1], sRGB-encoded, any size.
        light: (F, 3, h, w).
        guide: the source at the light's size; None: made here.

    >>> grey = torch.full((1, 3, 8, 8), 0.25)
    >>> light = GainGlow(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.125))
    >>> float(apply_light(grey, light).mean())
    0.375
    """
    if guide is None:
        guide = resized(source, light.glow.shape[-2:])
    lines, low, high = guided_lines(light, guide)
    lines = F.interpolate(lines, source.shape[-2:], mode="bilinear", align_corners=False)
    return _lit(source, *_evaluated(lines, source, low, high)).clamp(0, 1)


def apply_light_uint8(
    image: np.ndarray, light: GainGlow, guide: Tensor | None = None
) -> np.ndarray:
    """`apply_light` for an 8-bit frame: (H, W, 3) uint8 to the same.

    Float inside; the last rounding is dithered by a pattern of under half a code that depends on
    the position alone, so gradients don't band, nothing flickers, and a pixel that the light
    leaves alone keeps its value. Works in strips of rows: extra memory does not grow with height.

    Args:
        image: (H, W, 3) uint8.
        light: (3, h, w), on the CPU.
        guide: the image at the light's size, (3, h, w) in [0, 1]; None: made here.

    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> bool((apply_light_uint8(image, GainGlow.none(2, 2)) == image).all())
    True
    """
    h, w = image.shape[:2]
    if guide is None:
        small = cv2.resize(image, light.glow.shape[:-3:-1], interpolation=cv2.INTER_AREA)
        guide = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    lines, low, high = guided_lines(GainGlow.from_planes(light.planes[None]), guide[None])
    lines = F.interpolate(lines, (lines.shape[2], w), mode="bilinear", align_corners=False)
    pattern = _pattern(min(STRIP, h), w)
    out = np.empty_like(image)
    for top in range(0, h, STRIP):
        rows = slice(top, min(top + STRIP, h))
        source = torch.from_numpy(np.stack(cv2.split(image[rows])))[None].float().div_(255)
        lit = _lit(source, *_evaluated(_rows(lines, rows, h), source, low, high))[0]
        lit = lit.mul_(255).add_(pattern[:, : lit.shape[1]]).clamp_(0, 255).byte()
        out[rows] = cv2.merge(list(lit.numpy()))
    return out


def guided_lines(light: GainGlow, guide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The guided filter's lines: gain and glow as linear functions of the guide's own channel.

    Returns:
        (F, 12, h, w): slopes of gain and glow, then their offsets, three channels each; and the
        lowest and highest gain and glow there are, (F, 6, 1, 1).
    """
    planes = torch.cat([light.log_gain.exp(), light.glow], dim=1)  # F, 6, h, w
    r = max(1, round(WINDOW * min(planes.shape[-2:])))
    both = torch.cat([guide, guide], dim=1)
    mean_i, mean_p = box_mean(both, r), box_mean(planes, r)
    variance = (box_mean(both * both, r) - mean_i * mean_i).clamp_min(0)
    slope = (box_mean(both * planes, r) - mean_i * mean_p) / (variance + TEXTURE)
    offset = mean_p - slope * mean_i
    # Windows that hold an edge speak for the flat ones beside it: those know one of its sides only.
    weight = torch.cat([variance, variance], dim=1) + TEXTURE
    lines = box_mean(weight * torch.cat([slope, offset], dim=1), r) / box_mean(weight, r)
    return lines, planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)


def luma(x: Tensor) -> Tensor:
    """BT.709 luminance of (..., 3, h, w): (..., 1, h, w)."""
    r, g, b = x.split(1, dim=-3)
    return r * LUMA[0] + g * LUMA[1] + b * LUMA[2]


def bounded_ratio(relit: Tensor, source: Tensor) -> Tensor:
    """relit / source of encoded values, bounded; black over black is 1."""
    return ((relit + OFFSET) / (source + OFFSET)).clamp(DARKEST, BRIGHTEST)


def box_mean(x: Tensor, r: int) -> Tensor:
    """Mean over (2r + 1)^2 pixels of (F, c, h, w), over those inside the image at its border.

    >>> box_mean(torch.arange(4.0).view(1, 1, 1, 4), 1)
    tensor([[[[0.5000, 1.0000, 2.0000, 2.5000]]]])
    """
    out = np.empty(x.shape, np.float32)
    flat, planes = out.reshape(-1, *x.shape[-2:]), x.detach().cpu().float().numpy()
    for mean, plane in zip(flat, planes.reshape(flat.shape), strict=True):
        # Running sums: the time does not grow with the window, as it does with torch's pooling.
        cv2.boxFilter(plane, -1, (2 * r + 1,) * 2, mean, normalize=False, borderType=_ZERO)
    across, down = (_inside(length, r) for length in (x.shape[-1], x.shape[-2]))
    return torch.from_numpy(out).div_(across).div_(down[:, None]).to(x)


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


def _inside(length: int, r: int) -> Tensor:
    """How many of the 2r + 1 pixels around each of `length` are inside: (length,)."""
    at = torch.arange(length)
    return ((at + r).clamp_max(length - 1) - (at - r).clamp_min(0) + 1).float()


def _evaluated(lines: Tensor, source: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and glow (..., 3, H, W) at each pixel of the source, within their own range."""
    (sa, sb), (oa, ob) = (half.split(3, dim=-3) for half in lines.split(6, dim=-3))
    gain, glow = torch.addcmul(oa, sa, source), torch.addcmul(ob, sb, source)
    (gain_low, glow_low), (gain_high, glow_high) = (x.split(3, dim=1) for x in (low, high))
    return _bounded(gain, gain_low, gain_high), _bounded(glow, glow_low, glow_high)


def _bounded(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`x` (F, 3, H, W), which is overwritten, within bounds (F, 3, 1, 1).

    Plane by plane: bounds that are broadcast take six times as long.
    """
    bounds = zip(low.flatten().tolist(), high.flatten().tolist(), strict=True)
    for plane, (least, most) in zip(x.flatten(0, 1), bounds, strict=True):
        plane.clamp_(least, most)
    return x


def _lit(source: Tensor, gain: Tensor, glow: Tensor) -> Tensor:
    """gain * source + glow, kept off black and white; (F, 3, H, W). Overwrites `gain`."""
    scaled = gain * source
    lit = scaled + glow
    lit = torch.maximum(lit, scaled.mul_(TOE), out=lit)
    white = gain.add_(glow).amax(1, keepdim=True)  # where a white pixel would land
    if float(white.max()) <= 1:
        return lit
    end = ((white - KNEE) / (1 - KNEE)).clamp_min_(1)
    top = lit.amax(1, keepdim=True).clamp_min_(KNEE)
    reach = (top - KNEE) / (1 - KNEE)
    rolled = KNEE + (1 - KNEE) * reach * (1 + reach / (end * end)) / (1 + reach)
    share = rolled / top
    return torch.lerp(rolled, lit.mul_(share), share)  # what rolls off also pales


def _rows(lines: Tensor, rows: slice, height: int) -> Tensor:
    """Rows of `lines` (1, c, h, W) interpolated to `height`, half-pixel centres: (1, c, n, W)."""
    h = lines.shape[2]
    y = ((torch.arange(rows.start, rows.stop) + 0.5) * (h / height) - 0.5).clamp(0, h - 1)
    first, last = int(y[0]), min(int(y[-1]) + 2, h)
    tents = (1 - (y[:, None] - torch.arange(first, last)).abs()).clamp_min(0)  # n, rows read
    return tents @ lines[:, :, first:last]  # as a product: faster than gathering rows


def _pattern(height: int, width: int) -> Tensor:
    """What is added before rounding down, (3, height, width) in codes: .5 +- .49, by position.

    Interleaved gradient noise (Jimenez, SIGGRAPH 2014), another phase for each channel.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phases = np.array([0, 37, 71]).reshape(3, 1, 1)
    noise = 52.9829189 * ((0.06711056 * (x + phases) + 0.00583715 * (y + phases)) % 1) % 1
    return torch.from_numpy(0.01 + 0.98 * noise).float()
