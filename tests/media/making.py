"""Video files for the tests, each with the fault it is to show."""

import dataclasses
import importlib.util
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from relight.media import Encoding, Reading, probe, read, write


def numbered(index, size=(64, 48)):
    """A flat grey frame whose level tells its number, with a white top left corner."""
    image = np.full((size[1], size[0], 3), 20 + 2 * index, np.uint8)
    image[: size[1] // 4, : size[0] // 4] = 255
    return image


def picture(height=64, width=96):
    """A ramp of red to the right and of green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 2, y * 3, 128 + 0 * x]).astype(np.uint8)


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
    """What a job does with its frames, without the job; Encoding's fields are options too."""
    how = options.pop("how", Reading())
    info = probe(source, how)
    names = [f.name for f in dataclasses.fields(Encoding)]
    chosen = Encoding(**{name: options.pop(name) for name in names if name in options})
    options = {"size": (info.width, info.height), "fps": info.fps} | options
    with write(target, info, start=start, frames=frames, encoding=chosen, **options) as out:
        for frame in read(source, start=start, frames=frames, how=how):
            out.put(frame)
    return target


def packets(path, kind="audio"):
    with av.open(str(path)) as container:
        streams = getattr(container.streams, kind)
        return [
            [bytes(p) for p in container.demux(s) if p.size] if container.seek(0) is None else None
            for s in streams
        ]


def probed(path, entries):
    """What FFmpeg's own ffprobe says of a file, as JSON."""
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
    try:
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    except FileNotFoundError:
        pytest.skip("needs ffprobe (Debian's ffmpeg)")


def one_line(error):
    text = str(error.value)
    assert text and "\n" not in text and "Errno" not in text, text
    return text


def nothing_but(folder, *names):
    assert sorted(p.name for p in Path(folder).iterdir()) == sorted(names)


def installed(package, *parts):
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent.joinpath(*parts) if spec else None
    if path is None or not path.exists():
        pytest.skip(f"{package} with its media files is not installed")
    return path


VARIABLE = [Fraction(t, 1000) for t in (0, 40, 50, 250, 251, 900, 1000, 1033, 1500, 2000)]


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


TWO = {"size": (64, 48), "fps": 25}
