"""Looks at files: is a clip fit to be lit, one frame of it, copies that a browser plays."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from relight import media
from relight.errors import MediaError, RelightError
from relight.media.formats import PICTURES, READ, listed
from relight.media.reading import SLACK_S
from relight.media.untrusted import Limits, check_untrusted

SDR = media.Reading(tonemap=True)
UPLOAD = Limits(seconds=30, frames=1)
"""What looking at an upload may take, in a process of its own."""
RUN_S = 1800
"""Seconds that decoding a file may take, in a process of its own, before a run reads it."""
SHOWN = 960
"""Longer side, in pixels, of single frames that are shown."""
PLAYED = 1280
"""Longer side, in pixels, of the copies that are made for the browser."""


def check(clip: Path) -> tuple[media.VideoInfo, np.ndarray]:
    """What a file is, and its first frame: all that can be wrong with it is found here.

    Raises:
        MediaError, InputError: not a video, HDR, too large, of an unknown ending.
    """
    if clip.suffix.lower() not in READ:
        what = clip.suffix or "a file without extension"
        known = f"{listed('video')}, {listed('picture')}"
        raise MediaError(f"{clip.name}: {what} is not read; give {known}")
    check_untrusted(clip, SDR, UPLOAD)
    return media.probe(clip), _first(clip)


def check_whole(clip: Path, start: float = 0.0, frames: int | None = None) -> None:
    """Decode what a run will read of a file, where it can do no harm; `check` saw the beginning.

    Raises:
        MediaError, InputError: as `check`.
    """
    if clip.suffix.lower() in READ:
        check_untrusted(clip, SDR, Limits(seconds=RUN_S, start=start, frames=frames))


@functools.lru_cache(maxsize=64)  # the page asks with each letter of a prompt
def frames_between(clip: Path, begin: float, end: float) -> int:
    """How many frames a run has from one time to another, one at least: they are decoded."""
    found = media.moments(clip, start=begin, how=SDR, on_note=lambda note: None)
    with closing(found):
        kept = itertools.takewhile(lambda one: one.time < end - SLACK_S, found)
        return max(sum(1 for _ in kept), 1)


def info(clip: Path) -> media.VideoInfo:
    """What a file is."""
    return media.probe(clip)


def _first(clip: Path, start: float = 0.0) -> np.ndarray:
    """The frame at a time as a screen shows it: (h, w, 3) uint8."""
    return _shown(next(media.read(clip, start=start, frames=1, how=SDR)))


def _shown(frame: media.Frame) -> np.ndarray:
    return media.to_uint8(frame.flat())


def is_still(clip: Path) -> bool:
    """Whether a file is one picture: a GIF, a WebP, a PNG or an AVIF may be an animation."""
    if clip.suffix.lower() not in PICTURES:
        return False
    try:
        made = clip.stat()
    except OSError:
        return True
    return _is_picture(clip, made.st_mtime_ns, made.st_size)


@functools.lru_cache(maxsize=256)  # the page asks for its results again and again
def _is_picture(clip: Path, changed: int, size: int) -> bool:
    """`changed`, `size`: of the file as it is, so that another one there is looked at anew."""
    try:
        return media.probe(clip).kind == "picture"
    except RelightError:
        return True  # its reader says what is wrong with it


def has_sound(clip: Path) -> bool:
    """Whether a file has sound."""
    try:
        made = clip.stat()
    except OSError:
        return False
    return _with_sound(clip, made.st_mtime_ns, made.st_size)


@functools.lru_cache(maxsize=256)
def _with_sound(clip: Path, changed: int, size: int) -> bool:
    try:
        return media.probe(clip).has_audio
    except RelightError:
        return False


def shown(image: np.ndarray, longest: int = SHOWN) -> np.ndarray:
    """(h, w, 3) uint8, scaled down so that no side passes `longest`."""
    shrink = longest / max(image.shape[:2])
    if shrink >= 1:
        return image
    return cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)


def frame_at(clip: Path, seconds: float, longest: int = SHOWN) -> np.ndarray:
    """The frame on the screen at a time, the last one holds: (h, w, 3) uint8, shown."""
    return shown(_shown(media.frame_at(clip, seconds, SDR)), longest)


def save_frame(clip: Path, target: Path, seconds: float) -> None:
    """Write the frame on the screen at a time, whole, as a picture."""
    Image.fromarray(_shown(media.frame_at(clip, seconds, SDR))).save(target)


def begun(clip: Path, seconds: float) -> float:
    """When the frame that is on the screen at a time has begun."""
    return float(media.frame_at(clip, seconds, SDR).time)


def pair_at(
    source: Path, start: float, output: Path, seconds: float, longest: int = SHOWN
) -> tuple[np.ndarray, np.ndarray]:
    """(source, output) at a time of the output, of one size; `start` is where it begins."""
    after = frame_at(output, seconds, longest)
    before = frame_at(source, start + seconds, longest)
    if before.shape != after.shape:
        before = cv2.resize(before, after.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return before, after


def middle(clip: Path, target: Path, *, start: float, side: int) -> None:
    """Write the middle of the frame at `start`, `side` pixels wide and high at most."""
    image = _first(clip, start)
    height, width = (min(length, side) for length in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    with media.write(target, size=(width, height), fps=1) as out:
        out.add(np.ascontiguousarray(image[top : top + height, left : left + width]), Fraction(0))


def for_browser(
    source: Path, output: Path, folder: Path, *, start: float, tell: Callable[[float], None]
) -> tuple[str, str]:
    """Source and output as files that every browser plays or shows, at the same times.

    Args:
        folder: where copies go; files that a browser can play are not copied.
        start: where in the source the output begins, in seconds.
        tell: called with the part done; may raise to stop.

    Returns:
        their names in `folder`.
    """
    if is_still(output):
        return _pictures_for_browser(source, output, folder, start)
    info = media.probe(output)
    shrink = min(1.0, PLAYED / max(info.width, info.height))
    size = (_even(info.width * shrink), _even(info.height * shrink))
    total = info.frames or round((info.duration or 0) * float(info.fps)) or 1
    play = media.Encoding(codec="h264", crf=20, preset="veryfast", depth=8)
    plays = _plays(output, info)
    with ExitStack() as open_files:
        both = {"size": size, "fps": info.fps, "overwrite": True, "encoding": play}
        left = open_files.enter_context(media.write(folder / "before.mp4", **both))
        right = None
        if not plays:
            right = open_files.enter_context(media.write(folder / "after.mp4", info, **both))
        frames = media.read(source, start=start, how=SDR)
        for number, (before, after) in enumerate(zip(frames, media.read(output), strict=False)):
            left.add(_resized(_shown(before), size), after.time)
            if right is not None:
                right.add(_resized(_shown(after), size), after.time)
            tell(min((number + 1) / total, 1.0))
    return "before.mp4", output.name if plays else "after.mp4"


def _plays(output: Path, info: media.VideoInfo) -> bool:
    """Whether every browser plays it as it is."""
    if output.suffix not in (".mp4", ".m4v") or info.depth > 8 or info.width % 2 or info.height % 2:
        return False
    with av.open(str(output)) as file:
        return file.streams.video[0].codec_context.name == "h264"


def _pictures_for_browser(
    source: Path, output: Path, folder: Path, start: float
) -> tuple[str, str]:
    before, after = pair_at(source, start, output, 0.0, PLAYED)
    names = "before.png", "after.png"
    for name, image in zip(names, (before, after), strict=True):
        Image.fromarray(image).save(folder / name)
    return names


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _even(length: float) -> int:
    return max(round(length / 2) * 2, 2)
