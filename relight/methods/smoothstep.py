"""The smooth step: from 0 to 1 between two bounds, without a corner at either (Hermite's cubic)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

Values = TypeVar("Values", float, np.ndarray, Tensor)


def smoothstep(x: Values, low: float, high: float) -> Values:
    """Smooth step from 0 at `low` to 1 at `high`, of a number or of each value of an array.

    >>> smoothstep(0.25, 0, 1), smoothstep(np.array([0.0, 1.5, 3.0]), 1, 2).tolist()
    (0.15625, [0.0, 0.5, 1.0])
    """
    t = (x - low) / (high - low)
    if isinstance(t, Tensor):
        t = t.clamp(0, 1)
    elif isinstance(t, np.ndarray):
        t = t.clip(0, 1)
    else:
        t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)
