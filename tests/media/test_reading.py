"""Frames come in order, with their times."""

import gc
import os
import shutil
import subprocess
import tracemalloc
import weakref
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relight.errors import InputError
from relight.media import probe, read, write

from .making import (
    VARIABLE,
    clapper,
    clip,
    copy,
    encode,
    flashes_and_clicks,
    number_of,
    numbered,
    one_line,
)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.avi"])
def test_frames_in_order_with_their_times(here, name):
    codec = "ffv1" if name.endswith("avi") else "libx264"
    tick = Fraction(1, 25) if name.endswith("avi") else Fraction(1, 1000)
    clip(name, 12, codec=codec, tick=tick)
    frames = list(read(name))
    assert [number_of(f.image) for f in frames] == list(range(12))
    assert frames[0].time == 0
    for i, frame in enumerate(frames):
        assert abs(frame.time - Fraction(i, 25)) < 0.001
        assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous and frame.image.flags.writeable
    info = probe(name)
    assert (info.width, info.height, info.fps) == (64, 48, 25)
    assert not info.has_audio and info.audio == () and info.notes == ()


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.flv", "flv"), ("a.wmv", "wmv2"), ("a.mxf", "mpeg2video"), ("a.ogv", "libtheora")],
)
def test_containers_of_other_times(here, name, codec):
    """OBS writes .flv, Windows .wmv, cameras .mxf."""
    images = [numbered(10 * k, (64, 48)) for k in range(10)]
    if codec in av.codec.codecs_available:
        encode(name, images, codec=codec, tick=Fraction(1, 25))
    elif shutil.which("ffmpeg"):
        encode("a.mkv", images, codec="ffv1", pix_fmt="yuv420p")
        command = ["ffmpeg", "-v", "error", "-i", "a.mkv", "-c:v", codec, "-q:v", "8", name]
        subprocess.run(command, check=True)
    else:
        pytest.skip(f"needs PyAV with {codec}, or Debian's ffmpeg")
    frames = list(read(name))
    assert [round(number_of(frame.image) / 10) for frame in frames] == list(range(10))
    assert all(abs(f.time - Fraction(k, 25)) < Fraction(1, 500) for k, f in enumerate(frames))


def test_webm_with_unknown_frame_count(here):
    clip("a.webm", 5, codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"})
    assert probe("a.webm").frames is None
    assert len(list(read("a.webm"))) == 5


@pytest.mark.parametrize("start", [0.04, 1.0, 2.0, 2.5, 3.96])
@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_start_and_count(here, name, start):
    clip(name, 100, gop=30)
    expected = [f for f in read(name) if f.time >= start - 1e-4]
    found = list(read(name, start=start, frames=3))
    assert [f.time for f in found] == [f.time for f in expected[:3]]
    assert [number_of(f.image) for f in found] == [number_of(f.image) for f in expected[:3]]


def test_start_past_the_end(here):
    clip("a.mp4")
    for start in (0.5, 30):
        with pytest.raises(InputError) as error:
            list(read("a.mp4", start=start))
        assert "past the last frame" in one_line(error)


@pytest.mark.parametrize(
    "wrong", [{"start": -1}, {"start": float("nan")}, {"frames": 0}, {"frames": -3}]
)
def test_bad_numbers_at_once(here, wrong):
    clip("a.mp4", 2)
    with pytest.raises(InputError) as error:
        read("a.mp4", **wrong)  # not only when the first frame is asked for
    one_line(error)


@pytest.mark.parametrize("count", [1, 2])
def test_very_short(here, count):
    clip("a.mp4", count)
    copy("a.mp4", "b.mp4")
    assert len(list(read("b.mp4"))) == count


def test_memory_is_a_few_frames(here):
    clip("a.mp4", 60, (640, 480), options={"preset": "ultrafast"})
    frame_bytes = 640 * 480 * 3
    alive = []
    tracemalloc.start()
    with write("b.mp4", probe("a.mp4"), size=(640, 480), fps=25) as out:
        for frame in read("a.mp4"):
            alive.append(weakref.ref(frame.image))
            out.add(frame.image, frame.time)
            assert sum(ref() is not None for ref in alive) <= 3
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * frame_bytes


@pytest.mark.slow
def test_what_ffmpeg_decoded_does_not_wait_for_the_garbage_collector(here):
    def alive():
        return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())

    clip("a.mp4", 80)  # a frame of 4K takes 12 MiB, and Python doesn't know it
    gc.collect()
    before = alive()  # other tests may have left some
    gc.disable()
    try:
        # A decoder holds some for each of its threads.
        assert max(alive() for _ in read("a.mp4")) - before <= 40
    finally:
        gc.enable()


def test_reading_is_lazy_and_closes_its_file(here):
    clip("a.mp4", 50)

    def opened():
        return sum(os.path.realpath(f"/proc/self/fd/{n}").endswith("a.mp4") for n in fds())

    def fds():
        return [n for n in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{n}")]

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    frames = read("a.mp4")
    assert opened() == 0
    next(frames)
    assert opened() == 1
    frames.close()
    assert opened() == 0


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_variable_frame_rate_is_kept(here, name):
    clip("a.mp4", 10, times=VARIABLE)
    assert [f.time for f in read("a.mp4")] == VARIABLE
    assert any("variable frame rate" in note for note in probe("a.mp4").notes)
    copy("a.mp4", name)
    assert [f.time for f in read(name)] == VARIABLE
    copy("a.mp4", f"cut{name}", start=0.25)
    assert [f.time for f in read(f"cut{name}")] == [t - VARIABLE[3] for t in VARIABLE[3:]]


@pytest.mark.parametrize("fps", [24, Fraction(24000, 1001), Fraction(30000, 1001), 50, 60])
def test_usual_rates_are_exact(here, fps):
    times = [i / Fraction(fps) for i in range(8)]
    with write("a.mp4", size=(64, 48), fps=fps) as out:
        for i, time in enumerate(times):
            out.add(numbered(i), time)
    assert [f.time for f in read("a.mp4")] == times
    assert probe("a.mp4").fps == fps


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=9))
def test_any_times_survive(tmp_path, gaps):
    times = [Fraction(0)]
    for gap in gaps:
        times.append(times[-1] + Fraction(gap, 1000))
    path = tmp_path / "any.mp4"
    with write(path, size=(32, 32), fps=25, overwrite=True) as out:
        for time in times:
            out.add(np.zeros((32, 32, 3), np.uint8), time)
    assert [f.time for f in read(path)] == times


def test_start_other_than_zero_is_rebased(here):
    clapper("a.mkv", count=40, marks=(25,))
    with av.open("a.mkv") as source, av.open("late.ts", "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                late = round(5 / packet.time_base)
                packet.pts += late
                packet.dts = None if packet.dts is None else packet.dts + late
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    assert probe("late.ts").origin > 4
    assert next(read("late.ts")).time == 0
    copy("late.ts", "b.mp4")
    (flash,), (click,) = flashes_and_clicks("b.mp4")
    assert flash == pytest.approx(1, abs=0.001) and click == pytest.approx(1, abs=0.03)


def test_equal_and_backward_stamps_become_rising(here):
    from relight.media.demux import _timed

    def picture(pts):
        made = av.VideoFrame(16, 16, "gray")
        made.pts, made.time_base = pts, Fraction(1, 1000)
        return made

    stamps = [100, 140, 140, 130, None, 300]
    times = [t for t, _ in _timed(map(picture, stamps), Fraction(1, 10), Fraction(25))]
    assert times[:2] == [0, Fraction(40, 1000)]
    assert all(a < b for a, b in pairwise(times))
    assert times[-1] == Fraction(200, 1000)
