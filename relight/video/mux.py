"""Frames into a file: H.264 video, GIF or PNG."""

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from relight.errors import InputError, MediaError
from relight.video.clip import PIXEL_LIMIT, VideoInfo
from relight.video.look import EXACT
from relight.video.sound import Company

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".gif": "gif", ".png": "png"}

# One clock on which every usual one lands exactly: 1/24, 1/25, 1001/30000, 1001/24000 s,
# milliseconds, QuickTime's 1/600 and MPEG's 1/90000.
_TICK = Fraction(1, 360_000)


class Writer(ABC):
    """Takes frames in order of time; made by `relight.video.write`."""

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
    """H.264 in MP4, MOV or Matroska, beside the source's own sound and subtitles."""

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
            self._video = self._add_video(crf)
            self._company = Company(source, self._out, path.suffix.lower()) if source else None
        except BaseException:
            self._out.close()
            raise

    def _add_video(self, crf: int) -> av.VideoStream:
        stream = self._out.add_stream("libx264", rate=self.fps, options={"crf": str(crf)})
        stream.width, stream.height = self.size
        # 4:2:0 stores colour for blocks of 2x2, so it has no odd sizes at all.
        odd = self.size[0] % 2 or self.size[1] % 2
        stream.pix_fmt = "yuv444p" if odd else "yuv420p"
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


class GifWriter(Writer):
    """Animated GIF: silent, 256 colours chosen anew for each frame, times in 1/100 s."""

    def __init__(
        self, part: Path, path: Path, *, size: tuple[int, int], fps: Fraction, start: float
    ) -> None:
        super().__init__(path, size, fps, start)
        self._out = av.open(str(part), "w", format="gif")
        # Flag 0: whole frames. FFmpeg's frame differences compare palette indices, which say
        # nothing when every frame has its own palette.
        self._video = self._out.add_stream("gif", rate=fps, options={"gifflags": "0"})
        self._video.width, self._video.height = size
        self._video.pix_fmt = "pal8"
        self._video.codec_context.time_base = Fraction(1, 100)
        self._pts = -1
        self._graph = self._palettes()

    def _palettes(self) -> av.filter.Graph:
        """A palette per frame: one for the whole clip would need the whole clip in memory."""
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=self.size[0], height=self.size[1], format="rgb24", time_base=Fraction(1, 100)
        )
        split, make = graph.add("split"), graph.add("palettegen", "stats_mode=single")
        use, sink = graph.add("paletteuse", "new=1"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph

    def _begin(self) -> None:
        pass

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        self._pts = frame.pts = max(round(time * 100), self._pts + 1)
        frame.time_base = Fraction(1, 100)
        self._graph.vpush(frame)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            frame.duration = max(1, round(100 / self.fps))
            self._out.mux(self._video.encode(frame))

    def _end(self, end: Fraction) -> None:
        self._graph.vpush(None)
        self._drain()
        self._out.mux(self._video.encode(None))
        self._out.close()

    def close(self) -> None:
        self._out.close()


class PngWriter(Writer):
    """One image."""

    def __init__(
        self, part: Path, path: Path, *, size: tuple[int, int], fps: Fraction, start: float
    ) -> None:
        super().__init__(path, size, fps, start)
        self._part = part

    def _begin(self) -> None:
        pass

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        if self.count:
            raise InputError(f"{self.path}: .png holds one frame; give .mp4, .mov, .mkv or .gif")
        Image.fromarray(image).save(self._part, format="PNG")

    def _end(self, end: Fraction) -> None:
        pass

    def close(self) -> None:
        pass


def check_size(size: tuple[int, int]) -> None:
    """Refuse sizes that H.264 cannot hold."""
    width, height = size
    if width < 1 or height < 1 or width * height > PIXEL_LIMIT or max(size) > 16384:
        raise InputError(
            f"size {width}x{height}: give 1 to 16384 pixels a side, "
            f"{PIXEL_LIMIT / 1e6:.0f} megapixels at most"
        )
