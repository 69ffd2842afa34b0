"""How files are read and written, where that is a choice: two small records, checked by name.

This module imports nothing heavy: jobs are made of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from relight.errors import InputError
from relight.media.codecs import CODECS
from relight.media.formats import Format, format_of, written_format

Conversion = Literal["exact", "ffmpeg"]
DEFAULT_FPS = Fraction(25)  # where a file does not say, and for stills


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How an input is read.

    Attributes:
        fps: of numbered pictures, frames per second; None: 25, with a note.
        as_clip: a folder is one clip made of its pictures in order.
        tonemap: HDR is mapped to SDR; False: it is refused.
        conversion: "ffmpeg": to the 8-bit pixels that OpenCV, imageio and `ffmpeg` give by default
            (1 to 3 levels darker, BT.601 where a file has no tag, transparency over black), for
            comparing with numbers measured with those.
        careful: a video is decoded in one thread, so that of a damaged one the same is noted every
            time. False: in several, then once more with care where damage is found.
    """

    fps: float | None = None
    as_clip: bool = False
    tonemap: bool = False
    conversion: Conversion = "exact"
    careful: bool = False


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How an output is encoded; None leaves a choice to the format.

    Attributes:
        codec: a name in `codecs.CODECS`.
        crf: quality on the codec's own scale, lower is better.
        pix_fmt: FFmpeg's name of a pixel format.
        preset: the encoder's own name of a speed.
        depth: bits a channel; None: the source's where the format has it, else the next below.
        keep_metadata: None: all but the place where it was taken; True: that too; False: none.
        matte: colour put behind transparency where the output can't hold it: a name, "#rrggbb";
            None: black.
    """

    codec: str | None = None
    crf: int | None = None
    pix_fmt: str | None = None
    preset: str | None = None
    depth: int | None = None
    keep_metadata: bool | None = None
    matte: str | None = None

    def codec_name(self, path: str | os.PathLike, *, alpha: bool = False, depth: int = 8) -> str:
        """The codec that `path` is written with: the one asked for, or its format's first.

        Where that can't hold the depth asked for, or the source's transparency (unless a colour
        is chosen for it, or a setting on the usual codec's scale), it is the first that can.

        Args:
            alpha, depth: of the source.

        >>> Encoding().codec_name("a.mov"), Encoding().codec_name("a.mov", alpha=True)
        ('h264', 'prores4444')
        >>> Encoding(depth=10).codec_name("a.webm")
        'av1'
        """
        if self.codec is not None:
            return self.codec
        usual, *others = (name for name in written_format(path).codecs if CODECS[name].linked)
        if (self.crf, self.preset, self.pix_fmt) != (None, None, None):
            return usual
        if alpha and written_format(path).alpha and self.matte is None:
            clear = {name: CODECS[name].alpha for name in others if CODECS[name].alpha}
            wanted = self.depth or depth
            enough = [name for name, depths in clear.items() if max(depths) >= wanted]
            if not CODECS[usual].alpha and clear:
                return enough[0] if enough else max(clear, key=lambda name: max(clear[name]))
        if self.depth not in (None, *CODECS[usual].pixels):
            return next((name for name in others if self.depth in CODECS[name].pixels), usual)
        return usual

    def check(self, path: str | os.PathLike) -> None:
        """Raise InputError where this can't be done in a file of that name."""
        target = format_of(path)
        if target is None or not target.written:
            return  # that is `check_output`'s to say
        suffix = Path(path).suffix.lower()
        self._check_matte()
        if target.kind == "picture":
            self._check_picture(suffix, target)
        else:
            self._check_video(suffix, target)

    def _check_picture(self, suffix: str, target: Format) -> None:
        for name in ("codec", "crf", "pix_fmt", "preset"):
            if (value := getattr(self, name)) is not None:
                option = name.replace("_", "-")
                raise InputError(f"{option} {value} is for videos: leave it out for {suffix}")
        self._check_depth(suffix, target.depths)

    def _check_video(self, suffix: str, target: Format) -> None:
        if self.codec is not None and self.codec not in CODECS:
            raise InputError(f"unknown codec {self.codec!r}: use one of {', '.join(CODECS)}")
        name = self.codec_name("a" + suffix)
        if name not in target.codecs:
            known = ", ".join(target.codecs)
            raise InputError(f"codec {name} does not fit into {suffix}: use one of {known}")
        codec = CODECS[name]
        self._check_depth(f"codec {name}", tuple(codec.pixels))
        if self.crf is not None:
            if codec.crf is None:
                raise InputError(f"codec {name} has no crf: leave it out")
            best, worst, usual = codec.crf
            if not best <= self.crf <= worst:
                raise InputError(
                    f"crf is {self.crf}: {name} takes {best} (best) to {worst}, usually {usual}"
                )
        if self.preset is not None and self.preset not in codec.presets:
            known = f"use one of {', '.join(codec.presets)}" if codec.presets else "it has none"
            raise InputError(f"unknown preset {self.preset!r} of codec {name}: {known}")

    def _check_depth(self, what: str, depths: tuple[int, ...]) -> None:
        if self.depth is not None and self.depth not in depths:
            known = " or ".join(str(depth) for depth in depths)
            raise InputError(f"depth is {self.depth}: {what} holds {known} bits a channel")

    def _check_matte(self) -> None:
        self.matte_rgb  # noqa: B018 - raises where it is no colour

    @property
    def matte_rgb(self) -> tuple[int, int, int]:
        """The matte's red, green and blue, 0 to 255."""
        from PIL import ImageColor  # a module of its own, and a small one

        try:
            return ImageColor.getrgb(self.matte or "black")[:3]
        except ValueError:
            raise InputError(
                f"matte is {self.matte!r}: give a colour, e.g. black, white or #00b140"
            ) from None

    def depth_for(self, source: int, depths: tuple[int, ...]) -> int:
        """Bits a channel to write: what is asked for, else the source's, or the next there is.

        >>> Encoding().depth_for(12, (8, 10)), Encoding().depth_for(10, (8, 16))
        (10, 16)
        """
        if self.depth is not None:
            return self.depth
        enough = [depth for depth in sorted(depths) if depth >= source]
        return enough[0] if enough else max(depths)
