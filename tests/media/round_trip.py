"""What survives from a source to a result, tried out: the tables of docs/media.md.

    python -m tests.media.round_trip     writes them anew

A cell is what was found in the written file, and the note that the run gave; something that is
lost without a note is an error.
"""

import os
import re
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from relight.errors import RelightError
from relight.media import Encoding, Reading, probe, read, to_uint8, write
from relight.media.codecs import CODECS
from relight.media.formats import FORMATS
from relight.media.places import first_file

from .heif import auxiliary, heic
from .making import encode, numbered
from .test_depth import hdr, wide_profile

DOCUMENT = Path(__file__).parents[2] / "docs" / "media.md"
BEGIN, END = "<!-- round trip: begin -->", "<!-- round trip: end -->"
SIZE = (64, 48)

VIDEOS = ("b.mp4", "b.mov", "b.mkv", "b.webm", "b.gif", "b.apng", "f/%d.png")
STILLS = ("b.png", "b.jpg", "b.webp", "b.tif", "b.avif", "b.bmp", "b.exr")


@dataclass
class Words:
    """The exact words of notes and refusals, numbered as they come."""

    found: list[str] = field(default_factory=list)

    def number(self, text: str) -> str:
        text = re.sub(r"\b[abf](/%d)?\.(\w+)\b", r"FILE.\2", text)
        text = re.sub(r"FILE\.\w+: ", "", text)
        if text not in self.found:
            self.found.append(text)
        return f"[{self.found.index(text) + 1}]"


@dataclass(frozen=True)
class Row:
    """A property of a source.

    make: () -> the source's path. kept: (source, target) -> "kept", or what became of it ("as
    AAC"), "" where it is gone. about: matches the notes that belong to it.
    """

    name: str
    make: Callable[[], str]
    kept: Callable[[str, str], str]
    about: str
    how: Reading = field(default_factory=Reading)
    encoding: Encoding = field(default_factory=Encoding)


def cell(row: Row, source: str, target: str, words: Words) -> str:
    """Write `target` from `source` and say what became of the property."""
    notes: list[str] = []
    Path(target).unlink(missing_ok=True)
    try:
        info = probe(source, row.how)
        notes += info.notes
        size = (info.width, info.height)
        options = {"fps": info.fps, "encoding": row.encoding, "on_note": notes.append}
        frames = read(source, how=row.how, on_note=notes.append)
        if info.kind == "video" and target in STILLS:
            frames = [next(frames)]
        with write(target, info, size=size, overwrite=True, **options) as out:
            for frame in frames:
                out.put(frame)
    except RelightError as error:
        return f"refused {words.number(str(error))}"
    said = [words.number(note) for note in dict.fromkeys(notes) if re.search(row.about, note)]
    state = row.kept(source, target)
    if "bits" in state and not said:
        raise AssertionError(f"{row.name} from {source} to {target} is {state}, unsaid")
    if state == "WRONG":
        raise AssertionError(f"{row.name} from {source} to {target} is wrong: {notes}")
    if not state and not said:
        raise AssertionError(f"{row.name} from {source} to {target} is lost, and no note says so")
    return " ".join([state or "left out", *said])


# -- sources -------------------------------------------------------------------------------------


def plain(path: str = "a.mkv", **options: object) -> str:
    encode(path, [numbered(k, SIZE) for k in range(10)], **options)
    return path


def sounding(codec: str, path: str = "a.mkv", seconds: float = 0.4) -> Callable[[], str]:
    samples = np.sin(np.arange(round(48000 * seconds)) * 0.05)

    def make() -> str:
        return plain(path, sound=(codec, 48000, samples))

    return make


