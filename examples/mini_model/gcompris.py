"""The freely licensed photos inside the Debian package `gcompris-qt-data`.

    python -m examples.mini_model.gcompris --package DIR --out raw/gcompris

They lie in Qt resource files; the package's copyright file names author and licence of each. Only
those under CC-BY, CC-BY-SA, CC0 or in the public domain are taken, and `CREDITS.tsv` lists them.
"""

from __future__ import annotations

import argparse
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

FREE = r"(CC-BY(-SA)?-\d\.\d|CC0-1\.0|public-domain)$"
WANTED = r"src/activities/(categorization|explore_world_animals)/resource/"
DRAWN = r"/(alphabets|numbers|dragon)|tools/|erasers|volleyball"  # drawings and white studio shots
SMALLEST = 180  # short side, pixels


def resources(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a Qt resource file."""
    blob = path.read_bytes()
    version, tree, data, names = struct.unpack(">IIII", blob[4:20])
    size = 14 if version < 2 else 22

    def walk(index: int, folder: str) -> Iterator[tuple[str, bytes]]:
        node = tree + index * size
        name_at, flags = struct.unpack(">IH", blob[node : node + 6])
        if index:
            at = names + name_at
            length = struct.unpack(">H", blob[at : at + 2])[0]
            folder += "/" + blob[at + 6 : at + 6 + 2 * length].decode("utf-16-be")
        if flags & 2:
            count, first = struct.unpack(">II", blob[node + 6 : node + 14])
            for child in range(first, first + count):
                yield from walk(child, folder)
        elif not flags & 4:  # not zstd
            at = data + struct.unpack(">I", blob[node + 10 : node + 14])[0]
            length = struct.unpack(">I", blob[at : at + 4])[0]
            content = blob[at + 4 : at + 4 + length]
            yield folder, zlib.decompress(content[4:]) if flags & 1 else content

    return walk(0, "")


def credits(copyright_file: Path) -> dict[str, tuple[str, str]]:
    """Path without its ending -> author, licence; only files that are named one by one."""
    found = {}
    for entry in re.split(r"\n\s*\n", copyright_file.read_text()):
        match = re.match(r"Files:(.*?)\nCopyright: *(.*?)\nLicense: *(.*?)(\n|$)", entry, re.S)
        if match and re.match(FREE, match[3]):
            for name in match[1].split():
                found[name.rsplit(".", 1)[0]] = (match[2].split("\n")[0], match[3])
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, required=True, help="the unpacked package")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    known = credits(args.package / "usr/share/doc/gcompris-qt-data/copyright")
    lines = []
    for path in sorted((args.package / "usr/share/gcompris-qt/rcc").glob("*.rcc")):
        for name, content in resources(path):
            name = "src" + name.removeprefix("/gcompris/src")
            credit = known.get(name.rsplit(".", 1)[0])
            if not credit or not re.match(WANTED, name) or re.search(DRAWN, name):
                continue
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            if image is not None and min(image.shape[:2]) >= SMALLEST:
                (args.out / Path(name).name).write_bytes(content)
                lines.append(f"{name}\t{credit[0]}\t{credit[1]}")
    (args.out / "CREDITS.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} photos -> {args.out}")


if __name__ == "__main__":
    main()
