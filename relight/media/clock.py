"""One clock for files whose own restarts or jumps: joined transport streams, camcorder files.

The rule: a stream whose time goes back by more than a tenth of a second (half a second where only
the times of showing are stored, which swing in themselves), or ahead by more than ten, begins a new
part. A part follows the end of all that came before it, and every stream of the part
is moved by the same amount, so that sound and pictures stay together.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
from av.container import InputContainer

BACK_SECONDS = Fraction(1, 10)
BACK_SHOWN_SECONDS = Fraction(1, 2)
AHEAD_SECONDS = Fraction(10)  # as FFmpeg's own limit for such files
_JOINED = ("mpegts", "mpeg")


class Clock:
    """Moves the stamps of packets, given in the order of the file, on to one continuous clock."""

    def __init__(self, on_note: Callable[[str], None] | None = None) -> None:
        self._moves = [Fraction(0)]  # of each part
        self._part: dict[int, int] = {}  # stream: the part it is in
        self._due: dict[int, Fraction] = {}  # stream: end of its last packet, on its own clock
        self._begin: dict[int, Fraction] = {}  # stream: of its last packet
        self._step: dict[int, Fraction] = {}  # stream: the shortest between two packets
        self._end = Fraction(0)  # of all packets so far, on the one clock
        self._on_note = on_note

    @classmethod
    def needed(cls, container: InputContainer) -> bool:
        """Can the clock of this kind of file restart? Others are indexed as a whole."""
        return container.format.name in _JOINED

    def set(self, packet: av.Packet) -> None:
        """Move a packet's stamps; one without stamps stays as it is."""
        stamp = packet.pts if packet.dts is None else packet.dts
        tick = packet.time_base
        if stamp is None or not tick:
            return
        stream, begin = packet.stream_index, stamp * tick
        shown = begin if packet.pts is None else packet.pts * tick
        due = self._due.get(stream)
        length = self._length(packet, begin)
        back = BACK_SHOWN_SECONDS if packet.dts is None else BACK_SECONDS
        if due is not None and not -back <= begin - due <= AHEAD_SECONDS:
            self._jump(stream, shown, due)
        self._due[stream] = begin + length
        move = self._moves[self._part.setdefault(stream, 0)]
        ticks = round(move / tick)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
        self._end = max(self._end, shown + length + move)

    def _length(self, packet: av.Packet, begin: Fraction) -> Fraction:
        """How long a packet lasts; where it doesn't say, as long as the shortest step so far."""
        stream = packet.stream_index
        step = begin - self._begin.get(stream, begin)
        if 0 < step <= self._step.get(stream, AHEAD_SECONDS):
            self._step[stream] = step
        self._begin[stream] = begin
        stored = (packet.duration or 0) * packet.time_base
        return stored or self._step.get(stream, Fraction(0))

    def _jump(self, stream: int, begin: Fraction, due: Fraction) -> None:
        part = self._part[stream] = self._part[stream] + 1
        if part == len(self._moves):  # the first stream of the part; the others follow it
            self._moves.append(self._end - begin)
            if self._on_note:
                self._on_note(
                    f"its clock jumps from {float(due):.2f} s to {float(begin):.2f} s: "
                    "what follows is put right behind"
                )
