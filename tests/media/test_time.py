"""Every frame's time is kept, the last one's too; sound is not cut; clocks are put in order."""

import logging
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relight.errors import MediaError
from relight.media import frame_at, probe, read, write

from .making import TWO, clip, copy, encode, number_of, numbered, one_line

TIMES = [100, 300, 40, 2000]  # milliseconds


def animation(name, plays, times=TIMES, **options):
    """plays: 0 for ever; 1: once, which GIF says by saying nothing."""
    images = [Image.fromarray(numbered(10 * i)) for i in range(len(times))]
    loop = {} if plays == 1 and name.endswith("gif") else {"loop": plays}
    if plays > 1 and name.endswith("gif"):
        loop = {"loop": plays - 1}
    lossless = {"lossless": True} if name.endswith("webp") else {}
    settings = {"duration": times} | loop | lossless | options
    images[0].save(name, save_all=True, append_images=images[1:], **settings)
    return name


def shown(name):
    """What Pillow, which knows nothing of us, reads: times in ms, and repeats as the file has."""
    with Image.open(name) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            found.append(round(image.info["duration"]))
        return found, image.info.get("loop")


@pytest.mark.parametrize("plays", [0, 1, 3])
@pytest.mark.parametrize("target", ["b.gif", "b.webp", "b.apng", "b.png"])
@pytest.mark.parametrize("source", ["a.gif", "a.webp", "a.png"])
def test_animations_keep_times_and_repeats(here, source, target, plays):
    animation(source, plays)
    info = probe(source)
    assert (info.kind, info.plays, info.frames) == ("animation", plays, 4)
    assert info.duration == pytest.approx(sum(TIMES) / 1000)
    copy(source, target)
    times, loop = shown(target)
    assert times == TIMES
    repeats = {0: 0, 1: None, 3: 2}[plays] if target.endswith("gif") else plays
    assert loop == repeats
    frames = list(read(target))
    assert [f.duration for f in frames] == [Fraction(t, 1000) for t in TIMES]
    assert [round(number_of(f.image) / 10) for f in frames] == [0, 1, 2, 3]


def test_animation_to_video_and_back(here):
    animation("a.gif", 0)
    copy("a.gif", "b.mp4")
    frames = list(read("b.mp4"))
    assert [f.time * 1000 for f in frames] == [0, 100, 400, 440]
    assert frames[-1].duration == 2  # not guessed as 1/fps
    copy("b.mp4", "c.webp")
    assert shown("c.webp") == (TIMES, 0)


@pytest.mark.parametrize("name", ["a.gif", "a.mkv"])
def test_the_frame_on_the_screen_is_the_last_that_has_begun(here, name):
    animation("a.gif", 1, [100, 300, 40, 20_000, 100])
    if name != "a.gif":
        copy("a.gif", name)
    times = (0, 0.05, 0.1, 0.3, 0.43, 0.45, 19, 20.43, 20.5, 99)
    seen = [round(number_of(frame_at(name, seconds).image) / 10) for seconds in times]
    assert seen == [0, 0, 1, 1, 2, 3, 3, 3, 4, 4]


def test_a_still_webp_stays_one(here):
    Image.fromarray(numbered(3)).save("a.webp", lossless=True)
    copy("a.webp", "b.webp")
    clip("a.mp4", 1)
    copy("a.mp4", "c.webp")
    for name in ("b.webp", "c.webp"):
        with Image.open(name) as image:
            assert not image.is_animated


def test_an_apng_with_a_poster_shows_only_its_frames(here):
    frames = [Image.fromarray(numbered(10 * i)) for i in range(3)]
    poster = Image.fromarray(numbered(90))
    poster.save(
        "a.png", save_all=True, append_images=frames, default_image=True, duration=[50, 60, 70]
    )
    assert [round(number_of(f.image) / 10) for f in read("a.png")] == [0, 1, 2]
    assert [f.duration * 1000 for f in read("a.png")] == [50, 60, 70]


def test_sound_after_the_last_picture_is_kept(here):
    samples = np.sin(np.arange(48000 * 3) * 0.05) * 0.3
    images = [numbered(i) for i in range(8)]
    for name, codec in (("a.mp4", "aac"), ("a.mkv", "libopus")):
        encode(name, images, sound=(codec, 48000, samples))
        notes = []
        frames = list(read(name, on_note=notes.append))
        assert frames[-1].duration == pytest.approx(3 - 7 / 25, abs=0.05)
        assert "the last picture, which is held" in notes[0] and len(notes) == 1
        for target in ("b.mp4", "b.mkv", "b.webm"):
            copy(name, target, overwrite=True)
            assert _sound_end(target) == pytest.approx(3, abs=0.05)
            assert len(list(read(target, on_note=notes.append))) == 8
        copy(name, "c.mp4", frames=5, overwrite=True)  # asked for: cut with the pictures
        assert _sound_end("c.mp4") == pytest.approx(0.2, abs=0.05)


