"""The settings of a light: what an app draws a control from, and what checks a value."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from relight.errors import InputError
from relight.lights.colors import WHITE, Color


@dataclass(frozen=True, kw_only=True)
class Control:
    """One setting of a light.

    Attributes:
        name: as in the light's text and in its Python class.
        kind: "number"; "angle" in degrees, which wraps at 360; "color"; "choice"; "file"; "light",
            another light that this one changes.
        help: one line for people.
        default: the value it has if it isn't given; None: it must be given.
        low, high: what a number may be at all.
        shown: the part of that range which an app offers.
        choices: of a "choice".
    """

    name: str
    kind: Literal["number", "angle", "color", "choice", "file", "light"]
    help: str
    default: Any = None
    low: float = -math.inf
    high: float = math.inf
    shown: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """A value, or its text, as what the light holds; InputError where it can't be that."""
        if self.kind in ("number", "angle"):
            return self._number(value)
        if self.kind == "color":
            return value if isinstance(value, Color) else Color.parse(str(value))
        if self.kind == "choice" and value not in self.choices:
            raise InputError(f"{self.name} should be {' or '.join(self.choices)}, not {value!r}")
        if self.kind == "file":
            return Path(value)
        return value

    def _number(self, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not (math.isfinite(number) and self.low <= number <= self.high):
            known = f"{self.low:g} to {self.high:g}" if self.kind == "number" else "in degrees"
            raise InputError(f"{self.name} should be {known}, not {value}")
        return number

    def mix(self, own: Any, other: Any, part: float) -> Any:
        """The value between two, or None where there is nothing between them."""
        if own == other:
            return own
        if self.kind == "number":
            return (1 - part) * own + part * other
        if self.kind == "angle":
            turn = (other - own + 180) % 360 - 180  # the shorter way round
            if turn == -180 and 0 <= own < 180:
                turn = 180  # from one side to the other over the top, as the sun goes
            return own + part * turn
        return own.mix(other, part) if self.kind == "color" else None


def number(default: float, low: float, high: float, help: str, *, shown: Any = None) -> Any:
    """A field of a light that holds a number from `low` to `high`."""
    return _field(
        Control(
            name="",
            kind="number",
            help=help,
            default=default,
            low=low,
            high=high,
            shown=shown or (low, high),
        )
    )


def angle(default: float, help: str) -> Any:
    """A field that holds an angle in degrees."""
    return _field(Control(name="", kind="angle", help=help, default=default, shown=(0, 360)))


def color(help: str = "#rrggbb, a name, or a temperature: 3200K", default: Color = WHITE) -> Any:
    """A field that holds a colour."""
    return _field(Control(name="", kind="color", help=help, default=default))


def choice(default: str, choices: tuple[str, ...], help: str) -> Any:
    """A field that holds one of a few words."""
    return _field(Control(name="", kind="choice", help=help, default=default, choices=choices))


def file(help: str) -> Any:
    """A field that holds a path."""
    return _field(Control(name="", kind="file", help=help))


def light(default: Any, help: str) -> Any:
    """A field that holds another light."""
    return _field(Control(name="", kind="light", help=help, default=default))


def place(axis: Literal["x", "y"], default: float = 0.5) -> Any:
    """A field that holds a place in the frame; outside of the frame is allowed."""
    help = "from 0, left, to 1, right" if axis == "x" else "from 0, top, to 1, bottom"
    return number(default, -100, 100, f"place of the lamp, {help}", shown=(0, 1))


def depth() -> Any:
    """A field that holds how far a lamp is in front of the subject."""
    help = "in front of the subject, above 0, or behind it, below, in frame widths"
    return number(0.15, -100, 100, help, shown=(-0.5, 0.5))


def radius(default: float = 0.4) -> Any:
    """A field that holds the size of a round lamp."""
    help = "distance at which it is half as bright, in frame widths"
    return number(default, 0.001, 100, help, shown=(0.05, 1))


def softness() -> Any:
    """A field that holds how softly a lamp's light ends."""
    return number(0.5, 0, 1, "how its light ends: from 0, a hard edge, to 1, wide and soft")


def intensity(default: float = 1.0) -> Any:
    """A field that holds a brightness."""
    return number(default, 0, 100, "brightness; 1 is full", shown=(0, 2))


def seconds(default: float, help: str) -> Any:
    """A field that holds a length of time."""
    return number(default, 0.01, 86400, help, shown=(0.5, 20))


def _field(control: Control) -> Any:
    metadata = {"control": control}
    if control.default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=control.default, metadata=metadata)
