"""How far an enlarged picture errs beside its borders, against its middle.

    python -m examples.border_guide [CLIPS ...] [--guide mini]

Pieces of 256 x 256 are cut out of frames, made half as large and enlarged again: what lies beyond
a piece is known to nobody. The mean error in code values (0 to 255), by the distance to the border.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from relight import media
from relight.methods.back_projection import back_project, larger, smaller
from relight.models.guides import load_enlargement
from relight.types import Enlarge, Size

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
LARGE, SMALL = Size(256, 256), Size(128, 128)
PIECES = 3  # a frame
RINGS = ((0, 1), (1, 2), (2, 4), (4, 16), (16, 128))  # pixels from the border, end excluded


def pieces(clips: list[Path]) -> Iterator[Tensor]:
    """(1, 3, 256, 256) in [0, 1], from every eighth of the first 40 frames."""
    chance = np.random.default_rng(0)
    for clip in clips:
        for frame in islice(media.read(clip), 0, 40, 8):
            for _ in range(PIECES):
                top, left = (chance.integers(n - 256 + 1) for n in frame.image.shape[:2])
                cut = frame.image[top : top + 256, left : left + 256]
                yield torch.from_numpy(cut.copy()).permute(2, 0, 1)[None].float() / 255


def errors(enlarge: Enlarge, piece: Tensor) -> list[float]:
    """Code values, one a ring, after back-projection, as upscaling does it."""
    small = smaller(piece, SMALL)
    made = back_project(enlarge(small, LARGE), small, rounds=2).clamp(0, 1)
    off = (made - piece).abs().mean((0, 1)) * 255
    place = torch.arange(256)
    inward = torch.minimum(place, 255 - place)
    distance = torch.minimum(inward[:, None], inward[None])
    return [float(off[(distance >= a) & (distance < b)].mean()) for a, b in RINGS]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="*", default=[CLIP])
    parser.add_argument("--guide", default="mini")
    given = parser.parse_args()
    ways = {"bicubic": larger, given.guide: load_enlargement(given.guide)}
    with torch.no_grad():
        found = {
            name: np.mean([errors(way, piece) for piece in pieces(given.clips)], 0)
            for name, way in ways.items()
        }
    print(f"{'pixels':8}" + "".join(f"{a}-{b - 1:<6}" for a, b in RINGS) + "outer 2 / middle")
    for name, off in found.items():
        ratio = off[:2].mean() / off[-1]
        print(f"{name:8}" + "".join(f"{x:<8.2f}" for x in off) + f"{ratio:.2f}")


if __name__ == "__main__":
    main()
