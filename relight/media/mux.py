"""Frames into a video file: H.264 or VP9, with sound and subtitles."""

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from relight.errors import InputError, MediaError
from relight.media.clip import PIXEL_LIMIT, VideoInfo
from relight.media.look import EXACT
from relight.media.sound import Company

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

# One clock on which every usual one lands exactly: 1/24, 1/25, 1001/30000, 1001/24000 s,
# milliseconds, QuickTime's 1/600 and MPEG's 1/90000.
AVX_512F = 13  # CV_CPU_AVX_512F of OpenCV
_TICK = Fraction(1, 360_000)


class Writer(ABC):
    """Takes frames in order of time; made by `relight.media.write`."""

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction, start: float) -> None:
        self.path = path  # the final name, for messages
        self.size = size  # (width, height)
        self.fps = fps
        self.start = Fraction(start)
        self.count = 0
        self.origin = Fraction(0)  # source time of the output's time 0
        self._zero = Fraction(0)  # caller's time of the output's time 0
        self._last = Fraction(-1)

    def add(self, image: np.ndarray, time: Fraction) -> None:
        """Append a frame: (H, W, 3) uint8 RGB of the writer's size, time in source seconds.

        Times must rise. Raises InputError for a frame of the wrong kind, MediaError when the
        file cannot be written (a full disk).
        """
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise InputError(
                f"frame {self.count} is {image.dtype} {image.shape}: "
                f"give uint8 ({height}, {width}, 3)"
            )
        if self.count and time <= self._last:
            raise InputError(
                f"frame {self.count} is at {float(time):.4f} s, not after the one before it "
                f"({float(self._last):.4f} s): give frames in order of time"
            )
        try:
            if not self.count:
                self._zero = Fraction(time)
                # A caller who counts from 0 after trimming is as welcome as one who kept the
                # times of read().
                self.origin = max(self.start, self._zero)
                self._begin()
            self._put(np.ascontiguousarray(image), time - self._zero)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last = time
        self.count += 1

    def finish(self) -> None:
        """Write what is still held back. Raises MediaError when no frame was given."""
        if not self.count:
            raise MediaError(f"{self.path}: no frame was given, so nothing was written")
        try:
            self._end(self._last - self._zero + 1 / self.fps)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or error
        return MediaError(
            f"{self.path} could not be written ({reason}); check the disk's space and rights"
        )

    @abstractmethod
    def _begin(self) -> None:
        """Called once, when `origin` is known."""

    @abstractmethod
    def _put(self, image: np.ndarray, time: Fraction) -> None:
        """Encode a frame shown at `time` seconds of the output."""

    @abstractmethod
    def _end(self, end: Fraction) -> None:
        """Flush; the last frame ends at `end` seconds of the output."""

    @abstractmethod
    def close(self) -> None:
        """Release the file; also called when the run failed."""


class VideoWriter(Writer):
    """H.264 in MP4, MOV or Matroska, VP9 in WebM, beside the source's own sound and subtitles."""

    def __init__(
        self,
        part: Path,
        path: Path,
        source: VideoInfo | None,
        *,
        size: tuple[int, int],
        fps: Fraction,
        start: float,
        crf: int,
    ) -> None:
        super().__init__(path, size, fps, start)
        kind = FORMATS[path.suffix.lower()]
        faststart = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
        self._out = av.open(str(part), "w", format=kind, container_options=faststart)
        try:
            self._video = self._add_video(kind, crf)
            self._company = Company(source, self._out, path.suffix.lower()) if source else None
        except BaseException:
            self._out.close()
            raise

    def _add_video(self, kind: str, crf: int) -> av.VideoStream:
        if kind == "webm":
            stream = self._out.add_stream("libvpx-vp9", rate=self.fps, options=_vp9(crf))
        else:
            options = {"crf": str(crf)} | steady_x264()
            stream = self._out.add_stream("libx264", rate=self.fps, options=options)
        stream.width, stream.height = self.size
        # H.264 has no odd sizes in 4:2:0, which stores colour for blocks of 2x2; VP9 has them.
        odd = self.size[0] % 2 or self.size[1] % 2
        stream.pix_fmt = "yuv444p" if odd and kind != "webm" else "yuv420p"
        context = stream.codec_context
        context.time_base = _TICK
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = ColorRange.MPEG
        return stream

    def _begin(self) -> None:
        if self._company:
            self._company.origin = self.origin

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
            format=self._video.pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=EXACT,
        )
        frame.pts = round(time / _TICK)
        frame.time_base = _TICK
        frame.duration = round(1 / self.fps / _TICK)
        self._out.mux(self._video.encode(frame))
        if self._company:
            self._company.advance(time)

    def _end(self, end: Fraction) -> None:
        self._out.mux(self._video.encode(None))
        if self._company:
            self._company.finish(end)
        self._out.close()  # writes the index: a full disk may show only here

    def close(self) -> None:
        if self._company:
            self._company.close()
        self._out.close()


def steady_x264() -> dict[str, str]:
    """Options with which x264 makes the same file of the same frames every time.

    Its code for AVX-512 does not: of 8 encodings of one small clip, between decodings of others, up
    to 3 differed; with the code for AVX2, which every such processor has too, none of them.
    """
    return {"x264-params": "asm=AVX2"} if cv2.checkHardwareSupport(AVX_512F) else {}


def _vp9(crf: int) -> dict[str, str]:
    """Options for libvpx: H.264's crf becomes the one (0 to 63) that looks like it.

    Measured on footage: 14 has the error of H.264's 18; 0 is lossless for both.
    """
    quality = round(63 * (crf / 51) ** 1.45)
    return {"crf": str(quality), "deadline": "good", "cpu-used": "4", "row-mt": "1"}


def check_size(size: tuple[int, int]) -> None:
    """Refuse sizes that the encoders cannot hold."""
    width, height = size
    if width < 1 or height < 1 or width * height > PIXEL_LIMIT or max(size) > 16384:
        raise InputError(
            f"size {width}x{height}: give 1 to 16384 pixels a side, "
            f"{PIXEL_LIMIT / 1e6:.0f} megapixels at most"
        )
