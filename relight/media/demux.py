"""Video files decoded frame by frame on a clean clock."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path

import av
import numpy as np

from relight.errors import MediaError
from relight.media.clip import DEFAULT_FPS, Frame, Moment, VideoInfo
from relight.media.clock import Clock
from relight.media.decoding import Doubtful, OnNote, Source, time_of
from relight.media.glances import glance_of
from relight.media.look import Look, chroma_of
from relight.media.opening import open_media, video_stream
from relight.media.options import Reading
from relight.media.pixels import fitted, to_pixels
from relight.media.planes import PlanarFrame, Planes, are_usual, own_converter

_SEEK_FROM = 2.0  # seconds; nearer starts are decoded up to, which never goes wrong
_SAMPLE = 100  # packets looked at for the frame rate and its steadiness
_LONGER = Fraction(1, 2)  # seconds of sound after the last picture that are worth a note


def probe(path: Path, how: Reading) -> VideoInfo:
    """Describe a video file after decoding one frame. MediaError when there is none in it."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        source = Source(container, stream, path, how.conversion)
        stamps, first = [], None
        for packet in container.demux(stream):
            if packet.pts is not None:
                stamps.append(packet.pts)
            if first is None:
                first = next(iter(source.decoded(packet)), None)
            elif len(stamps) >= _SAMPLE:
                break
        if first is None:
            raise MediaError(f"{path}: no frame can be decoded; the file is damaged: get it again")
        return _describe(source, first, stamps, how)


def read(path: Path, start: float, how: Reading, on_note: OnNote) -> Generator[Moment, None, None]:
    """Frames of a video file, from a key frame at or before `start` (in seconds) to the end.

    Where something may be damaged, they are read again with care, from the beginning.
    """
    given, told = 0, set()

    def once(note: str) -> None:
        if note not in told:
            told.add(note)
            on_note(note)

    try:
        for moment in _read(path, start, how, once):
            yield moment
            del moment  # or its picture would stay in memory while the next one is decoded
            given += 1
    except Doubtful:
        yield from islice(_read(path, start, replace(how, careful=True), once), given, None)


def _read(path: Path, start: float, how: Reading, on_note: OnNote) -> Generator[Moment, None, None]:
    """`read` in one way.

    Raises:
        Doubtful: after sound frames, unless `how` says careful.
    """
    for seek in (start > _SEEK_FROM, False):
        with open_media(path) as container:
            stream = video_stream(container, path, how.careful)
            if seek and Clock.needed(container):
                seek = False  # a clock that restarts has no one place for a time
            source = Source(container, stream, path, how.conversion, on_note, how.careful)
            pictures = source.pictures()
            first = next(pictures, None)
            if first is None:
                return
            begin = time_of(first)
            pictures = source.seek(first, start) if seek else chain([first], pictures)
            if pictures is None:
                continue  # once more, from the beginning
            size = source.looks.of(first).upright
            del first  # or it would stay in memory for the whole clip
            yield from _frames(source, pictures, begin, size, how)
            if not seek:
                source.report()
        return


def _frames(
    source: Source,
    pictures: Iterator[av.VideoFrame],
    begin: Fraction,
    size: tuple[int, int],
    how: Reading,
) -> Iterator[Moment]:
    """Pictures as moments; the last one lasts as long as the sound does."""
    held: tuple[Fraction, av.VideoFrame, Look] | None = None
    for time, picture in _timed(pictures, begin, _frame_rate(source.stream, [])):
        if held is not None:
            yield _moment(source, *held, size)
        held = time, picture, _look(source, picture, how)
        del picture
    if held is not None:
        time, picture, _ = held
        # The last one shown may not be the last one stored, which holds the length of the whole.
        own = max(
            Fraction(picture.duration or 0) * (picture.time_base or 0),
            source.picture_end - begin - time,
        )
        length = max(own, source.sound_end - begin - time)
        if length - own > _LONGER:
            source.on_note(
                f"sound goes on for {float(length - own):.1f} s after the last picture, "
                "which is held"
            )
        yield _moment(source, *held, size, length or None)


def _look(source: Source, picture: av.VideoFrame, how: Reading) -> Look:
    look = source.looks.of(picture)
    if look.hdr and not how.tonemap:
        raise MediaError(
            f"{source.path}: HDR ({look.hdr}) video is read only on request, as its light has to "
            "be mapped to SDR: add --tonemap, or convert it first",
            field="tonemap",
        )
    return look


