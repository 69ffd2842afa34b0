"""A new background: frames that cover the source's, at the source's times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from relight import media
from relight.media import VideoInfo
from relight.media.depth import to_uint8
from relight.media.reading import refuse_hdr
from relight.media.sequences import beside, files_of

LOOP_S = 1e-3
"""Seconds by which a video must be shorter than the clip to be shown again from its start."""


class Backdrop:
    """A picture, or a video or pictures that are shown again and again, scaled to cover.

    Args:
        path: of it. size: (width, height) of the frames.
        fps: of the clip that is lit, which a folder of pictures has too.
        tonemap: HDR is mapped to SDR; False: it is refused.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction = Fraction(0),
        *,
        tonemap: bool = False,
    ) -> None:
        self.path, self.size = path, size
        self.info = media.probe(path, beside(path, fps, tonemap=tonemap))

    def frames(self, times: Sequence[Fraction], first: int = 0) -> Iterator[np.ndarray]:
        """What is behind the frames shown at `times`, from index `first` on: (h, w, 3) uint8."""
        if self.info.kind == "picture":
            picture = self._covering(next(media.read(self.path, how=self.info.reading)))
            for _ in times[first:]:
                yield picture
            return
        picture = np.empty((0, 0, 3), np.uint8)  # until the first is read
        lap, coming = -1, iter(())
        shown: media.Frame | None = None
        ahead: media.Frame | None = None
        for time in times[first:]:
            since = time - times[0]
            turn, moment = divmod(since, self._period()) if self.info.duration else (0, since)
            if turn != lap:
                lap, coming = turn, self._lap()
                ahead, shown = next(coming), None
            fresh = False
            while ahead is not None and (shown is None or ahead.time <= moment):
                shown, ahead, fresh = ahead, next(coming, None), True
            if fresh and shown is not None:
                picture = self._covering(shown)
            yield picture

    def _lap(self) -> Iterator[media.Frame]:
        """All frames, once."""
        if self.info.kind != "sequence":
            yield from media.read(self.path, how=self.info.reading, on_note=lambda note: None)
            return
        for i, file in enumerate(files_of(self.path)):  # each covers by itself, with no bars
            frame = next(media.read(file, how=self.info.reading))
            yield replace(frame, time=i / self.info.fps)

    def at(self, times: Sequence[Fraction], indices: Sequence[int]) -> np.ndarray:
        """What is behind some frames, in rising order: (frames, h, w, 3) uint8."""
        wanted = set(indices)
        found = [f for i, f in enumerate(self.frames(times[: max(indices) + 1])) if i in wanted]
        return np.stack(found)

    def _period(self) -> Fraction:
        return Fraction(max(self.info.duration or 0.0, 0.01)).limit_denominator(90000)

    def _covering(self, frame: media.Frame) -> np.ndarray:
        return covering(to_uint8(frame.flat()), *self.size)


def covering(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture scaled until it covers (width, height), its middle kept.

    >>> covering(np.zeros((10, 30, 3), np.uint8), 8, 6).shape
    (6, 8, 3)
    """
    scale = max(width / image.shape[1], height / image.shape[0])
    size = max(round(image.shape[1] * scale), width), max(round(image.shape[0] * scale), height)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    larger = cv2.resize(image, size, interpolation=how)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(larger[top : top + height, left : left + width])


def notes_on(path: Path, clip: VideoInfo, clip_seconds: float | None) -> tuple[str, ...]:
    """What may surprise of a background, in lines.

    Raises:
        InputError, MediaError: it can't be read.
    """
    info = media.probe(path, beside(path, clip.fps, tonemap=clip.reading.tonemap))
    refuse_hdr(info)
    notes = []
    shapes = info.width * clip.height, info.height * clip.width
    if max(shapes) > 1.02 * min(shapes):
        notes.append(
            f"the background of {info.width}x{info.height} is cut to cover {clip.width}x"
            f"{clip.height}"
        )
    if info.kind != "picture" and info.duration and clip_seconds:
        if info.duration < clip_seconds - LOOP_S:
            notes.append(
                f"the background lasts {info.duration:.2f} s and the clip {clip_seconds:.2f} s: it "
                "is shown again from its start"
            )
        elif info.duration > clip_seconds + 0.1:
            notes.append(
                f"the background is cut at {clip_seconds:.2f} s, where the clip ends: it lasts "
                f"{info.duration:.2f} s"
            )
    return tuple(notes)
