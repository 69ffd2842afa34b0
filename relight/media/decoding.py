"""An open video file: its packets decoded one by one, and what was found on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import VideoReformatter

from relight.errors import Damaged
from relight.media.clip import Loss
from relight.media.clock import Clock
from relight.media.look import Looks, tagged
from relight.media.opening import decoder_of
from relight.media.options import Conversion

OnNote = Callable[[str], None]

_DAMAGE_LIMIT = 0.05  # share of the packets
_LEFT_OUT = {  # what frames carry beside their pixels, and no encoder here takes over
    SideData.A53_CC: "closed captions inside the pictures (CEA-608, CEA-708) are left out",
    SideData.STEREO3D: "the tag of a stereo (3D) picture is left out: it is taken as it is stored",
    SideData.SPHERICAL: "the tag of a 360 degree picture is left out",
}


class Doubtful(Exception):
    """Something may be damaged in what is decoded by several threads.

    They patch it, and tell of it, as they happen to be in step: it is to be read again in one.
    """


@dataclass
class _Tally:
    """What went well and what did not while decoding."""

    packets: int = 0
    damaged: int = 0
    frames: int = 0


@dataclass
class Source:
    """An open file: its pictures, and what was found on the way.

    Attributes:
        careful: as the stream was opened, see `video_stream`. False: `Doubtful` where there may be
            damage, after pictures that have none.
    """

    container: InputContainer
    stream: av.VideoStream
    path: Path
    conversion: Conversion = "exact"
    on_note: OnNote = lambda note: None
    careful: bool = True
    picture_end: Fraction = Fraction(0)  # on the file's clock, seconds
    sound_end: Fraction = Fraction(0)
    tally: _Tally = field(default_factory=_Tally)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.decoder = decoder_of(self.stream)
        self.looks = Looks(self.stream, self.decoder, self.path, self.conversion)
        self.converter = VideoReformatter()
        self.clock = Clock(self.on_note) if Clock.needed(self.container) else None
        self._only_decoding = self.container.format.name == "avi"
        self._first: int | None = None  # when the first packet is decoded
        self._late: int | None = None  # ticks from there to the first frame
        self._heard: Counter[int] = Counter()  # packets by stream of sound
        self._due: int | None = None  # when the last picture that was read is shown, in ticks
        self._shown: int | None = None  # likewise, of those that came out

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Decode, skipping and counting what is damaged; Damaged above 5 %.

        Raises:
            Doubtful: there may be damage, and this isn't careful.
        """
        packets = self.container.demux(self.stream, *self.container.streams.audio)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:  # the disk, or the container, ends badly here
                self._doubt()
                said = f"reading stops after {self.tally.frames} frames ({error.strerror})"
                self.on_note(Loss(said))
                return
            if packet is None:
                if self._ends_early():
                    self._doubt()  # PyAV is silent about an error after the last frames it gives
                return
            if self.clock and packet.size:
                self.clock.set(packet)
            end = _end(packet)
            if packet.stream.index != self.stream.index:  # an empty one has no index itself
                self.sound_end = max(self.sound_end, end)
                self._heard[packet.stream.index] += bool(packet.size)
                continue
            self.picture_end = max(self.picture_end, end)
            for picture in self.decoded(packet):
                self.tally.frames += 1
                self._shown = _later(self._shown, picture.pts)
                self._name_left_out(picture)
                yield picture
            if self.tally.frames:
                self._check()
            else:
                self.tally.damaged = (
                    0  # a broadcast joined midway begins with what can't be decoded
                )

    def _name_left_out(self, picture: av.VideoFrame) -> None:
        for kind, note in _LEFT_OUT.items():
            if note not in self.told and tagged(picture, kind) is not None:
                self.told.add(note)
                self.on_note(note)

    def decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        """The frames that come out for one packet; an undecodable one gives none, is counted."""
        if packet.size:  # the last packets are empty: they flush the decoder
            if self.decoder.name == "theora" and bytes(packet)[0] & 0x80:
                return []  # a header, which Ogg stores as a packet
            self.tally.packets += 1
            self._first = packet.dts if self._first is None else self._first
            self._due = self._due if packet.is_discard else _later(self._due, packet.pts)
        try:
            pictures = self.decoder.decode(packet)
        except av.FFmpegError:
            self._doubt()
            self.tally.damaged += 1
            return []
        if any(picture.is_corrupt for picture in pictures):
            self._doubt()
            self.tally.damaged += 1
        if self._only_decoding:
            for picture in pictures:
                self._stamp(picture)
        return pictures

    def _ends_early(self) -> bool:
        """Whether the last picture that was read has not come out."""
        if self._only_decoding:
            return self.tally.frames < self.tally.packets
        return self._due is not None and self._shown != self._due

    def _doubt(self) -> None:
        if not self.careful:
            raise Doubtful

    def _stamp(self, picture: av.VideoFrame) -> None:
        """The time of a frame in a file that tells no times of showing, but the order of decoding.

        Frames come out in order, each when a packet goes in: later by as much as the first one.
        """
        if self._late is None:
            self._late = (picture.dts or 0) - (self._first or 0)
        picture.pts = None if picture.dts is None else picture.dts - self._late

    def seek(self, first: av.VideoFrame, start: float) -> Iterator[av.VideoFrame] | None:
        """Frames from the key frame at or before `start`; None where the format can't do it."""
        if first.pts is None or self.stream.time_base is None:
            return None
        begin = time_of(first)
        self.container.seek(first.pts + int(start / self.stream.time_base), stream=self.stream)
        self.decoder.flush_buffers()
        self.tally = _Tally()
        self._due = self._shown = None
        rest = self.pictures()
        landed = next(rest, None)
        if landed is None or landed.pts is None or time_of(landed) - begin > start:
            return None
        return chain([landed], rest)

    def _check(self) -> None:
        """Raise Damaged above 5 % damage; two packets are always forgiven."""
        tally = self.tally
        allowed = max(2, _DAMAGE_LIMIT * max(tally.packets, self.stream.frames))
        if tally.damaged > allowed:
            raise Damaged(
                f"{self.path}: {tally.damaged} of the first {tally.packets} packets are damaged, "
                "more than 5 %; get the file again"
            )

    def report(self) -> None:
        """Say what was lost, once the whole file has been read; Damaged above 5 %."""
        tally, index = self.tally, self.stream.index_entries
        # The index, not the header's count: an edit list may hide frames on purpose.
        expected, short = sum(not entry.is_discard for entry in index), tally.packets < len(index)
        if short:  # first, as it is the cause: half a packet is left at the end
            self.on_note(Loss(f"the file is cut short: {tally.frames} of {expected} frames"))
        if tally.damaged:
            self.on_note(Loss(f"{tally.damaged} damaged packets skipped or patched"))
        self._report_sound()
        if short:
            return
        # In MP4 one packet is one frame. A lost key frame takes others with it, unnoticed so far.
        lost = expected - tally.frames if "mp4" in self.container.format.name else 0
        if lost > max(2, _DAMAGE_LIMIT * expected):
            raise Damaged(
                f"{self.path}: only {tally.frames} of {expected} frames can be decoded, the rest "
                "is damaged; get the file again"
            )

    def _report_sound(self) -> None:
        """Say what was lost of the sound, where an index says how much there was."""
        if "mp4" not in self.container.format.name:
            return  # elsewhere an entry of an index is not one packet
        for sound in self.container.streams.audio:
            count, expected = self._heard[sound.index], len(sound.index_entries)
            if count < expected:
                self.on_note(Loss(f"the sound is cut short: {count} of {expected} packets"))

    def resized(self, size: tuple[int, int], to: tuple[int, int], time: Fraction) -> None:
        if size not in self.sizes:
            self.sizes.add(size)
            self.on_note(
                f"frames of {size[0]}x{size[1]} from {float(time):.2f} s on are fitted into "
                f"{to[0]}x{to[1]} with bars"
            )


def _end(packet: av.Packet) -> Fraction:
    """When a packet's content is over, in seconds of the file's clock; 0 where it doesn't say."""
    stamp = packet.dts if packet.pts is None else packet.pts
    if not packet.size or stamp is None:
        return Fraction(0)
    return (stamp + (packet.duration or 0)) * packet.time_base


def _later(one: int | None, other: int | None) -> int | None:
    return max((stamp for stamp in (one, other) if stamp is not None), default=None)


def time_of(picture: av.VideoFrame) -> Fraction:
    """Presentation time on the file's own clock, in seconds; 0 where it has no stamp."""
    return (picture.pts or 0) * picture.time_base if picture.time_base else Fraction(0)