def film() -> str:
    """A Matroska file with everything beside its pictures, added to a plain one."""
    sounding("aac", "p.mkv")()
    with av.open("p.mkv") as source, av.open("a.mkv", "w") as out:
        to = [out.add_stream_from_template(s, opaque=True) for s in source.streams]
        second = out.add_stream_from_template(source.streams.audio[0], opaque=True)
        to[0].metadata.update({"title": "Main", "language": "eng", "timecode": "01:00:00:00"})
        second.metadata.update({"title": "Comments", "language": "jpn"})
        text = out.add_stream("subrip")
        text.codec_context.subtitle_header = b""
        out.add_attachment("font.ttf", "font/ttf", bytes(range(256)))
        picture = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
        out.add_attachment("cover.jpg", "image/jpeg", picture)
        tags = {"title": "A film", "comment": "mine", "creation_time": "2020-02-03T04:05:06Z"}
        out.metadata.update(tags | {"location": "+52.5+013.4/", "DATE_RECORDED": "2020"})
        out.set_chapters([{"id": 1, "start": 0, "end": 300, "time_base": Fraction(1, 1000),
                           "metadata": {"title": "One"}}])  # fmt: skip
        for packet in source.demux():
            if packet.size:
                copies = [to[packet.stream_index]] + [second] * (packet.stream.type == "audio")
                data = bytes(packet)
                for stream in copies:
                    new = av.Packet(data)
                    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                    new.duration, new.is_keyframe = packet.duration, packet.is_keyframe
                    new.stream = stream
                    out.mux(new)
        cue = av.Packet(b"Hello")
        cue.stream, cue.time_base, cue.pts, cue.dts, cue.duration = (
            text,
            Fraction(1, 1000),
            50,
            50,
            200,
        )
        out.mux(cue)
    return "a.mkv"


def deep(bits: int) -> Callable[[], str]:
    def make() -> str:
        levels = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
        lossless = Encoding(codec="ffv1", depth=bits)
        with write("a.mkv", size=SIZE, fps=25, encoding=lossless, overwrite=True) as out:
            for k in range(3):
                out.add(np.dstack([np.roll(levels, k, 1)] * 3), Fraction(k, 25))
        return "a.mkv"

    return make


def clear(path: str = "a.png", count: int = 3) -> str:
    frames = []
    for k in range(count):
        image = np.zeros((48, 64, 4), np.uint8)
        image[10:30, 8 + 8 * k : 32 + 8 * k] = (200, 30, 10, 255)
        frames.append(Image.fromarray(image))
    more = {"save_all": True, "append_images": frames[1:], "duration": 100, "loop": 3}
    frames[0].save(path, **(more if count > 1 else {}))
    return path


def tagged(primaries: int, curve: int, matrix: int) -> Callable[[], str]:
    tags = {"color_primaries": primaries, "color_trc": curve, "colorspace": matrix}
    image = np.full((48, 64, 3), (180, 90, 60), np.uint8)

    def make() -> str:
        return str(encode("a.mp4", [image] * 3, pix_fmt="yuv444p", tags=tags))

    return make


def hdr10() -> str:
    hdr("a.mp4", 16)
    return "a.mp4"


def phone() -> str:
    return plain("a.mp4", turn={"degrees": 90, "hflip": False})


def picture(depth: int = 8, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:48, 0:64]
    planes = [x / 63, y / 47, (x + y) / 110, np.where(x > 40, 0.25, 1)]
    if channels <= 2:
        planes = [planes[0], planes[3]]
    image = np.dstack(planes[:channels]) * (255 if depth == 8 else 65535)
    return image.astype(np.uint8 if depth == 8 else np.uint16)


def by_opencv(path: str, image: np.ndarray) -> Callable[[], str]:
    def make() -> str:
        cv2.imwrite(path, image)
        return path

    return make


def by_pillow(path: str, mode: str = "RGB", **options: object) -> Callable[[], str]:
    def make() -> str:
        image = Image.fromarray(picture())
        if mode == "P":
            image = image.quantize(64)
        image.convert(mode).save(path, **options)
        return path

    return make


def photograph() -> str:
    exif = Image.Exif()
    exif[0x010E], exif[0x8298], exif[0x0112] = "my picture", "(c) me", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09"})
    iptc = b"\x1c\x02\x78\x00\x05Hello"
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 3) + block + b"\0"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">mine</x:xmpmeta>'
    described = {"exif": exif, "xmp": xmp, "extra": extra, "dpi": (300, 300)}
    Image.fromarray(picture()).save("a.jpg", comment="shot by me", **described)
    return "a.jpg"


def texts() -> str:
    found = PngInfo()
    found.add_text("Author", "me")
    Image.fromarray(picture()).save("a.png", pnginfo=found)
    return "a.png"


