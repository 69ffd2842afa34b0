"""The one table of formats: which file extensions are read and written, and what each can hold.

Every list of extensions, codecs and choices elsewhere (command line, studio, help texts, docs)
comes from here. This module imports nothing heavy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from relight.errors import InputError

_X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")
_X26X = (*_X26X, "veryslow")


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A video codec as people name it, and how FFmpeg's encoder is asked for it.

    Attributes:
        encoder: FFmpeg's name.
        pixels: bits -> pixel format; odd: the one for sizes with an odd side, where the first
            needs even ones; alpha: the one that also holds transparency.
        crf: (best, worst, default) on the encoder's own scale; None: it has no such setting.
        quality: the encoder's name of that setting.
        presets: in order of speed; default_preset: "" leaves it to the encoder.
        options: always given. about: for people.
        linked: False: only in builds of FFmpeg for the right machine (hardware encoders).
    """

    encoder: str
    pixels: dict[int, str]
    odd: dict[int, str] | None = None
    alpha: dict[int, str] = field(default_factory=dict)
    crf: tuple[int, int, int] | None = None
    quality: str = "crf"
    presets: tuple[str, ...] = ()
    preset_option: str = "preset"
    default_preset: str = ""
    options: dict[str, str] = field(default_factory=dict)
    about: str = ""
    linked: bool = True


_420 = {8: "yuv420p", 10: "yuv420p10le"}
_444 = {8: "yuv444p", 10: "yuv444p10le"}
_NVENC = tuple(f"p{i}" for i in range(1, 8))


def _hardware(
    encoder: str, quality: str, presets: tuple[str, ...], depths: bool, about: str
) -> Codec:
    return Codec(
        encoder=encoder,
        pixels={8: "nv12"} | ({10: "p010le"} if depths else {}),
        odd={},
        crf=(0, 51, 20) if quality != "q" else None,
        quality=quality,
        presets=presets,
        about=about,
        linked=False,
    )


CODECS: dict[str, Codec] = {
    "h264": Codec(
        encoder="libx264",
        pixels=_420,
        odd=_444,
        crf=(0, 51, 18),
        presets=_X26X,
        default_preset="fast",  # as good as "medium" at its size, in four fifths of the time
        about="H.264: plays everywhere",
    ),
    "h265": Codec(
        encoder="libx265",
        pixels=_420 | {12: "yuv420p12le"},
        odd=_444 | {12: "yuv444p12le"},
        crf=(0, 51, 20),
        presets=_X26X,
        options={"x265-params": "log-level=none"},
        about="H.265: smaller, 10-bit on most devices",
    ),
    "av1": Codec(
        encoder="libsvtav1",
        pixels=_420,
        odd={},
        crf=(1, 63, 26),
        presets=tuple(str(i) for i in range(13, -1, -1)),
        default_preset="8",
        about="AV1: smallest, free of royalties, slow to make",
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        pixels={8: "yuv420p"},
        alpha={8: "yuva420p"},
        crf=(0, 63, 14),
        presets=tuple(str(i) for i in range(8, -1, -1)),
        preset_option="cpu-used",
        default_preset="4",
        options={"deadline": "good", "row-mt": "1", "b": "0"},
        about="VP9: for the web, holds transparency",
    ),
    "prores": Codec(
        encoder="prores_ks",
        pixels={10: "yuv422p10le"},
        options={"profile": "3", "vendor": "apl0"},
        about="ProRes 422 HQ: for editing",
    ),
    "prores4444": Codec(
        encoder="prores_ks",
        pixels={10: "yuv444p10le"},
        alpha={10: "yuva444p10le"},
        options={"profile": "4", "vendor": "apl0", "alpha_bits": "16"},
        about="ProRes 4444: for editing, holds transparency",
    ),
    "ffv1": Codec(
        encoder="ffv1",
        pixels={8: "bgr0", 10: "gbrp10le", 12: "gbrp12le", 16: "gbrp16le"},
        alpha={8: "bgra", 10: "gbrap10le", 12: "gbrap12le", 16: "gbrap16le"},
        options={"level": "3", "slicecrc": "1"},
        about="FFV1: lossless RGB, for archives",
    ),
    "h264_nvenc": _hardware("h264_nvenc", "cq", _NVENC, False, "H.264 on an NVIDIA GPU"),
    "h265_nvenc": _hardware("hevc_nvenc", "cq", _NVENC, True, "H.265 on an NVIDIA GPU"),
    "av1_nvenc": _hardware("av1_nvenc", "cq", _NVENC, True, "AV1 on an NVIDIA GPU"),
    "h264_qsv": _hardware("h264_qsv", "global_quality", _X26X[2:], False, "H.264 on an Intel GPU"),
    "h265_qsv": _hardware("hevc_qsv", "global_quality", _X26X[2:], True, "H.265 on an Intel GPU"),
    "h264_videotoolbox": _hardware("h264_videotoolbox", "q", (), False, "H.264 on a Mac"),
    "h265_videotoolbox": _hardware("hevc_videotoolbox", "q", (), True, "H.265 on a Mac"),
}
_ON_GPU = tuple(name for name, codec in CODECS.items() if not codec.linked)


