"""The one table of formats: which file extensions are read and written, and what each can hold.

Every list of extensions elsewhere (command line, studio, help texts, docs) comes from here; codecs
have a table of their own. This module imports nothing heavy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from relight.errors import InputError
from relight.media.codecs import ON_GPU


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
        codecs=("h264", "h265", "av1", "vp9", *ON_GPU),
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
        codecs=("h264", "h265", "prores", "prores4444", *ON_GPU),
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
        codecs=("h264", "h265", "av1", "vp9", "prores", "prores4444", "ffv1", *ON_GPU),
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
    """The format that `path` is written in. Raises InputError for an extension of none.

    >>> written_format("holiday.MOV").name
    'QuickTime'
    """
    known = format_of(path)
    if known is None or not known.written:
        suffix = PurePath(path).suffix
        unfit = f"files with the extension {suffix} can't be written"
        has = unfit if suffix else "its name has no extension"
        raise InputError(f"{path}: {has}; give {', '.join(WRITTEN)}")
    return known


def listed(kind: str, *, written: bool = False) -> str:
    """The extensions of a kind, for help texts and messages.

    >>> listed("video", written=True)
    'mp4, m4v, mov, mkv, webm'
    """
    chosen = WRITTEN if written else READ
    return ", ".join(e[1:] for e in chosen if _BY_EXTENSION[e].kind == kind)
