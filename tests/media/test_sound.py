"""Sound, subtitles and tags travel with the picture."""

from fractions import Fraction

import av
import pytest

from relight.media import probe, read, write

from .making import clapper, copy, cues_of, flashes_and_clicks, packets, with_subtitles


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
