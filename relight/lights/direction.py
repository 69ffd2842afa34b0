"""Light from one side, or at an angle; and no direction at all, where the prompt alone decides.

IC-Light takes its light from the picture its sampling starts from (arXiv:2502.08590, 3.1): a grey
ramp that is white on the side the light comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from relight.errors import InputError
from relight.lights import fields
from relight.lights import text as grammar
from relight.lights.base import Light, register
from relight.lights.colors import Color

if TYPE_CHECKING:
    import numpy as np

ANGLES: dict[str, float] = {
    "left": 180,
    "right": 0,
    "top": 90,
    "bottom": 270,
    "top-left": 135,
    "top-right": 45,
    "bottom-left": 225,
    "bottom-right": 315,
}


@register
@dataclass(frozen=True, kw_only=True)
class DirectionLight(Light):
    """Light from one side of the frame, fading evenly to the other.

    >>> light = DirectionLight.parse("left")
    >>> (255 * light.level_map(1, 5)[0, :, 0]).tolist()  # whole numbers, as published
    [255.0, 191.0, 127.0, 63.0, 0.0]
    >>> str(DirectionLight(angle=135, color="3200K"))
    'top-left:color=3200K'
    """

    words: ClassVar = ("angle", *ANGLES)
    usage: ClassVar = "left, right, top, bottom, top-left ..., angle:30"
    sided: ClassVar = True

    angle: float = fields.angle(180, "where it comes from: 0 right, 90 top, 180 left, 270 bottom")
    color: Color = fields.color()
    intensity: float = fields.intensity()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "angle", self.angle % 360 % 360)  # -1e-20 % 360 is 360

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `left`, `left:color=3200K`, `angle:30` or `angle:30,color=3200K`."""
        word, _, rest = text.partition(":")
        names = ["color", "intensity"]
        if word.strip() != "angle":
            return cls(angle=ANGLES[word.strip()], **grammar.settings(rest, names))
        first = grammar.split(rest, ",")[0]
        if not first:
            raise InputError("give the angle in degrees: angle:30")
        rest = rest if "=" in first else f"angle={rest}"
        return cls(**grammar.settings(rest, ["angle", *names]))

    def __str__(self) -> str:
        named = {angle: word for word, angle in ANGLES.items()}
        rest = [control for control in self.controls() if control.name != "angle"]
        if self.angle in named:
            return self._written(named[self.angle], rest)
        shown = repr(self.angle).removesuffix(".0")
        return self._written(f"angle:{shown}", rest).replace(f"{shown}:", f"{shown},")

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        """A ramp in whole 255ths, white where the light comes from, black opposite."""
        return self.color.shine(self.intensity * (self._ramp(height, width) / 255))

    def _ramp(self, height: int, width: int) -> np.ndarray:
        """(height, width) uint8."""
        import numpy as np

        if self.angle % 90 == 0:
            along = height if self.angle % 180 else width
            falls = self.angle in (90, 180)
            # NumPy's linspace, cut to whole numbers, is what the published code feeds to the VAE.
            line = np.linspace(255, 0, along) if falls else np.linspace(0, 255, along)
            line = line.astype(np.uint8)
            line = line[:, None] if self.angle % 180 else line
            return np.broadcast_to(line, (height, width))
        turn = math.radians(self.angle)
        across, down = np.arange(width) * math.cos(turn), np.arange(height) * -math.sin(turn)
        reach = across + down[:, None]
        reach -= reach.min()
        return (255 * reach / max(reach.max(), 1e-9)).astype(np.uint8)


@register
@dataclass(frozen=True, kw_only=True)
class NoLight(Light):
    """No direction: the prompt alone decides (the sampling starts from pure noise).

    >>> NoLight().level_map(2, 2).min().item()
    1.0
    """

    words: ClassVar = ("none",)
    usage: ClassVar = "none (the prompt alone decides)"
    sided: ClassVar = True

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        """The same everywhere."""
        import numpy as np

        return np.ones((height, width, 3), np.float32)
