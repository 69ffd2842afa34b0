"""docs/media.md tells the truth about what is kept, converted and refused."""

import subprocess

import pytest

from examples import codec_table
from relight.media import encoders

from . import round_trip
from .making import probed


@pytest.mark.slow
def test_the_tables_of_the_document_are_what_is_found():
    pytest.importorskip("pi_heif")
    found, stored = round_trip.generated().splitlines(), round_trip.stored().splitlines()
    stale = [f"{a}\n  is now\n{b}" for a, b in zip(stored, found, strict=False) if a != b]
    assert not stale and len(stored) == len(found), (
        "docs/media.md is stale: python -m tests.media.round_trip writes it anew\n"
        + "\n".join(stale[:5])
    )


def test_something_lost_unsaid_is_an_error(here):
    row = round_trip.Row("sound", round_trip.sounding("aac"), lambda s, t: "", "no such note")
    with pytest.raises(AssertionError, match="is lost, and no note says so"):
        round_trip.cell(row, str(row.make()), "b.mkv", round_trip.Words())


def test_ffprobe_and_ffmpeg_agree(here):
    """What is said to be kept is there for Debian's tools too, and decodes without a complaint."""
    source = round_trip.film()
    words = round_trip.Words()
    for target in ("b.mkv", "b.mp4", "b.mov", "b.webm"):
        rows = [row for row in round_trip.VIDEO_ROWS if row.name == "chapters"]
        assert round_trip.cell(rows[0], source, target, words) == "kept"
        found = probed(target, "stream=codec_type:chapter=id")
        kinds = [s["codec_type"] for s in found["streams"]]
        assert kinds.count("audio") == 2 and kinds.count("subtitle") == 1
        assert len(found["chapters"]) == 1
        command = ["ffmpeg", "-v", "error", "-i", target, "-map", "0:v:0", "-map", "0:a"]
        done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_table_of_codecs_names_every_codec_of_the_build():
    text = round_trip.DOCUMENT.read_text(encoding="utf-8")
    table = text.split(codec_table.BEGIN)[1].split(codec_table.END)[0]
    for name in encoders.available("a.mkv"):
        assert (f"**{name}**" in table) == codec_table.CODECS[name].linked


def test_a_codec_is_measured(here):
    frames = list(codec_table.media.read(codec_table.CLIP, frames=2))
    row = codec_table.measured(frames, codec_table.media.probe(codec_table.CLIP).fps, "ffv1", None)
    assert row.usual and row.ssim == 1 and "lossless" in codec_table.table([row])
