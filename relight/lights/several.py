"""Several lights at once, added up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from relight.errors import InputError
from relight.lights.base import Fade, Light
from relight.lights.direction import NoLight

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Several(Light):
    """Two lights or more; where they meet, their levels are added, up to white.

    >>> from relight.lights import parse_light
    >>> light = parse_light("left + right:intensity=.5")
    >>> light.level_map(1, 3)[0, :, 0].round(2).tolist()
    [1.0, 0.75, 0.5]
    """

    lights: tuple[Light, ...]

    def __post_init__(self) -> None:
        if not self.lights:
            raise InputError("a list of lights is empty: give one or more")
        flat: list[Light] = []
        for light in self.lights:
            flat += light.lights if isinstance(light, Several) else [light]
        if any(isinstance(light, NoLight) for light in flat):
            raise InputError(f"light {str(self)!r}: none can't be added to another light")
        object.__setattr__(self, "lights", tuple(flat))

    def __str__(self) -> str:
        return " + ".join(map(str, self.lights))

    def parts(self) -> tuple[Light, ...]:
        return self.lights

    def at(self, seconds: float) -> Light:
        return Several(tuple(light.at(seconds) for light in self.lights)) if self.moving else self

    def absolute(self) -> Light:
        return Several(tuple(light.absolute() for light in self.lights))

    def for_clip(self, fps: float, tonemap: bool = False) -> Light:
        return Several(tuple(light.for_clip(fps, tonemap) for light in self.lights))

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        maps = (light.level_map(height, width, seconds) for light in self.lights)
        return reduce(lambda one, other: one + other, maps).clip(0, 1)

    def mix(self, other: Light, part: float) -> Light:
        """Lamp by lamp, where both have as many."""
        if not isinstance(other, Several) or len(self.lights) != len(other.lights):
            return Fade(self, other, part)
        pairs = zip(self.lights, other.lights, strict=True)
        return dataclasses.replace(self, lights=tuple(a.mix(b, part) for a, b in pairs))
