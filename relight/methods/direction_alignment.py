"""Direction alignment: pull the low band of x0 to a reference (HiFlow, arXiv:2504.06232, eq. 8).

    x0' = x0 + a_i (LP(x0_ref) - LP(x0)),        LP(r) = 1 / (1 + (r / D)^2n)

The band is soft (a Butterworth filter of order n) where DiffuseHigh's wavelet band is hard, and its
cut-off D follows the enlargement, where a wavelet level always cuts at half the band: of a picture
enlarged s times, the lowest 1/s of the band is known. It works on latents as they are, so that a
guided step costs two Fourier transforms and no pass through the VAE. Real clips: each frame alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

ORDER = 4
"""Of the filter, as in HiFlow."""

TOGETHER = 2**17
"""Latent pixels that are filtered at a time: mirrored and as complex numbers they are 12 times as
large, and latents of 16 channels at once would outweigh the tiles that UNet and VAE work in."""


def low_pass(x: Tensor, cutoff: float, order: int = ORDER) -> Tensor:
    """Soft low-pass of the last two dimensions.

    Args:
        x: (..., h, w), any float dtype and range. Mirrored beyond its border, so that the sides
            don't leak into each other.
        cutoff: above 0; 1 is the highest frequency the grid holds, where the gain is 1/2.
        order: n: the higher, the steeper.

    Returns:
        the same shape and dtype; computed in float32.

    >>> fine = torch.tensor([1.0, -1.0]).repeat(1, 1, 8, 4)  # stripes of one pixel
    >>> flat = torch.ones(1, 1, 8, 8)
    >>> torch.allclose(low_pass(flat, 0.25), flat), (low_pass(fine, 0.25).std() < 0.25).item()
    (True, True)
    """
    h, w = x.shape[-2:]
    down = torch.fft.fftfreq(2 * h, device=x.device)[:, None]
    across = torch.fft.rfftfreq(2 * w, device=x.device)[None]
    squared = (down**2 + across**2) * 4 / cutoff**2  # (r / D)^2, with r = 1 at half the rate
    gain = 1 / (1 + squared**order)
    planes = x.reshape(-1, h, w)
    together = max(TOGETHER // (h * w), 1)
    return torch.cat([_filtered(part, gain) for part in planes.split(together)]).reshape(x.shape)


def _filtered(planes: Tensor, gain: Tensor) -> Tensor:
    """(n, h, w), mirrored, with its frequencies times `gain` (2h, w + 1): the same shape."""
    h, w = planes.shape[-2:]
    mirrored = torch.cat([planes.float(), planes.float().flip(-1)], -1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], -2)
    band = torch.fft.rfft2(mirrored).mul_(gain)
    return torch.fft.irfft2(band, s=mirrored.shape[-2:])[..., :h, :w].to(planes.dtype)


class DirectionAlignment:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        reference: clean latents in the shape of x0.
        cutoff: of the low band, above 0; see `low_pass`.
        steps: how many of the first steps are guided.
        weight: a at the first of them, 0 to 1; it falls linearly towards 0 after the last.

    >>> edit = DirectionAlignment(torch.ones(1, 4, 8, 8), cutoff=0.5, steps=2)
    >>> x0 = torch.zeros(1, 4, 8, 8)
    >>> [round(edit(x0, i, torch.tensor(0)).mean().item(), 2) for i in range(2)]
    [1.0, 0.5]
    >>> edit(x0, 2, torch.tensor(0)) is None
    True
    """

    def __init__(self, reference: Tensor, cutoff: float, steps: int, weight: float = 1.0) -> None:
        self.cutoff, self.steps, self.weight = cutoff, steps, weight
        self.low = low_pass(reference.float(), cutoff)

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor | None:
        """x0 float32 -> x0', or None once the guided steps are over."""
        if step >= self.steps or self.weight == 0:
            return None
        weight = self.weight * (1 - step / self.steps)
        return x0 + weight * (self.low.to(x0) - low_pass(x0, self.cutoff))
