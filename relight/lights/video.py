"""A video as the light, or a folder of pictures: a light map that changes with time."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from relight.errors import InputError
from relight.lights import fields
from relight.lights.base import Light, register
from relight.lights.image import file_path, file_text, stretched

if TYPE_CHECKING:
    import numpy as np

    from relight.media import Frame, Reading

NEAR = 2.0
"""Seconds of a video that are read through rather than jumped over."""


@register
@dataclass(frozen=True)
class VideoLight(Light):
    """A video file, stretched to the frame; its first frame is shown at 0 s, its last one holds.

    A folder of pictures is one of the clip's own rate.

    >>> str(VideoLight("sky.mp4")), VideoLight("sky.mp4").moving
    ('sky.mp4', True)
    """

    words: ClassVar = ("video",)
    usage: ClassVar = "the path of a video or of a folder of pictures"
    suffixes: ClassVar = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")

    path: Path = fields.file("a video that is bright where the light is")
    fps: float = 0.0  # of the clip that is lit, where the path is a folder of pictures
    tonemap: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `video:path`; the word is left out where the file's suffix tells."""
        return cls(file_path(text))

    def __str__(self) -> str:
        return file_text(self, self.path)

    @property
    def moving(self) -> bool:
        return True

    def for_clip(self, fps: float, tonemap: bool = False) -> VideoLight:
        return dataclasses.replace(self, fps=fps, tonemap=tonemap)

    def check(self) -> None:
        """Raise InputError or MediaError where it can't be read as a video."""
        if not self.path.exists():
            raise InputError(f"there is no light video {self.path}: check the path")
        self._reader.image(0.0)

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        return stretched(self._reader.image(seconds), height, width)

    @cached_property
    def _reader(self) -> Reader:
        from relight.media.sequences import beside

        return Reader(self.path, beside(self.path, Fraction(self.fps), tonemap=self.tonemap))

    def __getstate__(self) -> dict[str, Any]:
        # An open file can't go to another process.
        return {"path": self.path, "fps": self.fps, "tonemap": self.tonemap}


class Reader(threading.local):
    """Frames of a video by time; quick where times rise, as they mostly do.

    Each thread has its own: one computes light while another writes frames, at other times.
    """

    def __init__(self, path: Path, how: Reading | None = None) -> None:
        self.path, self.how = path, how
        self.frames: Iterator[Frame] = iter(())
        self.shown: Frame | None = None
        self.next: Frame | None = None

    def image(self, seconds: float) -> np.ndarray:
        """The frame that is on the screen at a time: (h, w, 3) uint8."""
        if self.shown is None or not 0 <= seconds - float(self.shown.time) <= NEAR:
            self._open(seconds)
        while self.next is not None and self.next.time <= seconds:
            self.shown, self.next = self.next, next(self.frames, None)
        from relight.media import to_uint8

        assert self.shown is not None
        return to_uint8(self.shown.flat())

    def _open(self, seconds: float) -> None:
        """Begin a little before a time, or at the start where there is no frame so near."""
        from relight import media

        how = self.how or media.Reading()
        for start in (max(seconds - NEAR / 2, 0.0), 0.0):
            self.frames = media.read(self.path, start=start, how=how)
            try:
                self.shown = next(self.frames)
            except InputError:
                if not start:  # else that is past the last frame
                    raise
                continue
            if self.shown.time <= seconds or not start:
                break
        self.next = next(self.frames, None)