def _moment(
    source: Source,
    time: Fraction,
    picture: av.VideoFrame,
    look: Look,
    size: tuple[int, int],
    length: Fraction | None = None,
) -> Moment:
    if look.upright != size:
        source.resized(look.upright, size, time)

    def rgb() -> np.ndarray:
        # Asked for in any thread, while the file's own converter is at work.
        return to_pixels(picture, look, own_converter())[0]

    def frame() -> Frame:
        image, alpha = to_pixels(picture, look, source.converter)
        if look.upright != size:
            image = fitted(image, size)
            alpha = None if alpha is None else fitted(alpha, size)
        return Frame(image, time, alpha, length)

    def stored() -> Frame:
        return PlanarFrame(Planes.of(picture, look), time, length, rgb)

    usual = look.upright == size and are_usual(picture, look)
    glance = functools.partial(glance_of, picture)
    return Moment(time, frame, glance, stored if usual else None)


def _timed(
    pictures: Iterator[av.VideoFrame], begin: Fraction, fps: Fraction
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Pair each frame with its time in seconds from `begin`, strictly rising."""
    last = None
    for picture in pictures:
        if picture.pts is not None:
            time = time_of(picture) - begin
        else:  # some AVI and raw streams stamp only a part of their frames
            time = Fraction(0) if last is None else last + 1 / fps
        if last is not None and time <= last:
            # One tick and no more, or a run of equal stamps would push the later frames off.
            time = last + (picture.time_base or Fraction(1, 1000))
        last = time
        yield time, picture


# -- describing --------------------------------------------------------------------------------


def _describe(source: Source, first: av.VideoFrame, stamps: list[int], how: Reading) -> VideoInfo:
    """Gather what is known after one frame and the time stamps of the first packets."""
    container, stream = source.container, source.stream
    look = source.looks.of(first)
    notes = list(look.notes)
    if look.hdr and how.tonemap:
        notes.append(f"HDR ({look.hdr}) mapped to SDR (BT.2390, {look.peak:.0f} nits)")
    elif look.hdr:
        notes.append(f"HDR ({look.hdr}): read only with --tonemap")
    gaps = _gaps(stream, stamps)
    # Matroska rounds to whole ms.
    variable = bool(gaps) and max(gaps) - min(gaps) > Fraction(5, 2000)
    if variable:
        notes.append("variable frame rate: its time stamps are kept")
    tick = stream.time_base or Fraction(0)
    length = stream.duration * tick if stream.duration and tick else None
    if length is None and container.duration:
        length = Fraction(container.duration, av.time_base)
    audio = tuple(
        s.codec_context.codec.canonical_name if s.codec_context else "unknown"
        for s in container.streams.audio
    )
    width, height = look.upright
    return VideoInfo(
        path=source.path,
        width=width,
        height=height,
        fps=_frame_rate(stream, gaps),
        duration=None if length is None else float(length),
        frames=stream.frames or None,
        has_audio=bool(audio),
        audio=audio,
        notes=tuple(notes),
        origin=time_of(first),
        variable=variable,
        depth=look.depth,
        alpha=look.alpha,
        grey=first.format.name.startswith(("gray", "ya")),
        chroma=chroma_of(first.format),
        hdr=look.hdr,
        reading=how,
    )


def _gaps(stream: av.VideoStream, stamps: list[int]) -> list[Fraction]:
    """Seconds between successive frames, from their packets' stamps in any order."""
    stamps = sorted(stamps)
    tick = stream.time_base or Fraction(0)
    # The last few may still miss B-frames that come later in the file.
    gaps = [(b - a) * tick for a, b in pairwise(stamps) if b > a]
    return gaps[:-4] if len(gaps) > 8 and len(stamps) >= _SAMPLE else gaps


def _frame_rate(stream: av.VideoStream, gaps: list[Fraction]) -> Fraction:
    """Average frames per second: declared, else measured, else 25."""
    declared = stream.average_rate or stream.guessed_rate
    whole = sum(gaps, Fraction(0))
    measured = (len(gaps) / whole).limit_denominator(1001) if whole else None
    # Matroska and MPEG-TS declare no count of frames, and at times a clock tick as the rate.
    if declared is None or not 0 < declared <= 1000:
        return measured or DEFAULT_FPS
    if stream.frames or not measured or 2 / 3 < declared / measured < 3 / 2:
        return declared
    return measured or DEFAULT_FPS
