"""Energy rectification: give an enlarged picture back the energy that re-noising took.

RectifiedHR (arXiv:2503.02537, sec. 3.3) sees the energy of the predicted clean latents fall each
time noise is added anew at a larger size, and with it contrast and detail, and raises the guidance
to make up for it. Here the loop is closed instead: the predicted latents are brought to the
standard deviation of the smaller picture's own, with no second pass of the model and no guess:

    x0' = m + (1 + w (s_ref / s - 1)) (x0 - m),      m, s: mean and deviation of each channel
"""

from __future__ import annotations

from torch import Tensor


class EnergyRectification:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        reference: clean latents (..., h', w') of the smaller picture, any size.
        weight: w, 0 to 1: how far the deviation is brought to the reference's. Sharper, and farther
            from the source, as it grows.

    >>> import torch
    >>> x0 = torch.tensor([[[[1.0, 3.0]]]])
    >>> EnergyRectification(2 * x0, weight=1.0)(x0, 0, torch.tensor(0)).flatten().tolist()
    [0.0, 4.0]
    """

    def __init__(self, reference: Tensor, weight: float) -> None:
        self.deviation, self.weight = _deviation(reference.float()), weight

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor:
        """x0 float32 -> x0'."""
        mean = x0.mean((-2, -1), keepdim=True)
        wanted = self.deviation.to(x0) / _deviation(x0)
        return mean + (1 + self.weight * (wanted - 1)) * (x0 - mean)


def _deviation(latents: Tensor) -> Tensor:
    # A flat picture has none, and must stay flat.
    return latents.std((-2, -1), keepdim=True, correction=0).clamp(min=1e-3)
