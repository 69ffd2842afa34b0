"""What a file holds beside its pictures is kept, or named."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from relight.media import probe, read

from .making import clapper, clip, copy, encode, numbered, probed

LISTING = """;FFMETADATA1
title=A film
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1500
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=3000
title=Two
"""


@pytest.fixture
def film(here):
    """A Matroska file with everything: chapters, a font, a cover, time code, tags."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg and ffprobe (Debian's ffmpeg)")
    clapper("plain.mkv")
    Path("m.txt").write_text(LISTING)
    Path("s.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nHello\n")
    Path("f.ttf").write_bytes(bytes(range(256)) * 4)
    Image.new("RGB", (32, 32), "red").save("cover.jpg")
    command = ["ffmpeg", "-v", "error", "-i", "plain.mkv", "-i", "s.srt", "-i", "m.txt"]
    command += ["-map", "0", "-map", "0:a", "-map", "1", "-map_chapters", "2", "-c", "copy"]
    command += ["-map_metadata", "2", "-metadata:s:a:1", "language=jpn"]
    command += ["-metadata:s:a:1", "title=Comments", "-metadata:s:v", "timecode=01:00:00:00"]
    command += ["-metadata:s:a:0", "language=deu", "-metadata:s:v", "title=Main"]
    command += ["-metadata", "DATE_RECORDED=2020-02-03", "-disposition:a:1", "comment"]
    command += ["-metadata", "location=+52.5+013.4/", "-metadata", "comment=mine"]
    command += ["-attach", "f.ttf", "-metadata:s:t:0", "mimetype=font/ttf"]
    command += ["-attach", "cover.jpg", "-metadata:s:t:1", "mimetype=image/jpeg", "in.mkv"]
    subprocess.run(command, check=True)
    return here


def chapters(path):
    found = probed(path, "chapter=start_time,end_time:chapter_tags=title")["chapters"]
    # The pictures of the film begin 21 ms after its clock does, and become the new zero.
    return [(_tenth(c["start_time"]), _tenth(c["end_time"]), c["tags"]["title"]) for c in found]


def _tenth(seconds):
    return round(float(seconds), 1)


def streams(path, kind):
    entries = "stream=codec_type,codec_name:stream_tags:stream_disposition=attached_pic"
    found = probed(path, entries)["streams"]
    art = [s for s in found if s.get("disposition", {}).get("attached_pic")]
    return (
        art if kind == "cover" else [s for s in found if s["codec_type"] == kind and s not in art]
    )


@pytest.mark.parametrize("target", ["b.mkv", "b.mp4", "b.mov", "b.webm"])
def test_a_film_with_everything(film, target, caplog):
    copy("in.mkv", target)
    notes = caplog.text
    assert chapters(target) == [(0, 1.5, "One"), (1.5, 3, "Two")]
    sound = streams(target, "audio")
    assert len(sound) == 2 and sound[1]["tags"]["language"] == "jpn"
    assert len(streams(target, "subtitle")) >= 1  # MP4 stores chapters as text, too
    assert len(streams(target, "attachment")) == (1 if target == "b.mkv" else 0)
    assert ("f.ttf" in notes) == (target != "b.mkv")
    kept = target in ("b.mkv", "b.mp4")
    assert len(streams(target, "cover")) == kept
    assert ("cover picture" in notes) != kept
    tags = probed(target, "format_tags")["format"]["tags"]
    tags = {key.lower(): value for key, value in tags.items()}
    assert (tags["title"], tags["comment"]) == ("A film", "mine")
    assert "location" not in tags and "place where it was taken is left out" in notes
    codes = [s.get("tags", {}) for s in streams(target, "video")]
    assert "01:00:00:00" in [v for tag in codes for k, v in tag.items() if k.lower() == "timecode"]


def track_titles(path):
    """What each track says about itself, where players look for it."""
    found = []
    for one in probed(path, "stream=codec_type:stream_tags")["streams"]:
        tags = one.get("tags", {})
        found.append(tags.get("title") or tags.get("handler_name"))
    return found


