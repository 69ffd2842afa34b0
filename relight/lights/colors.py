"""Colours of lamps: `#ffb060`, `#fb6`, CSS names, and colour temperatures such as `3200K`."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.errors import InputError

if TYPE_CHECKING:
    import numpy as np

COLDEST, HOTTEST = 1667, 25000
"""Colour temperatures in kelvin for which the formulas of `planckian` are made."""


@dataclass(frozen=True)
class Color:
    """A colour as it is seen on a screen.

    Attributes:
        red, green, blue: sRGB, encoded (not linear), in [0, 1].
        text: how it was written; two spellings of one colour are equal.

    >>> str(Color.parse("#FFB060")), str(Color.parse("3200k"))
    ('#ffb060', '3200K')
    """

    red: float
    green: float
    blue: float
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Color:
        """Read a colour; InputError where it is none."""
        written = text.strip().lower()
        if match := re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", written):
            digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
            return cls._of((int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)), written)
        if match := re.fullmatch(r"(\d+(?:\.\d*)?)k", written):
            kelvin = float(match[1])
            if not COLDEST <= kelvin <= HOTTEST:
                raise InputError(
                    f"a colour temperature is {COLDEST}K to {HOTTEST}K, not {text.strip()}"
                )
            return cls._of(_warmth(kelvin), written.upper())
        from PIL import ImageColor  # only where a name is given: it takes as long as all the rest

        if written not in ImageColor.colormap:
            raise InputError(
                f"unknown color {text!r}: use #rrggbb, a name such as orange, "
                "or a temperature such as 3200K"
            )
        return cls._of((level / 255 for level in ImageColor.getrgb(written)), written)

    @classmethod
    def _of(cls, rgb: Iterable[float], text: str = "") -> Color:
        red, green, blue = rgb
        return cls(red, green, blue, text)

    def __str__(self) -> str:
        if self.text:
            return self.text
        return "#" + "".join(f"{round(255 * level):02x}" for level in self.rgb)

    @property
    def rgb(self) -> tuple[float, float, float]:
        return self.red, self.green, self.blue

    def shine(self, levels: np.ndarray) -> np.ndarray:
        """Light of this colour: (h, w) brightness, 0 and more -> (h, w, 3) float32 in [0, 1].

        What is too bright for the screen keeps its hue.
        """
        import numpy as np

        brightest = max(self.rgb)
        held = np.minimum(levels, 1 / brightest if brightest else 1.0)[..., None]
        return np.minimum(held * np.array(self.rgb), 1).astype(np.float32)

    def mix(self, other: Color, part: float) -> Color:
        """This colour at `part` 0, the other at 1."""
        if self == other:
            return self
        pairs = zip(self.rgb, other.rgb, strict=True)
        return Color._of((1 - part) * own + part * theirs for own, theirs in pairs)


WHITE = Color(1.0, 1.0, 1.0, "white")

TINTS = {
    "red": (1.0, 0.04, 0.04),
    "orange": (1.0, 0.44, 0.04),
    "gold": (1.0, 0.7067, 0.12),
    "yellow": (1.0, 0.9217, 0.06),
    "green": (0.08, 1.0, 0.08),
    "teal": (0.05, 0.8, 0.65),
    "cyan": (0.05, 0.9208, 1.0),
    "blue": (0.06, 0.2167, 1.0),
    "purple": (0.54, 0.08, 1.0),
    "violet": (0.7067, 0.12, 1.0),
    "magenta": (1.0, 0.06, 0.9217),
    "pink": (1.0, 0.24, 0.62),
}
"""What a coloured light is: linear sRGB of a saturated lamp, the brightest channel at 1.

Their hues in degrees: 0, 25, 40, 55, 120, 168, 185, 230, 270, 280, 305, 330."""
LAMPS = TINTS | {"gold": (1.0, 0.6, 0.16), "orange": (1.0, 0.35, 0.03)}
"""What a lamp of that name is: golden light is a low sun's (3400 K), redder than the metal, and
orange light a sodium lamp's or a fire's (1600 K), redder than the fruit."""
OTHER_NAMES = {
    "golden": "gold",
    "amber": "orange",
    "crimson": "red",
    "turquoise": "teal",
    "lime": "green",
    "indigo": "purple",
    "rose": "pink",
}
"""Other names of `TINTS`."""
COLOURLESS, PALE = 0.12, 0.6
"""Saturations (HSV of sRGB values) below which a lamp is white, and tinted white."""


def tint_name(word: str) -> str | None:
    """The name in `TINTS` of a colour word, None where it is none.

    >>> tint_name("Golden"), tint_name("bear")
    ('gold', None)
    """
    word = OTHER_NAMES.get(word.lower(), word.lower())
    return word if word in TINTS else None


def tint(word: str) -> tuple[float, float, float]:
    """Linear sRGB of the light that a colour word names.

    Raises:
        InputError: the word names no light of `TINTS`.

    >>> tint("crimson")
    (1.0, 0.04, 0.04)
    """
    name = tint_name(word)
    if name is None:
        raise InputError(f"unknown colour of a light {word!r}: use {', '.join(TINTS)}")
    return TINTS[name]


def nearest_name(rgb: Sequence[float]) -> str | None:
    """What people call a lamp of an sRGB colour (3,), from 0 to 1; None for white and for none.

    >>> nearest_name((1, 0.1, 0)), nearest_name((0.5, 0.5, 0.5)), nearest_name((1, 0.72, 0.42))
    ('red', None, 'warm white')
    """
    hue, saturation, _ = colorsys.rgb_to_hsv(*rgb)
    if saturation < COLOURLESS:
        return None
    if saturation < PALE:
        return "warm white" if hue < 0.2 or hue > 0.9 else "cold white"

    def away(name: str) -> float:
        difference = abs(colorsys.rgb_to_hsv(*TINTS[name])[0] - hue)
        return min(difference, 1 - difference)

    return min(TINTS, key=away)


def planckian(kelvin: float) -> tuple[float, float]:
    """(x, y) in CIE 1931 of a black body from 1667 to 25000 K.

    The cubic splines of Kang et al. 2002, J. Korean Phys. Soc. 41(6).

    >>> [round(value, 3) for value in planckian(6500)]
    [0.313, 0.324]
    """
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def _warmth(kelvin: float) -> tuple[float, float, float]:
    """A black body's sRGB in [0, 1], encoded, its brightest channel at 1."""
    x, y = planckian(kelvin)
    tall, flat = x / y, (1 - x - y) / y  # CIE X and Z, Y being 1
    linear = (  # IEC 61966-2-1
        3.2406 * tall - 1.5372 - 0.4986 * flat,
        -0.9689 * tall + 1.8758 + 0.0415 * flat,
        0.0557 * tall - 0.2040 + 1.0570 * flat,
    )
    brightest = max(linear)
    red, green, blue = (_encoded(max(level, 0.0) / brightest) for level in linear)
    return red, green, blue


def _encoded(level: float) -> float:
    """Linear light -> sRGB, both in [0, 1]."""
    return 12.92 * level if level <= 0.0031308 else 1 - 1.055 * (1 - level ** (1 / 2.4))
