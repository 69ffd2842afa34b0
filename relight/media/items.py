"""What a HEIF or AVIF file is made of: its pictures, tiles, masks and data (ISO 23008-12).

Only the boxes are read here, no pixels: which item is the picture, what the others are to it, and
where the bytes of each are stored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_META_BYTES = 1 << 24  # of the boxes that describe the items; phones write a few thousand
_MOST = 20_000  # items in a file; a grid of a 200-megapixel phone has some hundreds
_PARTS = 100  # pieces that the bytes of one item are stored in


@dataclass
class Item:
    """A picture, a tile or a piece of data in the file.

    Attributes:
        kind: "av01", "hvc1", "grid", "Exif", "mime" ...; hidden: it is no picture of its own.
        properties: (name, content) of the boxes that describe it.
        links: kind of reference -> the items it refers to ("dimg": a grid's tiles; "auxl": the
            picture that this one is an auxiliary of; "thmb": that it is a thumbnail of).
        parts: (is it stored in the box of small data?, offset, length) of its bytes.
    """

    number: int
    kind: str = ""
    hidden: bool = False
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    links: dict[str, list[int]] = field(default_factory=dict)
    parts: list[tuple[bool, int, int]] = field(default_factory=list)

    def property(self, name: str) -> bytes | None:
        """The content of the first property of that name."""
        return next((content for own, content in self.properties if own == name), None)


@dataclass
class Items:
    """The items of a file by their numbers.

    Attributes:
        primary: the number of the picture that the file shows.
        moves: it holds a sequence of pictures, too.
    """

    path: Path
    items: dict[int, Item]
    primary: int
    moves: bool
    _small: bytes  # the box "idat"

    def content(self, item: Item) -> bytes:
        """The bytes of an item. Raises ValueError where the file is shorter than it says."""
        found = []
        with self.path.open("rb") as file:
            for is_small, offset, length in item.parts:
                if is_small:
                    found.append(self._small[offset : offset + length])
                else:
                    file.seek(offset)
                    found.append(file.read(length))
                if len(found[-1]) != length:
                    raise ValueError("it is cut short")
        return b"".join(found)

    def of(self, link: str, number: int) -> list[Item]:
        """The items that refer to item `number` by a kind of link."""
        return [item for item in self.items.values() if number in item.links.get(link, ())]


def items_of(path: Path) -> Items | None:
    """The items of a HEIF or AVIF file; None: it has none, or its boxes can't be read."""
    try:
        return _read(path)
    except (struct.error, IndexError, ValueError):
        return None


def _read(path: Path) -> Items | None:
    meta, moves = b"", False
    with path.open("rb") as file:
        end = path.stat().st_size
        while file.tell() + 8 <= end:
            begin = file.tell()
            length, name = struct.unpack(">I4s", file.read(8))
            header = 8
            if length == 1:
                length, header = struct.unpack(">Q", file.read(8))[0], 16
            length = end - begin if length == 0 else length
            if length < header:
                break
            if name == b"meta" and not meta and length <= _META_BYTES:
                meta = file.read(length - header)[4:]
            moves = moves or name == b"moov"
            file.seek(begin + length)
    boxes = dict(_boxes(meta))
    if b"iinf" not in boxes or b"pitm" not in boxes:
        return None
    items = {item.number: item for item in _infos(boxes[b"iinf"])}
    _describe(items, boxes.get(b"iprp", b""))
    _link(items, boxes.get(b"iref", b""))
    _place(items, boxes.get(b"iloc", b""))
    wide = boxes[b"pitm"][0] > 0
    primary = struct.unpack_from(">I" if wide else ">H", boxes[b"pitm"], 4)[0]
    return Items(path, items, primary, moves, boxes.get(b"idat", b""))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the boxes in a box."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1:
            length, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        length = len(data) - at if length == 0 else length
        if length < header:
            return
        yield name, data[at + header : at + length]
        at += length


def _infos(iinf: bytes) -> Iterator[Item]:
    begin = 6 if iinf[0] == 0 else 8
    for count, (name, data) in enumerate(_boxes(iinf[begin:])):
        if count == _MOST:
            raise ValueError("too many items")
        if name != b"infe" or data[0] not in (2, 3):
            continue
        number, _, kind = struct.unpack_from(">HH4s" if data[0] == 2 else ">IH4s", data, 4)
        yield Item(number, kind.decode("latin-1"), hidden=bool(data[3] & 1))


def _describe(items: dict[int, Item], iprp: bytes) -> None:
    """Give each item its properties."""
    known: list[tuple[str, bytes]] = []
    for name, data in _boxes(iprp):
        if name == b"ipco":
            known = [(kind.decode("latin-1"), content) for kind, content in _boxes(data)]
    for name, data in _boxes(iprp):
        if name != b"ipma":
            continue
        number_form, wide = (">H" if data[0] < 1 else ">I"), bool(data[3] & 1)
        at = 8
        for _ in range(min(struct.unpack_from(">I", data, 4)[0], _MOST)):
            number = struct.unpack_from(number_form, data, at)[0]
            at += struct.calcsize(number_form)
            count = data[at]
            at += 1
            for _ in range(count):
                index = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
                at += 2 if wide else 1
                if number in items and 0 < index <= len(known):
                    items[number].properties.append(known[index - 1])


def _link(items: dict[int, Item], iref: bytes) -> None:
    form = ">H" if iref[:1] == b"\0" else ">I"
    size = struct.calcsize(form)
    for name, data in _boxes(iref[4:]):
        source = struct.unpack_from(form, data)[0]
        count = struct.unpack_from(">H", data, size)[0]
        to = struct.unpack_from(f">{count}{form[1]}", data, size + 2)
        if source in items:
            items[source].links.setdefault(name.decode("latin-1"), []).extend(to)


def _place(items: dict[int, Item], iloc: bytes) -> None:
    """Say where the bytes of each item are."""
    if not iloc:
        return
    version, sizes, more = iloc[0], iloc[4], iloc[5]
    widths = sizes >> 4, sizes & 15, more >> 4, more & 15  # of offset, length, base, index
    at = 6

    def number(width: int) -> int:
        nonlocal at
        at += width
        if at > len(iloc):
            raise ValueError("the table of places is cut short")
        return int.from_bytes(iloc[at - width : at], "big")

    for _ in range(min(number(4 if version == 2 else 2), _MOST)):
        item = items.get(number(4 if version == 2 else 2))
        way = number(2) & 15 if version else 0
        number(2)  # which file: this one
        base = number(widths[2])
        for _ in range(min(number(2), _PARTS)):
            if version and widths[3]:
                number(widths[3])
            offset, length = base + number(widths[0]), number(widths[1])
            if item and way < 2:
                item.parts.append((way == 1, offset, length))
