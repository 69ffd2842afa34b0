"""Light and small pictures at the source's size: every frame under the light found near it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.media import Frame, PlanarFrame
from relight.media.depth import like, to_float
from relight.media.planes import Planes
from relight.media.source_invariants import FRINGE, keep_bars, keep_planes_bars
from relight.methods.full_size_light import apply_light, apply_light_uint8
from relight.methods.gain_and_glow import GainGlow
from relight.methods.light_transfer import fit_light
from relight.methods.optical_flow import BETWEEN, AtWork, between
from relight.methods.planar_light import light_planes
from relight.methods.spread import one_thread, spread

IN_HAND = 400 * 2**20
"""Bytes of full-size frames, as they were and lit, that are in hand at once."""
DRAWN = 0.06
"""Window of the light's fit for frames that a model drew, of the shorter side: over its noise."""

GLIMPSE = 640
"""Longer side, in pixels, of the pictures shown while a clip is being lit."""


@dataclass(frozen=True)
class Lit:
    """One frame the model saw.

    Attributes:
        small: (3, h, w) in [0, 1]. light: its gain and glow, (6, h, w).
        moved: what the light is with its lamps as they stand at another time; None: they stay as
            they are.
    """

    time: Fraction
    small: Tensor
    light: Tensor
    moved: Callable[[Fraction], Tensor] | None = None

    def at(self, time: Fraction) -> Tensor:
        """The light of this frame as its lamps stand at a time, (6, h, w)."""
        return self.light if self.moved is None or time == self.time else self.moved(time)

    @functools.cached_property
    def at_work(self) -> AtWork:
        """The frame as flow is found on it, which leads to it from all frames around it."""
        return AtWork(self.small, BETWEEN)


def glimpse(frame: np.ndarray, small: np.ndarray, drawn: Tensor, transfer: bool) -> np.ndarray:
    """A quick look at one frame before its window is done.

    Args:
        frame: the source frame, (h, w, 3) uint8; small: the same at the model's size.
        drawn: what the model predicts for it now, (3, h', w') of the model's size in [0, 1].
        transfer: show the light on `frame`; else the model's own pixels.

    Returns:
        (h, w, 3) uint8: `frame`, its longer side brought down to `GLIMPSE`, or the model's size.
    """
    if not transfer:
        return (drawn.permute(1, 2, 0) * 255).round().byte().numpy()
    shrink = GLIMPSE / max(frame.shape[:2])
    if shrink < 1:
        frame = cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    source = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    light = fit_light(source[None], drawn[None], radius=DRAWN)
    return apply_light_uint8(frame, GainGlow.from_planes(light.planes[0]))


def transferred(
    frames: Iterable[Frame], lit: Iterator[Lit], scale: Callable[[np.ndarray], np.ndarray]
) -> Iterator[Frame]:
    """Every source frame, at full size, under the light found for its neighbours in time.

    Several frames are lit at once, as many as fit into `IN_HAND`.

    Args:
        lit: lights at rising times. scale: source frame -> a frame of the size of `Lit.small`.
    """

    def one(given: tuple[Frame, Lit, Lit | None]) -> Frame:
        frame, a, b = given
        light, small = a.light, a.small
        if frame.time != a.time:
            small = scale(frame.at_least(*small.shape[-2:]))
            small = torch.from_numpy(small).permute(2, 0, 1).float() / 255
        if b is not None and frame.time > a.time:
            weight = float((frame.time - a.time) / (b.time - a.time))
            now = a.at(frame.time), b.at(frame.time)  # cross-faded, a lamp would be in two places
            light = between(*now, a.at_work, small, b.at_work, weight)
        return lit_frame(frame, GainGlow.from_planes(light), small)

    with one_thread():
        given = _with_neighbours(frames, lit)
        first = next(given, None)
        if first is None:
            return
        most = max(IN_HAND // (2 * first[0].nbytes), 1)
        yield from spread(one, chain([first], given), most)


def _with_neighbours(
    frames: Iterable[Frame], lit: Iterator[Lit]
) -> Iterator[tuple[Frame, Lit, Lit | None]]:
    """Each frame, the last light up to it (or the first of all), and the next; None at the end."""
    a, b = next(lit), next(lit, None)
    for frame in frames:
        while b is not None and frame.time >= b.time:
            a, b = b, next(lit, None)
        yield frame, a, b


def lit_frame(frame: Frame, light: GainGlow, small: Tensor) -> Frame:
    """A frame under a light, with its letterbox bars as they are.

    small: the frame, (3, h', w') in [0, 1], no smaller than the light: to make it smaller still
        takes less time than to begin with the frame.
    """
    size = light.glow.shape[:-3:-1]
    guide = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in small.numpy()]
    guide = torch.from_numpy(np.stack(guide))
    if isinstance(frame, PlanarFrame):
        planes = Planes.empty(*frame.planes.y.shape)
        light_planes(frame.planes.all, light, guide, planes.all)
        keep_planes_bars(planes, frame.planes, FRINGE)
        return frame.with_planes(planes)
    return frame.with_image(keep_bars(_lit(frame.image, light, guide), frame.image, FRINGE))


def _lit(image: np.ndarray, light: GainGlow, guide: Tensor) -> np.ndarray:
    """(h, w, 3) of any depth under a light, as the same type; see `apply_light`."""
    if image.dtype == np.uint8:
        return apply_light_uint8(image, light, guide)
    source = torch.from_numpy(to_float(image)).permute(2, 0, 1)[None]
    light = GainGlow.from_planes(light.planes[None])
    lit = apply_light(source, light, guide[None])[0]
    return like(lit.permute(1, 2, 0).numpy(), image)
