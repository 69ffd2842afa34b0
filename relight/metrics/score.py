"""All measures of a result in one pass over both clips: memory does not grow with their length.

`MEASURES` is what a table needs to know of each; `score` gives the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from relight.metrics import colour, levels
from relight.metrics.change import frame_change
from relight.metrics.flow import dis_flow, motion
from relight.metrics.frames import luminance, mean
from relight.metrics.hue import hue_error, named_hue
from relight.metrics.lean import SIDES, Lean
from relight.metrics.light_stability import bright_pixels, stability
from relight.metrics.motion_kept import agreement
from relight.metrics.psnr import decibels, square_error
from relight.metrics.seams import largest_jump
from relight.metrics.sharpness import gradient_energy
from relight.metrics.ssim import frame_ssim
from relight.metrics.structure import frame_structure, sampled_mean
from relight.metrics.warp import pair_error, pair_flicker, pair_ssim

Pair = tuple[np.ndarray, np.ndarray]


class Measure(NamedTuple):
    """What a table says about a measure."""

    name: str  # key in `score`; the source's own value is under name + "_source"
    better: str  # "higher", "lower", or "" where neither is
    unit: str
    about: str
    steadiness: bool = False  # a score that doing nothing wins


MEASURES = (
    Measure("change", "", "levels", "mean |result - source|"),
    Measure("lean", "higher", "stops", "light moved to the named side"),
    Measure("warp_ssim", "higher", "", "SSIM along the source's motion", True),
    Measure("warp_error", "lower", "", "squared difference along the motion", True),
    Measure("flicker", "lower", "levels", "difference along the motion", True),
    Measure("motion_preservation", "higher", "", "moves as the source does", True),
    Measure("structure", "higher", "", "correlation of log-luminance gradients", True),
    Measure("light_stability", "higher", "", "Hi-Light's S_LS", True),
    Measure("largest_jump", "lower", "", "largest step of the light over the median one", True),
    Measure("temperature_drift", "lower", "mired", "of the added light, over time", True),
    Measure("illuminance_drift", "lower", "stops", "of the added light, over time", True),
    Measure("ssim", "higher", "", "to the source", True),
    Measure("psnr", "higher", "dB", "to the source", True),
    Measure("sharpness", "", "", "gradient energy over the source's"),
    Measure("light_x", "", "", "chromaticity of the added light; unchanged: .3127"),
    Measure("light_y", "", "", "chromaticity of the added light; unchanged: .3290"),
    Measure("temperature", "", "K", "of the added light; unchanged: 6500"),
    Measure("illuminance", "", "stops", "brighter (+) or darker (-) than the source"),
    Measure("hue_error", "lower", "degrees", "from the colour that the prompt names"),
    Measure("black", "lower", "", "share of pixels without detail in black"),
    Measure("clipped", "lower", "", "share of pixels with a channel at its limit"),
)


def score(
    pairs: Iterable[Pair], *, light: str | None = None, prompt: str | None = None
) -> dict[str, float]:
    """Every measure of `MEASURES` for a stream of (source, result) frames.

    Args:
        pairs: frames (h, w, 3) of one size, levels 0 to 255.
        light: the side the light was asked from; without it `lean` is nan.
        prompt: for `hue_error`; nan without it.

    Returns:
        Name -> value; nan where a measure does not apply (one frame, no side), inf for the PSNR of
        equal clips. `frames` is their number; `*_source` the source's own score.

    >>> clip = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3)).astype(np.uint8)
    >>> found = score(zip(clip, clip), light="left")
    >>> found["change"], found["lean"], found["structure"] > 0.999, found["warp_ssim"] > 0.9
    (0.0, 0.0, True, False)
    >>> found["flicker"] == found["flicker_source"]
    True
    """
    tally = _Tally(light if light in SIDES else None)
    for source, result in pairs:
        tally.add(source, result)
    return tally.values(math.nan if prompt is None else named_hue(prompt))


class _Tally:
    """Lists of one number a frame, or a pair of frames, and the last frames."""

    def __init__(self, side: str | None) -> None:
        self.lean = Lean(side) if side else None
        self.last: Pair | None = None
        self.series: dict[str, list[float]] = {}
        self.bright: dict[str, list[tuple[float, int]]] = {"": [], "_source": []}
        self.means: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, source: np.ndarray, result: np.ndarray) -> None:
        """One frame of each."""
        self._note("change", frame_change(source, result))
        self._note("structure", frame_structure(source, result))
        self._note("ssim", frame_ssim(source, result))
        self._note("square_error", float(square_error(source, result).mean()))
        if self.lean:
            self.lean.add(luminance(source), luminance(result))
        for suffix, frame in (("", result), ("_source", source)):
            self._note("black" + suffix, levels.frame_black(frame))
            self._note("clipped" + suffix, levels.frame_clipped(frame))
            self._note("energy" + suffix, gradient_energy(frame))
            self.bright[suffix].append(bright_pixels(frame))
        self.means.append((colour.linear_mean(source), colour.linear_mean(result)))
        if self.last is not None:
            self._add_pair(self.last, (source, result))
        self.last = source, result

    def _add_pair(self, last: Pair, new: Pair) -> None:
        moved = motion(last[0], new[0])
        for suffix, before, frame in (("", last[1], new[1]), ("_source", last[0], new[0])):
            self._note("warp_ssim" + suffix, pair_ssim(before, frame, moved))
            self._note("warp_error" + suffix, pair_error(before, frame, moved))
            self._note("flicker" + suffix, pair_flicker(before, frame, moved))
        own = dis_flow(new[1], last[1])
        self._note("motion_preservation", agreement(own, moved.flow))
        done = [luminance(b) - luminance(a) for a, b in (last, new)]
        self._note("step", float(np.abs(done[1] - done[0]).mean()))

    def _note(self, name: str, value: float) -> None:
        self.series.setdefault(name, []).append(value)

    def _mean(self, name: str) -> float:
        return mean(value for value in self.series.get(name, []) if not math.isnan(value))

    def values(self, hue_wanted: float) -> dict[str, float]:
        """The scores of all frames so far."""
        found = {measure.name: math.nan for measure in MEASURES}  # what one frame does not have
        found |= {name: self._mean(name) for name in self.series}
        found["frames"] = float(len(self.means))
        found["lean"] = self.lean.value() if self.lean else math.nan
        found["structure"] = sampled_mean(self.series.get("structure", []))
        found["psnr"] = decibels(found.pop("square_error", math.nan))
        for suffix, series in self.bright.items():
            found["light_stability" + suffix] = stability(series)
        found["largest_jump"] = largest_jump(self.series.get("step", []))
        found.pop("step", None)
        own, result = found.pop("energy_source", 0.0), found.pop("energy", math.nan)
        found["sharpness"] = result / own if own > 0 else math.nan
        return found | self._light(hue_wanted)

    def _light(self, hue_wanted: float) -> dict[str, float]:
        source, result = np.mean(self.means, axis=0) if self.means else np.full((2, 3), math.nan)
        light, (warmth, stops) = colour.added_light(source, result), colour.drift(self.means)
        gain = np.maximum(result, colour.FLOOR) / np.maximum(source, colour.FLOOR)
        wanted = not math.isnan(hue_wanted)
        return {
            "light_x": light.x,
            "light_y": light.y,
            "temperature": light.temperature,
            "illuminance": light.stops,
            "temperature_drift": warmth,
            "illuminance_drift": stops,
            "hue_error": hue_error(gain, hue_wanted) if wanted else math.nan,
        }