def deep_heic() -> str:
    heic("a.heic", np.repeat(picture(16), 2, 0)[:64])
    return "a.heic"


def deep_avif() -> str:
    heic("a.avif", np.repeat(picture(16), 2, 0)[:64], kind=b"av01")
    return "a.avif"


def portrait() -> str:
    """A phone's: a depth map lies beside the picture."""
    depth_map = np.full((64, 64, 3), 90, np.uint8)
    image = np.repeat(picture(), 2, 0)[:64]
    heic("a.heic", image, beside=[(b"auxl", [auxiliary("auxid:2")], depth_map)])
    return "a.heic"


# -- what became of it ---------------------------------------------------------------------------


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


def profile() -> bytes:
    return wide_profile()


def with_profile(mode: str, path: str = "a.png") -> Callable[[], str]:
    def make() -> str:
        return by_pillow(path, mode, icc_profile=profile())()

    return make


def cmyk() -> str:
    Image.fromarray(picture()).convert("CMYK").save("a.jpg", quality=95)
    return "a.jpg"


KEEP_ALL = Encoding(keep_metadata=True)
VIDEO_ROWS = (
    Row("variable frame times", lambda: unsteady(), times, "times|numbered|shown for"),
    Row("120 frames a second", lambda: plain(fps=120), times, "times|numbered|shown for"),
    Row("sound: AAC", sounding("aac"), sound, "sound"),
    Row("sound: Opus", sounding("libopus"), sound, "sound"),
    Row("sound: PCM", sounding("pcm_s16le"), sound, "sound"),
    Row("sound after the last picture", sounding("aac", seconds=1.4), end, "goes on|sound|times"),
    Row("a second track, its language and title", film, opened(second_track), "sound"),
    Row("subtitles (SRT)", film, subtitles, "subtitle|holds no"),
    Row("chapters", film, opened(lambda c: c.chapters()), "chapter|holds no"),
    Row("an attached font", film, opened(lambda c: c.streams.attachments), "attach|holds no"),
    Row("the cover picture", film, opened(cover), "cover|holds no"),
    Row("time code", film, opened(timecode), "time code|holds no"),
    Row("title", film, tag("title"), "tags|holds no"),
    Row("creation date", film, tag("creation_time"), "tags|holds no"),
    Row("a tag of one's own", film, tag("date_recorded"), "tags|holds no"),
    Row("place", film, tag("location"), "place|holds no"),
    Row(
        "place, `--keep-metadata`", film, tag("location"), "place|tags|holds no", encoding=KEEP_ALL
    ),
    Row("10 bits", deep(10), depth, "-bit"),
    Row("12 bits", deep(12), depth, "-bit"),
    Row("10 bits, `--depth 10`", deep(10), depth, "-bit|bits", encoding=Encoding(depth=10)),
    Row("transparency", clear, alpha, "transparen"),
    Row("an animation's repeats", clear, plays, "plays|times"),
    Row("BT.2020 (SDR)", tagged(9, 1, 9), colours, "converted"),
    Row("Display P3", tagged(12, 13, 1), colours, "converted"),
    Row("HDR10", hdr10, mapped, "HDR"),
    Row("HDR10, `--tonemap`", hdr10, mapped, "HDR", how=Reading(tonemap=True)),
    Row("turned by its tag", phone, shape(48, 64), "rotated"),
    Row("pixels that aren't square", lambda: plain(aspect="4/3"), shape(86, 48), "stretched"),
    Row("an odd size", lambda: odd(), exact_size, "odd"),
)
STILL_ROWS = (
    Row("16 bits, PNG", by_opencv("a.png", picture(16)), depth, "-bit"),
    Row("16 bits, TIFF", by_opencv("a.tif", picture(16)), depth, "-bit"),
    Row("16 bits, grey", by_opencv("a.png", picture(16, 1)), depth, "-bit"),
    Row("10 bits, HEIC", deep_heic, depth, "-bit"),
    Row("10 bits, AVIF", deep_avif, depth, "-bit"),
    Row("a depth map", portrait, lambda source, target: "", "depth map"),
    Row("transparency", lambda: clear(count=1), alpha, "transparen"),
    Row(
        "16 bits with transparency",
        by_opencv("a.png", picture(16, 4)[..., [2, 1, 0, 3]]),
        alpha,
        "transparen",
    ),
    Row("grey", by_pillow("a.png", "L"), grey, "grey"),
    Row("EXIF", photograph, described(lambda i: i.getexif().get(0x8298) == "(c) me"), "EXIF|tags"),
    Row("XMP", photograph, described(xmp), "XMP|tags"),
    Row("IPTC", photograph, described(iptc), "IPTC|tags"),
    Row("resolution", photograph, described(dpi), "DPI|tags"),
    Row("comment", photograph, described(comment), "comment|tags"),
    Row("texts of a PNG", texts, described(comment), "comment|tags"),
    Row("place", photograph, described(gps), "place|tags"),
    Row(
        "place, `--keep-metadata`", photograph, described(gps), "EXIF|place|tags", encoding=KEEP_ALL
    ),
    Row("turned by EXIF", photograph, shape(48, 64), "turned"),
    Row("Display P3", with_profile("RGB"), colours, "converted"),
    Row("Display P3 with a palette", with_profile("P"), colours, "converted"),
    Row("Display P3 with transparency", with_profile("RGBA"), colours, "converted"),
    Row("CMYK", cmyk, colours, "CMYK"),
    Row("an odd size", lambda: odd("a.png"), exact_size, "odd"),
)


