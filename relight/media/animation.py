"""The times of animated GIF, PNG and WebP files, read off their blocks: no picture is decoded."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO


@dataclass
class Timeline:
    """When the frames of an animation are shown.

    Attributes:
        durations: seconds, one a frame; a picture that is not animated has one at most.
        plays: how often it is played, 0 for ever; None: the file does not say (once).
        skip: pictures before the first frame that are no part of the animation.
    """

    durations: list[Fraction] = field(default_factory=list)
    plays: int | None = None
    skip: int = 0
    delay_at: int | None = None  # in a GIF file: where its last delay is stored

    def counts(self) -> Counter[Fraction]:
        """How many frames have each duration; quick for hundreds of thousands of frames.

        Equal durations are mostly one object (`shown`), which is counted without hashing it.
        """
        kinds = {id(duration): duration for duration in self.durations}
        found: Counter[Fraction] = Counter()
        for key, number in Counter(map(id, self.durations)).items():
            found[kinds[key]] += number
        return found

    @property
    def total(self) -> Fraction:
        """Seconds that the whole animation lasts."""
        return sum((each * number for each, number in self.counts().items()), Fraction(0))


def timeline(path: Path, kind: str) -> Timeline:
    """The timeline of a file of that kind ("GIF", "PNG", "WEBP"); a damaged one ends early."""
    with path.open("rb") as file:
        return {"GIF": _gif, "PNG": _png, "WEBP": _webp}[kind](file)


@lru_cache(maxsize=1024)
def shown(number: int, of: int) -> Fraction:
    """How long browsers show a frame that asks for number / of s: 10 ms and less become 100.

    Many files ask for 0, and are made with that in mind.
    """
    return Fraction(number, of) if 100 * number > of else Fraction(1, 10)


def _gif(file: BinaryIO) -> Timeline:
    found, delay = Timeline(), 0
    file.seek(10)
    flags = _byte(file)
    file.seek(13 + _table(flags))
    while (mark := file.read(1)) and mark != b";":
        if mark == b"!":
            at = file.tell()
            label, data = file.read(1), b"".join(_sub_blocks(file, keep=True))
            if label == b"\xf9" and len(data) >= 4:
                delay = struct.unpack_from("<H", data, 1)[0]
                found.delay_at = at + 3  # after the label, the block's size and its flags
            elif label == b"\xff" and data.startswith(b"NETSCAPE2.0\x01") and len(data) >= 14:
                repeats = struct.unpack_from("<H", data, 12)[0]
                found.plays = repeats + 1 if repeats else 0
        elif mark == b",":
            flags = file.read(9)[-1:]
            file.seek(_table(flags[0] if flags else 0) + 1, 1)
            for _ in _sub_blocks(file, keep=False):
                pass
            found.durations.append(shown(delay, 100))
            delay = 0
    return found


def last_delay_at(file: BinaryIO) -> int | None:
    """Where in a GIF file the delay of its last frame is stored, two bytes of 1/100 s."""
    found = _gif(file)
    return found.delay_at


def _byte(file: BinaryIO) -> int:
    return (file.read(1) or b"\0")[0]


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(file: BinaryIO, keep: bool) -> Iterator[bytes]:
    while size := _byte(file):
        if keep:
            yield file.read(size)
        else:
            file.seek(size, 1)
            yield b""


def _png(file: BinaryIO) -> Timeline:
    found, started = Timeline(), False
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        if name == b"acTL":
            found.plays = struct.unpack(">II", file.read(8).ljust(8, b"\0"))[1]
            size -= 8
        elif name == b"fcTL":
            data = file.read(26).ljust(26, b"\0")
            size -= 26
            number, of = struct.unpack_from(">HH", data, 20)
            found.skip = int(started and not found.durations) or found.skip
            found.durations.append(shown(number, of or 100))
        started = started or name == b"IDAT"
        file.seek(max(size, 0) + 4, 1)
    return found


def _webp(file: BinaryIO) -> Timeline:
    found = Timeline()
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        after = file.tell() + size + size % 2
        if name == b"ANIM":
            found.plays = struct.unpack("<H", file.read(6)[4:].ljust(2, b"\0"))[0]
        elif name == b"ANMF":
            data = file.read(16).ljust(16, b"\0")
            milliseconds = int.from_bytes(data[12:15], "little")
            found.durations.append(shown(milliseconds, 1000))
        file.seek(after)
    return found
