"""What became of a property: "kept", how it is kept, "" where it is gone, or "WRONG"."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from relight.media import probe, read, to_uint8
from relight.media.places import first_file


def times(source: str, target: str) -> str:
    here = [f.time for f in read(source, on_note=lambda note: None)]
    there = [f.time for f in read(target, on_note=lambda note: None)]
    off = max(min(abs(a - b) for a in here) for b in there)
    if target.endswith("%d.png"):
        return "in order" if len(here) == len(there) else "WRONG"
    if off > Fraction(1, 100):
        return "WRONG"
    if len(here) != len(there):
        return f"{len(there)} of {len(here)}"
    return "kept" if off <= Fraction(1, 1000) else "to 1/100 s"


def end(source: str, target: str) -> str:
    (*_, last) = read(target, on_note=lambda note: None)
    return "kept" if last.duration and last.duration > Fraction(1, 2) else ""


def sound(source: str, target: str) -> str:
    found, own = codecs(target, "audio"), codecs(source, "audio")
    if not found:
        return ""
    return "kept" if found == own else f"as {found[0]}"


def codecs(path: str, kind: str) -> list[str]:
    try:
        with av.open(str(path)) as container:
            found = [s for s in getattr(container.streams, kind) if s.codec_context]
            return [s.codec_context.codec.canonical_name for s in found]
    except av.error.FFmpegError:
        return []


def opened(look: Callable[[av.container.InputContainer], object]) -> Callable[[str, str], str]:
    def kept(source: str, target: str) -> str:
        if target not in ("b.mp4", "b.mov", "b.mkv", "b.webm"):
            return ""
        with av.open(target) as container:
            return "kept" if look(container) else ""

    return kept


def subtitles(source: str, target: str) -> str:
    found = codecs(target, "subtitles") if target[2:] in ("mp4", "mov", "mkv", "webm") else []
    return "" if not found else "kept" if found[0] == "subrip" else f"as {found[0]}"


def second_track(container: av.container.InputContainer) -> bool:
    streams = container.streams.audio
    titles = " ".join(" ".join(s.metadata.values()) for s in streams)
    return len(streams) == 2 and streams[1].language == "jpn" and "Comments" in titles


def tag(name: str) -> Callable[[str, str], str]:
    return opened(lambda c: any(name == key.lower() for key in c.metadata))


def timecode(container: av.container.InputContainer) -> bool:
    tags = [s.metadata for s in container.streams] + [container.metadata]
    return any("01:00:00:00" in t.values() for t in tags)


def cover(container: av.container.InputContainer) -> bool:
    art = av.stream.Disposition.attached_pic
    return any(s.disposition & art for s in container.streams.video)


def depth(source: str, target: str) -> str:
    here, there = probe(source).depth, probe(first_file(Path(target))).depth
    if target.endswith("apng"):
        there = Path(target).read_bytes()[24]  # they are read at 8 bits
    return "kept" if there >= here else f"{there} bits"


def alpha(source: str, target: str) -> str:
    frame = next(read(target, on_note=lambda note: None))
    if frame.alpha is None:
        return ""
    return "kept" if to_uint8(frame.alpha)[2, 63] < 100 else ""


def plays(source: str, target: str) -> str:
    return "kept" if probe(target).plays == probe(source).plays else ""


def colours(source: str, target: str) -> str:
    """By the definition of reading: what the source's numbers mean in sRGB."""
    here = to_uint8(next(read(source, on_note=lambda note: None)).flat()).astype(int)
    there = to_uint8(next(read(first_file(Path(target)), on_note=lambda n: None)).flat()).astype(
        int
    )
    return "as sRGB" if np.abs(here - there).mean() < 6 else "WRONG"


def mapped(source: str, target: str) -> str:
    there = to_uint8(next(read(target, on_note=lambda note: None)).flat()).astype(int)
    return "to SDR" if there[24, -1].min() > 240 and there[24, 0].max() < 16 else "WRONG"


def shape(*size: int) -> Callable[[str, str], str]:
    def kept(source: str, target: str) -> str:
        info = probe(first_file(Path(target)))
        return "upright" if (info.width, info.height) == size else "WRONG"

    return kept


def exact_size(source: str, target: str) -> str:
    info = probe(first_file(Path(target)))
    return "kept" if (info.width, info.height) == (65, 49) else "WRONG"


def grey(source: str, target: str) -> str:
    image = to_uint8(next(read(target, on_note=lambda note: None)).image).astype(int)
    return "kept" if np.ptp(image, axis=2).max() <= 2 else "WRONG"


def described(look: Callable[[Image.Image], object]) -> Callable[[str, str], str]:
    def kept(source: str, target: str) -> str:
        if target.endswith(".exr"):
            return ""
        with Image.open(target) as image:
            image.load()
            return "kept" if look(image) else ""

    return kept


def xmp(image: Image.Image) -> bool:
    tiff = image.tag_v2.get(700, b"") if image.format == "TIFF" else b""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tiff
    return "mine" in (found if isinstance(found, str) else bytes(found).decode())


def iptc(image: Image.Image) -> bool:
    if image.format == "TIFF":
        return b"Hello" in image.tag_v2.get(33723, b"")
    blocks = image.info.get("photoshop")
    return isinstance(blocks, dict) and b"Hello" in blocks.get(0x0404, b"")


def dpi(image: Image.Image) -> bool:
    return abs(image.info.get("dpi", (0, 0))[0] - 300) < 1


def gps(image: Image.Image) -> bool:
    return 1 in image.getexif().get_ifd(0x8825)


def comment(image: Image.Image) -> bool:
    found = [*image.info.values(), *getattr(image, "text", {}).values()]
    return any("shot by me" in str(text) or text in ("me", b"me") for text in found)
