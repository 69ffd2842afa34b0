"""DiffuseHigh's structure guidance: keep the guide's low wavelet band (arXiv:2406.18459, eq. 5-6).

While a larger picture is denoised, the low band of the predicted clean picture is replaced by that
of the guide (the small picture, enlarged): the structure stays, and only the detail is new.

    x0' = E(iDWT(LL(guide), H(D(x0))))

The transform is a separable pair of strided convolutions over the filter taps of PyWavelets, whose
numbers it reproduces; it works on any device, is differentiable, and computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import pywt
import torch
import torch.nn.functional as F
from torch import Tensor

from relight.errors import InputError

MODES = ("symmetric", "periodization", "zero")


@dataclass(frozen=True)
class Bands:
    """What `dwt` returns.

    Attributes:
        low: (n, c, h', w'), the coarsest approximation.
        high: per level, finest first, (n, 3, c, h', w'): detail down, across, and of both.
        sizes: per level, finest first, (h, w) of what was transformed.
    """

    low: Tensor
    high: tuple[Tensor, ...]
    sizes: tuple[tuple[int, int], ...]


def dwt(x: Tensor, wavelet: str = "db4", level: int = 1, mode: str = "symmetric") -> Bands:
    """Discrete wavelet transform of pictures, as `pywt.wavedec2` gives it.

    Args:
        x: (n, c, h, w), any float dtype and range; computed in float32 (float64 stays).
        wavelet: any discrete wavelet PyWavelets knows the taps of: haar, db4, sym4, bior2.2 ...
        level: how often the low band is split again, at least 1.
        mode: how the picture goes on beyond its border: symmetric, periodization or zero.

    Raises:
        InputError: an unknown wavelet or mode, or a level below 1.

    >>> bands = dwt(torch.ones(1, 3, 8, 8), "haar")
    >>> bands.low.shape, round(bands.low.mean().item(), 3), bands.sizes
    (torch.Size([1, 3, 4, 4]), 2.0, ((8, 8),))
    """
    low_taps, high_taps, _, _ = _taps(wavelet)
    if mode not in MODES:
        raise InputError(f"unknown border mode {mode!r}: use {', '.join(MODES)}")
    if level < 1:
        raise InputError(f"the wavelet level is at least 1, not {level}")
    low = x if x.dtype == torch.float64 else x.float()
    high, sizes = [], []
    for _ in range(level):
        sizes.append(tuple(low.shape[-2:]))
        across = _split(low, low_taps, high_taps, mode, dim=-1)  # (n, 2, c, h, w')
        both = [_split(half, low_taps, high_taps, mode, dim=-2) for half in across.unbind(1)]
        low = both[0][:, 0]
        high.append(torch.stack([both[0][:, 1], both[1][:, 0], both[1][:, 1]], dim=1))
    return Bands(low, tuple(high), tuple(sizes))


def idwt(bands: Bands, wavelet: str = "db4", mode: str = "symmetric") -> Tensor:
    """The inverse of `dwt`: (n, c, h, w) of the size that was transformed, also an odd one.

    >>> x = torch.rand(1, 3, 9, 7, generator=torch.manual_seed(0))
    >>> torch.allclose(idwt(dwt(x, "haar", level=2), "haar"), x, atol=1e-6)
    True
    """
    _, _, low_taps, high_taps = _taps(wavelet)
    low = bands.low
    for high, (height, width) in zip(reversed(bands.high), reversed(bands.sizes), strict=True):
        down, across, both = high.unbind(1)
        low = low[
            ..., : down.shape[-2], : down.shape[-1]
        ]  # the inverse of an odd size is one longer
        left = _join(low, down, low_taps, high_taps, mode, dim=-2)
        right = _join(across, both, low_taps, high_taps, mode, dim=-2)
        low = _join(left, right, low_taps, high_taps, mode, dim=-1)[..., :height, :width]
    return low


class WaveletStructureGuidance:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        guide: (n, 3, h, w) in [0, 1] (sharpening may have left it), float32.
        decode, encode: latents <-> pixels (n, 3, h, w) in [-1, 1]; encode by the VAE's mode.
        steps: how many of the first steps are guided.
        wavelet, level, mode: see `dwt`.

    >>> same = lambda x: x
    >>> guide, x0 = torch.full((1, 3, 8, 8), 0.75), torch.zeros(1, 3, 8, 8)
    >>> edit = WaveletStructureGuidance(guide, same, same, steps=1, wavelet="haar")
    >>> round(edit(x0, 0, torch.tensor(0)).mean().item(), 3), edit(x0, 1, torch.tensor(0))
    (0.5, None)
    """

    def __init__(
        self,
        guide: Tensor,
        decode: Callable[[Tensor], Tensor],
        encode: Callable[[Tensor], Tensor],
        steps: int,
        wavelet: str = "db4",
        level: int = 1,
        mode: str = "symmetric",
    ) -> None:
        self.decode, self.encode, self.steps = decode, encode, steps
        self.wavelet, self.level, self.mode = wavelet, level, mode
        self.low = dwt(guide, wavelet, level, mode).low

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor | None:
        """x0 in the latents' shape -> x0', or None once the guided steps are over."""
        if step >= self.steps:
            return None
        drawn = (self.decode(x0) / 2 + 0.5).clamp(0, 1)
        bands = replace(dwt(drawn, self.wavelet, self.level, self.mode), low=self.low.to(drawn))
        return self.encode(idwt(bands, self.wavelet, self.mode) * 2 - 1).to(x0)


