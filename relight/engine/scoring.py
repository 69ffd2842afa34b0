"""Two files -> pairs of frames that can be compared -> their scores.

A result may have another size, frame rate or length than its source. Its frames are brought to the
source's size by area, and matched by time; where that is ambiguous, the way in which the two show
the same edges (`metrics.structure`) is taken, and a note says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from relight import media, metrics
from relight.errors import InputError
from relight.media.sequences import beside
from relight.metrics.lean import SIDES

Match = Literal["auto", "time", "index"]
Fit = Literal["auto", "stretch", "crop"]
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]

PROBED = 240  # frames in which an ambiguous pair is tried, at most, eight of them
BETTER = 0.02  # of structure: by less, frames are matched by time, and stretched


@dataclass(frozen=True)
class Way:
    """How the frames of two files are brought together."""

    match: Literal["time", "index"]
    fit: Literal["stretch", "crop"]


@dataclass(frozen=True)
class Scores:
    """The scores of one result."""

    source: Path
    result: Path
    size: tuple[int, int]  # width and height at which they were compared
    way: Way
    values: dict[str, float]  # metrics.score's
    notes: tuple[str, ...]


def evaluate(
    source: Path,
    result: Path,
    *,
    light: str | None = None,
    prompt: str | None = None,
    match: Match = "auto",
    fit: Fit = "auto",
    start: float = 0.0,
    how: media.Reading = media.Reading(),  # noqa: B008 - frozen
    on_frame: Callable[[int], object] | None = None,
) -> Scores:
    """Score `result` against the clip or picture that it was made from.

    Both are read with FFmpeg's own conversion, so that scores compare with those of other tools.

    Args:
        light: the side the light was asked from, for `lean`; None or "none": no side.
        prompt: for `hue_error`.
        match: pair the frames shown at one time, or of one number.
        fit: a result of another shape shows the whole source, squashed, or its middle.
        start: where in the source the result begins, in seconds.
        how: the source is read. A result of numbered pictures has the source's frame rate.
        on_frame: called with the number of frames done.

    Raises:
        InputError: an unknown light, or no such file.
        MediaError: a file can't be read.
    """
    check_light(light)
    one = media.probe(source, how)
    infos = one, media.probe(result, beside(result, one.fps, tonemap=how.tonemap))
    way = choose(infos, start, match, fit)
    counted = _counted(pairs(infos, way, start), on_frame)
    first = next(counted, None)
    if first is None:
        raise InputError(f"{source} and {result} have no frame at the same time")
    side = light if light in SIDES else None

    def stream() -> Pairs:
        yield first
        yield from counted

    values = metrics.score(stream(), light=side, prompt=prompt)
    h, w = first[0].shape[:2]
    notes = _notes(infos, way, int(values["frames"]), start)
    return Scores(source, result, (w, h), way, values, notes)


def check_light(light: str | None) -> None:
    """Refuse a light that has no opposite side."""
    if light not in (None, "none", *SIDES):
        raise InputError(f"light is {light!r}: give {', '.join(SIDES)}, or none")


def pairs(infos: tuple[media.VideoInfo, media.VideoInfo], way: Way, start: float = 0.0) -> Pairs:
    """(source, result) frames of one size, one at a time."""
    one, other = infos
    ones = media.read(one.path, start=start, how=one.reading, conversion="ffmpeg")
    others = media.read(other.path, how=other.reading, conversion="ffmpeg")
    if way.match == "index":
        met = zip(ones, others, strict=False)
    elif one.fps < other.fps:
        met = _nearest(ones, others, start, 0.0, float(other.fps))
    else:
        met = ((b, a) for a, b in _nearest(others, ones, 0.0, start, float(one.fps)))
    for before, after in met:
        yield _fitted(before.image, after.image, way)


def _nearest(
    leader: Iterator[media.Frame],
    follower: Iterator[media.Frame],
    leader_start: float,
    follower_start: float,
    fps: float,
) -> Iterator[tuple[media.Frame, media.Frame]]:
    """Each frame of `leader` with the one of `follower` (of `fps`) that is nearest in time.

    Times count from the two starts; it ends with the first frame that has no neighbour within a
    frame's length.
    """
    now, ahead = next(follower, None), next(follower, None)
    for frame in leader:
        time = float(frame.time) - leader_start
        while (
            now is not None
            and ahead is not None
            and abs(float(ahead.time) - follower_start - time)
            <= abs(float(now.time) - follower_start - time)
        ):
            now, ahead = ahead, next(follower, None)
        if now is None or abs(float(now.time) - follower_start - time) > 0.75 / fps:
            return
        yield frame, now


def _fitted(source: np.ndarray, result: np.ndarray, way: Way) -> tuple[np.ndarray, np.ndarray]:
    if way.fit == "crop":
        source = _middle(source, result.shape[1] / result.shape[0])
    if source.shape == result.shape:
        return source, result
    h, w = source.shape[:2]
    return source, cv2.resize(result, (w, h), interpolation=cv2.INTER_AREA)


def _middle(image: np.ndarray, aspect: float) -> np.ndarray:
    """The largest part of an image in its middle that is `aspect` as wide as high."""
    h, w = image.shape[:2]
    width, height = min(w, round(h * aspect)), min(h, round(w / aspect))
    x, y = (w - width) // 2, (h - height) // 2
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def choose(
    infos: tuple[media.VideoInfo, media.VideoInfo],
    start: float = 0.0,
    match: Match = "auto",
    fit: Fit = "auto",
) -> Way:
    """The way in which both show the same edges, where what was asked leaves more than one."""
    source, result = infos
    matches: list[Literal["time", "index"]]
    fits: list[Literal["stretch", "crop"]]
    if match == "auto":
        same_rate = abs(source.fps / result.fps - 1) < 0.001
        same_rate &= source.variable == result.variable  # numbered pictures have lost their times
        matches = ["time"] if same_rate else ["time", "index"]
    else:
        matches = [match]
    if fit == "auto":
        same_shape = abs(source.width * result.height / (source.height * result.width) - 1) < 0.002
        fits = ["stretch"] if same_shape else ["stretch", "crop"]
    else:
        fits = [fit]
    ways = [Way(*both) for both in product(matches, fits)]
    best, most = ways[0], -math.inf
    last = min([PROBED, *(info.frames for info in infos if info.frames)])
    for way in ways if len(ways) > 1 else ():
        found = _likeness(islice(pairs(infos, way, start), 0, last, max(1, last // 8)))
        if found > most + BETTER:
            best, most = way, found
    return best


def _likeness(met: Pairs) -> float:
    values = [metrics.structure([one], [other]) for one, other in met]
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else 0.0


def _counted(met: Pairs, on_frame: Callable[[int], object] | None) -> Pairs:
    for count, pair in enumerate(met, 1):
        yield pair
        if on_frame:
            on_frame(count)


def _notes(
    infos: tuple[media.VideoInfo, media.VideoInfo], way: Way, frames: int, start: float
) -> tuple[str, ...]:
    """What a reader of the scores should know of how the two were brought together."""
    source, result = infos
    notes = []
    if abs(source.fps / result.fps - 1) >= 0.001:
        how = "by their times" if way.match == "time" else "by their numbers"
        rates = f"{float(source.fps):g} frames a second, result {float(result.fps):g}"
        notes.append(f"source {rates}: frames are matched {how}")
    shapes = f"{source.width}x{source.height}, result {result.width}x{result.height}"
    if way.fit == "crop":
        notes.append(f"source {shapes}: the result is compared with the middle of the source")
    elif (source.width, source.height) != (result.width, result.height):
        notes.append(f"source {shapes}: the result is brought to the source's size")
    longest = max(info.frames or 0 for info in infos)
    if start == 0 and longest > frames:
        counts = " and ".join(str(info.frames or "?") for info in infos)
        notes.append(f"source and result have {counts} frames: {frames} pairs are compared")
    return tuple(notes)
