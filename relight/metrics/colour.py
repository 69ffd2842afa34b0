"""The colour of the added light: chromaticity, colour temperature, illuminance, and their drift.

The light that was added is estimated by the ratio of the mean linear RGB of result and source, a
light that falls on white: no change gives the white point of sRGB, D65, (.3127, .3290), 6500 K,
0 stops. After the quantitative half of LumosBench (mean sRGB to XYZ, xy, CCT by Kang et al. 2002,
illuminance Y), which takes a frame's own mean: that mixes the light with the colours of the scene.

- chromaticity x, y: 0 to about .74 and .83. Neither direction is better: compare with the light
  that was asked for.
- colour temperature: that of the Planckian radiator (locus of Kang et al. 2002, J. Korean Phys.
  Soc. 41(6)) nearest in CIE 1960 (u, v), 1667 to 25000 K; lower is warmer. CIE 15 calls it
  meaningless further than .05 from the locus: nan there, as for green or purple light.
- illuminance: log2 (Y_result / Y_source) in stops, of mean linear luminance.
- drift of either: standard deviation over the frames, in mired (1e6 / K, even steps to the eye) and
  in stops. 0 to infinity, lower is steadier.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from relight.lights.colors import planckian
from relight.metrics.frames import Frames, paired

TO_XYZ = np.array(  # IEC 61966-2-1, linear sRGB to XYZ
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_LEVELS = np.arange(256) / 255
LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
FLOOR = 1e-4  # linear light of a channel that counts as black
FAR = 0.05  # from the locus in (u, v): no colour temperature any more (CIE 15)
MIREDS = np.arange(40.0, 600.0, 0.5)  # 25000 K to 1667 K


class Light(NamedTuple):
    """The light that was added to a frame or a clip."""

    x: float
    y: float
    temperature: float  # kelvin, nan far from the locus
    stops: float  # of illuminance


def light_of_change(source: Frames, result: Frames) -> Light:
    """Chromaticity, colour temperature and illuminance of the light added to a clip.

    >>> grey = np.full((1, 4, 4, 3), 128, np.uint8)
    >>> light = light_of_change(grey, grey)
    >>> round(light.x, 4), round(light.y, 4), round(light.temperature, -2), light.stops
    (0.3127, 0.329, 6500.0, 0.0)
    >>> warm = light_of_change(grey, grey * np.uint8([[[1, 1, 0]]]) + np.uint8([[[40, 0, 64]]]))
    >>> warm.temperature < 4000, warm.x > 0.4
    (True, True)
    """
    means = [(linear_mean(a), linear_mean(b)) for a, b in paired(source, result)]
    return added_light(*np.mean(means, axis=0))


def light_drift(source: Frames, result: Frames) -> tuple[float, float]:
    """Standard deviation over time of colour temperature (mired) and illuminance (stops).

    >>> grey = np.full((2, 4, 4, 3), 128, np.uint8)
    >>> light_drift(grey, grey)
    (0.0, 0.0)
    """
    return drift([(linear_mean(a), linear_mean(b)) for a, b in paired(source, result)])


def linear_mean(frame: np.ndarray) -> np.ndarray:
    """Mean linear RGB of a frame, (3,) in [0, 1].

    >>> linear_mean(np.full((2, 2, 3), 255, np.uint8)).tolist()
    [1.0, 1.0, 1.0]
    """
    if frame.dtype != np.uint8:
        frame = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    counts = (np.bincount(frame[..., c].ravel(), minlength=256) for c in range(3))
    return np.array([count @ LINEAR for count in counts]) / (frame.size / 3)


def added_light(source: np.ndarray, result: np.ndarray) -> Light:
    """The light between two mean linear colours.

    >>> round(added_light(np.full(3, 0.2), np.full(3, 0.4)).stops, 6)
    1.0
    """
    gain = np.maximum(result, FLOOR) / np.maximum(source, FLOOR)
    x, y = chromaticity(gain)
    luminances = [max(float(TO_XYZ[1] @ mean), FLOOR) for mean in (source, result)]
    return Light(x, y, colour_temperature(x, y), math.log2(luminances[1] / luminances[0]))


def drift(means: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """`light_drift` of mean linear colours of (source, result), a pair for each frame.

    >>> dark, lit = np.full(3, 0.1), np.full(3, 0.4)
    >>> [round(value, 3) for value in drift([(dark, dark), (dark, lit)])]  # 0 and 2 stops
    [0.0, 1.0]
    """
    if not means:
        return math.nan, math.nan
    lights = [added_light(a, b) for a, b in means]
    mireds = [1e6 / light.temperature for light in lights if not math.isnan(light.temperature)]
    warmth = float(np.std(mireds)) if mireds else math.nan
    return warmth, float(np.std([light.stops for light in lights]))


def chromaticity(rgb: np.ndarray) -> tuple[float, float]:
    """CIE 1931 (x, y) of a linear sRGB colour.

    >>> [round(value, 2) for value in chromaticity(np.array([1.0, 0, 0]))]
    [0.64, 0.33]
    """
    xyz = TO_XYZ @ rgb
    return float(xyz[0] / xyz.sum()), float(xyz[1] / xyz.sum())


def colour_temperature(x: float, y: float) -> float:
    """Correlated colour temperature in kelvin, 1667 to 25000; nan further than .05 from the locus.

    >>> abs(colour_temperature(0.4476, 0.4074) / 2856 - 1) < 0.01  # illuminant A
    True
    >>> colour_temperature(0.3, 0.6)  # green
    nan
    """
    locus = np.array([_uv(*planckian(1e6 / mired)) for mired in MIREDS])
    distances = np.hypot(*(locus - _uv(x, y)).T)
    at = int(distances.argmin())
    return float(1e6 / MIREDS[at]) if distances[at] <= FAR else math.nan


def _uv(x: float, y: float) -> tuple[float, float]:
    """CIE 1960 (u, v), where colour temperature is defined."""
    return 4 * x / (-2 * x + 12 * y + 3), 6 * y / (-2 * x + 12 * y + 3)
