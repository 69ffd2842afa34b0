"""A light that moves between keyframes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Self

from relight.errors import InputError
from relight.lights import text as grammar
from relight.lights.base import Light, parse_light, register
from relight.lights.direction import NoLight

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Keyframe:
    """A light at a time.

    Attributes:
        seconds: since the first frame that is lit.
        light: how it stands then.
        smooth: the change up to it is eased at both ends; else it is even.
    """

    seconds: float
    light: Light
    smooth: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2.5=point:x=.8` or `2.5=smooth:point:x=.8`; InputError where it is neither."""
        time, given, light = (part.strip() for part in text.partition("="))
        try:
            seconds = float(time.removesuffix("s")) if given else math.nan
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise InputError(f"keyframe {text!r}: write SECONDS=LIGHT, as in 2.5=left")
        smooth = light.startswith("smooth:")
        found = parse_light(light.removeprefix("smooth:"))
        if any(isinstance(part, NoLight) for part in (found, *found.parts())):
            raise InputError(f"keyframe {text!r}: none has no place to move from or to")
        return cls(seconds, found, smooth)

    def absolute(self) -> Self:
        """The same with absolute paths."""
        return replace(self, light=self.light.absolute())

    def for_clip(self, fps: float, tonemap: bool = False) -> Self:
        """The same for a clip, as `Light.for_clip` has it."""
        return replace(self, light=self.light.for_clip(fps, tonemap))

    def __str__(self) -> str:
        smooth = "smooth:" if self.smooth else ""
        return f"{repr(self.seconds).removesuffix('.0')}={smooth}{self.light}"


@register
@dataclass(frozen=True)
class MovingLight(Light):
    """Keyframes: place, colour and brightness go from one to the next; the first and last hold.

    >>> light = MovingLight.parse("keyframes:(0=point:x=0; 4=smooth:point:x=1,color=#ff0000)")
    >>> [round(light.at(time).x, 3) for time in (0, 1, 2, 3, 4, 9)]
    [0.0, 0.156, 0.5, 0.844, 1.0, 1.0]
    >>> str(light.at(2))
    'point:color=#ff8080'
    """

    words: ClassVar = ("keyframes",)
    usage: ClassVar = "keyframes:(0=left; 2.5=point:x=.8)"

    keyframes: tuple[Keyframe, ...]

    def __post_init__(self) -> None:
        if not self.keyframes:
            raise InputError("there are no keyframes: give SECONDS=LIGHT, as in 2.5=left")
        for one, other in pairwise(self.keyframes):
            if other.seconds <= one.seconds:
                raise InputError(
                    f"keyframe {str(other)!r} follows one at {one.seconds:g} s: "
                    "give them in order of time, one for each"
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `keyframes:(0=left; 2.5=point:x=.8)`."""
        inner = grammar.bare(text.partition(":")[2].strip())
        return cls.read(grammar.split(inner, ";") if inner else ())

    @classmethod
    def read(cls, keyframes: Sequence[str]) -> Self:
        """The light of some `SECONDS=LIGHT`."""
        return cls(tuple(Keyframe.parse(text) for text in keyframes))

    def __str__(self) -> str:
        return f"{self.words[0]}:({'; '.join(map(str, self.keyframes))})"

    def parts(self) -> tuple[Light, ...]:
        return tuple(keyframe.light for keyframe in self.keyframes)

    @property
    def moving(self) -> bool:
        return len(self.keyframes) > 1 or super().moving

    def absolute(self) -> Light:
        return MovingLight(tuple(keyframe.absolute() for keyframe in self.keyframes))

    def for_clip(self, fps: float, tonemap: bool = False) -> Light:
        keyframes = (keyframe.for_clip(fps, tonemap) for keyframe in self.keyframes)
        return MovingLight(tuple(keyframes))

    def at(self, seconds: float) -> Light:
        before = [keyframe for keyframe in self.keyframes if keyframe.seconds <= seconds]
        after = self.keyframes[len(before) :]
        if not before or not after:
            return (before[-1] if before else after[0]).light.at(seconds)
        one, other = before[-1], after[0]
        part = (seconds - one.seconds) / (other.seconds - one.seconds)
        if other.smooth:
            part = part * part * (3 - 2 * part)
        return one.light.at(seconds).mix(other.light.at(seconds), part)

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        return self.at(seconds).level_map(height, width, seconds)
