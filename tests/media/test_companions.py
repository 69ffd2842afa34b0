"""What a file holds beside its pictures is kept, or named."""

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from relight.media import Frame, read, write

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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert tags == {"encoder": "Lavf"} and chapters("none.mkv") == []


@pytest.mark.parametrize("target", ["{}.mkv", "{}.webm", "{}.mp4"])
def test_a_film_is_the_same_file_each_time(film, target):
    for name in ("one", "two"):
        copy("in.mkv", target.format(name))
    one, two = (Path(target.format(name)).read_bytes() for name in ("one", "two"))
    assert one == two


def test_chapters_and_time_code_move_with_the_beginning(film):
    copy("in.mkv", "b.mp4", start=1.0, frames=25)
    assert chapters("b.mp4") == [(0, 0.5, "One"), (0.5, 1, "Two")]
    assert float(probed("b.mp4", "format=duration")["format"]["duration"]) < 1.1
    codes = [s.get("tags", {}).get("timecode") for s in streams("b.mp4", "video")]
    assert codes == ["01:00:01:00"]


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


def test_chapters_are_not_cut_where_frames_last_unlike_times(here):
    with write("plain.mkv", None, size=(64, 48), fps=Fraction(30)) as out:
        for seconds in (0, 0.2, 0.4, 0.6, 0.8, 0.82, 0.84, 0.86, 0.88):
            out.put(Frame(np.full((48, 64, 3), 90, np.uint8), Fraction(round(seconds * 50), 50)))
    with av.open("plain.mkv") as source, av.open("in.mkv", "w") as film:
        stream = film.add_stream_from_template(source.streams.video[0])
        one = {"id": 1, "start": 0, "end": 600, "time_base": Fraction(1, 1000), "metadata": {}}
        film.set_chapters([one, {**one, "id": 2, "start": 600, "end": 900}])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                film.mux(packet)
    copy("in.mkv", "out.mkv", frames=6)  # .84 s; six frames at the average rate are .6 s
    with av.open("out.mkv") as film:
        ends = [float(one["end"] * one["time_base"]) for one in film.chapters()]
    assert ends == pytest.approx([0.6, 0.9])
