"""How many passes models take. A plan asks for it, without a model."""

from __future__ import annotations

import math

STRENGTH = 0.9
"""How far from the light's picture the sampling starts, as published."""


def image_to_image_steps(steps: int, strength: float = STRENGTH) -> tuple[int, int]:
    """IC-Light's: length of the schedule and UNet passes run for `steps` asked for, rounded as
    published.

    >>> image_to_image_steps(15), image_to_image_steps(4)
    ((17, 15), (4, 3))
    """
    total = max(round(steps / strength), 1)
    return total, max(int(total * strength), 1)


def schedule_steps(steps: int, strength: float) -> int:
    """A video model's: length of the whole schedule of which the last `steps` are run.

    >>> schedule_steps(25, 0.4), int(63 * 0.4)
    (63, 25)
    """
    return math.ceil(steps / strength - 1e-9)
