"""Sound, subtitles and tags travel with the picture."""

from fractions import Fraction

import av
import numpy as np
import pytest

from relight.media import probe, read, write

from .making import clapper, copy, cues_of, encode, flashes_and_clicks, packets, with_subtitles


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


@pytest.mark.slow
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


def test_subtitles_are_copied_and_cut(here, caplog):
    with_subtitles("a.mkv", [(0, 900, "over"), (500, 1000, "into"), (1600, 1200, "out of")])
    copy("a.mkv", "b.mkv", start=1.0, frames=25)
    assert cues_of("b.mkv") == [(0, 0.5, "into"), (0.6, 0.4, "out of")]
    with av.open("b.mkv") as container:
        assert container.streams.subtitles[0].language == "fre"
    assert not caplog.text
    copy("a.mkv", "b.mp4")
    assert "subrip subtitles are written as mov_text in .mp4" in caplog.text
    assert probe("b.mp4").has_audio
    found = [
        (begin, length, words[2:]) for begin, length, words in cues_of("b.mp4") if len(words) > 2
    ]
    assert found == [(0, 0.5, "over"), (0.5, 1.0, "into"), (1.6, 1.2, "out of")]


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


def _camcorder(path, sound, video="mpeg4"):
    """An AVI with B-frames, which tells no times of showing: flashes and clicks at 1 and 2 s."""
    images = [np.full((48, 64, 3), 255 * (i in (25, 50)), np.uint8) for i in range(75)]
    samples = np.zeros(75 * 1920)
    for mark in (25, 50):
        samples[mark * 1920 : mark * 1920 + 480] = np.sin(np.arange(480) * 0.3)
    options = {"codec": video, "bframes": 2, "gop": 12, "tick": Fraction(1, 25)}
    return encode(path, images, sound=(sound, 48000, samples), **options)


@pytest.mark.slow
@pytest.mark.parametrize("video", ["mpeg4", "libx264"])
@pytest.mark.parametrize("target", ["b.mp4", "b.mov", "b.mkv"])
@pytest.mark.parametrize("sound", ["pcm_s16le", "libmp3lame"])
def test_an_avi_stays_in_sync(here, video, target, sound):
    """One tick of its MP3 is a whole packet; the first of its B-frames comes late."""
    _camcorder("a.avi", sound, video)
    copy("a.avi", target)
    flashes, clicks = flashes_and_clicks(target)
    assert flashes == pytest.approx([1, 2], abs=0.001)
    assert clicks == pytest.approx([1, 2], abs=0.002 if sound.startswith("pcm") else 0.05)
    assert [f.time for f in read("a.avi")] == [Fraction(k, 25) for k in range(75)]


@pytest.mark.parametrize(
    ("layout", "target", "channels", "said"),
    [
        ("mono", "b.mp4", 1, False),
        ("1 channels", "b.mp4", 1, False),
        ("5.1(side)", "b.mp4", 6, False),
        ("quad", "b.mp4", 4, False),
        ("6.1", "b.mp4", 6, True),
        ("quad", "b.webm", 2, True),
        ("7.1", "b.webm", 6, True),
    ],
)
def test_channels_are_kept_or_their_mix_is_named(here, layout, target, channels, said, caplog):
    """AVI and others tell the number of channels, and no layout."""
    with av.open("a.mkv" if layout != "1 channels" else "a.avi", "w") as out:
        picture = out.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        known = "mono" if layout == "1 channels" else layout
        sound = out.add_stream("pcm_s32le", rate=48000, layout=known)
        for k in range(10):
            image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * k, np.uint8), "rgb24")
            image.pts = k
            out.mux(picture.encode(image.reformat(format="yuv420p")))
            count = sound.codec_context.layout.nb_channels
            part = np.zeros((1, 1920 * count), np.int32)
            frame = av.AudioFrame.from_ndarray(part, "s32", known)
            frame.rate, frame.pts, frame.time_base = 48000, 1920 * k, Fraction(1, 48000)
            out.mux(sound.encode(frame))
        out.mux(picture.encode(None) + sound.encode(None))
    copy(out.name, target)
    with av.open(target) as container:
        assert container.streams.audio[0].codec_context.layout.nb_channels == channels
    assert any("mixed down" in r.getMessage() for r in caplog.records) == said
