"""The encoder of a video: which pixel format, depth and options, from what was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
from av.codec.codec import UnknownCodecError

from relight.errors import InputError
from relight.media.clip import VideoInfo
from relight.media.codecs import CODECS, Codec
from relight.media.formats import format_of, written_format
from relight.media.options import Encoding
from relight.media.planes import FORM

# x264's code for AVX-512 does not make the same file of the same frames every time: of 8 encodings
# of one small clip, between decodings of others, up to 3 differed; with the code for AVX2, which
# every such processor has too, none of them.
AVX_512F = 13  # CV_CPU_AVX_512F of OpenCV


@dataclass(frozen=True)
class Choice:
    """What a video is encoded with."""

    codec: Codec
    name: str  # in CODECS
    pix_fmt: str
    depth: int  # bits a channel
    alpha: bool
    options: dict[str, str]
    odd: bool = False  # an odd side alone has decided on the pixel format

    @property
    def is_rgb(self) -> bool:
        return av.VideoFormat(self.pix_fmt, 16, 16).is_rgb


def check(path: str | os.PathLike, encoding: Encoding) -> None:
    """Raise InputError where an encoding can't be had here: names, numbers, builds."""
    encoding.check(path)
    target = format_of(path)
    if target is None or target.kind != "video":
        return
    name = encoding.codec_name(path)
    codec = CODECS[name]
    try:
        known = av.Codec(codec.encoder, "w")
    except UnknownCodecError:
        raise InputError(
            f"codec {name}: this build of PyAV has no {codec.encoder}; "
            f"use one of {', '.join(available(path))}"
        ) from None
    formats = [form.name for form in known.video_formats or ()]
    if encoding.pix_fmt is not None and encoding.pix_fmt not in formats:
        raise InputError(f"pix-fmt {encoding.pix_fmt} is not one of {name}'s: {', '.join(formats)}")


def available(path: str | os.PathLike) -> tuple[str, ...]:
    """The codecs that this build of PyAV can write into a file of that name."""
    return tuple(name for name in written_format(path).codecs if _is_built(CODECS[name].encoder))


def _is_built(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except UnknownCodecError:
        return False
    return True


def choice(
    path: Path, source: VideoInfo | None, size: tuple[int, int], encoding: Encoding
) -> Choice:
    """What frames of (width, height), read from `source`, are encoded with."""
    clear, bits = (source.alpha, source.depth) if source else (False, 8)
    name = encoding.codec_name(path, alpha=clear, depth=bits)
    codec = CODECS[name]
    if encoding.pix_fmt is not None:
        parts = av.VideoFormat(encoding.pix_fmt, 16, 16).components
        depth, alpha = max(8, *(part.bits for part in parts)), any(p.is_alpha for p in parts)
        return Choice(codec, name, encoding.pix_fmt, depth, alpha, _options(codec, encoding))
    alpha = bool(clear and codec.alpha and written_format(path).alpha)
    forms = codec.alpha if alpha else codec.pixels
    odd = not alpha and codec.odd is not None and bool(size[0] % 2 or size[1] % 2)
    if odd:
        forms = codec.odd
        if not forms:
            raise InputError(
                f"{path}: {size[0]}x{size[1]} has an odd side, which {name} can't hold; "
                "use --codec h264, or an even size"
            )
    depth = encoding.depth_for(bits, tuple(forms))
    return Choice(codec, name, forms[depth], depth, alpha, _options(codec, encoding), odd)


def takes_planes(path: Path, source: VideoInfo, size: tuple[int, int], encoding: Encoding) -> bool:
    """Are frames that come as `PlanarFrame` written into a file of that name as they are?"""
    if written_format(path).kind != "video":
        return False
    return choice(path, source, size, encoding).pix_fmt == FORM


def _options(codec: Codec, encoding: Encoding) -> dict[str, str]:
    options = dict(codec.options)
    if codec.crf is not None:
        quality = codec.crf[2] if encoding.crf is None else encoding.crf
        options[codec.quality] = str(quality)
    if preset := encoding.preset or codec.default_preset:
        options[codec.preset_option] = preset
    if not encoding.preset:
        options |= codec.default_options
    if codec.encoder == "libx264" and cv2.checkHardwareSupport(AVX_512F):
        more = options.get("x264-params")
        options["x264-params"] = "asm=AVX2" + (f":{more}" if more else "")
    return options


def quiet() -> None:
    """Keep SVT-AV1 from writing its settings to the terminal; it knows no other way to be asked."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only


def open_failed(choice: Choice, error: Exception) -> InputError:
    """An encoder that is built in and doesn't start: mostly hardware that is not there."""
    reason = getattr(error, "strerror", None) or error
    hint = "" if choice.codec.linked else "; its hardware or driver is missing: use h264"
    return InputError(f"codec {choice.name} can't be started here ({reason}){hint}")
