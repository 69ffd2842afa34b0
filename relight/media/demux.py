"""Video files opened safely, and decoded frame by frame on a clean clock."""

import logging
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import av
from av.stream import Disposition

from relight.errors import MediaError
from relight.media.clip import DEFAULT_FPS, PIXEL_LIMIT, Frame, VideoInfo, check_size
from relight.media.look import Conversion, look_of, to_pixels

log = logging.getLogger(__name__)

# Formats that hold their own pictures. FFmpeg would also open playlists (ffconcat, HLS, DASH),
# which name other files or addresses: a text file called x.mp4 could make us read any of them.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg"
_INCOMPLETE = (
    "incomplete file, its index (moov atom) is missing: the copy or recording was cut short"
)
READABLE = "mp4, mov, mkv, webm, avi, ts, mpg, gif, png, jpg, webp"

_SEEK_FROM = 2.0  # seconds; nearer starts are decoded up to, which never goes wrong
_SAMPLE = 100  # packets looked at for the frame rate and its steadiness
_DAMAGE_LIMIT = 0.05  # share of the packets


def probe(path: Path) -> VideoInfo:
    """Describe a video file after decoding one frame. MediaError when there is none in it."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        tally, stamps, first = _Tally(), [], None
        for packet in container.demux(stream):
            if packet.pts is not None:
                stamps.append(packet.pts)
            if first is None:
                first = next(iter(_decode_packet(packet, tally)), None)
            elif len(stamps) >= _SAMPLE:
                break
        if first is None:
            raise MediaError(f"{path}: no frame can be decoded; the file is damaged: get it again")
        return _describe(path, container, stream, first, stamps)


def read(path: Path, start: float, conversion: Conversion = "exact") -> Iterator[Frame]:
    """Frames of a video file, from a key frame at or before `start` (in seconds) to the end."""
    for seek in (start > _SEEK_FROM, False):
        with open_media(path) as container:
            stream = video_stream(container, path)
            tally = _Tally(declared=stream.frames)
            pictures = _decode(container, stream, path, tally)
            first = next(pictures, None)
            if first is None:
                return
            look = look_of(stream, first, path, conversion)
            if look.hdr:
                raise MediaError(
                    f"{path}: HDR ({look.hdr}) video is not read, its light would be clipped; "
                    "convert it to SDR BT.709 first"
                )
            begin = _time(first)
            pictures = (
                _seek(container, stream, path, first, start) if seek else chain([first], pictures)
            )
            if pictures is None:
                continue  # once more, from the beginning
            del first  # or it would stay in memory for the whole clip
            for time, picture in _timed(pictures, begin, _frame_rate(stream, [])):
                yield Frame(to_pixels(picture, look), time)
            if not seek:
                tally.report(path, stream)
        return


def _seek(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    path: Path,
    first: av.VideoFrame,
    start: float,
) -> Iterator[av.VideoFrame] | None:
    """Frames from the key frame at or before `start`, or None where the format cannot do it."""
    if first.pts is None:
        return None
    begin = _time(first)
    container.seek(first.pts + int(start / stream.time_base), stream=stream)
    rest = _decode(container, stream, path, _Tally(declared=stream.frames))
    landed = next(rest, None)
    if landed is None or landed.pts is None or _time(landed) - begin > start:
        return None
    return chain([landed], rest)


def _timed(
    pictures: Iterator[av.VideoFrame], begin: Fraction, fps: Fraction
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Pair each frame with its time in seconds from `begin`, strictly rising."""
    last = None
    for picture in pictures:
        if picture.pts is not None:
            time = _time(picture) - begin
        else:  # some AVI and raw streams stamp only a part of their frames
            time = Fraction(0) if last is None else last + 1 / fps
        if last is not None and time <= last:
            # One tick and no more, or a run of equal stamps would push the later frames off.
            time = last + (picture.time_base or Fraction(1, 1000))
        last = time
        yield time, picture


# -- opening -----------------------------------------------------------------------------------


def open_media(path: Path) -> av.container.InputContainer:
    """Open a video file for reading; no other file and no address is ever opened with it."""
    try:
        return av.open(
            os.path.abspath(path),  # a leading "/" also keeps "concat:x" from being a protocol
            container_options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_why_unreadable(path, error)}") from None


def _why_unreadable(path: Path, error: Exception) -> str:
    """The most useful half-line about a file that FFmpeg would not open."""
    if _boxes_without_index(path):
        return _INCOMPLETE
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
        return f"not a video that can be read, or damaged; formats read: {READABLE}"
    return f"cannot be opened ({getattr(error, 'strerror', None) or error})"


