"""Video files opened safely: no other file, no address, nothing above the limits."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition

from relight.errors import MediaError
from relight.media.clip import PIXEL_LIMIT, check_size
from relight.media.formats import listed

# Formats that hold their own pictures. FFmpeg would also open playlists (ffconcat, HLS, DASH),
# which name other files or addresses: a text file called x.mp4 could make us read any of them.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf"
ART = Disposition.attached_pic | Disposition.timed_thumbnails
INCOMPLETE = (
    "incomplete file, its index (moov atom) is missing: the copy or recording was cut short"
)
# FFmpeg's own decoders of these drop transparency; libvpx keeps it.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def open_media(path: Path) -> InputContainer:
    """Open a video file for reading; no other file and no address is ever opened with it."""
    try:
        return av.open(
            os.path.abspath(path),  # a leading "/" also keeps "concat:x" from being a protocol
            container_options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_why_unreadable(path, error)}") from None


def video_stream(container: InputContainer, path: Path, careful: bool = True) -> av.VideoStream:
    """The first stream that is moving pictures and not cover art; its size is within the limit.

    Args:
        careful: in one thread, which patches damage, and tells of it, alike every time. False:
            several frames at once, and damage is an error.
    """
    streams = [s for s in container.streams.video if not s.disposition & ART]
    if not streams:
        reason = "no video stream, nothing to relight; give a file with pictures"
        raise MediaError(f"{path}: {INCOMPLETE if _boxes_without_index(path) else reason}")
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise MediaError(f"{path}: its video codec is unknown to FFmpeg; convert it to H.264 first")
    check_size(path, context.width, context.height)
    # The stream's own header can contradict the container's; the decoder then stops by itself.
    limit = {"max_pixels": str(PIXEL_LIMIT)}
    if careful:
        # Not slices: FFmpeg doesn't patch H.264 that is decoded so, nor tell of its damage.
        context.options, context.thread_count = limit, 1
    else:
        context.options = limit | {"err_detect": "explode"}
        stream.thread_type = "AUTO"
    return stream


def decoder_of(stream: av.VideoStream) -> av.VideoCodecContext:
    """What decodes a stream: its own context, or one that keeps transparency."""
    own = stream.codec_context
    name = _WITH_ALPHA.get(own.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return own
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.VideoCodecContext)  # those of _WITH_ALPHA are
    if own.extradata:
        context.extradata = own.extradata
    return context


def _why_unreadable(path: Path, error: Exception) -> str:
    """The most useful half-line about a file that FFmpeg would not open."""
    if _boxes_without_index(path):
        return INCOMPLETE
    if isinstance(error, av.InvalidDataError | av.ArgumentError):
        known = f"{listed('video')}, {listed('picture')}"
        return f"not a video or picture that can be read, or damaged; formats read: {known}"
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
