"""Picture files as clips: one frame for a photograph, n frames for an animation."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path

from PIL import Image

from relight.errors import MediaError
from relight.media.animation import Timeline, shown, timeline
from relight.media.clip import DEFAULT_FPS, PIXEL_LIMIT, Frame, VideoInfo, check_size
from relight.media.options import Reading
from relight.media.pictures_in import ORIENTATION, pixels, read_exr

_MAGIC = {  # how files of each kind begin; Pillow's names
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "GIF": (b"GIF8",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "JPEG2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "EXR": (b"\x76\x2f\x31\x01",),
}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_HEIF_PLUGINS = ("pi_heif", "pillow_heif")  # the first is the extra's; either will do
_TRANSFERS = {16: "PQ", 18: "HLG"}


def kind_of(path: Path) -> str | None:
    """What kind of picture a file is by how it begins, whatever its name says; None: none."""
    with path.open("rb") as file:
        head = file.read(64)
    for kind, starts in _MAGIC.items():
        if head.startswith(starts):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        length = min(struct.unpack(">I", head[:4])[0], len(head))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, length, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS and head[8:12] in _HEIF_BRANDS:
            return "HEIF"
    return None


def probe(path: Path, kind: str, how: Reading) -> VideoInfo:
    """Describe a picture file. Raises MediaError when it is too large or damaged."""
    if kind == "EXR":
        return _probe_exr(path, how)
    with _open(path, kind) as image:
        times = _timeline(path, kind, image)
        count = max(len(times.durations), 1)
        check_size(path, image.width, image.height, count)
        deep = _depth(path, image, times)
        animated = count > 1
        width, height = image.size
        if not animated and kind != "TIFF" and image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        total = times.total or 1 / DEFAULT_FPS
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=count / total,
            duration=float(total),
            frames=count,
            has_audio=False,
            audio=(),
            notes=_notes(path, kind, image, times, deep),
            kind="animation" if animated else "picture",
            depth=deep,
            alpha=image.has_transparency_data,
            grey=image.mode.startswith(("1", "L", "I")) and image.mode != "LAB",
            hdr=_hdr(path, kind),
            plays=(1 if times.plays is None else times.plays) if animated else None,
            reading=how,
        )


def read(
    path: Path, kind: str, how: Reading, on_note: Callable[[str], None] = lambda note: None
) -> Iterator[Frame]:
    """Yield the frames of a picture file, one in memory at a time."""
    if kind == "EXR":
        found = read_exr(path)
        yield Frame(found.image, Fraction(0), found.alpha)
        return
    noted: set[str] = set()

    def frame(index: int, time: Fraction, duration: Fraction | None) -> Frame:
        if times.durations:
            image.seek(index + times.skip)
        found = pixels(image, deep, path, upright=not times.durations)
        for note in found.notes:
            if note not in noted:
                on_note(note)
            noted.add(note)
        return Frame(found.image, time, found.alpha, duration)

    with _open(path, kind) as image:
        if hdr := _hdr(path, kind):
            raise MediaError(f"{path}: HDR ({hdr}) pictures are not read; convert it to SDR first")
        times = _timeline(path, kind, image)
        check_size(path, image.width, image.height, max(len(times.durations), 1))
        deep = _depth(path, image, times) > 8
        time = Fraction(0)
        for index, duration in enumerate(times.durations or [None]):
            yield frame(index, time, duration)
            time += duration or 0


@contextmanager
def _open(path: Path, kind: str) -> Iterator[Image.Image]:
    """Open with Pillow, its many kinds of complaint becoming one line of MediaError."""
    if kind == "HEIF":
        _register_heif(path)
    try:
        with warnings.catch_warnings():  # our own limit is lower than the one Pillow warns at
            warnings.simplefilter("ignore")  # a damaged second picture in it, as well
            image = Image.open(path, formats=(kind,))
    except Image.DecompressionBombError:
        raise MediaError(
            f"{path} is above the limit of {PIXEL_LIMIT / 1e6:.0f} megapixels; scale it down first"
        ) from None
    with image:
        check_size(path, image.width, image.height)
        yield image


def _register_heif(path: Path) -> None:
    for name in _HEIF_PLUGINS:
        try:
            import_module(name).register_heif_opener()
            return
        except ImportError:
            continue
    raise MediaError(
        f"{path}: HEIF pictures need libheif: pip install 'relight[heif]', or convert it to JPEG"
    )


def _timeline(path: Path, kind: str, image: Image.Image) -> Timeline:
    """The times of the frames; none for a single picture, whatever else its file holds."""
    if kind in ("GIF", "PNG", "WEBP"):
        found = timeline(path, kind)
        return found if len(found.durations) > 1 else Timeline()
    if kind == "AVIF" and (count := getattr(image, "n_frames", 1)) > 1:
        image.load()  # the first frame: it stands for the others' duration
        each = shown(int(image.info.get("duration") or 0), 1000)
        return Timeline([each] * count, 0)
    return Timeline()


def _depth(path: Path, image: Image.Image, times: Timeline) -> int:
    """Bits a channel that are read: 8 or 16, or 32 for floating point."""
    if times.durations:
        return 8
    if image.format == "PNG":
        with path.open("rb") as file:
            return 16 if file.read(25)[24:] == b"\x10" else 8
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))
        if image.mode == "F":
            return 32
        return 16 if max(bits) == 16 and image.mode not in ("CMYK", "LAB") else 8
    if image.format == "JPEG2000":
        with path.open("rb") as file:
            head = file.read(4096)
        at = head.find(b"\xff\x51")  # the SIZ marker; the first component's bits less one
        return 16 if at >= 0 and len(head) > at + 40 and (head[at + 40] & 0x7F) + 1 > 8 else 8
    return 16 if image.mode.startswith("I") else 8


def _hdr(path: Path, kind: str) -> str | None:
    """The transfer curve that an AVIF, HEIF or PNG file is tagged with, if it is HDR."""
    if kind not in ("AVIF", "HEIF", "PNG"):
        return None
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if kind == "PNG":
        at = head.find(b"cICP")
        return _TRANSFERS.get(head[at + 5]) if 0 <= at < len(head) - 8 else None
    at = head.find(b"colrnclx")
    return _TRANSFERS.get(int.from_bytes(head[at + 10 : at + 12], "big")) if at >= 0 else None


def _notes(
    path: Path, kind: str, image: Image.Image, times: Timeline, depth: int
) -> tuple[str, ...]:
    notes = []
    if len(times.durations) < 2:
        notes.append("a single image")
        if kind not in ("TIFF", "HEIF") and image.getexif().get(ORIENTATION, 1) != 1:
            notes.append("turned upright as its EXIF tag says")
        if (others := _others(image)) > 0:
            what = "picture (a preview or a gain map)" if others == 1 else "pictures or pages"
            notes.append(f"the first is taken; its file holds {others} more {what}")
    elif len(times.counts()) > 1:
        notes.append("variable frame rate: its time stamps are kept")
    if hdr := _hdr(path, kind):
        notes.append(f"HDR ({hdr}): not read, convert it to SDR first")
    if kind in ("AVIF", "HEIF") and _high_bits(path):
        notes.append("more than 8 bits, read as 8-bit")
    return tuple(notes)


def _others(image: Image.Image) -> int:
    """How many more pictures the file of a single image holds."""
    if image.format == "TIFF":
        try:  # counting all pages of a file of many would take long
            image.seek(1)
            image.seek(0)
            return 1
        except EOFError:
            return 0
    return getattr(image, "n_frames", 1) - 1 if image.format in ("MPO", "HEIF") else 0


def _high_bits(path: Path) -> bool:
    """Does an AVIF or HEIF file declare more than 8 bits a channel (its `pixi` box)?"""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    at = head.find(b"pixi")
    return 0 <= at < len(head) - 10 and head[at + 9] > 8


def _probe_exr(path: Path, how: Reading) -> VideoInfo:
    found = read_exr(path)
    return VideoInfo(
        path=path,
        width=found.image.shape[1],
        height=found.image.shape[0],
        fps=DEFAULT_FPS,
        duration=float(1 / DEFAULT_FPS),
        frames=1,
        has_audio=False,
        audio=(),
        notes=("a single image", "linear light, read as sRGB"),
        kind="picture",
        depth=32,
        alpha=found.alpha is not None,
        reading=how,
    )