@pytest.mark.parametrize("through", ["b.mkv", "b.mp4", "b.mov", "b.webm"])
def test_tracks_keep_language_title_and_purpose(film, through, caplog):
    copy("in.mkv", through)
    assert "Main" in track_titles(through) and "Comments" in track_titles(through)
    german = {"b.mov": "ger"}.get(through, "deu")
    assert [s["tags"]["language"] for s in streams(through, "audio")] == [german, "jpn"]
    entries = "stream=codec_type:stream_disposition=comment"
    comments = [s["disposition"]["comment"] for s in probed(through, entries)["streams"]]
    assert sum(comments) == (through in ("b.mkv", "b.mp4"))  # the others have no such mark
    assert ("DATE_RECORDED" in caplog.text) == (through in ("b.mp4", "b.mov"))
    caplog.clear()
    copy(through, "c.mkv")
    assert "Main" in track_titles("c.mkv") and "Comments" in track_titles("c.mkv")
    assert "data stream" not in caplog.text  # chapters' titles are no measurements


def test_a_language_without_a_number_is_named(here, caplog):
    clapper("a.mkv")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        "a.mkv",
        "-c",
        "copy",
        "-metadata:s:a",
        "language=tlh",
    ]
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg (Debian's)")
    subprocess.run([*command, "b.mkv"], check=True)
    copy("b.mkv", "c.mov")
    assert "language tlh" in caplog.text


def test_metadata_can_be_kept_whole_or_dropped(film):
    copy("in.mkv", "all.mkv", keep_metadata=True)
    tags = probed("all.mkv", "format_tags")["format"]["tags"]
    assert tags["LOCATION"] == "+52.5+013.4/"
    copy("in.mkv", "none.mkv", keep_metadata=False)
    tags = probed("none.mkv", "format_tags")["format"]["tags"]
    assert set(tags) <= {"ENCODER"} and chapters("none.mkv") == []


def test_chapters_and_time_code_move_with_the_beginning(film):
    copy("in.mkv", "b.mp4", start=1.0, frames=25)
    assert chapters("b.mp4") == [(0, 0.5, "One"), (0.5, 1, "Two")]
    assert float(probed("b.mp4", "format=duration")["format"]["duration"]) < 1.1
    codes = [s.get("tags", {}).get("timecode") for s in streams("b.mp4", "video")]
    assert codes == ["01:00:01:00"]


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6" '
    b'exif:GPSLatitude="52,30N" dc:creator="me"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x05Hello"


def photograph(path):
    """A JPEG from a phone: turned, placed, described, 300 dpi."""
    exif = Image.Exif()
    exif[0x010E], exif[0x8298], exif[0x0112] = "my picture", "(c) me", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif.get_ifd(0x8769).update({0xA002: 96, 0xA003: 48, 0x9003: "2024:05:06 07:08:09"})
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 3) + block + b"\0"
    pixels = np.random.default_rng(0).integers(0, 255, (48, 96, 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, xmp=XMP, dpi=(300, 300), extra=extra)


@pytest.mark.parametrize("target", ["b.jpg", "b.png", "b.webp", "b.tif", "b.avif"])
def test_what_a_photograph_says_about_itself(here, target, caplog):
    photograph("a.jpg")
    assert probe("a.jpg").height == 96
    copy("a.jpg", target)
    with Image.open(target) as image:
        exif, info = image.getexif(), image.info
        assert image.size == (48, 96)
        assert (exif[0x010E], exif[0x8298], exif.get(0x0112, 1)) == ("my picture", "(c) me", 1)
        assert not exif.get_ifd(0x8825)
        if target != "b.tif":
            inner = exif.get_ifd(0x8769)
            assert inner[0x9003] == "2024:05:06 07:08:09"
            assert (inner[0xA002], inner[0xA003]) == (48, 96)
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        assert b'creator="me"' in xmp and b'Orientation="1"' in xmp and b"GPS" not in xmp
        if target in ("b.webp", "b.avif"):
            assert "DPI left out" in caplog.text
        else:
            assert info["dpi"] == pytest.approx((300, 300), abs=0.01)
        if target in ("b.jpg", "b.tif"):
            tiff = target == "b.tif"
            assert (image.tag_v2[33723] if tiff else info["photoshop"][0x0404]) == IPTC
        else:
            assert "IPTC" in caplog.text
    assert "place where it was taken" in caplog.text


def test_the_place_is_kept_on_request_and_everything_goes_on_request(here):
    photograph("a.jpg")
    copy("a.jpg", "b.jpg", keep_metadata=True)
    with Image.open("b.jpg") as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N" and b"GPSLatitude" in image.info["xmp"]
    copy("a.jpg", "c.jpg", keep_metadata=False)
    with Image.open("c.jpg") as image:
        assert not image.getexif() and "xmp" not in image.info


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("place", [None, True])
def test_a_tiff_keeps_all_of_exif(here, depth, place):
    """The camera's directory and that of the place, in 8 and 16 bits, and back into a JPEG."""
    exif = Image.Exif()
    exif.update({0x010E: "my picture", 0x0112: 6, 0x4746: 4})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x829A: (1, 125), 0xA434: "50 mm"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    Image.new("RGB", (64, 48), (90, 120, 60)).save("a.jpg", exif=exif)
    copy("a.jpg", "b.tif", depth=depth, keep_metadata=place)
    copy("b.tif", "c.jpg", keep_metadata=place)
    with tifffile.TiffFile("b.tif") as file:
        page = file.pages[0]
        assert page.asarray().dtype.itemsize * 8 == depth
        inner = page.tags[34665].value
        assert inner["ExposureTime"] == (1, 125) and inner["LensModel"] == "50 mm"
        assert page.tags[0x4746].value == 4 and page.tags[274].value == 1
        assert (34853 in page.tags) == bool(place)
    with Image.open("c.jpg") as image:
        found = image.getexif()
        assert found[0x010E] == "my picture"
        assert found.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert bool(found.get_ifd(0x8825)) == bool(place)


def test_comments_and_texts_are_kept_or_named(here, caplog):
    texts = PngInfo()
    texts.add_text("Author", "me")
    texts.add_itxt("parameters", "a cät, steps: 20")
    image = Image.new("RGB", (16, 16), (9, 99, 9))
    image.save("a.png", pnginfo=texts)
    image.save("a.jpg", comment="shot by me")
    for source, target, wanted in (
        ("a.png", "b.png", {"Author": "me", "parameters": "a cät, steps: 20"}),
        ("a.png", "b.jpg", b"me\na c\xc3\xa4t, steps: 20"),
        ("a.jpg", "c.jpg", b"shot by me"),
        ("a.jpg", "c.png", {"Comment": "shot by me"}),
    ):
        copy(source, target)
        with Image.open(target) as found:
            got = found.text if target.endswith("png") else found.info["comment"]
        assert got == wanted, target
    caplog.clear()
    copy("a.jpg", "d.webp")
    assert "comments left out" in caplog.text


def test_places_go_from_every_kind_of_tag(here):
    """IPTC's city and XMP's location are places as much as GPS is."""
    city = b"\x1c\x02\x5a\x00\x06Berlin"
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC + city)) + IPTC + city + b"\0"
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 16) + b"Photoshop 3.0\0" + block
    xmp = XMP.replace(b'dc:creator="me"', b'dc:creator="me" photoshop:City="Berlin"')
    Image.new("RGB", (16, 16)).save("a.jpg", extra=extra, xmp=xmp)
    assert Path("a.jpg").read_bytes().count(b"Berlin") == 2
    copy("a.jpg", "b.jpg")
    assert b"Berlin" not in Path("b.jpg").read_bytes() and IPTC in Path("b.jpg").read_bytes()
    copy("a.jpg", "c.jpg", keep_metadata=True)
    assert Path("c.jpg").read_bytes().count(b"Berlin") == 2