def _boxes_without_index(path: Path) -> bool:
    """Is this an MP4/MOV file (a row of sized boxes) that ends before its 'moov' box does?"""
    size, at, names = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while at + 8 <= size and len(names) < 64:
            file.seek(at)
            length, name = struct.unpack(">I4s", file.read(8))
            if length == 1:
                length = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0]
            names.add(name)
            if length < 8:  # 0: to the end of the file; else broken
                break
            at += length
            if name == b"moov" and at <= size:
                return False
    return b"ftyp" in names or b"mdat" in names


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first stream that is moving pictures and not cover art; its size is within the limit."""
    art = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & art]
    if not streams:
        reason = "no video stream, nothing to relight; give a file with pictures"
        raise MediaError(f"{path}: {_INCOMPLETE if _boxes_without_index(path) else reason}")
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise MediaError(f"{path}: its video codec is unknown to FFmpeg; convert it to H.264 first")
    check_size(path, context.width, context.height)
    # The stream's own header can contradict the container's; the decoder then stops by itself.
    context.options = {"max_pixels": str(PIXEL_LIMIT)}
    stream.thread_type = "AUTO"
    return stream


# -- decoding ----------------------------------------------------------------------------------


@dataclass
class _Tally:
    """What went well and what did not while decoding."""

    declared: int = 0
    packets: int = 0
    damaged: int = 0
    frames: int = 0

    def check(self, path: Path) -> None:
        """Raise MediaError above 5 % damage; two packets are always forgiven."""
        allowed = max(2, _DAMAGE_LIMIT * max(self.packets, self.declared))
        if self.damaged > allowed:
            raise MediaError(
                f"{path}: {self.damaged} of the first {self.packets} packets are damaged, "
                "more than 5 %; get the file again"
            )

    def report(self, path: Path, stream: av.VideoStream) -> None:
        """Log what was lost, once the whole file has been read; MediaError above 5 %."""
        if self.damaged:
            log.warning("%s: %d damaged packets skipped or patched", path, self.damaged)
        # The index, not the header's count: an edit list may hide frames on purpose.
        expected = sum(not entry.is_discard for entry in stream.index_entries)
        if self.packets < len(stream.index_entries):
            log.warning("%s is cut short: %d of %d frames", path, self.frames, expected)
            return
        # In MP4 one packet is one frame. A lost key frame takes others with it, unnoticed so far.
        lost = expected - self.frames if "mp4" in stream.container.format.name else 0
        if lost > max(2, _DAMAGE_LIMIT * expected):
            raise MediaError(
                f"{path}: only {self.frames} of {expected} frames can be decoded, the rest is "
                "damaged; get the file again"
            )


def _decode(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path, tally: _Tally
) -> Iterator[av.VideoFrame]:
    """Decode `stream`, skipping and counting what is damaged; MediaError above 5 %."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:  # the disk, or the container, ends badly here
            log.warning("%s: reading stops after %d frames (%s)", path, tally.frames, error)
            return
        if packet is None:
            return
        for picture in _decode_packet(packet, tally):
            tally.frames += 1
            yield picture
        if tally.frames:
            tally.check(path)
        else:
            tally.damaged = 0  # a broadcast joined midway begins with what cannot be decoded


def _decode_packet(packet: av.Packet, tally: _Tally) -> list[av.VideoFrame]:
    """The frames that come out for one packet; an undecodable one gives none and is counted."""
    if packet.size:  # the last packets are empty: they flush the decoder
        tally.packets += 1
    try:
        pictures = packet.decode()
    except av.error.FFmpegError:
        tally.damaged += 1
        return []
    tally.damaged += any(picture.is_corrupt for picture in pictures)
    return pictures


def _time(picture: av.VideoFrame) -> Fraction:
    """Presentation time on the file's own clock, in seconds; 0 where it has no stamp."""
    return (picture.pts or 0) * picture.time_base if picture.time_base else Fraction(0)


# -- describing --------------------------------------------------------------------------------


def _describe(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    first: av.VideoFrame,
    stamps: list[int],
) -> VideoInfo:
    """Gather what is known after one frame and the time stamps of the first packets."""
    look = look_of(stream, first, path)
    notes = list(look.notes)
    gaps = _gaps(stream, stamps)
    if gaps and max(gaps) - min(gaps) > Fraction(5, 2000):  # Matroska rounds to whole ms
        notes.append("variable frame rate: its time stamps are kept")
    length = stream.duration * stream.time_base if stream.duration else None
    if length is None and container.duration:
        length = Fraction(container.duration, av.time_base)
    audio = tuple(
        s.codec_context.codec.canonical_name if s.codec_context else "unknown"
        for s in container.streams.audio
    )
    width, height = look.upright
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=_frame_rate(stream, gaps),
        duration=None if length is None else float(length),
        frames=stream.frames or None,
        has_audio=bool(audio),
        audio=audio,
        notes=tuple(notes),
        origin=_time(first),
    )


def _gaps(stream: av.VideoStream, stamps: list[int]) -> list[Fraction]:
    """Seconds between successive frames, from their packets' stamps in any order."""
    stamps = sorted(stamps)
    # The last few may still miss B-frames that come later in the file.
    gaps = [(b - a) * stream.time_base for a, b in pairwise(stamps) if b > a]
    return gaps[:-4] if len(gaps) > 8 and len(stamps) >= _SAMPLE else gaps


def _frame_rate(stream: av.VideoStream, gaps: list[Fraction]) -> Fraction:
    """Average frames per second: declared, else measured, else 25."""
    declared = stream.average_rate or stream.guessed_rate
    measured = (len(gaps) / sum(gaps)).limit_denominator(1001) if gaps else None
    # Matroska and MPEG-TS declare no count of frames, and at times a clock tick as the rate.
    trusted = declared and (stream.frames or not measured or 2 / 3 < declared / measured < 3 / 2)
    if trusted and 0 < declared <= 1000:
        return declared
    return measured or DEFAULT_FPS
