"""Frames into a video file, beside the source's own sound, subtitles, chapters and tags."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from relight.errors import InputError, MediaError
from relight.media import encoders
from relight.media.clip import PIXEL_LIMIT, Frame, VideoInfo
from relight.media.companions import Company
from relight.media.depth import over, to_depth
from relight.media.formats import CODECS, format_of
from relight.media.look import EXACT
from relight.media.options import Encoding
from relight.media.scheduling import ordinary_threads

# One clock on which every usual one lands exactly: 1/24, 1/25, 1001/30000, 1001/24000 s,
# milliseconds, QuickTime's 1/600 and MPEG's 1/90000.
_TICK = Fraction(1, 360_000)
_DISK = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EFBIG: "the file grows past the largest size allowed there",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "no permission: choose another folder",
    errno.EIO: "the disk fails (input/output error): choose another one",
    errno.ENOENT: "its folder has vanished",
}


class Writer(ABC):
    """Takes frames in order of time; made by `relight.media.write`.

    Attributes:
        depth: bits a channel that are written. alpha: is transparency kept?
        notes: what could not be kept, or was changed, in one-liners for people.
    """

    def __init__(
        self,
        path: Path,
        source: VideoInfo | None,
        *,
        size: tuple[int, int],
        fps: Fraction,
        start: float,
        encoding: Encoding,
    ) -> None:
        self.path = path  # the final name, for messages
        self.source = source
        self.size = size  # (width, height)
        self.fps = fps
        self.start = Fraction(start)
        self.encoding = encoding
        self.count = 0
        self.origin = Fraction(0)  # source time of the output's time 0
        self.notes: list[str] = []
        self.alpha = format_of(path).alpha
        self.depth = encoding.depth_for(source.depth if source else 8, format_of(path).depths)
        self._zero = Fraction(0)  # caller's time of the output's time 0
        self._last = Fraction(-1)
        self._length: Fraction | None = None  # of the last frame

    def put(self, frame: Frame) -> None:
        """Append a frame, its transparency and its length with it; see `add`."""
        self.add(frame.image, frame.time, alpha=frame.alpha, duration=frame.duration)

    def add(
        self,
        image: np.ndarray,
        time: Fraction,
        *,
        alpha: np.ndarray | None = None,
        duration: Fraction | None = None,
    ) -> None:
        """Append a frame: (H, W, 3) RGB of the writer's size, time in source seconds.

        image: uint8, uint16 or float32; written at the writer's depth. alpha: (H, W), straight.
        duration: how long it is shown, if that is known; asked of the last frame alone, and of
        all in an animation.

        Times must rise. Raises InputError for a frame of the wrong kind, MediaError when the
        file cannot be written (a full disk).
        """
        self._check(image, time)
        if alpha is not None and not self.alpha:
            self._note(f"transparency is laid over {self.encoding.matte or 'black'}")
            image, alpha = over(image, alpha, self.encoding.matte_rgb), None
        try:
            if not self.count:
                self._zero = Fraction(time)
                # A caller who counts from 0 after trimming is as welcome as one who kept the
                # times of read().
                self.origin = max(self.start, self._zero)
                self._begin()
            image = np.ascontiguousarray(to_depth(image, self.depth))
            alpha = None if alpha is None else to_depth(alpha, self.depth)
            self._put(image, alpha, time - self._zero, duration)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last, self._length = time, duration
        self.count += 1

    def _check(self, image: np.ndarray, time: Fraction) -> None:
        width, height = self.size
        known = (np.uint8, np.uint16, np.float32)
        if image.shape != (height, width, 3) or image.dtype not in known:
            raise InputError(
                f"frame {self.count} is {image.dtype} {image.shape}: "
                f"give uint8, uint16 or float32 ({height}, {width}, 3)"
            )
        if self.count and time <= self._last:
            raise InputError(
                f"frame {self.count} is at {float(time):.4f} s, not after the one before it "
                f"({float(self._last):.4f} s): give frames in order of time"
            )

    def finish(self) -> None:
        """Write what is still held back. Raises MediaError when no frame was given."""
        if not self.count:
            raise MediaError(f"{self.path}: no frame was given, so nothing was written")
        try:
            self._end(self._last - self._zero + (self._length or 1 / self.fps))
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> MediaError:
        """What stopped the writing, by its own name: the disk only where it was the disk."""
        reason = _DISK.get(error.errno)
        if reason is None:
            text = error.strerror or str(error)
            at = f"frame {self.count}, at {float(self._last - self._zero):.2f} s"
            reason = f"its encoder or container refuses {at}: {text}"
        return MediaError(f"{self.path} could not be written: {reason}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @abstractmethod
    def _begin(self) -> None:
        """Called once, when `origin` is known."""

    @abstractmethod
    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        """Encode a frame, at the writer's depth, shown at `time` seconds of the output."""

    @abstractmethod
    def _end(self, end: Fraction) -> None:
        """Flush; the last frame ends at `end` seconds of the output."""

    @abstractmethod
    def close(self) -> None:
        """Release the file; also called when the run failed."""


