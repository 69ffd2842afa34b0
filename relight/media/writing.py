"""Frames to files: `check_output` and `write`, whatever kind of file it is."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from relight.errors import InputError, MediaError
from relight.media import encoders, places, sequences
from relight.media.clip import VideoInfo
from relight.media.formats import written_format
from relight.media.gif_out import GifWriter
from relight.media.mux import VideoWriter
from relight.media.options import Encoding, Reading
from relight.media.pictures_out import AnimationWriter, SequenceWriter, StillWriter, one_frame
from relight.media.writer import Output, Writer, check_size

log = logging.getLogger(__name__)


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
    link), has an extension that isn't written, is in no folder, or can't hold what `encoding`
    asks for; MediaError when the folder is closed to us.
    """
    path = Path(path)
    written_format(path)
    encoders.check(path, encoding)
    place = places.place(path)
    for file in place.taken():
        if file.is_dir():
            raise InputError(f"{file} is a folder: give a file name in it")
        if source_path is not None and _is_same(file, Path(source_path)):
            raise InputError(f"{file} is the input itself: give another name for the output")
        if not overwrite:
            raise InputError(
                f"{file} exists: give another name, or allow overwriting", field="overwrite"
            )
    if not place.near.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    places.check_folder(place.near, path)
    return path


def _is_same(file: Path, source: Path) -> bool:
    """Is `file` the source, or one of its pictures?"""
    if source.is_dir():
        return file.parent.exists() and os.path.samefile(file.parent, source)
    if source.exists():
        return file.exists() and os.path.samefile(file, source)
    if sequences.is_clip(source, Reading()):
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
    ffmpeg-based players show but QuickTime and many hardware players do not: a note says so.
    A sequence is numbered from 1 and has neither times nor sound. With `overwrite` it takes the
    place of every picture of its name, so that no number of a longer one before it stays.

    Raises InputError and MediaError as `check_output` does, and for bad numbers.
    """
    path = check_output(path, source.path if source else None, overwrite, encoding)
    check_size(size)
    fps = _rate(fps)
    if not math.isfinite(start) or start < 0:
        raise InputError(f"start is {start} s: give a time of 0 s or later")
    on_note = on_note or (lambda note: log.warning("%s: %s", path, note))
    place = places.place(path, scratch)
    writer = None
    try:
        output = Output(
            path=path,
            part=place.part,
            source=source,
            size=size,
            fps=fps,
            start=start,
            frames=frames,
            encoding=encoding,
            companions=audio,
        )
        writer = _writer_of(path, source)(output)
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


def check_many(path: Path, source: VideoInfo) -> None:
    """Refuse more than one frame, made from `source`, for a file that takes one only.

    >>> clip = VideoInfo(path=Path("a.mp4"), width=64, height=48, fps=Fraction(25), duration=2.0,
    ...     frames=50, has_audio=False, audio=(), notes=())
    >>> check_many(Path("b_%05d.png"), clip)
    >>> check_many(Path("b.tif"), clip)
    Traceback (most recent call last):
    relight.errors.InputError: b.tif: .tif holds one frame; give .mp4, .mov, .mkv, .webm, .gif, \
.apng or a sequence (%05d.png)
    """
    if _writer_of(path, source) is StillWriter:
        raise InputError(one_frame(path), path=path)


def _writer_of(path: Path, source: VideoInfo | None) -> type[Writer]:
    """The writer that fits the extension of a path, and what is put into it."""
    suffix, target = path.suffix.lower(), written_format(path)
    if target.kind == "video":
        return VideoWriter
    if places.is_sequence(path):
        return SequenceWriter
    if suffix == ".gif":
        return GifWriter
    animated = source is not None and source.kind == "animation"
    single = source is not None and source.kind == "picture"
    # A .png is taken for one picture unless it comes from an animation.
    if target.animation and not single and (animated or suffix != ".png"):
        return AnimationWriter
    return StillWriter


def _rate(fps: Fraction | float) -> Fraction:
    """Frames per second as the fraction that was meant: 29.97 is 30000/1001."""
    if not math.isfinite(fps) or not 0 < fps <= 1000:
        raise InputError(f"fps is {fps}: give more than 0, 1000 at most")
    if isinstance(fps, int | Fraction):
        return Fraction(fps)
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if abs(ntsc - fps) < 0.005 else Fraction(fps).limit_denominator(1001)
