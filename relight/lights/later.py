"""A light that moves, from some seconds on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from relight.lights import fields
from relight.lights.base import Light, register

if TYPE_CHECKING:
    import numpy as np


@register
@dataclass(frozen=True, kw_only=True)
class Later(Light):
    """A light that has been moving for some seconds when the clip begins.

    >>> light = Later(light="circle:seconds=8,size=.25", seconds=2)
    >>> round(light.at(0).x, 3), str(light)
    (0.75, 'later:light=(circle:seconds=8,size=0.25),seconds=2')
    """

    words: ClassVar = ("later",)
    usage: ClassVar = "later:light=(circle:seconds=4),seconds=2"

    light: Light = fields.light("circle", "the light that moves")
    seconds: float = fields.seconds(1, "how long it has been moving")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sided", self.light.sided)

    @property
    def moving(self) -> bool:
        return self.light.moving

    def at(self, seconds: float) -> Light:
        now = self.light.at(self.seconds + seconds)
        # Of a video `at` changes nothing: its map is still asked for by the time.
        return Later(light=now, seconds=self.seconds) if now.moving else now

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        return self.light.level_map(height, width, self.seconds + seconds)
