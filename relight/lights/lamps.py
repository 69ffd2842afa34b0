"""A light at a moment, taken apart into lamps that have a place and lights that have a side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.lights.base import Fade, Light
from relight.lights.colors import WHITE
from relight.lights.point import PointLight
from relight.lights.several import Several

if TYPE_CHECKING:
    import numpy as np


def taken_apart(light: Light, seconds: float, weight: float = 1.0) -> Iterator[tuple[float, Light]]:
    """Split a light, as it stands at a time, into what it is made of: (weight, light) of each part.

    Sums are split into their lights, cross-fades into both of theirs, with weights in [0, 1].

    >>> from relight.lights import parse_light
    >>> light = parse_light("pulse:light=(left + point:x=.2),seconds=2,low=.5")
    >>> [(part, str(one)) for part, one in taken_apart(light, 1.0) if part and one.intensity]
    [(0.5, 'left'), (0.5, 'point:x=0.2')]
    """
    now = light.at(seconds)
    if isinstance(now, Several):
        for part in now.lights:
            yield from taken_apart(part, seconds, weight)
    elif isinstance(now, Fade):
        yield from taken_apart(now.first, seconds, weight * (1 - now.part))
        yield from taken_apart(now.second, seconds, weight * now.part)
    else:
        yield weight, now


def has_place(light: Light, times: Iterable[float]) -> bool:
    """Whether any part of a light has a place in the frame, not only a side, at any of `times`.

    >>> from relight.lights import parse_light
    >>> has_place(parse_light("left + right"), [0.0]), has_place(parse_light("candle"), [0.0])
    (False, True)
    """
    moments = list(times) if light.moving else [0.0]
    return any(not part.sided for seconds in moments for _, part in taken_apart(light, seconds))


def from_behind(light: Light, times: Iterable[float]) -> bool:
    """Whether a lamp stands behind the subject at one of some times.

    >>> from relight.lights import parse_light
    >>> [from_behind(parse_light(light), [0.0]) for light in ("left + point:z=-.2", "point")]
    [True, False]
    """
    return any(
        isinstance(part, PointLight) and part.z < 0
        for seconds in times
        for _, part in taken_apart(light, seconds)
    )


def strength(light: Light, seconds: float) -> float:
    """How strong the strongest of the lights that add up to one is at a time; 1 is full.

    >>> from relight.lights import parse_light
    >>> strength(parse_light("left:intensity=.5 + right:color=#300000,intensity=2"), 0.0)
    0.5
    >>> round(strength(parse_light("pulse:seconds=2,low=.2"), 1.0), 2)
    0.2
    """
    return max(
        weight * getattr(one, "intensity", 1.0) * max(getattr(one, "color", WHITE).rgb)
        for weight, one in taken_apart(light, seconds)
    )


@dataclass(frozen=True)
class AtFull(Light):
    """A light at full strength, as a model is shown it; it has no text of its own."""

    light: Light

    def parts(self) -> tuple[Light, ...]:
        return (self.light,)

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        levels = self.light.level_map(height, width, seconds)
        return levels / max(float(levels.max()), 1e-3)
