"""Looks at files: is a clip fit to be lit, one frame of it, a short copy, two side by side."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from relight import media
from relight.errors import MediaError, RelightError
from relight.lights import Light, NoLight, parse_light
from relight.media.formats import READ, STILLS, listed

SHOWN = 960
"""Longer side, in pixels, of single frames that are shown."""
SIDE = 480
"""Height, in pixels, of each half of a side-by-side clip at most."""


def check(clip: Path) -> tuple[media.VideoInfo, np.ndarray]:
    """What a file is, and its first frame: all that can be wrong with it is found here.

    Raises:
        MediaError, InputError: not a video, HDR, too large, of an unknown ending.
    """
    if clip.suffix.lower() not in READ:
        what = clip.suffix or "a file without extension"
        known = f"{listed('video')}, {listed('picture')}"
        raise MediaError(f"{clip.name}: {what} is not read; give {known}")
    return media.probe(clip), _first(clip)


def _first(clip: Path, start: float = 0.0) -> np.ndarray:
    """The frame at a time as a screen shows it: (h, w, 3) uint8."""
    return _shown(next(media.read(clip, start=start, frames=1)))


def _shown(frame: media.Frame) -> np.ndarray:
    return media.to_uint8(frame.flat())


def is_still(clip: Path) -> bool:
    return clip.suffix.lower() in STILLS


def shown(image: np.ndarray, longest: int = SHOWN) -> np.ndarray:
    """(h, w, 3) uint8, scaled down so that no side passes `longest`."""
    shrink = longest / max(image.shape[:2])
    if shrink >= 1:
        return image
    return cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)


def frame_at(clip: Path, seconds: float, longest: int = SHOWN) -> np.ndarray:
    """The frame at a time, or the first one where the clip ends before: (h, w, 3) uint8, shown."""
    try:
        return shown(_first(clip, seconds), longest)
    except RelightError:
        return shown(_first(clip), longest)


def pair_at(
    source: Path, start: float, output: Path, seconds: float, longest: int = SHOWN
) -> tuple[np.ndarray, np.ndarray]:
    """(source, output) at a time of the output, of one size; `start` is where it begins."""
    after = frame_at(output, seconds, longest)
    before = frame_at(source, start + seconds, longest)
    if before.shape != after.shape:
        before = cv2.resize(before, after.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return before, after


def excerpt(clip: Path, target: Path, *, start: float, seconds: float, height: int) -> None:
    """Copy `seconds` of a clip from `start`, scaled down to `height` pixels at most, silent."""
    info = media.probe(clip)
    shrink = min(1.0, height / info.height)
    size = (_even(info.width * shrink), _even(info.height * shrink))
    if shrink == 1.0:
        size = (info.width, info.height)
    with media.write(target, size=size, fps=info.fps, encoding=media.Encoding(crf=12)) as out:
        begun = None
        for frame in media.read(clip, start=start):
            begun = frame.time if begun is None else begun
            if frame.time - begun >= seconds:
                break
            out.add(_resized(_shown(frame), size), frame.time - begun)


def middle(clip: Path, target: Path, *, start: float, side: int) -> None:
    """Write the middle of the frame at `start`, `side` pixels wide and high at most."""
    image = _first(clip, start)
    height, width = (min(length, side) for length in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    with media.write(target, size=(width, height), fps=1) as out:
        out.add(np.ascontiguousarray(image[top : top + height, left : left + width]), Fraction(0))


def side_by_side(
    source: Path, output: Path, target: Path, *, start: float, tell: Callable[[float], None]
) -> None:
    """Source and output in one picture, frame by frame, with the output's sound.

    Args:
        start: where in the source the output begins, in seconds.
        tell: called with the part done; may raise to stop.
    """
    info = media.probe(output)
    height = _even(min(info.height, SIDE))
    half = (_even(info.width * height / info.height), height)
    total = info.frames or 1
    size, small = (2 * half[0], height), media.Encoding(crf=20)
    with media.write(target, info, size=size, fps=info.fps, encoding=small) as out:
        left = media.read(source, start=start)
        for i, (a, b) in enumerate(zip(left, media.read(output), strict=False)):
            pair = [_resized(_shown(a), half), _resized(_shown(b), half)]
            out.add(np.hstack(pair), b.time)
            tell(min((i + 1) / total, 1.0))


def light_picture(light: str | Light, frame: np.ndarray | None) -> np.ndarray:
    """What a light does, for the eye: the frame under the light map, the map itself in a corner.

    Args:
        light: "none" leaves the frame as it is.
        frame: (h, w, 3) uint8; None shows the map alone.

    Returns:
        (h, w, 3) uint8.
    """
    light = parse_light(light)
    empty = np.full((360, 640, 3), 225, np.uint8)
    frame = empty if frame is None else shown(frame, 640)
    height, width = frame.shape[:2]
    if isinstance(light, NoLight):
        return frame
    level = light.level_map(height, width)
    lit = frame * (0.12 + 0.88 * level)
    corner = cv2.resize(level * 255, (max(width // 5, 1), max(height // 5, 1)))
    corner = cv2.copyMakeBorder(corner, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    h, w = corner.shape[:2]
    if min(height, width) > 60:
        lit[height - h - 8 : height - 8, width - w - 8 : width - 8] = corner
    return lit.round().astype(np.uint8)


def plain_name(name: str) -> str:
    """A user's file name without anything that a path, a shell or a page could take for more."""
    stem, dot, ending = Path(name).name.rpartition(".")
    stem = re.sub(r"[^\w .-]+", "_", stem or ending, flags=re.ASCII).strip(" .-_")[:60]
    ending = re.sub(r"[^a-z0-9]", "", ending.lower())[:5] if stem and dot else ""
    return (stem or "clip") + (f".{ending}" if ending else "")


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _even(length: float) -> int:
    return max(round(length / 2) * 2, 2)
