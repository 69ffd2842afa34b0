"""Files <-> frames: the functions that `relight.media` offers."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from relight.errors import InputError, MediaError, RelightError
from relight.media import demux, encoders, mux, pictures_out, places, sequences, stills
from relight.media.clip import Frame, VideoInfo
from relight.media.depth import to_uint8
from relight.media.formats import WRITTEN, format_of
from relight.media.gif_out import GifWriter
from relight.media.mux import Writer
from relight.media.options import Conversion, Encoding, Reading

log = logging.getLogger(__name__)


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
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """Yield the frames shown at or after `start`, one at a time (memory: a few frames).

    `start` is in seconds of `Frame.time`; `frames` is the number wanted, None for all.
    Frame.image is of probe()'s size and depth, see `Frame`; Frame.time rises strictly, from 0 at
    the file's first frame. The last frame of a file comes with its length: that of the sound,
    where the sound is longer. Damaged packets are skipped; a file cut short yields what it holds.
    conversion: replaces that of `how`: "ffmpeg" gives the pixels that OpenCV and imageio give.
    on_note: called with what was found on the way ("6 of 10 frames"); None: logged as a warning.
    Raises InputError (no such file, bad start or count, start past the end) and MediaError
    (not a video, HDR, too large, more than 5 % damaged).
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
        found = sequences.read(path, how, on_note)
    else:
        path = _regular_file(path)
        kind = stills.kind_of(path)
        if kind:
            found = stills.read(path, kind, how, on_note)
        else:
            found = demux.read(path, start, how, on_note)
    if how.conversion == "ffmpeg":
        found = (replace(f, image=to_uint8(f.flat()), alpha=None) for f in found)
    return _cut(path, found, start, frames, "image" if kind else "file")


def _cut(
    path: Path, found: Iterator[Frame], start: float, count: int | None, what: str
) -> Iterator[Frame]:
    """The frames of `found` from `start` on, `count` of them; InputError when there are none."""
    last, given = None, 0
    with contextlib.closing(found):  # closes the file as soon as the caller stops asking
        while True:
            with _readable(path, what):
                frame = next(found, None)
            if frame is None:
                break
            last = frame.time
            if last < start - 1e-4:  # 0.3333 means the frame at 1/3 s
                continue
            yield frame
            del frame  # or it would stay in memory while the next one is decoded
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


def check_output(
    path: str | os.PathLike,
    source_path: str | os.PathLike | None = None,
    overwrite: bool = False,
    encoding: Encoding = Encoding(),  # noqa: B008 - frozen
) -> Path:
    """Say before any work whether `path` can be written so; returns it as a Path.

    A picture's name with one number (`frames/%d.png`, `frames/%05d.exr`) means a sequence; its
    folder may be missing where the parent is there.
    Raises InputError when it exists (unless `overwrite`), is the source itself (by any name or
    link), has an unknown extension, is in no folder, or can't hold what `encoding` asks for;
    MediaError when the folder is closed to us.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN:
        raise InputError(f"{path}: unknown extension {path.suffix!r}; give {', '.join(WRITTEN)}")
    encoders.check(path, encoding)
    place = places.place(path)
    for file in place.taken():
        if file.is_dir():
            raise InputError(f"{file} is a folder: give a file name in it")
        if source_path is not None and _is_same(file, Path(source_path)):
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


def _is_same(file: Path, source: Path) -> bool:
    """Is `file` the source, or one of its pictures?"""
    if source.is_dir():
        return file.parent.exists() and os.path.samefile(file.parent, source)
    if source.exists():
        return file.exists() and os.path.samefile(file, source)
    if _is_clip(source, Reading()):
        return any(os.path.samefile(file, one) for one in sequences.files_of(source))
    return False


@contextmanager
def write(
    path: str | os.PathLike,
    source: VideoInfo | None = None,
    *,
    size: tuple[int, int],
    fps: Fraction | float,
    start: float = 0.0,
    frames: int | None = None,
    overwrite: bool = False,
    encoding: Encoding = Encoding(),  # noqa: B008 - frozen
    audio: bool = True,
    scratch: Path | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Writer]:
    """Open `path` for frames; it appears, whole, when the block ends, or never.

    size: (width, height) of the frames. fps: frames per second, for the last frame's length and
    the encoder's rate; the times given to `Writer.add` are kept, so a variable rate stays one.
    start, frames: where the frames begin in the source, in seconds, and how many are taken (None:
    all); the first frame goes to 0 and the sound is moved with it.
    source: whose depth, transparency, sound, subtitles, chapters and tags to keep (None: none;
    audio=False: no streams and tags of a video). Packets are copied; what the container cannot
    hold is encoded (sound: AAC, Opus in .webm), rewritten (subtitles), or left out, with a note.
    encoding: codec, quality, depth; what is left open is the format's first codec at the source's
    depth.
    scratch: folder of the unfinished file; None: beside `path`.
    on_note: called at the end with each of `Writer.notes`; None: logged as warnings.

    Video is tagged BT.709; 4:2:0 where the codec offers nothing better. A size with an odd side is
    kept to the pixel: by VP9 as it is, in H.264 and H.265 by 4:4:4, which browsers and
    ffmpeg-based players show but QuickTime and many hardware players do not.
    A sequence is numbered from 1 and has neither times nor sound. With `overwrite` it takes the
    place of every picture of its name, so that no number of a longer one before it stays.

    Raises InputError and MediaError as `check_output` does, and for bad numbers.
    """
    path = check_output(path, source.path if source else None, overwrite, encoding)
    mux.check_size(size)
    fps = _rate(fps)
    if not math.isfinite(start) or start < 0:
        raise InputError(f"start is {start} s: give a time of 0 s or later")
    on_note = on_note or (lambda note: log.warning("%s: %s", path, note))
    place = places.place(path, scratch)
    writer = None
    try:
        common = {"size": size, "fps": fps, "start": start, "encoding": encoding}
        if format_of(path).kind == "video":
            writer = mux.VideoWriter(
                place.part, path, source, **common, companions=audio, frames=frames
            )
        else:
            writer = _picture_writer(path, source)(place.part, path, source, **common)
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
            with contextlib.suppress(Exception):  # the first error is the one to show
                writer.close()
        place.remove()
        raise
    for note in writer.notes:
        on_note(note)


def _picture_writer(path: Path, source: VideoInfo | None) -> type[Writer]:
    """The writer that fits the extension of `path`, and what is put into it."""
    suffix, target = path.suffix.lower(), format_of(path)
    if places.is_sequence(path):
        return pictures_out.SequenceWriter
    if suffix == ".gif":
        return GifWriter
    animated = source is not None and source.kind == "animation"
    single = source is not None and source.kind == "picture"
    # A .png is taken for one picture unless it comes from an animation.
    if target.animation and not single and (animated or suffix != ".png"):
        return pictures_out.AnimationWriter
    return pictures_out.StillWriter


def _is_clip(path: Path, how: Reading) -> bool:
    try:
        return sequences.is_clip(path, how)
    except (OSError, ValueError):  # no usable name
        return False


def _regular_file(path: str | os.PathLike) -> Path:
    """`path` as a Path once it is known to be an ordinary, readable file that is not empty."""
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
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


def _rate(fps: Fraction | float) -> Fraction:
    """Frames per second as the fraction that was meant: 29.97 is 30000/1001."""
    if not math.isfinite(fps) or not 0 < fps <= 1000:
        raise InputError(f"fps is {fps}: give more than 0, 1000 at most")
    if isinstance(fps, int | Fraction):
        return Fraction(fps)
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if abs(ntsc - fps) < 0.005 else Fraction(fps).limit_denominator(1001)
