"""Frames into pictures: one still image, an animation, or a numbered sequence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from relight.errors import InputError
from relight.media.formats import written_format
from relight.media.picture_files import SETTINGS, encoded
from relight.media.png import Apng
from relight.media.tags import Tags
from relight.media.webp import AnimatedWebp
from relight.media.writer import Output, Writer

_SHORTEST = Fraction(1, 100)  # seconds: see `animation.shown`


class PictureWriter(Writer):
    """What writers of pictures have in common: the format, and the tags of the source."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._target = written_format(self.path)
        self._tags = Tags()
        if max(self.size) > self._target.side:
            suffix = self.path.suffix
            raise InputError(
                f"{self.path}: {suffix} holds {self._target.side} pixels a side; give .png or .jpg"
            )

    def _begin(self) -> None:
        source = self.source
        if source is None:
            return
        if source.depth > self.depth:
            self._note(f"{source.depth}-bit, written as {self.depth}-bit: {self.path.suffix} "
                       f"holds no more")  # fmt: skip
        self._name_lost(self._target.name)
        self._tags = self._kept_tags(self._target.name, self._target.metadata)
        if self._target.muxer == "JPEG" and set(self._tags.texts) - {"Comment"}:
            self._note("the PNG's texts are written as one JPEG comment, without their names")

    def _file(self, image: np.ndarray, alpha: np.ndarray | None) -> bytes | bytearray:
        grey = bool(self.source and self.source.grey)
        return encoded(image, alpha, self._target, grey, self._tags)

    def _end(self, end: Fraction) -> None:
        pass

    def close(self) -> None:
        pass


def one_frame(path: Path) -> str:
    """What to say where more than a frame is put into a picture."""
    return (
        f"{path}: {path.suffix.lower()} holds one frame; give .mp4, .mov, .mkv, .webm, .gif, .apng "
        "or a sequence (%05d.png)"
    )


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
            raise InputError(one_frame(self.path))
        self._part.write_bytes(self._file(image, alpha))


class AnimationWriter(PictureWriter):
    """An animated PNG or WebP; a still image where there is one frame only."""

    _file_open: BinaryIO | None = None
    _made: Apng | AnimatedWebp | None = None
    _held: tuple[np.ndarray, np.ndarray | None, Fraction] | None = None

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        if self._held is not None:
            if time - self._held[2] <= _SHORTEST:
                self._note("frames shown for 10 ms or less are left out: players hold such ones "
                           "for 1/10 s")  # fmt: skip
                return
            held, clear, since = self._held
            self._write(held, clear, time - since)
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
        file = self._file_open = self._part.open("w+b")
        if self._target.muxer == "PNG":
            return Apng(file, plays, clear, self._tags)
        return AnimatedWebp(file, self.size, plays, clear, self._tags)

    def _end(self, end: Fraction) -> None:
        if self._held is None:
            return  # `finish` has refused it: no frame was given
        image, alpha, time = self._held
        if self._made is None:
            self._part.write_bytes(self._file(image, alpha))
            return
        self._write(image, alpha, end - time)
        self._made.finish()
        if self._file_open is not None:
            self._file_open.flush()

    def close(self) -> None:
        if self._file_open is not None:
            self._file_open.close()


class SequenceWriter(PictureWriter):
    """Pictures numbered from 1 in the folder `part`: silent, and without times."""

    def _begin(self) -> None:
        super()._begin()
        self._part.mkdir()
        if self.source and self.source.kind in ("video", "animation"):
            self._note(f"numbered pictures hold no times: --fps {float(self.fps):g} reads them "
                       "back at the average rate")  # fmt: skip

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        name = self.path.name % (self.count + 1)
        (self._part / name).write_bytes(self._file(image, alpha))