@lru_cache
def _taps(wavelet: str) -> tuple[tuple[float, ...], ...]:
    """(low, high) taps of the analysis and (low, high) taps of the synthesis."""
    try:
        bank = cast(Any, pywt).Wavelet(wavelet).filter_bank
    except (ValueError, TypeError):
        known = "haar, db4, sym4, coif1, bior2.2 or another discrete wavelet of PyWavelets"
        raise InputError(f"unknown wavelet {wavelet!r}: use {known}") from None
    return tuple(tuple(taps) for taps in bank)


def _split(x: Tensor, low: tuple, high: tuple, mode: str, dim: int) -> Tensor:
    """(n, c, h, w) -> (n, 2, c, ...): low and high half along `dim`, every second sample."""
    size, taps = x.shape[dim], len(low)
    before = taps - 2
    if mode == "periodization":
        before = taps // 2 - 1
        halves = -(-size // 2)
    else:
        halves = (size + taps - 1) // 2
    places = torch.arange(2 * halves + taps - 2, device=x.device) - before
    extended = _extended(x, places, mode, dim)
    kernel = x.new_tensor([low[::-1], high[::-1]])[:, None]  # correlation, so reversed
    n, c = x.shape[:2]
    kernel, stride = (kernel[:, :, None], (1, 2)) if dim == -1 else (kernel[..., None], (2, 1))
    halves = F.conv2d(extended.flatten(0, 1)[:, None], kernel, stride=stride)
    return halves.unflatten(0, (n, c)).transpose(1, 2)


def _join(
    low: Tensor, high: Tensor, low_taps: tuple, high_taps: tuple, mode: str, dim: int
) -> Tensor:
    """Low and high half (n, c, ...) along `dim` -> twice as many samples (less the overlap)."""
    taps, halves = len(low_taps), low.shape[dim]
    margin = taps // 4 + 1 if mode == "periodization" else 0
    if margin:
        places = (torch.arange(halves + 2 * margin, device=low.device) - margin) % halves
        low, high = low.index_select(dim, places), high.index_select(dim, places)
    pair = torch.stack([low, high], dim=2).flatten(0, 1)  # (n c, 2, ...)
    kernel = low.new_tensor([low_taps, high_taps])[:, None]
    kernel, stride = (kernel[:, :, None], (1, 2)) if dim == -1 else (kernel[..., None], (2, 1))
    full = F.conv_transpose2d(pair, kernel, stride=stride).unflatten(0, low.shape[:2])[:, :, 0]
    start, count = taps - 2, 2 * halves - taps + 2
    if margin:
        start, count = 2 * margin + taps // 2 - 1, 2 * halves
    return full.narrow(dim, start, count)


def _extended(x: Tensor, places: Tensor, mode: str, dim: int) -> Tensor:
    """The samples of `x` at `places` along `dim`, which may lie beyond its border."""
    size = x.shape[dim]
    if mode == "symmetric":
        folded = places % (2 * size)
        return x.index_select(dim, torch.minimum(folded, 2 * size - 1 - folded))
    if mode == "periodization":  # of an odd size, the last sample counts twice
        return x.index_select(dim, (places % (size + size % 2)).clamp(max=size - 1))
    inside = (places >= 0) & (places < size)
    shape = [-1 if axis == dim % x.ndim else 1 for axis in range(x.ndim)]
    return x.index_select(dim, places.clamp(0, size - 1)) * inside.reshape(shape)
