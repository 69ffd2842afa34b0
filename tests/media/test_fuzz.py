"""Readers of media on thousands of damaged files: an error of one line, whatever the bytes."""

import itertools
import os
import random
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relight.errors import InputError, MediaError
from relight.media import probe, read, write

from .heif import heic
from .making import encode

PIECES, EACH = 20, 1000
"""Damaged files: this many tests of this many, each with a seed of its own."""
_TICK = Fraction(1, 25)
LONGEST_S = 20.0
"""For one file, on a shared machine."""
FIRST = 200
"""Bytes of a file's beginning, which holds most of what its reader decides by."""


def _samples(folder):
    noise = np.random.default_rng(0).integers(0, 255, (4, 5, 3), np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((40, 32)))
    paths = []
    for name in ("a.mp4", "a.mkv", "a.webm", "a.mov", "a.gif", "a.webp", "a.apng"):
        with write(folder / name, size=(40, 32), fps=10) as out:
            for i in range(4):
                out.add(np.roll(image, 4 * i, 1), Fraction(i, 10))
        paths.append(folder / name)
    picture = Image.fromarray(image)
    for name, options in (
        ("a.jpg", {}),
        ("a.png", {}),
        ("b.tif", {}),
        ("a.avif", {}),
        ("a.mpo", {"save_all": True, "append_images": [picture]}),
    ):
        picture.save(folder / name, **options)
        path = folder / name
        if name.endswith(".mpo"):
            path = path.rename(folder / "mpo.jpg")
        paths.append(path)
    for name in ("deep.png", "deep.tif", "a.bmp", "a.exr"):
        with write(folder / name, size=(40, 32), fps=1) as out:
            out.add(image.astype(np.uint16) * 257, 0)
        paths.append(folder / name)
    picture.save(folder / "a.jp2")
    for name, codec in (
        ("a.ts", "libx264"),
        ("a.flv", "flv"),
        ("a.wmv", "wmv2"),
        ("a.avi", "mpeg4"),
    ):
        images = [np.roll(image, 4 * i, 1) for i in range(4)]
        encode(folder / f"a.{name}", images, codec=codec, tick=_TICK)
        paths.append(folder / f"a.{name}")
    large = np.asarray(picture.resize((64, 64)))
    for name, kind in (("a.heic", b"hvc1"), ("deep.avif", b"av01")):
        heic(folder / name, large.astype(np.uint16) * 257, kind=kind, beside=[(b"thmb", [], large)])
        paths.append(folder / name)
    return [*paths, folder / "a.jp2"]


def _damaged(content, chance):
    """A copy that is cut, flipped, or has a piece of itself, or zeros, elsewhere."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        reach = min(FIRST, len(made)) if chance.random() < 0.4 else len(made)
        at = chance.randrange(max(reach, 1))
        kind = chance.random()
        if kind < 0.6:
            made[at] = chance.choice((0, 255, 127, chance.randrange(256), made[at] ^ 1))
        elif kind < 0.8:
            length = chance.choice((1, 4, 16))
            made[at : at + length] = bytes([chance.choice((0, 255))]) * length
        elif kind < 0.9:
            del made[max(at, 1) :]
        else:
            other = chance.randrange(len(made))
            made[at : at + 8] = made[other : other + 8]
    return bytes(made)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """(path, bytes) of a small file of every kind that is read."""
    folder = tmp_path_factory.mktemp("samples")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return [(path, path.read_bytes()) for path in _samples(folder)]
    finally:
        os.chdir(before)


def test_whole_files_are_read(samples):
    for path, _ in samples:
        assert probe(path) and next(read(path, on_note=lambda note: None)).image.size, path


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("seed", range(PIECES))
def test_damaged_files_of_every_kind_are_read_or_told(tmp_path, samples, seed):
    chance = random.Random(seed)
    escaped, refused = [], 0
    for number, (path, content) in zip(range(EACH), itertools.cycle(samples), strict=False):
        damaged = tmp_path / f"damaged{path.suffix}"
        damaged.write_bytes(_damaged(content, chance))
        begun = time.monotonic()
        try:
            probe(damaged)
            for _ in itertools.islice(read(damaged, on_note=lambda note: None), 50):
                pass
        except (InputError, MediaError) as error:
            refused += 1
            assert "\n" not in str(error)
        except Exception as error:
            escaped.append((number, path.name, repr(error)[:200]))
        assert time.monotonic() - begun < LONGEST_S, (number, path.name)
    print(f"{EACH} damaged files: {refused} refused, {len(escaped)} escaped")  # noqa: T201
    assert not escaped, escaped[:10]
