"""What every writer of frames has in common: depth, transparency, rising times, errors, notes."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from relight.errors import InputError, MediaError
from relight.media import sequences
from relight.media.clip import PIXEL_LIMIT, Frame, VideoInfo
from relight.media.companions import names_of
from relight.media.depth import over, to_depth
from relight.media.formats import written_format
from relight.media.options import Encoding
from relight.media.tags import Tags, tags_of

_DISK = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EFBIG: "the file grows past the largest size allowed there",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "no permission: choose another folder",
    errno.EIO: "the disk fails (input/output error): choose another one",
    errno.ENOENT: "its folder has vanished",
}


@dataclass(frozen=True, kw_only=True)
class Output:
    """What is to be written, and where.

    Attributes:
        path: the final name, for messages; part: the file or folder to write.
        source: whose properties are kept, if any. size: (width, height). fps: frames a second.
        start: where in the source the frames begin, in seconds; frames: how many are taken, None
            for all. companions: the source's other streams and tags go along.
    """

    path: Path
    part: Path
    source: VideoInfo | None
    size: tuple[int, int]
    fps: Fraction
    start: float
    frames: int | None
    encoding: Encoding
    companions: bool


class Writer(ABC):
    """Takes frames in order of time; made by `relight.media.write`.

    Attributes:
        depth: bits a channel that are written. alpha: is transparency kept?
        notes: what could not be kept, or was changed, in one-liners for people.
    """

    def __init__(self, output: Output) -> None:
        self.path, self.source, self.size = output.path, output.source, output.size
        self.fps, self.start = output.fps, Fraction(output.start)
        self.encoding, self._part = output.encoding, output.part
        self.count = 0
        self.origin = Fraction(0)  # source time of the output's time 0
        self.notes: list[str] = []
        target, bits = written_format(self.path), self.source.depth if self.source else 8
        self.alpha = target.alpha
        self.depth = self.encoding.depth_for(bits, target.depths)
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
        self._check(image.shape, image.dtype, time)
        if alpha is not None and not self.alpha:
            self._note(f"transparency is laid over {self.encoding.matte or 'black'}")
            image, alpha = over(image, alpha, self.encoding.matte_rgb), None
        with self._adding(time, duration) as at:
            image = np.ascontiguousarray(to_depth(image, self.depth))
            alpha = None if alpha is None else to_depth(alpha, self.depth)
            self._put(image, alpha, at, duration)

    @contextmanager
    def _adding(self, time: Fraction, duration: Fraction | None) -> Iterator[Fraction]:
        """Around what puts a frame into the file: its time there."""
        try:
            if not self.count:
                self._zero = Fraction(time)
                # A caller who counts from 0 after trimming is as welcome as one who kept the
                # times of read().
                self.origin = max(self.start, self._zero)
                self._begin()
            yield time - self._zero
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last, self._length = time, duration
        self.count += 1

    def _check(self, shape: tuple[int, ...], kind: np.dtype, time: Fraction) -> None:
        width, height = self.size
        known = (np.uint8, np.uint16, np.float32)
        if shape != (height, width, 3) or kind not in known:
            raise InputError(
                f"frame {self.count} is {kind} {shape}: "
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
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: av.FFmpegError | OSError) -> MediaError:
        """What stopped the writing, by its own name: the disk only where it was the disk."""
        reason = _DISK.get(error.errno or 0)
        if reason is None:
            text = error.strerror or str(error)
            at = f"frame {self.count}, at {float(self._last - self._zero):.2f} s"
            reason = f"its encoder or container refuses {at}: {text}"
        return MediaError(f"{self.path} could not be written: {reason}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _name_lost(self, what: str) -> None:
        """Name what the source holds beside its pictures and a silent format can't."""
        if self.source and self.source.kind == "video":
            lost = names_of(self.source.path, self.encoding)
            if lost:
                self._note(f"{what} holds no {', '.join(lost)}: left out")

    def _kept_tags(self, what: str, holds: tuple[str, ...]) -> Tags:
        """The tags of a picture or an animation; notes name those of a kind not in `holds`.

        Of numbered pictures none are kept: each has its own.
        """
        source = self.source
        if source is None or source.kind == "video":
            return Tags()
        each = source.kind == "sequence"
        path = sequences.files_of(source.path)[0] if each else source.path
        tags = tags_of(path, self.size, self.encoding)
        there = [name for name, held in tags.held().items() if held]
        if each:
            if lost := [name for name in there if name != "DPI"]:
                self._note(f"what the pictures say of themselves ({', '.join(lost)}) is left out")
            return Tags()
        lost = [{"texts": "comments"}.get(name, name) for name in there if name not in holds]
        if lost:
            self._note(f"{', '.join(lost)} left out: {what} does not hold them")
        if tags.placed:
            self._note("the place where it was taken is left out; --keep-metadata keeps it")
        return tags

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


def check_size(size: tuple[int, int]) -> None:
    """Refuse sizes that the encoders cannot hold."""
    width, height = size
    if width < 1 or height < 1 or width * height > PIXEL_LIMIT or max(size) > 16384:
        raise InputError(
            f"size {width}x{height}: give 1 to 16384 pixels a side, "
            f"{PIXEL_LIMIT / 1e6:.0f} megapixels at most"
        )
