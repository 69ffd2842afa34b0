"""One track of the source on its way into the output: copied, encoded anew, or text rewritten."""

from __future__ import annotations

import math
import re
import struct
from fractions import Fraction

import av
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from relight.media.formats import Format
from relight.media.labels import OnNote, label

_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_OPUS_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_TEXT = {"subrip", "ass", "ssa", "mov_text", "webvtt", "text"}  # subtitles that are words
_STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def track(
    stream: Stream,
    out: OutputContainer,
    target: Format,
    suffix: str,
    on_note: OnNote,
) -> Copied | Encoded | Rewritten | None:
    """How a stream of sound or subtitles gets into `out`; None, with a note, if it can't."""
    context = stream.codec_context
    codec = context.codec.canonical_name if context else "unknown"
    legal = target.sound if stream.type == "audio" else target.subtitles
    if context and (legal is None or codec in legal):
        try:
            return Copied(stream, out, target, on_note)
        except ValueError:  # the container cannot hold it
            pass
    if context and isinstance(stream, av.AudioStream):
        name = "Opus" if suffix == ".webm" else "AAC"
        on_note(f"{codec} sound does not fit into {suffix}, encoded as {name}; .mkv keeps it")
        return Encoded(stream, out, target, on_note, name)
    if context and codec in _TEXT:
        new = "subrip" if legal is None else next(iter(legal))
        on_note(f"{codec} subtitles are written as {new} in {suffix}, without their styles")
        return Rewritten(stream, out, target, on_note, codec, new)
    on_note(f"{codec} {stream.type} does not fit into {suffix}, left out")
    return None


class Copied:
    """Packets that pass through as they are, only their clock is shifted."""

    def __init__(
        self,
        stream: Stream,
        out: OutputContainer,
        target: Format,
        on_note: OnNote,
    ) -> None:
        self._to = out.add_stream_from_template(stream)
        label(self._to, stream, target, on_note)
        self.is_text = stream.type == "subtitle"
        # MP4 and MOV hide what lies before time 0 by an edit list. Matroska has none: there an
        # early packet would push the pictures off their 0.
        self._hides_early = target.muxer in ("mp4", "mov")
        self._due: Fraction | None = None  # seconds: stamps must rise in the container
        self._same_kind = target.muxer in ("matroska", "webm") and (
            "matroska" in stream.container.format.name
        )

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
        pts, dts = packet.pts, packet.dts
        late = 0 if pts is None or dts is None else pts - dts
        if self._due is not None:
            stamp = max(stamp, math.ceil(self._due / tick) + late)
        packet.pts, packet.dts = stamp, stamp - late
        if not self.is_text:  # the container's own tick may be coarser
            self._due = (stamp - late) * tick + max(tick, 2 * (self._to.time_base or tick))
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


class Encoded:
    """Sound decoded and encoded as AAC or Opus."""

    is_text = False

    def __init__(
        self,
        stream: av.AudioStream,
        out: OutputContainer,
        target: Format,
        on_note: OnNote,
        name: str,
    ) -> None:
        context, count = stream.codec_context, stream.codec_context.layout.nb_channels
        if name == "Opus":  # the layouts that every decoder plays
            rate, codec, layouts = 48000, "libopus", _OPUS_LAYOUTS
        else:
            rate = context.rate if context.rate in _AAC_RATES else 48000
            codec, layouts = "aac", _AAC_LAYOUTS
        nearest = max(n for n in layouts if n <= max(count, 1))
        layout = layouts[nearest]
        if nearest < count:
            on_note(f"{count} channels of sound are mixed down to {nearest} ({layout})")
        self._to = out.add_stream(codec, rate=rate, layout=layout)
        self._to.codec_context.bit_rate = 96_000 * self._to.codec_context.layout.nb_channels
        label(self._to, stream, target, on_note)
        self._due = -(1 << 60)  # the next packet's stamp at least
        sample, length = ("flt", 960) if name == "Opus" else ("fltp", 1024)
        self._resampler = av.AudioResampler(sample, layout, rate, frame_size=length)

    def take(self, packet: av.Packet, begin: Fraction, _end: Fraction) -> list[av.Packet]:
        """The packets that a source packet gives, beginning at `begin` seconds."""
        packets = []
        try:
            frames = packet.decode()
        except av.FFmpegError:
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
        return self._encode(self._resampler.resample(None)) + self._rising(self._to.encode(None))

    def _encode(self, frames: list[av.AudioFrame]) -> list[av.Packet]:
        return self._rising([packet for frame in frames for packet in self._to.encode(frame)])

    def _rising(self, packets: list[av.Packet]) -> list[av.Packet]:
        """Packets with stamps that rise, also where the source's clock was put in order."""
        for packet in packets:
            if packet.dts is not None:
                late = max(self._due - packet.dts, 0)
                packet.dts += late
                packet.pts = None if packet.pts is None else packet.pts + late
                self._due = packet.dts + 1
        return packets


class Rewritten:
    """Subtitles as plain words in the codec of another container."""

    is_text = True

    def __init__(
        self,
        stream: Stream,
        out: OutputContainer,
        target: Format,
        on_note: OnNote,
        codec: str,
        new: str,
    ) -> None:
        self._codec, self._new = codec, new
        self._held: av.Packet | None = None
        self._to = out.add_stream(new)
        assert isinstance(self._to, SubtitleStream)  # `new` is a codec of subtitles
        self._to.codec_context.subtitle_header = _STYLES
        self._to.codec_context.time_base = Fraction(1, 1000)
        label(self._to, stream, target, on_note)

    def take(self, packet: av.Packet, begin: Fraction, end: Fraction) -> list[av.Packet]:
        """The cue as a new packet, shortened to `end`; none when it is over before 0."""
        until = min(begin + (packet.duration or 0) * packet.time_base, end)
        begin = max(begin, Fraction(0))
        words = plain_words(bytes(packet), self._codec).encode()
        if until <= begin or not words:
            return []
        new = av.Packet(struct.pack(">H", len(words)) + words if self._new == "mov_text" else words)
        new.stream, new.time_base = self._to, Fraction(1, 1000)
        at = new.pts = new.dts = round(begin * 1000)
        new.duration = round((until - begin) * 1000)
        if self._new != "mov_text":
            return [new]
        # There one cue follows the other: one that goes on is cut where the next one begins.
        held, self._held = self._held, new
        if held is None:
            return []
        held.duration = min(held.duration or 0, at - (held.pts or 0))
        return [held] if held.duration > 0 else []

    def flush(self) -> list[av.Packet]:
        return [] if self._held is None else [self._held]


def plain_words(data: bytes, codec: str) -> str:
    """The words of a subtitle packet, without styles.

    >>> plain_words(rb"0,0,Default,,0,0,0,,{\\i1}Hello{\\i0}\\Nyou", "ass")
    'Hello\\nyou'
    """
    if codec == "mov_text":
        size = int.from_bytes(data[:2], "big")
        data = data[2 : 2 + size]
    text = data.decode("utf-8", errors="replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", 8)[-1]
        text = re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n").replace("\\h", " ")
    return re.sub(r"</?[a-zA-Z][^>]*>", "", text).strip()
