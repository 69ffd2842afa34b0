"""Hue of the light against the colour that a prompt names.

Degrees on the HSV circle between the hue of the added light (`colour.light_of_change`) and that of
the colour word. 0 to 180, lower is better; nan where the prompt names no colour, or several,
or where the added light has none. (This
project's definition; the text score with weights is CLIP's.)
"""

from __future__ import annotations

import colorsys
import math
import re

import numpy as np

from relight.lights.colors import TINTS, tint_name

GREY = 0.01
"""Saturation of a light below which its hue is that of rounding."""


def named_hue(prompt: str) -> float:
    """Hue in degrees of the one colour that a prompt names, else nan.

    >>> named_hue("Warm orange light."), named_hue("red and blue neon light"), named_hue("a bear")
    (25.0, nan, nan)
    """
    words = re.findall("[a-z]+", prompt.lower())
    names = {name for word in words if (name := tint_name(word))}
    if len(names) != 1:
        return math.nan
    return float(round(360 * colorsys.rgb_to_hsv(*TINTS[names.pop()])[0]))


def hue_error(colour: np.ndarray, hue: float) -> float:
    """Degrees between the hue of an RGB colour (3,) and `hue`, 0 to 180; nan for one without hue.

    >>> hue_error(np.array([1.0, 0.0, 0.0]), 330.0), hue_error(np.array([1.0, 1.0, 1.0]), 0.0)
    (30.0, nan)
    """
    rgb = (np.asarray(colour, float) / max(float(np.max(colour)), 1e-9)).tolist()
    own, saturation, _ = colorsys.rgb_to_hsv(*rgb)
    if saturation < GREY:
        return math.nan
    own *= 360
    return abs((own - hue + 180) % 360 - 180)
