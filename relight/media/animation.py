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

_SEE_THROUGH, _DISPOSAL, _CLEAR = 0x01, 0x1C, 2 << 2  # flags of a GIF frame's description


@dataclass
class Timeline:
    """When the frames of an animation are shown.

    Attributes:
        durations: seconds, one a frame; a picture that is not animated has one at most.
        plays: how often it is played, 0 for ever; None: the file does not say (once).
        skip: pictures before the first frame that are no part of the animation.
        clear: some of a GIF's frames may show what is behind them.
    """

    durations: list[Fraction] = field(default_factory=list)
    plays: int | None = None
    skip: int = 0
    clear: bool = False
    controls: list[int] = field(default_factory=list)  # where a GIF file describes its frames

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
    found, delay, flags = Timeline(), 0, 0
    file.seek(6)
    screen = file.read(7).ljust(7, b"\0")
    file.seek(13 + _table(screen[4]))
    cleared = True  # nothing is drawn before the first frame
    while (mark := file.read(1)) and mark != b";":
        if mark == b"!":
            at = file.tell()
            label, data = file.read(1), b"".join(_sub_blocks(file, keep=True))
            if label == b"\xf9" and len(data) >= 4:
                flags, delay = struct.unpack_from("<BH", data)
                found.controls.append(at + 2)  # after the label and the block's size
            elif label == b"\xff" and data.startswith(b"NETSCAPE2.0\x01") and len(data) >= 14:
                repeats = struct.unpack_from("<H", data, 12)[0]
                found.plays = repeats + 1 if repeats else 0
        elif mark == b",":
            place = file.read(9).ljust(9, b"\0")
            whole = place[:8] == bytes(4) + screen[:4]
            found.clear |= cleared and (bool(flags & _SEE_THROUGH) or not whole)
            cleared = flags & _DISPOSAL == _CLEAR
            file.seek(_table(place[8]) + 1, 1)
            for _ in _sub_blocks(file, keep=False):
                pass
            found.durations.append(shown(delay, 100))
            delay = flags = 0
    return found


def finish_gif(file: BinaryIO, last: Fraction, clears: bool) -> None:
    """Complete a GIF file of whole frames as FFmpeg writes it.

    last: seconds of the last frame, which FFmpeg gives the length of the one before it.
    clears: frames may be transparent where the ones before them are not, so each is cleared away.
    """
    controls = _gif(file).controls
    for at in controls if clears else ():
        file.seek(at)
        flags, delay, index = struct.unpack("<BHB", file.read(4))
        if not flags & _SEE_THROUGH:  # 255 is left free by its palette, and not used here
            index = 255
        file.seek(at)
        file.write(struct.pack("<BHB", flags & ~_DISPOSAL | _CLEAR | _SEE_THROUGH, delay, index))
    if controls:
        file.seek(controls[-1] + 1)
        file.write(struct.pack("<H", min(max(round(last * 100), 1), 65535)))


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