def captioned(path):
    """An H.264 stream whose frames carry closed captions (ATSC A/53, in an SEI message)."""
    encode("plain.h264", [numbered(k) for k in range(5)], container_format="h264")
    cues = b"\xb5\x00\x31GA94\x03\x41\xff" + b"\xfc\x94\x20" + b"\xff"
    message = b"\0\0\0\1\x06\x04" + bytes([len(cues)]) + cues + b"\x80"
    data = Path("plain.h264").read_bytes()
    parts = re.split(rb"(?=(?<!\0)\0\0\0?\x01[\x65\x41\x01])", data)
    Path("captions.h264").write_bytes(message.join(parts))
    command = ["ffmpeg", "-v", "error", "-r", "25", "-i", "captions.h264", "-c", "copy", path]
    subprocess.run(command, check=True)


def test_what_frames_carry_is_named(here):
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg (Debian's)")
    captioned("a.mp4")
    notes = []
    list(read("a.mp4", on_note=notes.append))
    assert sum("closed captions" in note for note in notes) == 1
    clip("b.mp4", 3)
    command = ["ffmpeg", "-v", "error", "-i", "b.mp4", "-c", "copy"]
    subprocess.run([*command, "-metadata:s:v", "stereo_mode=left_right", "b.mkv"], check=True)
    notes.clear()
    list(read("b.mkv", on_note=notes.append))
    assert any("stereo" in note for note in notes)
