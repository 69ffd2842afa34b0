"""Tiled denoising: a large sample passes the denoiser in overlapping tiles (arXiv:2302.08113).

MultiDiffusion (eq. 5) runs a model over windows of a sample and averages its outputs, so the peak
memory is that of one window whatever the size of the picture. Here the average is weighted by a
ramp across the overlap, so that no tile has a visible border.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ModelMixin
from torch import Tensor

from relight.patching import patched
from relight.types import Size, Tile

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

    >>> class Double(torch.nn.Module):
    ...     def forward(self, sample):
    ...         print(tuple(sample.shape))
    ...         return (sample * 2,)
    >>> unet, sample = Double(), torch.rand(1, 4, 16, 24)
    >>> with tiled_denoising(unet, tile=16):
    ...     [out] = unet(sample)
    (1, 4, 16, 16)
    (1, 4, 16, 16)
    >>> torch.allclose(out, sample * 2)
    True
    """
    if tile is None:
        yield
        return
    stock = unet.forward

    @functools.wraps(stock)
    def forward(sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        whole = Size(*sample.shape[-2:])
        if max(whole) <= tile:
            return stock(sample, *args, **kwargs)
        total = torch.zeros_like(sample, dtype=torch.float32)
        weights, result = total.new_zeros(whole), None
        for part in tiles(whole, tile, multiple):
            cut = {
                name: _cut(value, part, whole)
                for name, value in kwargs.items()
                if "residual" in name
            }
            result = stock(sample[..., part.rows, part.columns], *args, **kwargs | cut)
            down = _ramp(part.rows, whole.height, total)
            ramp = down[:, None] * _ramp(part.columns, whole.width, total)
            total[..., part.rows, part.columns] += result[0] * ramp
            weights[part.rows, part.columns] += ramp
        assert result is not None, "a picture has tiles"
        blended = (total / weights).to(result[0].dtype)
        return (blended,) if isinstance(result, tuple) else type(result)(sample=blended)

    with patched(unet, "forward", forward):
        yield


def tiles(size: Size, tile: int, multiple: int = 1) -> list[Tile]:
    """Tiles that cover a picture, row by row; see `spans`.

    >>> [tuple(part) for part in tiles(Size(16, 24), 16, 8)]
    [(0, 0, 16, 16), (0, 8, 16, 24)]
    """
    height, width = size
    return [
        Tile(rows.start, columns.start, rows.stop, columns.stop)
        for rows in spans(height, tile, multiple)
        for columns in spans(width, tile, multiple)
    ]


def spans(size: int, tile: int, multiple: int = 1) -> list[slice]:
    """Tiles along one side: all `tile` long (or the whole side), evenly spread, overlapping.

    Args:
        size: of the side. tile: of a tile, two or more multiples.
        multiple: where tiles begin, but for the last of a size that is none.

    >>> spans(100, 64, 8)
    [slice(0, 64, None), slice(36, 100, None)]
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


def _cut(value: Any, tile: Tile, whole: Size) -> Any:
    """What of a ControlNet's residuals (tensors of several scales) belongs to a tile."""
    if value is None:
        return None
    if isinstance(value, tuple | list):
        return type(value)(_cut(part, tile, whole) for part in value)
    shrink = [round(full / part) for full, part in zip(whole, value.shape[-2:], strict=True)]
    down = slice(tile.top // shrink[0], -(-tile.bottom // shrink[0]))
    across = slice(tile.left // shrink[1], -(-tile.right // shrink[1]))
    return value[..., down, across]
