"""The source's sound and subtitles beside the new pictures: copied packet by packet, in sync."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av

from relight.media.clip import VideoInfo
from relight.media.demux import open_media

log = logging.getLogger(__name__)

# What players are known to play there; FFmpeg itself would write more (PCM in MP4, say).
_AUDIO = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"}
    | {"pcm_s24be", "pcm_s32le", "pcm_f32le"},
    ".webm": {"opus", "vorbis"},
}
_SUBTITLES = {".mp4": {"mov_text"}, ".mov": {"mov_text"}, ".webm": {"webvtt"}}
_TECHNICAL = {"encoder", "major_brand", "minor_version", "compatible_brands", "handler_name"}
_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
_AAC_LAYOUTS = {"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"}
_LOOK_ON = 10  # seconds after the end in which a badly interleaved file may still hold packets


class Company:
    """The source's other streams, which travel along with the new pictures."""

    def __init__(self, source: VideoInfo, out: av.container.OutputContainer, suffix: str) -> None:
        self.origin = Fraction(0)  # set before the first packet, in Frame.time's seconds
        self._clock = source.origin  # the file's own time at Frame.time 0
        self._in = open_media(source.path)
        self._out = out
        try:
            found = [*self._in.streams.audio, *self._in.streams.subtitles]
            lines = {stream.index: _line(stream, out, suffix, source.path) for stream in found}
            self._lines = {index: line for index, line in lines.items() if line}
            for stream in self._in.streams:
                if stream.index not in self._lines:
                    stream.discard = av.stream.Discard.all  # the demuxer skips over its bytes
            out.metadata.update(
                {k: v for k, v in self._in.metadata.items() if k.lower() not in _TECHNICAL}
            )
        except BaseException:
            self._in.close()
            raise
        self._packets = self._demux()
        self._held: tuple[Fraction, av.Packet] | None = None
        # A subtitle is written when it is over: only then is it known whether the clip ends
        # before it does.
        self._cues: list[tuple[Fraction, av.Packet]] = []

    def _demux(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """Pairs of (begin in output seconds, packet)."""
        streams = [s for s in self._in.streams if s.index in self._lines]
        for packet in self._in.demux(*streams) if streams else ():
            stamp = packet.dts if packet.pts is None else packet.pts
            if packet.size and stamp is not None:
                yield stamp * packet.time_base - self._clock - self.origin, packet

    def advance(self, until: Fraction) -> None:
        """Write what begins before `until`, in seconds of the output."""
        while held := self._held or next(self._packets, None):
            self._held = held
            if held[0] >= until:
                break
            self._held = None
            self._write(*held, until)
        self._write_cues(until, is_end=False)

    def finish(self, end: Fraction) -> None:
        """Write the rest of what begins before `end`."""
        for begin, packet in chain([self._held] if self._held else [], self._packets):
            if begin >= end + _LOOK_ON:
                break
            if begin < end:
                self._write(begin, packet, end)
        self._write_cues(end, is_end=True)
        for line in self._lines.values():
            self._out.mux(line.flush())

    def _write(self, begin: Fraction, packet: av.Packet, end: Fraction) -> None:
        line = self._lines[packet.stream_index]
        if line.is_text:
            self._cues.append((begin, packet))
        else:
            self._out.mux(line.take(packet, begin, end))

    def _write_cues(self, end: Fraction, is_end: bool) -> None:
        """Write the subtitles that are over at `end`; at the very end, all, cut to it."""
        waiting = []
        for begin, packet in self._cues:
            if is_end or begin + (packet.duration or 0) * packet.time_base <= end:
                self._out.mux(self._lines[packet.stream_index].take(packet, begin, end))
            else:
                waiting.append((begin, packet))
        self._cues = waiting

    def close(self) -> None:
        self._in.close()


def _said(stream: av.stream.Stream) -> dict[str, str]:
    """What a stream's tags say to people; the rest describes the old file."""
    return {k: v for k, v in stream.metadata.items() if k.lower() in ("language", "title")}


def _line(
    stream: av.stream.Stream, out: av.container.OutputContainer, suffix: str, path: Path
) -> "_Copied | _Encoded | None":
    """The way a stream gets into `out`: copied, re-encoded (sound only), or not at all."""
    context = stream.codec_context
    codec = context.codec.canonical_name if context else "unknown"
    legal = (_AUDIO if stream.type == "audio" else _SUBTITLES).get(suffix)
    if context and (legal is None or codec in legal):
        try:
            return _Copied(stream, out, suffix)
        except ValueError:  # the container cannot hold it
            pass
    if context and stream.type == "audio":
        name = "Opus" if suffix == ".webm" else "AAC"
        log.warning(
            "%s: %s sound does not fit into %s, encoded as %s; .mkv keeps it",
            *(path, codec, suffix, name),
        )
        return _Encoded(stream, out, name)
    log.warning("%s: %s %s does not fit into %s, left out", path, codec, stream.type, suffix)
    return None


class _Copied:
    """Packets that pass through as they are, only their clock is shifted."""

    def __init__(
        self, stream: av.stream.Stream, out: av.container.OutputContainer, suffix: str
    ) -> None:
        self._to = out.add_stream_from_template(stream)
        self._to.metadata.update(_said(stream))
        self._to.disposition = stream.disposition
        self.is_text = stream.type == "subtitle"
        # MP4 and MOV hide what lies before time 0 by an edit list. Matroska has none: there an
        # early packet would push the pictures off their 0.
        self._hides_early = suffix in (".mp4", ".mov")
        self._same_kind = suffix in (".mkv", ".webm") and "matroska" in stream.container.format.name

    def take(self, packet: av.Packet, begin: Fraction, end: Fraction) -> list[av.Packet]:
        """The packet, restamped to begin at `begin` seconds of the output; none when outside.

        A subtitle that lasts longer than `end` is shortened to it.
        """
        tick = packet.time_base
        until = begin + (packet.duration or 0) * tick
        if self.is_text:
            if until <= 0:
                return []
            begin = max(begin, Fraction(0))
            packet.duration = round((min(until, end) - begin) / tick)
        elif not self._wanted(packet, begin, until):
            return []
        stamp = round(begin / tick)
        late = packet.pts - packet.dts if None not in (packet.pts, packet.dts) else 0
        packet.pts, packet.dts = stamp, stamp - late
        packet.stream = self._to
        return [packet]

    def _wanted(self, packet: av.Packet, begin: Fraction, until: Fraction) -> bool:
        if self._hides_early:
            # The packet before time 0 readies the decoder; a file's own run-in (AAC: up to three
            # packets) is marked as not to be heard.
            return until >= 0 or (packet.is_discard and begin > -Fraction(1, 5))
        # From Matroska to Matroska the run-in is a property of the stream, and stays one as long
        # as the clock does.
        run_in = self._same_kind and begin == (packet.pts or 0) * packet.time_base
        return begin >= 0 or run_in

    def flush(self) -> list[av.Packet]:
        return []


class _Encoded:
    """Sound decoded and encoded as AAC or Opus."""

    is_text = False

    def __init__(
        self, stream: av.AudioStream, out: av.container.OutputContainer, name: str
    ) -> None:
        context = stream.codec_context
        if name == "Opus":
            rate, layout, codec = 48000, _opus_layout(context.layout.nb_channels), "libopus"
        else:
            rate = context.rate if context.rate in _AAC_RATES else 48000
            layout = context.layout.name if context.layout.name in _AAC_LAYOUTS else "stereo"
            codec = "aac"
        self._to = out.add_stream(codec, rate=rate, layout=layout)
        self._to.codec_context.bit_rate = 96_000 * self._to.codec_context.layout.nb_channels
        self._to.metadata.update(_said(stream))
        sample, length = ("flt", 960) if name == "Opus" else ("fltp", 1024)
        self._resampler = av.AudioResampler(sample, layout, rate, frame_size=length)

    def take(self, packet: av.Packet, begin: Fraction, _end: Fraction) -> list[av.Packet]:
        """The packets that a source packet gives, beginning at `begin` seconds."""
        packets = []
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return []  # one damaged packet is a click, not a reason to stop
        shift = begin - (packet.pts or 0) * packet.time_base
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            at = frame.pts * frame.time_base + shift
            if at < 0:
                continue
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(at * frame.sample_rate)
            packets += self._encode(self._resampler.resample(frame))
        return packets

    def flush(self) -> list[av.Packet]:
        return self._encode(self._resampler.resample(None)) + self._to.encode(None)

    def _encode(self, frames: list[av.AudioFrame]) -> list[av.Packet]:
        return [packet for frame in frames for packet in self._to.encode(frame)]


def _opus_layout(channels: int) -> str:
    """The nearest of the layouts that every Opus decoder plays."""
    if channels <= 2:
        return "mono" if channels == 1 else "stereo"
    return "5.1" if channels >= 5 else "stereo"
