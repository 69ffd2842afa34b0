"""How many passes IC-Light takes. A plan asks for it, without a model."""

from __future__ import annotations

STRENGTH = 0.9
"""How far from the light's picture the sampling starts, as published."""


def image_to_image_steps(steps: int, strength: float = STRENGTH) -> tuple[int, int]:
    """(length of the schedule, UNet passes run) for `steps` asked for, rounded as published.

    >>> image_to_image_steps(15), image_to_image_steps(4)
    ((17, 15), (4, 3))
    """
    total = max(round(steps / strength), 1)
    return total, max(int(total * strength), 1)
