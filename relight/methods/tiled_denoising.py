"""Tiled denoising: a large sample passes the denoiser in overlapping tiles (arXiv:2302.08113).

MultiDiffusion (eq. 5) runs a model over windows of a sample and averages what they say, so the peak
memory is that of one window whatever the size of the picture. Here the average is weighted by a
ramp across the overlap, so that no tile has a visible border.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ModelMixin
from torch import Tensor

OVERLAP = 0.25
"""Part of a tile that it shares with the next."""


@contextmanager
def tiled_denoising(unet: ModelMixin, tile: int | None, multiple: int = 8) -> Iterator[None]:
    """Within the block, `unet` takes samples larger than `tile` piece by piece.

    ControlNet residuals are cut along with the sample.

    Args:
        unet: a UNet, of pictures (n, c, h, w) or of video (n, c, frames, h, w).
        tile: side of a tile, in latent pixels; None leaves the UNet as it is.
        multiple: tiles begin at multiples of this, so that residuals can be cut: the UNet's depth.
    """
    if tile is None:
        yield
        return
    stock = unet.forward

    def forward(sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        height, width = sample.shape[-2:]
        if max(height, width) <= tile:
            return stock(sample, *args, **kwargs)
        total = torch.zeros_like(sample, dtype=torch.float32)
        weights = total.new_zeros(height, width)
        for rows in spans(height, tile, multiple):
            for columns in spans(width, tile, multiple):
                cut = {
                    name: _cut(value, rows, columns, (height, width))
                    for name, value in kwargs.items()
                    if "residual" in name
                }
                result = stock(sample[..., rows, columns], *args, **kwargs | cut)
                ramp = _ramp(rows, height, total)[:, None] * _ramp(columns, width, total)
                total[..., rows, columns] += result[0] * ramp
                weights[rows, columns] += ramp
        blended = (total / weights).to(result[0].dtype)
        return (blended,) if isinstance(result, tuple) else type(result)(sample=blended)

    had_own_forward = "forward" in vars(unet)
    unet.forward = forward
    try:
        yield
    finally:
        if had_own_forward:
            unet.forward = stock
        else:
            del unet.forward


def spans(size: int, tile: int, multiple: int = 1) -> list[slice]:
    """Tiles along one side: all `tile` long (or the whole side), evenly spread, overlapping.

    Args:
        size: of the side. tile: of a tile, two or more multiples.
        multiple: where tiles begin, but for the last of a size that is none.
    """
    if size <= tile:
        return [slice(0, size)]
    fresh = max(int(tile * (1 - OVERLAP)) // multiple, 1) * multiple  # else rounding eats overlap
    count = -(-(size - tile) // fresh) + 1
    step = (size - tile) / (count - 1)
    starts = [round(step * i / multiple) * multiple for i in range(count - 1)]
    return [slice(start, start + tile) for start in [*starts, size - tile]]


def _ramp(span: slice, size: int, like: Tensor) -> Tensor:
    """Weights of a tile along one side: rising from its border, but for that of the picture."""
    length = span.stop - span.start
    margin = max(int(length * OVERLAP), 1)
    rise = (torch.arange(length, device=like.device, dtype=like.dtype) + 1) / (margin + 1)
    left = rise if span.start else torch.ones_like(rise)
    right = rise.flip(0) if span.stop < size else torch.ones_like(rise)
    return torch.minimum(left, right).clamp(max=1)


def _cut(value: Any, rows: slice, columns: slice, size: tuple[int, int]) -> Any:
    """What of a ControlNet's residuals (tensors of several scales) belongs to a tile."""
    if value is None:
        return None
    if isinstance(value, tuple | list):
        return type(value)(_cut(part, rows, columns, size) for part in value)
    shrink = [round(whole / part) for whole, part in zip(size, value.shape[-2:], strict=True)]
    down = slice(rows.start // shrink[0], -(-rows.stop // shrink[0]))
    across = slice(columns.start // shrink[1], -(-columns.stop // shrink[1]))
    return value[..., down, across]