if TYPE_CHECKING:
    CodecName = str
else:  # a job's field and the command line offer the names of the table
    CodecName = Literal[tuple(CODECS)]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format.

    Attributes:
        extensions: the first is the usual one; with their dots, in lower case.
        kind: "video", or "picture" (one picture, or an animation of them).
        written: False: read only.
        muxer: FFmpeg's name of a video container; Pillow's of a picture format.
        codecs: names in CODECS that it is written with; the first is the default.
        depths: bits a channel that it is written with; 32 is floating point.
        alpha: holds transparency. animation: holds many pictures with their times.
        sound, subtitles: codecs that are copied into it; None: any; empty: none.
        chapters, attachments, timecode: holds them. metadata: of which kinds.
        tags: names of the tags that a video container holds, as FFmpeg writes it; None: any.
        side: pixels a side at most.
    """

    name: str
    extensions: tuple[str, ...]
    kind: Literal["video", "picture"]
    written: bool = True
    muxer: str = ""
    codecs: tuple[str, ...] = ()
    depths: tuple[int, ...] = (8,)
    alpha: bool = False
    animation: bool = False
    sound: frozenset[str] | None = frozenset()
    subtitles: frozenset[str] | None = frozenset()
    chapters: bool = False
    attachments: bool = False
    timecode: bool = False
    metadata: tuple[str, ...] = ()
    tags: frozenset[str] | None = None
    side: int = 65535


# What players are known to play there; FFmpeg itself would write more (PCM in MP4, say).
_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_MOV_SOUND = frozenset(
    {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"}
    | {"pcm_s32le", "pcm_f32le"}
)
_MP4_TAGS = """
    title artist album_artist composer album date comment genre copyright grouping lyrics
    description synopsis show episode_id network keywords track disc episode_sort season_number
    media_type hd_video gapless_playback compilation location creation_time
