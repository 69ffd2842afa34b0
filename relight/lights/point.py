"""A round lamp anywhere in the frame, or outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from relight.lights import fields
from relight.lights.base import Light, register
from relight.lights.colors import Color

if TYPE_CHECKING:
    import numpy as np


@register
@dataclass(frozen=True, kw_only=True)
class PointLight(Light):
    """A lamp at a place of the frame, half as bright at `radius`, a sixteenth at twice that.

    x and y are fractions of the frame's width and height, from its top left corner; the radius is
    one of its width, so that the light is round in any frame. z says whether it lights the
    subject's front or, from behind, its rims; the map does not show it. What is said of twice the
    radius is so at soft=.5: with soft=0 it is 2^-16, a spot, with soft=1 a quarter.

    >>> light = PointLight.parse("point:x=.25,y=.5,radius=.25,color=#ff8000")
    >>> print(light.level_map(1, 4)[0, :, 0].round(3))  # the first two pixels are half a radius off
    [0.841 0.841 0.21  0.013]
    >>> print(light.level_map(1, 2)[0, 0].round(3))
    [1.    0.502 0.   ]
    """

    words: ClassVar = ("point",)
    usage: ClassVar = "point:x=.2,y=.3,radius=.4,color=#ffb060,intensity=1.5"

    x: float = fields.place("x")
    y: float = fields.place("y")
    radius: float = fields.radius()
    color: Color = fields.color()
    intensity: float = fields.intensity()
    z: float = fields.depth()
    soft: float = fields.softness()

    @property
    def fall(self) -> float:
        """Exponent of the fall-off, in multiples of that at soft=.5: from 2, hard, to .5."""
        return 4 ** (0.5 - self.soft)

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        """2^-(distance / radius)^(2 fall), in the lamp's colour."""
        import numpy as np

        across = (np.arange(width) + 0.5) / width - self.x
        down = ((np.arange(height) + 0.5) / height - self.y) * height / width
        distance = np.hypot(across, down[:, None]) / self.radius
        return self.color.shine(self.intensity * np.exp2(-(distance ** (2 * self.fall))))

    def notes(self) -> tuple[str, ...]:
        if 0 <= self.x <= 1 and 0 <= self.y <= 1:
            return ()
        return (f"{self}: the lamp is outside the frame, only its glow is seen",)
