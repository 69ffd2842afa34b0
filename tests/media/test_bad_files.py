"""Files that are broken, hostile or no video at all."""

import contextlib
import ctypes
import io
import logging
import os
import shutil
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from relight.errors import InputError, MediaError
from relight.media import probe, read

from .making import _sound, clapper, clip, copy, encode, one_line


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