"""
_MOV_TAGS = "title artist album date comment genre copyright make model location creation_time"
_TAGS = ("EXIF", "XMP", "DPI", "ICC")

FORMATS: tuple[Format, ...] = (
    Format(
        name="MP4",
        extensions=(".mp4", ".m4v"),
        kind="video",
        muxer="mp4",
        codecs=("h264", "h265", "av1", "vp9", *_ON_GPU),
        depths=(8, 10, 12),
        sound=_MP4_SOUND,
        subtitles=frozenset({"mov_text"}),
        chapters=True,
        timecode=True,
        metadata=("tags",),
        tags=frozenset(_MP4_TAGS.split()),
    ),
    Format(
        name="QuickTime",
        extensions=(".mov",),
        kind="video",
        muxer="mov",
        codecs=("h264", "h265", "prores", "prores4444", *_ON_GPU),
        depths=(8, 10, 12),
        alpha=True,
        sound=_MOV_SOUND,
        subtitles=frozenset({"mov_text"}),
        chapters=True,
        timecode=True,
        metadata=("tags",),
        tags=frozenset(_MOV_TAGS.split()),
    ),
    Format(
        name="Matroska",
        extensions=(".mkv",),
        kind="video",
        muxer="matroska",
        codecs=("h264", "h265", "av1", "vp9", "prores", "prores4444", "ffv1", *_ON_GPU),
        depths=(8, 10, 12, 16),
        alpha=True,
        sound=None,
        subtitles=None,
        chapters=True,
        attachments=True,
        timecode=True,
        metadata=("tags",),
    ),
    Format(
        name="WebM",
        extensions=(".webm",),
        kind="video",
        muxer="webm",
        codecs=("vp9", "av1"),
        depths=(8, 10),
        alpha=True,
        sound=frozenset({"opus", "vorbis"}),
        subtitles=frozenset({"webvtt"}),
        chapters=True,
        timecode=True,
        metadata=("tags",),
    ),
    Format(name="AVI", extensions=(".avi",), kind="video", written=False, muxer="avi"),
    Format(
        name="MPEG transport stream",
        extensions=(".ts", ".m2ts", ".mts", ".m2t"),
        kind="video",
        written=False,
        muxer="mpegts",
    ),
    Format(
        name="MPEG", extensions=(".mpg", ".mpeg", ".vob"), kind="video", written=False, muxer="mpeg"
    ),
    Format(name="Flash Video", extensions=(".flv",), kind="video", written=False, muxer="flv"),
    Format(
        name="Windows Media", extensions=(".wmv", ".asf"), kind="video", written=False, muxer="asf"
    ),
    Format(name="Ogg", extensions=(".ogv",), kind="video", written=False, muxer="ogg"),
    Format(name="MXF", extensions=(".mxf",), kind="video", written=False, muxer="mxf"),
    Format(name="3GP", extensions=(".3gp", ".3g2"), kind="video", written=False, muxer="3gp"),
    Format(
        name="GIF",
        extensions=(".gif",),
        kind="picture",
        muxer="GIF",
        alpha=True,
        animation=True,
    ),
    Format(
        name="PNG",
        extensions=(".png", ".apng"),
        kind="picture",
        muxer="PNG",
        depths=(8, 16),
        alpha=True,
        animation=True,
        metadata=(*_TAGS, "texts"),
    ),
    Format(
        name="JPEG",
        extensions=(".jpg", ".jpeg", ".jpe", ".jfif"),
        kind="picture",
        muxer="JPEG",
        metadata=(*_TAGS, "IPTC", "texts"),
    ),
    Format(
        name="WebP",
        extensions=(".webp",),
        kind="picture",
        muxer="WEBP",
        alpha=True,
        animation=True,
        metadata=("EXIF", "XMP", "ICC"),
        side=16383,
    ),
    Format(
        name="TIFF",
        extensions=(".tif", ".tiff"),
        kind="picture",
        muxer="TIFF",
        depths=(8, 16),
        alpha=True,
        metadata=(*_TAGS, "IPTC"),
    ),
    Format(
        name="AVIF",
        extensions=(".avif",),
        kind="picture",
        muxer="AVIF",
        alpha=True,
        metadata=("EXIF", "XMP", "ICC"),
    ),
    Format(
        name="OpenEXR", extensions=(".exr",), kind="picture", muxer="exr", depths=(32,), alpha=True
    ),
    Format(name="BMP", extensions=(".bmp",), kind="picture", muxer="BMP", metadata=("DPI",)),
    Format(
        name="JPEG 2000",
        extensions=(".jp2", ".j2k", ".jpx", ".jpf", ".j2c"),
        kind="picture",
        written=False,
        muxer="JPEG2000",
        depths=(8, 16),
        alpha=True,
    ),
    Format(
        name="HEIF",
        extensions=(".heic", ".heif", ".hif"),
        kind="picture",
        written=False,
        muxer="HEIF",
        alpha=True,
    ),
)

_BY_EXTENSION = {extension: each for each in FORMATS for extension in each.extensions}

READ = tuple(_BY_EXTENSION)
"""Extensions that are read."""
WRITTEN = tuple(e for e, each in _BY_EXTENSION.items() if each.written)
"""Extensions that are written."""
PICTURES = tuple(e for e, each in _BY_EXTENSION.items() if each.kind == "picture")
"""Extensions of pictures, animated ones among them."""
STILLS = tuple(e for e in PICTURES if e not in (".gif", ".apng"))
"""Extensions of pictures that are mostly one picture, whatever they could hold."""
NUMBERED = tuple(
    e for e in (".png", ".exr", ".tif", ".tiff", ".jpg", ".jpeg", ".webp") if e in WRITTEN
)
"""Extensions of numbered sequences of pictures."""


def format_of(path: str | os.PathLike) -> Format | None:
    """The format that the extension of `path` names, or None.

    >>> format_of("holiday.MOV").name
    'QuickTime'
    """
    return _BY_EXTENSION.get(PurePath(path).suffix.lower())


def written_format(path: str | os.PathLike) -> Format:
    """The format that `path` is written in. Raises InputError for an extension nobody knows.

    >>> written_format("holiday.MOV").name
    'QuickTime'
    """
    known = format_of(path)
    if known is None:
        suffix = PurePath(path).suffix
        raise InputError(f"{path}: unknown extension {suffix!r}; give {', '.join(WRITTEN)}")
    return known


def listed(kind: str, *, written: bool = False) -> str:
    """The extensions of a kind, for help texts and messages.

    >>> listed("video", written=True)
    'mp4, m4v, mov, mkv, webm'
    """
    chosen = WRITTEN if written else READ
    return ", ".join(e[1:] for e in chosen if _BY_EXTENSION[e].kind == kind)
