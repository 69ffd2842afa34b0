"""File <-> frames: timing, sound, colour, rotation; streaming both ways.

    source = probe("in.mp4")
    with write("out.mp4", source, size=(source.width, source.height), fps=source.fps) as out:
        for frame in read("in.mp4"):
            out.add(frame.image, frame.time)

Read: mp4, mov, mkv, webm, avi, ts, mpg, and gif, png, jpg, webp as clips of 1..n frames.
Written: .mp4 .mov .mkv (H.264) and .webm (VP9) with sound and subtitles, .gif (silent),
.png .jpg .jpeg .webp (one frame), and `frames/%05d.png` (a PNG sequence, silent).
Nothing here holds more than a few frames.
"""

import contextlib
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from relight.errors import InputError, MediaError
from relight.media import demux, mux, pictures_out, places, stills
from relight.media.clip import PIXEL_LIMIT, Frame, VideoInfo
from relight.media.look import Conversion
from relight.media.mux import Writer
from relight.media.places import first_file

__all__ = [
    "PIXEL_LIMIT",
    "Frame",
    "VideoInfo",
    "Writer",
    "check_output",
    "first_file",
    "probe",
    "read",
    "write",
]

_ENDINGS = (*mux.FORMATS, ".gif", *pictures_out.STILLS)


def probe(path: str | os.PathLike) -> VideoInfo:
    """Describe a video or image file, decoding one frame at most.

    An HDR file is described (with a note); only `read` refuses it.
    Raises InputError when there is no such regular file, MediaError when it holds no picture
    that can be decoded or declares one above PIXEL_LIMIT.
    """
    path = _regular_file(path)
    return stills.probe(path) if stills.is_still(path) else demux.probe(path)


def read(
    path: str | os.PathLike,
    *,
    start: float = 0.0,
    frames: int | None = None,
    conversion: Conversion = "exact",
) -> Iterator[Frame]:
    """Yield the frames shown at or after `start`, one at a time (memory: a few frames).

    `start` is in seconds of `Frame.time`; `frames` is the number wanted, None for all.
    Frame.image is (H, W, 3) uint8 of probe()'s size; Frame.time rises strictly, from 0 at the
    file's first frame. `conversion="ffmpeg"` gives the pixels that OpenCV, imageio and `ffmpeg`
    give by default (1 to 3 levels darker, BT.601 where a file has no tag, whatever its size), for
    comparing with numbers measured with those.
    Damaged packets are skipped and logged; a file cut short yields what it holds and logs
    "6 of 10 frames".
    Raises InputError (no such file, bad start or count, start past the end) and MediaError
    (not a video, HDR, too large, more than 5 % damaged).
    """
    if not math.isfinite(start) or start < 0:
        raise InputError(f"start is {start} s: give a time of 0 s or later")
    if frames is not None and frames < 1:
        raise InputError(f"frames is {frames}: give 1 or more, or None for all")
    path = _regular_file(path)
    found = stills.read(path) if stills.is_still(path) else demux.read(path, start, conversion)
    return _cut(path, found, start, frames)


def _cut(path: Path, found: Iterator[Frame], start: float, count: int | None) -> Iterator[Frame]:
    """The frames of `found` from `start` on, `count` of them; InputError when there are none."""
    last, given = None, 0
    with contextlib.closing(found):  # closes the file as soon as the caller stops asking
        for frame in found:
            last = frame.time
            if last < start - 1e-4:  # 0.3333 means the frame at 1/3 s
                continue
            yield frame
            given += 1
            if given == count:
                return
    if last is None:
        raise MediaError(f"{path}: no frame can be decoded; the file is damaged: get it again")
    if not given:
        raise InputError(
            f"{path}: start {start:g} s lies past the last frame, which is at {float(last):.2f} s"
        )


def check_output(
    path: str | os.PathLike,
    source_path: str | os.PathLike | None = None,
    overwrite: bool = False,
) -> Path:
    """Tell before any work whether `path` can be written; returns it as a Path.

    A .png name with one number (`frames/%d.png`, `frames/%05d.png`) means a sequence; its folder
    may be missing where the parent is there.
    Raises InputError when it exists (unless `overwrite`), is the source itself (by any name or
    link), has an unknown extension or lies in no folder; MediaError when the folder is closed
    to us.
    """
    path = Path(path)
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path}: unknown extension {path.suffix!r}; give {', '.join(_ENDINGS)}")
    place = places.place(path)
    for file in place.taken():
        if file.is_dir():
            raise InputError(f"{file} is a folder: give a file name in it")
        if source_path is not None and file.exists() and os.path.samefile(file, source_path):
            raise InputError(f"{file} is the input itself: give another name for the output")
        if not overwrite:
            raise InputError(f"{file} exists: give another name, or allow overwriting")
    if not place.near.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    try:
        with tempfile.TemporaryFile(dir=place.near):  # rights alone do not tell: read-only disks
            pass
    except OSError as error:
        raise MediaError(
            f"{path} cannot be written ({error.strerror}): choose another folder"
        ) from None
    return path


