"""Frames into pictures: one still image, an animation, or a numbered sequence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from relight.errors import InputError
from relight.media.clip import VideoInfo
from relight.media.formats import format_of
from relight.media.mux import Writer
from relight.media.options import Encoding
from relight.media.picture_files import SETTINGS, encoded
from relight.media.png import Apng
from relight.media.tags import Tags, tags_of
from relight.media.webp import AnimatedWebp


class PictureWriter(Writer):
    """What writers of pictures have in common: the format, and the tags of the source."""

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
    ) -> None:
        super().__init__(path, source, size=size, fps=fps, start=start, encoding=encoding)
        self._part, self._target = part, format_of(path)
        self._tags = Tags()
        if max(size) > self._target.side:
            raise InputError(
                f"{path}: {path.suffix} holds {self._target.side} pixels a side; give .png or .jpg"
            )

    def _begin(self) -> None:
        source = self.source
        if source is None:
            return
        if source.depth > self.depth and source.kind != "video":
            self._note(f"{source.depth}-bit, written as {self.depth}-bit: {self.path.suffix} "
                       f"holds no more")  # fmt: skip
        if source.has_audio:
            self._note(f"{self._target.name} holds no sound, left out")
        if source.kind == "picture" and self._target.muxer != "exr":
            self._take_tags(source.path)
        elif source.kind == "picture":
            self._note("an OpenEXR file is written without the picture's tags")

    def _take_tags(self, path: Path) -> None:
        self._tags = tags_of(path, self.size, self.encoding)
        lost = [
            {"texts": "comments"}.get(name, name)
            for name, there in self._tags.held().items()
            if there and name not in self._target.metadata
        ]
        if self._target.muxer == "JPEG" and set(self._tags.texts) - {"Comment"}:
            self._note("the PNG's texts are written as one JPEG comment, without their names")
        if "EXIF" in lost and self._target.muxer == "TIFF":
            lost.remove("EXIF")
            self._note("of the EXIF tags, TIFF keeps description, camera, date, artist and rights")
        if lost:
            self._note(f"{', '.join(lost)} left out: {self._target.name} does not hold them")
        if self._tags.placed:
            self._note("the place where it was taken is left out; --keep-metadata keeps it")

    def _file(self, image: np.ndarray, alpha: np.ndarray | None) -> bytes:
        grey = bool(self.source and self.source.grey)
        return encoded(image, alpha, self._target, grey, self._tags)

    def _end(self, end: Fraction) -> None:
        pass

    def close(self) -> None:
        pass


class StillWriter(PictureWriter):
    """One image."""

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        if self.count:
            raise InputError(
                f"{self.path}: {self.path.suffix.lower()} holds one frame; "
                "give .mp4, .mov, .mkv, .webm, .gif, .apng or a sequence (%05d.png)"
            )
        self._part.write_bytes(self._file(image, alpha))


class AnimationWriter(PictureWriter):
    """An animated PNG or WebP; a still image where there is one frame only."""

    _file_open = None

    def _begin(self) -> None:
        self._held: tuple | None = None
        self._made: Apng | AnimatedWebp | None = None
        if self.source and self.source.has_audio:
            self._note(f"{self._target.name} holds no sound, left out")

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        if self._held is not None:
            self._write(*self._held[:2], time - self._held[2])
        self._held = image, alpha, time

    def _write(self, image: np.ndarray, alpha: np.ndarray | None, duration: Fraction) -> None:
        if self._made is None:
            self._made = self._open()
        if isinstance(self._made, Apng):
            self._made.add(image, alpha, duration)
            return
        array = image if alpha is None else np.dstack([image, alpha])
        self._made.add(Image.fromarray(array), duration, **SETTINGS["WEBP"], exact=True)

    def _open(self) -> Apng | AnimatedWebp:
        plays = (self.source.plays if self.source else 0) or 0
        clear = bool(self.source and self.source.alpha)
        self._file_open = self._part.open("w+b")
        if self._target.muxer == "PNG":
            return Apng(self._file_open, plays, clear)
        return AnimatedWebp(self._file_open, self.size, plays, clear)

    def _end(self, end: Fraction) -> None:
        image, alpha, time = self._held
        if self._made is None:
            self._part.write_bytes(self._file(image, alpha))
            return
        self._write(image, alpha, end - time)
        self._made.finish()
        self._file_open.flush()

    def close(self) -> None:
        if self._file_open is not None:
            self._file_open.close()


class SequenceWriter(PictureWriter):
    """Pictures numbered from 1 in the folder `part`: silent, and without times."""

    def _begin(self) -> None:
        super()._begin()
        self._part.mkdir()

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        name = self.path.name % (self.count + 1)
        (self._part / name).write_bytes(self._file(image, alpha))
