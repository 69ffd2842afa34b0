"""Videos with damage in the middle: alike every time they are read; sound ones, fast."""

import numpy as np
import pytest

from relight import media
from relight.errors import MediaError
from relight.media import demux, opening
from relight.media.options import Reading

from .making import encode

CODECS = {
    "a.ts": "libx264",
    "a.mp4": "libx264",
    "a.mkv": "libx265",
    "a.avi": "mpeg4",
    "a.webm": "libvpx",
}


def _moving(count):
    """Noise that wanders over a picture, so that each frame has much to say."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 96 + count * 3, 3), np.uint8)
    return [np.ascontiguousarray(noise[:, at * 3 : at * 3 + 96]) for at in range(count)]


def _read(path, how):
    notes = []
    try:
        frames = [frame.image for frame in media.read(path, how=how, on_note=notes.append)]
    except MediaError as error:
        return str(error)
    return len(frames), hash(b"".join(map(bytes, frames))), *notes


@pytest.mark.parametrize("name", ["a.ts", "a.mp4"])
def test_damage_is_noted_and_patched_alike_every_time(tmp_path, name):
    whole = encode(tmp_path / name, _moving(16), codec=CODECS[name], bframes=2).read_bytes()
    noted = 0
    for share in (40, 65, 85):
        path = tmp_path / f"{share}-{name}"
        at = len(whole) * share // 100
        path.write_bytes(whole[:at] + bytes(700) + whole[at + 700 :])
        made = {_read(path, Reading(careful=careful)) for careful in (True, *[False] * 6)}
        assert len(made) == 1
        noted += "damaged packets" in str(made)
    assert noted


@pytest.mark.parametrize("name", CODECS)
def test_a_sound_clip_is_read_once_by_several_threads(tmp_path, name, monkeypatch):
    opened = []

    def spied(*given):
        opened.append(given[2:])
        return opening.video_stream(*given)

    encode(tmp_path / name, _moving(8), codec=CODECS[name])
    monkeypatch.setattr(demux, "video_stream", spied)
    assert len(list(media.read(tmp_path / name))) == 8
    assert opened == [(False,)]


def test_a_soundtrack_that_is_cut_short_is_noted(tmp_path):
    sound = np.sin(np.arange(48000 * 3) / 20)
    whole = tmp_path / "a.mp4"
    flat = [np.full((32, 32, 3), 90, np.uint8)] * 10
    encode(whole, flat, sound=("aac", 48000, sound), movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 7 // 10])

    def said(path, **part):
        notes = []
        list(media.read(path, on_note=notes.append, **part))
        return [note for note in notes if isinstance(note, media.Loss)]

    assert said(whole) == said(cut, frames=5) == []
    [note] = said(cut)
    assert "the sound is cut short: " in note
