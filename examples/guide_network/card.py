"""Pairs to train on, drawn on an accelerator: the crops of data.py by the batch, none by the CPU.

Every picture is kept there as a pyramid of sizes, in steps of half an octave, so that a crop of any
zoom is a copy. Damage is grain and JPEG, computed with the tables of its standard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .data import DRAWN, FRAMES, GRAIN, GREY, KERNELS, LARGEST_ZOOM
from .shifted import REACH, second_view

NOISY, NOISE_CODES = 0.3, 1.2  # share of the pairs of views that get noise, and its most

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMINANCE = (
    (17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99),
)  # fmt: skip
"""Steps of quality 50 (ITU-T T.81, annex K); the rest of the second table is 99."""
YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""JFIF's luma and chroma of a colour, and the colour of them."""


class CardCrops:
    """Random pairs of a small and a sharp crop, as `data.Crops` draws them.

    Args:
        pictures: name -> (h, w, 3) uint8; names begin with photo or frame.
        drawings: (h, w, 3) uint8 each, of any size from `side` up. side: of the sharp crops.
        damage: share of the small pictures that get grain and compression.
    """

    def __init__(
        self,
        pictures: dict[str, np.ndarray],
        drawings: Sequence[np.ndarray],
        side: int,
        device: torch.device,
        damage: float = 0.0,
    ) -> None:
        self.side, self.device, self.damage = side, device, damage
        photos = [x for name, x in pictures.items() if name.startswith("photo")]
        frames = [x for name, x in pictures.items() if name.startswith("frame")]
        area = np.array([math.sqrt(x.shape[0] * x.shape[1]) for x in photos])
        shares = [(1 - DRAWN - FRAMES) * area / area.sum()]
        shares += [np.full(len(x), y / len(x)) for x, y in ((frames, FRAMES), (drawings, DRAWN))]
        kept, levels, odds, begin = [], [], [], 0
        for image, share in zip([*photos, *frames, *drawings], np.concatenate(shares), strict=True):
            found = _pyramid(image, side + REACH, device)
            for level in found:
                levels.append((begin, *level.shape[:2]))
                odds.append(share / len(found))
                begin += level.shape[0] * level.shape[1]
                kept.append(level.reshape(-1, 3))
        self.pixels = torch.cat(kept)  # (all pixels, 3) uint8
        self.levels = torch.tensor(levels, device=device)  # (levels, [begin, height, width])
        self.odds = torch.tensor(np.cumsum(odds) / np.sum(odds), device=device).float()
        one = np.eye(side, dtype=np.float32)
        self.kernels = torch.from_numpy(np.stack([_halving(one, k) for k in KERNELS])).to(device)
        self.kernel_odds = torch.tensor(np.cumsum(list(KERNELS.values())), device=device).float()
        self.jpeg = JpegTables.on(device)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """(count, 3, side / 2, side / 2) small and (count, 3, side, side) sharp, in [0, 1]."""
        sharp = self._altered(self._more_detailed(self._crops(2 * count, self.side)))
        return self._halved(sharp, self._kernels(count)), sharp

    def views(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `batch`, two views of each crop: the first `count`, then the second; and top, left.

        Both are halved by the same filter; some get a little noise, each its own.
        """
        whole = self._altered(self._more_detailed(self._crops(2 * count, self.side + REACH)))
        second, top, left = second_view(whole, self.side)
        sharp = torch.cat([whole[..., : self.side, : self.side], second])
        small = self._halved(sharp, self._kernels(count).repeat(2))
        codes = NOISE_CODES * self._rand(count) * (self._rand(count) < NOISY)
        return (
            small + codes.repeat(2).view(-1, 1, 1, 1) / 255 * torch.randn_like(small),
            sharp,
            top,
            left,
        )

    def _kernels(self, count: int) -> Tensor:
        """Numbers of filters, (count,)."""
        return torch.searchsorted(self.kernel_odds, self._rand(count)).clamp(max=len(KERNELS) - 1)

    def _halved(self, sharp: Tensor, which: Tensor) -> Tensor:
        """The small pictures, each by its filter, some of them damaged."""
        kernel = self.kernels[which][:, None]  # (count, 1, side / 2, side)
        small = kernel @ sharp @ kernel.mT
        coded = (small * 255).round().clamp(0, 255) / 255
        small = torch.where((which == 0).view(-1, 1, 1, 1), small, coded)
        if self.damage:
            spoilt = self._rand(len(small), 1, 1, 1) < self.damage
            small = torch.where(spoilt, self._damaged(small), small)
        return small

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device)

    def _crops(self, count: int, side: int) -> Tensor:
        """(count, side, side, 3) uint8, mirrored and turned."""
        level = torch.searchsorted(self.odds, self._rand(count)).clamp(max=len(self.levels) - 1)
        begin, height, width = self.levels[level].T.unsqueeze(-1).unsqueeze(-1)  # (count, 1, 1)
        place = torch.arange(side, device=self.device)
        y, x = place.view(1, -1, 1), place.view(1, 1, -1)
        turn, up, over = (self._rand(3, count, 1, 1) < 0.5).unbind()
        y, x = torch.where(turn, x, y), torch.where(turn, y, x)
        y = torch.where(up, side - 1 - y, y)
        x = torch.where(over, side - 1 - x, x)
        top = (self._rand(count, 1, 1) * (height - side + 1)).long()
        left = (self._rand(count, 1, 1) * (width - side + 1)).long()
        return self.pixels[begin + (top + y) * width + left + x]

    def _more_detailed(self, crops: Tensor) -> Tensor:
        """Of each two, mostly the one with more in it: (n, 3, side, side) in [0, 255]."""
        first, second = crops.float().permute(0, 3, 1, 2).chunk(2)
        details = [
            x[:, 1].diff(dim=-1).abs().mean((1, 2)) + x[:, 1].diff(dim=-2).abs().mean((1, 2))
            for x in (first, second)
        ]
        better = details[1].clamp(max=24) > details[0].clamp(max=24)
        chosen = better & (self._rand(len(first)) < 0.7)
        return torch.where(chosen.view(-1, 1, 1, 1), second, first)

    def _altered(self, sharp: Tensor) -> Tensor:
        """Sometimes grey, grainy, of other contrast and colours: whole codes, in [0, 1]."""
        count = len(sharp)
        odds = self._rand(4, count, 1, 1, 1)
        sharp = torch.where(odds[0] < GREY, sharp.mean(1, keepdim=True), sharp)
        order = self._rand(count, 3).argsort(1).view(count, 3, 1, 1).expand_as(sharp)
        sharp = torch.where(odds[1] < 0.3, sharp.gather(1, order), sharp)
        power, scale, lift = self._rand(3, count, 1, 1, 1)
        curved = 255 * (sharp / 255) ** (0.6 + 1.1 * power) * (0.6 + 0.4 * scale) + 40 * lift
        sharp = torch.where(odds[2] < 0.4, curved, sharp)
        sharp = torch.where(odds[3] < GRAIN, sharp + self._grain(sharp), sharp)
        return sharp.round().clamp(0, 255) / 255

    def _grain(self, like: Tensor) -> Tensor:
        """Film grain of 1 to 6 codes, mostly the same in all channels, one to two pixels large."""
        count = len(like)
        noise = torch.randn_like(like[:, :1]) + 0.4 * torch.randn_like(like)
        sigma = 0.4 + 0.5 * self._rand(count, 1)
        taps = torch.exp(-torch.arange(-2.0, 3.0, device=like.device).square() / (2 * sigma**2))
        taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(3, 0)  # (3 count, 5)
        flat = noise.reshape(1, -1, *noise.shape[-2:])
        groups = flat.shape[1]
        flat = F.conv2d(flat, taps.view(groups, 1, 1, 5), padding=(0, 2), groups=groups)
        flat = F.conv2d(flat, taps.view(groups, 1, 5, 1), padding=(2, 0), groups=groups)
        soft = torch.where(self._rand(count, 1, 1, 1) < 0.6, flat.view_as(noise), noise)
        return (1 + 5 * self._rand(count, 1, 1, 1)) * soft / soft.std((1, 2, 3), keepdim=True)

    def _damaged(self, small: Tensor) -> Tensor:
        """Mild noise, then JPEG of quality 35 to 95, either one left out at times."""
        count, values = len(small), small * 255
        noisy = values + 0.7 * self._grain(values)
        values = torch.where(self._rand(count, 1, 1, 1) < 0.5, noisy, values)
        values = values.round().clamp(0, 255)
        quality = 35 + 60 * self._rand(count)
        coded = jpeg(values, quality, self._rand(count) < 0.3, self.jpeg)
        return torch.where(self._rand(count, 1, 1, 1) < 0.85, coded, values) / 255


class JpegTables(NamedTuple):
    """What JPEG computes with: a device copies nothing while a graph is made of it.

    Attributes:
        dct: (8, 8), the orthonormal DCT-II. steps: (1, 2, 1, 8, 1, 8), of luma and chroma at
            quality 50. ycc, rgb: (3, 3), from colours and back.
    """

    dct: Tensor
    steps: Tensor
    ycc: Tensor
    rgb: Tensor

    @classmethod
    def on(cls, device: torch.device) -> JpegTables:
        """On a device."""
        k, i = torch.arange(8.0)[:, None], torch.arange(8.0)
        dct = 0.5 * torch.cos(math.pi * (2 * i + 1) * k / 16)
        dct[0] /= math.sqrt(2)
        steps = torch.full((2, 8, 8), 99.0)
        steps[0] = torch.tensor(LUMINANCE)
        steps[1, :4, :4] = torch.tensor(CHROMINANCE)
        found = dct, steps.view(1, 2, 1, 8, 1, 8), torch.tensor(YCC), torch.tensor(RGB)
        return cls(*(table.to(device) for table in found))


def jpeg(values: Tensor, quality: Tensor, fine: Tensor, tables: JpegTables) -> Tensor:
    """What JPEG makes of pictures: (n, 3, h, w) in [0, 255], sides multiples of 16.

    Args:
        quality: (n,), as libjpeg counts. fine: (n,) bool, whether colour keeps its full size.
    """
    ycc = torch.einsum("dc,nchw->ndhw", tables.ycc, values)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(-1, 1, 1, 1, 1, 1)
    steps = ((tables.steps * scale + 50) / 100).floor().clamp(1, 255)  # (n, 2, 1, 8, 1, 8)
    luma = _quantised(ycc[:, :1] - 128, steps[:, :1], tables.dct) + 128
    own = _quantised(ycc[:, 1:], steps[:, 1:], tables.dct)
    half = _quantised(F.avg_pool2d(ycc[:, 1:], 2), steps[:, 1:], tables.dct)
    coarse = F.interpolate(half, scale_factor=2, mode="bilinear")
    chroma = torch.where(fine.view(-1, 1, 1, 1), own, coarse)
    rgb = torch.einsum("cd,ndhw->nchw", tables.rgb, torch.cat([luma, chroma], 1))
    return rgb.round().clamp(0, 255)


def _quantised(x: Tensor, steps: Tensor, dct: Tensor) -> Tensor:
    """(n, c, h, w) with the coefficients of its blocks rounded to steps."""
    blocks = x.unflatten(2, (-1, 8)).unflatten(4, (-1, 8))  # (n, c, rows, 8, columns, 8)
    found = torch.einsum("ki,ncripj,lj->ncrkpl", dct, blocks, dct)
    found = (found / steps).round() * steps
    blocks = torch.einsum("ki,ncrkpl,lj->ncripj", dct, found, dct)
    return blocks.flatten(4).flatten(2, 3)


def _pyramid(image: np.ndarray, side: int, device: torch.device) -> list[Tensor]:
    """(h, w, 3) uint8 in steps of half an octave, as long as a crop fits."""
    whole = torch.from_numpy(image.copy()).to(device)
    most = min(min(image.shape[:2]) / side, LARGEST_ZOOM)
    found = [whole]
    planes = whole.permute(2, 0, 1)[None].float()
    for step in range(1, int(2 * math.log2(most) + 1e-6) + 1):
        size = [max(round(n / 2 ** (step / 2)), side) for n in image.shape[:2]]
        level = F.interpolate(planes, size=size, mode="bilinear", antialias=True)
        found.append(level[0].round().clamp(0, 255).byte().permute(1, 2, 0))
    return found


def _halving(one: np.ndarray, kernel: str | Image.Resampling) -> np.ndarray:
    """The matrix (side / 2, side) of a halving filter, from what it makes of unit steps."""
    side = len(one)
    if kernel == "mean":
        return one.reshape(side // 2, 2, side).mean(1)
    rows = [
        np.asarray(Image.fromarray(line[None]).resize((side // 2, 1), kernel), np.float32)[0]
        for line in one
    ]
    return np.stack(rows, 1)
