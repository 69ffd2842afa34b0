"""What a network is trained for after the plain losses of train.py: truth, strength, steadiness.

PSNR and sharpness pull apart. The best of one at a given other is where the mean squared error less
a multiple of the energy of the gradients is smallest, so that is the loss; the multiple is set by
what it gives on pictures that are not trained on (`Strength`).
"""

from __future__ import annotations

from torch import Tensor

ERROR_EPS = 1e-3  # of a range of 1: below it, crops count alike
EDGE = 4  # pixels of the result next to the border of a crop that are not scored
MOST_ENERGY = 0.09
"""Of the multiple: at 1/8 the finest checkerboard would grow without end."""


def squared(result: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error of each of (n, c, h, w), (n,)."""
    inner = (..., slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    return (result[inner] - sharp[inner]).square().mean((1, 2, 3))


def slope_energy(result: Tensor) -> Tensor:
    """Mean squared step between neighbours, both ways, in grey, of each of (n, c, h, w), (n,)."""
    grey = result[..., EDGE:-EDGE, EDGE:-EDGE].mean(1)
    return sum(grey.diff(dim=axis).square().mean((1, 2)) for axis in (-1, -2))  # type: ignore[return-value]


def traded(result: Tensor, sharp: Tensor, energy: Tensor | float) -> Tensor:
    """Squared error less `energy` times the gradients', each crop by its root mean square error."""
    error = squared(result, sharp)
    size = (error.detach() + ERROR_EPS**2).sqrt()
    return ((error - energy * slope_energy(result)) / (2 * size)).mean()


def disagreement(first: Tensor, second: Tensor, scale: Tensor) -> Tensor:
    """How far aligned views are apart, (n, c, h, w) both; `scale` (n,): their squared errors."""
    apart = (first - second).square().mean((1, 2, 3))
    return (apart / (2 * (scale.detach() + ERROR_EPS**2).sqrt())).mean()


class Strength:
    """The multiple of the gradients' energy that makes results as sharp as asked for.

    Attributes:
        energy: the multiple now. wanted: energy of the gradients of results, of the originals'.
    """

    STEP = 4.0
    """How fast it follows: a sharpness .02 off changes it by 8 % at each look."""

    def __init__(self, wanted: float, energy: float = 0.04) -> None:
        self.wanted, self.energy = wanted, energy

    def seen(self, sharpness: float) -> float:
        """The multiple from now on, after a look at what there is.

        >>> Strength(0.75, 0.04).seen(0.70) > 0.04 > Strength(0.75, 0.04).seen(0.80)
        True
        """
        factor = 1 + self.STEP * (self.wanted - sharpness)
        self.energy = min(self.energy * min(max(factor, 0.8), 1.25), MOST_ENERGY)
        return self.energy
