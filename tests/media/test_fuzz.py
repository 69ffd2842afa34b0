"""Readers of media on thousands of damaged files: an error of one line, whatever the bytes."""

import itertools
import os
import random
import time
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight.errors import InputError, MediaError
from relight.media import probe, read, write

COUNT = int(os.environ.get("RELIGHT_FUZZ", "20000"))
"""Damaged files in all."""
LONGEST_S = 20.0
"""For one file, on a shared machine."""
FIRST = 200
"""Bytes of a file's beginning, which holds most of what its reader decides by."""


def _samples(folder):
    """A small file of every kind that is read."""
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
    with write(folder / "deep.png", size=(40, 32), fps=1) as out:
        out.add(image.astype(np.uint16) * 257, 0)
    return [*paths, folder / "deep.png"]


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


@pytest.mark.slow
def test_damaged_files_of_every_kind_are_read_or_told(tmp_path):
    chance = random.Random(2026)
    samples = [(path, path.read_bytes()) for path in _samples(tmp_path)]
    escaped, refused = [], 0
    for number, (path, content) in zip(range(COUNT), itertools.cycle(samples), strict=False):
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
    print(f"{COUNT} damaged files: {refused} refused, {len(escaped)} escaped")  # noqa: T201
    assert not escaped, escaped[:10]
