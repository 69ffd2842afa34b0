"""Picture files as clips: one frame for a photograph, n frames for an animation."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from PIL import Image

from relight.errors import MediaError
from relight.media import avif_in, beside, heif_in
from relight.media.animation import Timeline, shown, timeline
from relight.media.avif_in import bits_of
from relight.media.cicp import ColourTags, cicp_of
from relight.media.clip import DEFAULT_FPS, PIXEL_LIMIT, Frame, VideoInfo, check_size
from relight.media.gif_in import read_gif
from relight.media.heif_in import register
from relight.media.options import Reading
from relight.media.pictures_in import ORIENTATION, Pixels, converted, finished, pixels, read_exr
from relight.media.tiff_in import Layout, layout_of, read_tiff, refuse_raw

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
    layout = layout_of(path) if kind == "TIFF" else None
    if layout:
        refuse_raw(path, layout)
        if layout.is_ours:
            return _probe_tiff(path, layout, how)
    coded = cicp_of(path, kind)
    with _open(path, kind) as image:
        grey = _is_grey(image)
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
            notes=_notes(path, kind, image, times, coded, how, layout),
            variable=len(times.counts()) > 1,
            kind="animation" if animated else "picture",
            depth=deep,
            alpha=times.clear if kind == "GIF" and animated else image.has_transparency_data,
            grey=grey,
            hdr=coded.hdr if coded else None,
            plays=(1 if times.plays is None else times.plays) if animated else None,
            reading=how,
        )


def _is_grey(image: Image.Image) -> bool:
    """Stored without colour; grey of 16 bits with transparency is opened as RGBA."""
    tiles = getattr(image, "tile", None)  # there until the image is loaded
    deep = bool(tiles) and str(tiles[0][3]).startswith("LA;")
    return deep or (image.mode.startswith(("1", "L", "I")) and image.mode != "LAB")


def read(
    path: Path, kind: str, how: Reading, on_note: Callable[[str], None] = lambda note: None
) -> Generator[Frame, None, None]:
    """Yield the frames of a picture file, one in memory at a time."""
    coded, noted = cicp_of(path, kind), set()
    if coded and coded.hdr and not how.tonemap:
        raise MediaError(
            f"{path}: HDR ({coded.hdr}) pictures are read only on request, as their light has to "
            "be mapped to SDR: add --tonemap, or convert it first",
            field="tonemap",
        )
    time = Fraction(0)
    for found, duration in _decoded(path, kind, coded):
        for note in found.notes:
            if note not in noted:
                on_note(note)
            noted.add(note)
        yield Frame(found.image, time, found.alpha, duration)
        time += duration or 0


def _decoded(
    path: Path, kind: str, coded: ColourTags | None
) -> Iterator[tuple[Pixels, Fraction | None]]:
    """The pictures of a file, each with how long it is shown, if the file says."""
    if kind == "EXR":
        yield read_exr(path), None
        return
    layout = layout_of(path) if kind == "TIFF" else None
    if layout:
        refuse_raw(path, layout)
    if layout and layout.is_ours:
        check_size(path, layout.width, layout.height)
        yield finished(converted(read_tiff(path, layout), layout.profile)), None
        return
    with _open(path, kind) as image:
        times = _timeline(path, kind, image)
        check_size(path, image.width, image.height, max(len(times.durations), 1))
        deep = _depth(path, image, times) > 8
        if kind in ("HEIF", "AVIF") and deep:
            profile = image.info.get("icc_profile") or b""
            found = converted((heif_in if kind == "HEIF" else avif_in).read_deep(path), profile)
            turn = image.getexif().get(ORIENTATION, 1)
            yield finished(found, None if profile else coded, turn), None
        elif kind == "GIF" and times.durations:
            yield from zip(read_gif(path), times.durations, strict=False)
        else:
            for index, duration in enumerate(times.durations or [None]):
                if duration is not None:
                    image.seek(index + times.skip)
                yield pixels(image, deep, path, duration is None, coded), duration


@contextmanager
def _open(path: Path, kind: str) -> Iterator[Image.Image]:
    """Open with Pillow, its many kinds of complaint becoming one line of MediaError."""
    if kind == "HEIF":
        register(path)
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
        return 8  # others are read by `tiff_in`
    if image.format == "HEIF":
        return 16 if image.info.get("bit_depth", 8) > 8 else 8
    if image.format == "AVIF":
        return 16 if bits_of(path) > 8 else 8
    if image.format == "JPEG2000":
        with path.open("rb") as file:
            head = file.read(4096)
        at = head.find(b"\xff\x51")  # the SIZ marker; the first component's bits less one
        return 16 if at >= 0 and len(head) > at + 40 and (head[at + 40] & 0x7F) + 1 > 8 else 8
    return 16 if image.mode.startswith("I") else 8


def _notes(
    path: Path,
    kind: str,
    image: Image.Image,
    times: Timeline,
    coded: ColourTags | None,
    how: Reading,
    layout: Layout | None,
) -> tuple[str, ...]:
    notes = []
    if len(times.durations) < 2:
        notes.append("a single image")
        if kind not in ("TIFF", "HEIF") and image.getexif().get(ORIENTATION, 1) != 1:
            notes.append("turned upright as its EXIF tag says")
        notes += beside.note(layout.beside) if layout else beside.notes_of(path, kind, image)
    elif len(times.counts()) > 1:
        notes.append("variable frame rate: its time stamps are kept")
    if coded and coded.hdr and not how.tonemap:
        notes.append(f"HDR ({coded.hdr}): read only with --tonemap")
    if kind == "AVIF" and times.durations and bits_of(path) > 8:
        notes.append("more than 8 bits, read as 8-bit: it is an animation")
    return tuple(notes)


def _probe_tiff(path: Path, layout: Layout, how: Reading) -> VideoInfo:
    check_size(path, layout.width, layout.height)
    if layout.number == "i":
        raise MediaError(
            f"{path}: a TIFF of signed numbers, which don't say what is black; save it unsigned"
        )
    notes = ["a single image"]
    if layout.number == "f":
        notes.append("floating point: taken as sRGB from 0 to 1")
    notes += beside.note(layout.beside)
    turned = layout.orientation >= 5
    return VideoInfo(
        path=path,
        width=layout.height if turned else layout.width,
        height=layout.width if turned else layout.height,
        fps=DEFAULT_FPS,
        duration=float(1 / DEFAULT_FPS),
        frames=1,
        has_audio=False,
        audio=(),
        notes=tuple(notes),
        kind="picture",
        depth=layout.depth,
        alpha=layout.alpha is not None,
        grey=layout.colours == 1,
        reading=how,
    )


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
        notes=("a single image", "linear light, read as sRGB", *beside.notes_of(path, "EXR")),
        kind="picture",
        depth=32,
        alpha=found.alpha is not None,
        reading=how,
    )