def _sound_end(path):
    command = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries"]
    command += ["packet=pts_time,duration_time", "-of", "csv=p=0", path]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("needs ffprobe (Debian's ffmpeg)")
    return sum(map(float, lines.split()[-1].split(",")[:2]))


def test_joined_transport_streams_follow_each_other(here):
    samples = np.sin(np.arange(48000) * 0.05) * 0.3
    for name, first in (("a.ts", 0), ("b.ts", 30)):
        images = [numbered(i + first) for i in range(25)]
        encode(name, images, sound=("aac", 48000, samples), options={"crf": "4"})
    Path("c.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    notes = []
    frames = list(read("c.ts", on_note=notes.append))
    parts = [f for name in ("a.ts", "b.ts") for f in read(name)]
    assert len(frames) == len(parts) == 50
    assert all(np.array_equal(f.image, one.image) for f, one in zip(frames, parts, strict=True))
    assert "clock jumps" in notes[0] and len(notes) == 1
    gaps = [float(b.time - a.time) for a, b in pairwise(frames)]
    assert max(gaps) < 0.12 and min(gaps) > 0.03
    copy("c.ts", "d.mp4")
    assert _sound_end("d.mp4") == pytest.approx(2, abs=0.15)
    times = [float(f.time) for f in read("d.mp4")]
    assert times == pytest.approx([float(f.time) for f in frames], abs=1e-3)


def test_short_joined_parts_follow_each_other_too(here):
    """Also those shorter than half a second, of another size and rate, without sound."""
    sizes = {"a.ts": ((64, 48), 25), "b.ts": ((48, 64), 25), "c.ts": ((64, 48), 50)}
    for name, (size, fps) in sizes.items():
        clip(name, 5, size=size, fps=fps)
    Path("m.ts").write_bytes(b"".join(Path(name).read_bytes() for name in sizes))
    notes = []
    times = [float(f.time) for f in read("m.ts", on_note=notes.append)]
    wanted = [k / 25 for k in range(11)] + [0.42, 0.44, 0.46, 0.48]
    assert np.allclose(times, wanted, atol=2e-3)
    assert sum("clock jumps" in note for note in notes) == 2


def test_a_gap_of_some_seconds_stays_one(here):
    clip("a.ts", 5)
    clip("b.ts", 5, times=[Fraction(3) + Fraction(i, 25) for i in range(5)])
    Path("m.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    gaps = np.diff([float(f.time) for f in read("m.ts")])
    assert np.allclose(np.delete(gaps, 4), 0.04, atol=2e-3) and 2.7 < gaps[4] < 2.9


def test_an_error_of_writing_names_its_cause(here, monkeypatch):
    import av

    with pytest.raises(MediaError) as error, write("b.mp4", **TWO) as out:
        out.add(numbered(0), Fraction(0))
        refusal = av.error.ArgumentError(22, "Invalid argument")
        monkeypatch.setattr(out, "_put", lambda *rest: (_ for _ in ()).throw(refusal))
        out.add(numbered(1), Fraction(1, 25))
    assert "refuses frame 1" in one_line(error) and "disk" not in str(error.value)
    with pytest.raises(MediaError) as error, write("b.mp4", **TWO) as out:
        full = OSError(28, "No space left on device")
        monkeypatch.setattr(out, "_put", lambda *rest: (_ for _ in ()).throw(full))
        out.add(numbered(0), Fraction(0))
    assert "disk is full" in one_line(error)


def test_long_animations_are_described_without_composing_them(here, caplog):
    """GIF: 4 kB that declare 60 x 62 megapixels; APNG: 20,000 frames."""
    from .bombs import apng_of, gif_of

    Path("a.gif").write_bytes(gif_of(60, 7900))
    assert probe("a.gif").frames == 60
    Path("b.gif").write_bytes(gif_of(100, 7900))
    with pytest.raises(MediaError, match="gigapixels") as error:
        probe("b.gif")
    one_line(error)
    with pytest.raises(MediaError, match="gigapixels"):
        next(read("b.gif", frames=1))
    Path("c.png").write_bytes(apng_of(20_000))
    assert probe("c.png").frames == 20_000 and probe("c.png").duration == pytest.approx(800)
    assert next(read("c.png", frames=1)).image.shape == (8, 8, 3)
    with caplog.at_level(logging.WARNING):
        assert not caplog.text