def unsteady() -> str:
    """Frames at any time; none is shown for less than 20 ms."""
    times = [Fraction(t, 1000) for t in (0, 40, 100, 133, 250, 900, 1000, 1033, 1500, 2000)]
    return plain(times=times)


def odd(path: str = "a.mkv") -> str:
    images = [numbered(k, (65, 49)) for k in range(3)]
    if path.endswith("png"):
        Image.fromarray(images[0]).save(path)
    else:
        encode(path, images, pix_fmt="yuv444p")
    return path


# -- the document --------------------------------------------------------------------------------


def table(rows: tuple[Row, ...], targets: tuple[str, ...], words: Words) -> list[str]:
    names = [f"`{t.removeprefix('b')}`" if t[0] == "b" else f"`{t}`" for t in targets]
    lines = ["| source | " + " | ".join(names) + " |", "|---" * (len(targets) + 1) + "|"]
    for row in rows:
        source = str(row.make())
        cells = [cell(row, source, target, words) for target in targets]
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return lines


def formats() -> list[str]:
    """The table of formats and codecs, from `relight.media.formats` and `relight.media.codecs`."""
    lines = ["| format | extensions | written | codecs, the usual first | bits | transparency |"]
    lines.append("|---" * 6 + "|")
    for one in FORMATS:
        names = ", ".join(e[1:] for e in one.extensions)
        usual = ", ".join(name for name in one.codecs if CODECS[name].linked)
        bits = ", ".join("32 (float)" if d == 32 else str(d) for d in one.depths)
        yes = {True: "yes", False: "no"}
        cells = [one.name, names, yes[one.written], usual, bits, yes[one.alpha]]
        if not one.written:
            cells[3:] = [""] * 3
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Hardware encoders, where the build of FFmpeg in PyAV has them: "
              + ", ".join(f"`{n}`" for n, c in CODECS.items() if not c.linked) + "."]  # fmt: skip
    return lines


def generated() -> str:
    """All that docs/media.md has between its two marks."""
    words = Words()
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            Path("f").mkdir()
            videos = table(VIDEO_ROWS, VIDEOS, words)
            stills = table(STILL_ROWS, STILLS, words)
        finally:
            os.chdir(before)
    spoken = [f"{k}. {text}" for k, text in enumerate(words.found, 1)]
    parts = [["### Formats", "", *formats()], ["### Clips", "", *videos],
             ["### Pictures", "", *stills], ["### The words", "", *spoken]]  # fmt: skip
    return "\n".join("\n".join([*part, ""]) for part in parts)


def stored() -> str:
    """The same as it stands in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(BEGIN + "\n")[1].split(END)[0]


def main() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN + "\n")
    DOCUMENT.write_text(head + BEGIN + "\n" + generated() + END + rest.split(END)[1])


if __name__ == "__main__":
    sys.exit(main())
