"""What survives from a source to a result, tried out: the tables of docs/media.md.

    python -m tests.media.round_trip     writes them anew

A cell is what was found in the written file, and the note that the run gave; something that is
lost without a note is an error.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from relight.errors import RelightError
from relight.media import Encoding, Reading, probe, read, write
from relight.media.codecs import CODECS
from relight.media.formats import FORMATS

from .round_trip_kept import (
    alpha,
    colours,
    comment,
    cover,
    depth,
    described,
    dpi,
    end,
    exact_size,
    gps,
    grey,
    iptc,
    mapped,
    opened,
    plays,
    second_track,
    shape,
    sound,
    subtitles,
    tag,
    timecode,
    times,
    xmp,
)
from .round_trip_sources import (
    by_opencv,
    by_pillow,
    clear,
    cmyk,
    deep,
    deep_avif,
    deep_heic,
    film,
    hdr10,
    odd,
    phone,
    photograph,
    picture,
    plain,
    portrait,
    sounding,
    tagged,
    texts,
    unsteady,
    with_profile,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "media.md"
BEGIN, END = "<!-- round trip: begin -->", "<!-- round trip: end -->"

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


KEEP_ALL = Encoding(keep_metadata=True)
VIDEO_ROWS = (
    Row("variable frame times", unsteady, times, "times|numbered|shown for"),
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
    Row("an odd size", odd, exact_size, "odd"),
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