class VideoWriter(Writer):
    """A video in MP4, QuickTime, Matroska or WebM."""

    def __init__(
        self,
        part: Path,
        path: Path,
        source: VideoInfo | None,
        *,
        size: tuple[int, int],
        fps: Fraction,
        start: float,
        encoding: Encoding,
        companions: bool,
        frames: int | None,
    ) -> None:
        common = {"size": size, "fps": fps, "start": start, "encoding": encoding}
        super().__init__(path, source, **common)
        self._choice = encoders.choice(path, source, size, encoding)
        self.depth, self.alpha = self._choice.depth, self._choice.alpha
        self._say_what_changes()
        self._held: av.Packet | None = None
        self._natural_end = Fraction(0)  # of the packets as the encoder timed them
        self._company = None
        if source and companions and source.kind == "video":
            length = None if frames is None else frames / fps
            self._company = Company(source, path, encoding, self._note, length)
        kind = format_of(path).muxer
        flags = self._company.flags if self._company else ""
        options = {"movflags": "+faststart" + flags} if kind in ("mp4", "mov") else {}
        try:
            self._out = av.open(str(part), "w", format=kind, container_options=options)
        except BaseException:
            self._close_company()
            raise
        try:
            self._video = self._add_video(kind)
            if self._company:
                self._company.join(self._out, self._video)
        except BaseException:
            self.close()
            raise

    def _say_what_changes(self) -> None:
        source, choice = self.source, self._choice
        if source is None:
            return
        usual = self.encoding.codec_name(self.path)
        if choice.name != usual:
            self._note(f"transparent, so written as {choice.name}; --codec {usual} "
                       "or --matte lays it over a colour")  # fmt: skip
        if source.depth > choice.depth:
            deep = [name for name in format_of(self.path).codecs
                    if CODECS[name].linked and max(CODECS[name].pixels) > choice.depth]  # fmt: skip
            hint = f"; --codec {deep[0]} keeps more" if deep and not choice.alpha else ""
            self._note(f"{source.depth}-bit, written as {choice.depth}-bit ({choice.name}){hint}")
        elif source.depth > 8 and choice.depth > 8 and choice.name == "h264":
            self._note("10-bit H.264: browsers and QuickTime need --depth 8 or --codec h265")
        if source.kind == "animation" and source.plays != 1:
            times = "for ever" if not source.plays else f"{source.plays} times"
            self._note(f"the animation plays {times}; a video plays once")

    def _add_video(self, kind: str) -> av.VideoStream:
        choice = self._choice
        if choice.codec.encoder == "libsvtav1":
            encoders.quiet()
        stream = self._out.add_stream(choice.codec.encoder, rate=self.fps, options=choice.options)
        stream.width, stream.height = self.size
        stream.pix_fmt = choice.pix_fmt
        context = stream.codec_context
        context.time_base = _TICK
        context.color_primaries = context.color_trc = 1  # BT.709
        context.colorspace = 0 if choice.is_rgb else 1
        context.color_range = ColorRange.JPEG if choice.is_rgb else ColorRange.MPEG
        if "265" in choice.name and kind in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # the one that Apple's players know
        return stream

    def _begin(self) -> None:
        if self._company:
            self._company.begin(self.origin, self.fps)
        try:
            with ordinary_threads():
                self._out.start_encoding()
        except (av.error.FFmpegError, OSError) as error:
            raise encoders.open_failed(self._choice, error) from error
        if self._company:
            self._company.started()

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        deep = image.dtype == np.uint16
        form = "rgb48le" if deep else "rgb24"
        if self.alpha:
            form = "rgba64le" if deep else "rgba"
            if alpha is None:
                alpha = np.full(image.shape[:2], 65535 if deep else 255, image.dtype)
            image = np.dstack([image, alpha])
        rgb = self._choice.is_rgb
        frame = av.VideoFrame.from_ndarray(image, form).reformat(
            format=self._video.pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=None if rgb else Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG if rgb else ColorRange.MPEG,
            interpolation=EXACT,
        )
        frame.color_primaries = frame.color_trc = 1  # ProRes takes them from here
        frame.pts = round(time / _TICK)
        frame.time_base = _TICK
        frame.duration = round(1 / self.fps / _TICK)
        self._mux(self._video.encode(frame))
        if self._company:
            self._company.advance(time)

    def _mux(self, packets: list[av.Packet]) -> None:
        """All packets but the newest, which may turn out to be the last and get its length."""
        for packet in packets:
            length = (packet.duration or 0) * packet.time_base or 1 / self.fps
            until = packet.pts * packet.time_base + length
            self._natural_end = max(self._natural_end, until)
            if self._held is not None:
                self._out.mux(self._held)
            self._held = packet

    def _end(self, end: Fraction) -> None:
        self._mux(self._video.encode(None))
        last, self._held = self._held, None
        if last is not None:
            tick = last.time_base
            if end > self._natural_end + 1 / (2 * self.fps):  # held, or longer than others
                last.duration = max(last.duration or 0, round(end / tick) - last.pts)
            self._out.mux(last)
        if self._company:
            self._company.finish(end)
        self._out.close()  # writes the index: a full disk may show only here

    def close(self) -> None:
        self._close_company()
        self._out.close()

    def _close_company(self) -> None:
        if self._company:
            self._company.close()


def check_size(size: tuple[int, int]) -> None:
    """Refuse sizes that the encoders cannot hold."""
    width, height = size
    if width < 1 or height < 1 or width * height > PIXEL_LIMIT or max(size) > 16384:
        raise InputError(
            f"size {width}x{height}: give 1 to 16384 pixels a side, "
            f"{PIXEL_LIMIT / 1e6:.0f} megapixels at most"
        )
