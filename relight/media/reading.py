"""Files to frames: `probe` and `read`, whatever kind of file it is."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import math
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from relight.errors import InputError, MediaError, RelightError
from relight.media import demux, sequences, stills
from relight.media.clip import Frame, Moment, VideoInfo
from relight.media.depth import to_uint8
from relight.media.options import Conversion, Reading

log = logging.getLogger(__name__)

SLACK_S = 1e-4
"""By how much a frame may be shown before a time and count as shown at it."""


def probe(path: str | os.PathLike, how: Reading = Reading()) -> VideoInfo:  # noqa: B008 - frozen
    """Describe a video or picture file, or a sequence, decoding one frame at most.

    An HDR file is described (with a note); `read` refuses it unless `how` says tonemap.
    Raises InputError when there is no such regular file, MediaError when it holds no picture
    that can be decoded or declares one above PIXEL_LIMIT.
    """
    path = Path(path)
    if _is_clip(path, how):
        with _readable(path):
            return sequences.probe(path, how)
    path = _regular_file(path)
    kind = stills.kind_of(path)
    with _readable(path, "image" if kind else "file"):
        info = stills.probe(path, kind, how) if kind else demux.probe(path, how)
    if how.fps is not None:
        raise InputError(f"fps is for numbered pictures: {path} keeps its own times")
    return info


def read(
    path: str | os.PathLike,
    *,
    start: float = 0.0,
    frames: int | None = None,
    how: Reading = Reading(),  # noqa: B008 - frozen
    conversion: Conversion | None = None,
    planar: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """Yield the frames shown at or after `start`, one at a time (memory: a few frames).

    `start` is in seconds of `Frame.time`; `frames` is the number wanted, None for all.
    Frame.image is of probe()'s size and depth, see `Frame`; Frame.time rises strictly, from 0 at
    the file's first frame. The last frame of a file comes with its length: that of the sound,
    where the sound is longer. Damaged packets are skipped; a file cut short yields what it holds.
    conversion: replaces that of `how`: "ffmpeg" gives the pixels that OpenCV and imageio give.
    planar: video that is stored as most is comes as `PlanarFrame`: no pixel is converted.
    on_note: called with what was found on the way ("6 of 10 frames"); None: logged as a warning.
    Raises InputError (no such file, bad start or count, start past the end) and MediaError
    (not a video, HDR, too large, more than 5 % damaged).
    """
    found = moments(
        path, start=start, frames=frames, how=how, conversion=conversion, on_note=on_note
    )
    return _frames(found, planar and how.conversion == "exact" and conversion in (None, "exact"))


def _frames(found: Generator[Moment, None, None], planar: bool) -> Iterator[Frame]:
    with contextlib.closing(found):  # closes the file as soon as the caller stops asking
        for moment in found:
            frame = ((planar and moment.stored) or moment.frame)()
            del moment  # or its picture would stay in memory while the next one is decoded,
            yield frame
            del frame  # and so would its pixels


def moments(
    path: str | os.PathLike,
    *,
    start: float = 0.0,
    frames: int | None = None,
    how: Reading = Reading(),  # noqa: B008 - frozen
    conversion: Conversion | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Generator[Moment, None, None]:
    """`read` for who needs the times of all frames, and the pixels of some.

    A moment holds the decoded picture until it is let go.
    """
    if not math.isfinite(start) or start < 0:
        raise InputError(f"start is {start} s: give a time of 0 s or later")
    if frames is not None and frames < 1:
        raise InputError(f"frames is {frames}: give 1 or more, or None for all")
    path = Path(path)
    on_note = on_note or (lambda note: log.warning("%s: %s", path, note))
    how = replace(how, conversion=conversion or how.conversion)
    kind = "image"
    if _is_clip(path, how):
        found = _ready(sequences.read(path, how, on_note))
    else:
        path = _regular_file(path)
        kind = stills.kind_of(path)
        if kind:
            found = _ready(stills.read(path, kind, how, on_note))
        else:
            found = demux.read(path, start, how, on_note)
    return _cut(path, found, start, frames, "image" if kind else "file", how.conversion)


def refuse_hdr(info: VideoInfo) -> None:
    """Raise MediaError where a file is HDR and isn't read with `Reading(tonemap=True)`."""
    if info.hdr and not info.reading.tonemap:
        raise MediaError(
            f"{info.path}: HDR ({info.hdr}): add --tonemap to map it to SDR", field="tonemap"
        )


