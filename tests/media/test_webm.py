"""WebM: its pictures, time stamps, sound and subtitles."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from relight import metrics
from relight.media import probe, read, write

from .making import (
    VARIABLE,
    clapper,
    clip,
    copy,
    cues_of,
    encode,
    flashes_and_clicks,
    number_of,
    numbered,
    packets,
    with_subtitles,
)


def fidelity(path, source):
    """Of two files, in dB."""
    return metrics.psnr(*((frame.image for frame in read(file)) for file in (path, source)))


def test_webm_looks_like_its_source(here):
    source = Path(__file__).parents[2] / "examples/clips/big_buck_bunny.mp4"
    copy(source, "cut.mp4", frames=12, audio=False, crf=0)
    for name in ("b.mp4", "b.webm"):
        copy("cut.mp4", name)
    assert fidelity("b.webm", "cut.mp4") > fidelity("b.mp4", "cut.mp4") - 1 > 38
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


@pytest.mark.slow
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
    with_subtitles("a.mkv", [(0, 900, "<i>over</i>")])
    copy("a.mkv", "b.webm", frames=10)
    assert "subrip subtitles are written as webvtt in .webm" in caplog.text
    assert cues_of("b.webm") == [(0, 0.4, "over")]


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
