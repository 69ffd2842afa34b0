"""Lights that move by themselves: sweep, circle, pulse, candle, sunset, police."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from relight.lights import fields
from relight.lights.base import Fade, Light, register
from relight.lights.colors import Color
from relight.lights.direction import ANGLES, DirectionLight
from relight.lights.point import PointLight
from relight.lights.several import Several

if TYPE_CHECKING:
    import numpy as np


class Preset(Light):
    """A light that says how it stands `at` a time."""

    @property
    def moving(self) -> bool:
        return True

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        return self.at(seconds).level_map(height, width, seconds)


@register
@dataclass(frozen=True, kw_only=True)
class Sweep(Preset):
    """A lamp that crosses the frame once, from one side to the other, and stays there.

    >>> [Sweep(seconds=4).at(time).x for time in (0, 1, 2, 4, 9)]
    [0.0, 0.25, 0.5, 1.0, 1.0]
    """

    words: ClassVar = ("sweep",)
    usage: ClassVar = "sweep:side=left,seconds=4"

    side: str = fields.choice("left", ("left", "right", "top", "bottom"), "where it begins")
    seconds: float = fields.seconds(4, "how long it takes")
    lane: float = fields.number(0.4, 0, 1, "its place on the other axis, 0 left or top, to 1")
    radius: float = fields.radius()
    color: Color = fields.color()
    intensity: float = fields.intensity()

    def at(self, seconds: float) -> PointLight:
        part = min(seconds / self.seconds, 1.0)
        part = part if self.side in ("left", "top") else 1 - part
        x, y = (part, self.lane) if self.side in ("left", "right") else (self.lane, part)
        return PointLight(x=x, y=y, radius=self.radius, color=self.color, intensity=self.intensity)


@register
@dataclass(frozen=True, kw_only=True)
class Circle(Preset):
    """A lamp that goes round, clockwise from the top.

    >>> lamp = Circle(seconds=4, size=0.25).at(1)
    >>> round(lamp.x, 3), round(lamp.y, 3)
    (0.75, 0.5)
    """

    words: ClassVar = ("circle",)
    usage: ClassVar = "circle:seconds=4"

    seconds: float = fields.seconds(4, "length of a round")
    x: float = fields.place("x")
    y: float = fields.place("y")
    size: float = fields.number(0.35, 0, 100, "from its middle, in frame sizes", shown=(0.1, 1))
    radius: float = fields.radius()
    color: Color = fields.color()
    intensity: float = fields.intensity()

    def at(self, seconds: float) -> PointLight:
        turn = 2 * math.pi * seconds / self.seconds
        return PointLight(
            x=self.x + self.size * math.sin(turn),
            y=self.y - self.size * math.cos(turn),
            radius=self.radius,
            color=self.color,
            intensity=self.intensity,
        )


@register
@dataclass(frozen=True, kw_only=True)
class Pulse(Preset):
    """Any light, swelling and fading, full at the start.

    >>> pulse = Pulse(light="point", seconds=2, low=0.5)
    >>> [pulse.level_map(1, 1, time).max().item() for time in (0, 0.5, 1, 2)]
    [1.0, 0.75, 0.5, 1.0]
    """

    words: ClassVar = ("pulse",)
    usage: ClassVar = "pulse:light=(point:x=.3),seconds=1.5"

    light: Light = fields.light("left", "the light that pulses")
    seconds: float = fields.seconds(1.5, "from full to full")
    low: float = fields.number(0.3, 0, 1, "what is left of it in between")

    def at(self, seconds: float) -> Light:
        swell = (1 + math.cos(2 * math.pi * seconds / self.seconds)) / 2
        return Fade(DARK, self.light.at(seconds), self.low + (1 - self.low) * swell)


@register
@dataclass(frozen=True, kw_only=True)
class Candle(Preset):
    """A warm flame that flickers and wavers, the same way each time.

    >>> flame = Candle(flicker=0)
    >>> flame.at(0.1).intensity == flame.at(0.7).intensity
    True
    """

    words: ClassVar = ("candle",)
    usage: ClassVar = "candle:x=.5,y=.7"

    x: float = fields.place("x", 0.5)
    y: float = fields.place("y", 0.7)
    radius: float = fields.radius(0.4)
    color: Color = fields.color(default=Color.parse("1900K"))
    intensity: float = fields.intensity(1.2)
    flicker: float = fields.number(0.35, 0, 1, "how much of its brightness comes and goes")

    def at(self, seconds: float) -> PointLight:
        # Three waves whose rates have no common measure look irregular, and need no random state.
        waves = ((0.5, 1.7, 0.0), (0.3, 3.1, 1.0), (0.2, 5.3, 2.0))
        wave = sum(part * math.sin(2 * math.pi * rate * seconds + at) for part, rate, at in waves)
        waver = math.sin(2 * math.pi * 1.1 * seconds) * 0.02 * self.flicker
        return PointLight(
            x=self.x + waver,
            y=self.y,
            radius=self.radius,
            color=self.color,
            intensity=self.intensity * (1 - self.flicker * (1 + wave) / 2),
        )


@register
@dataclass(frozen=True, kw_only=True)
class Sunset(Preset):
    """The sun goes down on one side: lower, warmer and dimmer, and stays there.

    >>> str(Sunset(seconds=10).at(0)), str(Sunset(seconds=10).at(10))
    ('angle:120,color=5600K', 'left:color=1900K,intensity=0.45')
    """

    words: ClassVar = ("sunset",)
    usage: ClassVar = "sunset:side=left,seconds=10"

    side: str = fields.choice("left", ("left", "right"), "where the sun goes down")
    seconds: float = fields.seconds(10, "how long it takes")

    def at(self, seconds: float) -> DirectionLight:
        part = min(seconds / self.seconds, 1.0)
        height = 60 * (1 - part)  # degrees above the side
        mired = 1e6 / 5600 + part * (1e6 / 1900 - 1e6 / 5600)  # equal steps look equal
        return DirectionLight(
            angle=180 - height if self.side == "left" else height,
            color=Color.parse(f"{1e6 / mired:.6g}K"),
            intensity=0.45 + 0.55 * (1 - part),
        )


@register
@dataclass(frozen=True, kw_only=True)
class Police(Preset):
    """Red from one side and blue from the other, in turn.

    >>> [str(lamp) for lamp in Police(seconds=1).at(0.25).parts()]
    ['left:color=#ff1020', 'right:color=#1030ff,intensity=0']
    """

    words: ClassVar = ("police",)
    usage: ClassVar = "police:seconds=1"

    seconds: float = fields.seconds(1, "from red to red")
    red: str = fields.choice("left", ("left", "right"), "the side of the red lamp")

    def at(self, seconds: float) -> Several:
        swing = 1.5 * math.sin(2 * math.pi * seconds / self.seconds)
        red, blue = (min(max(0.5 + level, 0.0), 1.0) for level in (swing, -swing))
        angle = ANGLES[self.red]
        return Several(
            (
                DirectionLight(angle=angle, color=RED, intensity=red),
                DirectionLight(angle=angle + 180, color=BLUE, intensity=blue),
            )
        )


DARK = DirectionLight(intensity=0)
RED, BLUE = Color.parse("#ff1020"), Color.parse("#1030ff")