def frames_before(path: str | os.PathLike, time: float, how: Reading = Reading()) -> int:  # noqa: B008 - frozen
    """How many frames of a file are shown before a time, in seconds: they are decoded.

    Raises as `read` does.
    """
    with contextlib.closing(moments(path, how=how, on_note=lambda note: None)) as found:
        return sum(1 for _ in itertools.takewhile(lambda one: one.time < time - SLACK_S, found))


def _ready(found: Generator[Frame, None, None]) -> Generator[Moment, None, None]:
    with contextlib.closing(found):
        for frame in found:
            yield Moment.of(frame)
            del frame


def _cut(
    path: Path,
    found: Generator[Moment, None, None],
    start: float,
    count: int | None,
    what: str,
    conversion: Conversion,
) -> Generator[Moment, None, None]:
    """Those of `found` from `start` on, `count` of them; InputError when there are none."""

    def made(moment: Moment) -> Frame:
        with _readable(path, what):
            frame = moment.frame()
            if conversion == "ffmpeg":
                return Frame(to_uint8(frame.flat()), frame.time, None, frame.duration)
            return frame

    last, given = None, 0
    with contextlib.closing(found):  # closes the file as soon as the caller stops asking
        while True:
            with _readable(path, what):
                moment = next(found, None)
            if moment is None:
                break
            last = moment.time
            if last < start - SLACK_S:  # 0.3333 means the frame at 1/3 s
                continue
            yield replace(moment, frame=functools.partial(made, moment))
            del moment  # or it would stay in memory while the next one is decoded
            given += 1
            if given == count:
                return
    if last is None:
        raise MediaError(f"{path}: no frame can be decoded; the file is damaged: get it again")
    if not given:
        raise InputError(
            f"{path}: start {start:g} s is past the last frame, which is at {float(last):.2f} s"
        )


@contextmanager
def _readable(path: Path, what: str = "file") -> Iterator[None]:
    """The one place where what goes wrong inside a reader becomes a line for people."""
    try:
        yield
    except RelightError:
        raise
    except MemoryError as error:
        raise MediaError(
            f"{path}: reading it takes more memory than there is; the file is damaged, or too large"
        ) from error
    except Exception as error:  # readers fail in many ways on damaged and hostile files
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:120]
        raise MediaError(
            f"{path}: a damaged {what} ({reason or type(error).__name__}); get it again"
        ) from error


def _is_clip(path: Path, how: Reading) -> bool:
    try:
        return sequences.is_clip(path, how)
    except (OSError, ValueError):  # no usable name
        return False


_ADDRESS = re.compile(r"[a-z]{2,}:/", re.IGNORECASE)  # of two slashes `Path` keeps one


def _regular_file(path: str | os.PathLike) -> Path:
    """`path` as a Path once it is known to be an ordinary, readable file that is not empty."""
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if _ADDRESS.match(str(path)):
            raise InputError(f"{path} is an address: download the file, give its path") from None
        reason = getattr(error, "strerror", None) or "not a usable name"
        raise InputError(f"{path}: {reason}; check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(
            f"{path} is a folder: give a video or image file, or --as-clip for its pictures"
        )
    if not stat.S_ISREG(status.st_mode):  # a FIFO or a device would block, or never end
        raise InputError(f"{path} is not a regular file: give a video or image file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it")
    if status.st_size == 0:
        raise MediaError(f"{path}: the file is empty (0 bytes); get it again")
    return path
