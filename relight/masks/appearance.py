"""Which colours a subject and its background have, and where: histograms over place and colour.

Bilateral Space Video Segmentation (Maerki et al., CVPR 2016): what is sure of a frame is gathered
in a grid over place and colour, and every pixel reads the cells around it. A colour counts where it
is, so the black of a tyre isn't the black of a fence, and a thin part is as good as a thick one.
The grid is read as a likelihood; the picture's edges do the rest (`relight.masks.fine`).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PLACES = 7
"""Cells along each side of the frame."""
STEP = 9.0
"""Of a cell, in CIE Lab."""
CELLS = (12, 14, 14)
"""Along L, a and b; a and b are cut at plus and minus 63."""
NEAR, ALIKE = 0.5, 0.25
"""What a neighbouring cell counts, in place and in colour."""
LEAST = 0.5
"""Pixels of either side that are assumed in every cell."""


def lab(frames: Tensor) -> Tensor:
    """(n, 3, h, w) in [0, 1], sRGB -> (n, 3, h, w) CIE Lab.

    >>> [round(float(x)) for x in lab(torch.ones(1, 3, 2, 2))[0, :, 0, 0]]
    [100, 0, 0]
    """
    images = frames.permute(0, 2, 3, 1).float().contiguous().numpy()
    found = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2LAB) for image in images])
    return torch.from_numpy(found).permute(0, 3, 1, 2)


def gathered(colours: Tensor, weights: Tensor) -> Tensor:
    """Sum weights into a grid over place and colour.

    Args:
        colours: of one frame, (3, h, w) CIE Lab. weights: (k, h, w), none negative.

    Returns:
        (k, PLACES, PLACES, *CELLS): row, column, then L, a and b.

    >>> gathered(torch.zeros(3, 7, 7), torch.ones(1, 7, 7)).shape
    torch.Size([1, 7, 7, 12, 14, 14])
    """
    cell = _cells(colours)
    y, x = (_places(side).round().long() for side in colours.shape[1:])
    index = y[:, None] * PLACES + x[None]
    for along, count in zip(cell, CELLS, strict=True):
        index = index * count + along.round().long()
    size = PLACES * PLACES * CELLS[0] * CELLS[1] * CELLS[2]
    flat = index.reshape(-1)
    sums = [torch.bincount(flat, one.reshape(-1).double(), minlength=size) for one in weights]
    grid = torch.stack(sums).float().view(-1, PLACES, PLACES, *CELLS)
    for dim in range(1, 6):
        grid = _spread(grid, dim, NEAR if dim < 3 else ALIKE)
    return grid


def read(colours: Tensor, grid: Tensor) -> Tensor:
    """Look up a grid at each pixel, interpolated between its cells: (k, h, w).

    Args:
        colours: of one frame, (3, h, w) CIE Lab. grid: (k, PLACES, PLACES, *CELLS).
    """
    h, w = colours.shape[1:]
    at = [2 * x / (n - 1) - 1 for x, n in zip(_cells(colours), CELLS, strict=True)]
    points = torch.stack(at[::-1], dim=-1)  # h, w, 3
    down, across = (_share(side) for side in (h, w))  # h or w, PLACES
    out = torch.zeros(len(grid), h, w)
    for i in range(PLACES):
        rows = _extent(down[:, i])
        for j in range(PLACES):
            columns = _extent(across[:, j])
            part = points[rows, columns][None, None]
            values = F.grid_sample(grid[:, i, j][None], part, align_corners=True)[0, :, 0]
            out[:, rows, columns] += values * down[rows, i, None] * across[None, columns, j]
    return out


def subjects_share(colours: Tensor, grid: Tensor) -> Tensor:
    """How likely each pixel is the subject's, by its place and colour: (1, h, w) in (0, 1).

    Args:
        colours: of one frame, (3, h, w) CIE Lab.
        grid: of subject and background, (2, PLACES, PLACES, *CELLS).

    >>> colours = torch.zeros(3, 28, 28)
    >>> colours[0, :, 14:] = 80
    >>> sides = torch.stack([colours[0] > 0, colours[0] == 0]).float()
    >>> share = subjects_share(colours, gathered(colours, sides))
    >>> bool(share[0, 10, 20] > 0.9), bool(share[0, 10, 5] < 0.1)
    (True, True)
    """
    subject, ground = read(colours, grid)
    return ((subject + LEAST / 2) / (subject + ground + LEAST))[None]


def _cells(colours: Tensor) -> list[Tensor]:
    middle = (0.0, *((n - 1) / 2 for n in CELLS[1:]))
    pairs = zip(colours, middle, CELLS, strict=True)
    return [(x / STEP + m).clamp(0, n - 1) for x, m, n in pairs]


def _places(side: int) -> Tensor:
    return ((torch.arange(side) + 0.5) / side * PLACES - 0.5).clamp(0, PLACES - 1)


def _share(side: int) -> Tensor:
    """Of each cell along a side in each pixel, (side, PLACES)."""
    return (1 - (_places(side)[:, None] - torch.arange(PLACES)[None]).abs()).clamp_min(0)


def _extent(share: Tensor) -> slice:
    where = torch.nonzero(share).flatten()
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0)


def _spread(grid: Tensor, dim: int, part: float) -> Tensor:
    """A grid plus a part of its neighbours along a dimension."""
    count = grid.shape[dim]
    out = grid.clone()
    out.narrow(dim, 1, count - 1).add_(grid.narrow(dim, 0, count - 1), alpha=part)
    out.narrow(dim, 0, count - 1).add_(grid.narrow(dim, 1, count - 1), alpha=part)
    return out