@contextmanager
def write(
    path: str | os.PathLike,
    source: VideoInfo | None = None,
    *,
    size: tuple[int, int],
    fps: Fraction | float,
    start: float = 0.0,
    overwrite: bool = False,
    crf: int = 18,
    audio: bool = True,
    scratch: Path | None = None,
) -> Iterator[Writer]:
    """Open `path` for frames; it appears, whole, when the block ends, or never.

    size: (width, height) of the frames. fps: frames per second, for the last frame's length and
    the encoder's rate; the times given to `Writer.add` are kept, so a variable rate stays one.
    crf: 0 (lossless) to 51, lower is better and larger. start: where the frames begin in the
    source, in seconds; the first frame goes to 0 and the sound is moved with it.
    source: whose sound and subtitles to copy, packet by packet, from the first frame to the end
    of the last (None, or audio=False: silent). scratch: folder of the unfinished file; None: beside
    `path`. What the container cannot hold is encoded as AAC
    (sound; Opus for .webm) or left out (subtitles), with a logged warning.

    H.264 and VP9 are 8-bit, limited range, BT.709, tagged so, and 4:2:0. A size with an odd side
    is kept to the pixel: by VP9 as it is, in H.264 by 4:4:4, which browsers and ffmpeg-based
    players show but QuickTime and many hardware players do not: give an even size, or .webm,
    where that matters.
    A sequence is numbered from 1 and has neither times nor sound. With `overwrite` it takes the
    place of every picture of its name, so that no number of a longer one before it stays.

    Raises InputError and MediaError as `check_output` does, and for bad numbers.
    """
    path = check_output(path, source.path if source else None, overwrite)
    mux.check_size(size)
    fps = _rate(fps)
    if not 0 <= crf <= 51:
        raise InputError(f"crf is {crf}: give 0 (lossless) to 51, 18 looks like the source")
    if not math.isfinite(start) or start < 0:
        raise InputError(f"start is {start} s: give a time of 0 s or later")
    place = places.place(path, scratch)
    writer = None
    try:
        writer = _writer(place.part, path, source if audio else None, size, fps, start, crf)
        yield writer
        writer.finish()
        writer.close()
        if not overwrite and (appeared := place.taken()):
            raise InputError(f"{appeared[0]} has appeared meanwhile: it was not overwritten")
        try:
            place.move_in()
        except OSError as error:
            raise MediaError(f"{path} could not be written ({error.strerror})") from error
    except BaseException:
        if writer:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                writer.close()
        place.remove()
        raise


def _regular_file(path: str | os.PathLike) -> Path:
    """`path` as a Path once it is known to be an ordinary, readable file that is not empty."""
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable name"
        raise InputError(f"{path}: {reason}; check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder: give a video or image file")
    if not stat.S_ISREG(status.st_mode):  # a FIFO or a device would block, or never end
        raise InputError(f"{path} is not a regular file: give a video or image file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it")
    if status.st_size == 0:
        raise MediaError(f"{path}: the file is empty (0 bytes); get it again")
    return path


def _writer(
    part: Path,
    path: Path,
    source: VideoInfo | None,
    size: tuple[int, int],
    fps: Fraction,
    start: float,
    crf: int,
) -> Writer:
    """The writer that fits the extension of `path`, writing to `part`."""
    common = {"size": size, "fps": fps, "start": start}
    if places.is_sequence(path):
        return pictures_out.SequenceWriter(part, path, source, **common)
    if path.suffix.lower() == ".gif":
        return pictures_out.GifWriter(part, path, **common)
    if path.suffix.lower() in pictures_out.STILLS:
        return pictures_out.StillWriter(part, path, **common)
    if source and stills.is_still(source.path):
        source = None  # no sound in there
    return mux.VideoWriter(part, path, source, crf=crf, **common)


def _rate(fps: Fraction | float) -> Fraction:
    """Frames per second as the fraction that was meant: 29.97 is 30000/1001."""
    if not math.isfinite(fps) or not 0 < fps <= 1000:
        raise InputError(f"fps is {fps}: give more than 0, 1000 at most")
    if isinstance(fps, int | Fraction):
        return Fraction(fps)
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if abs(ntsc - fps) < 0.005 else Fraction(fps).limit_denominator(1001)
