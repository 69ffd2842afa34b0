"""Which guide is truer to a picture that was saved as a JPEG, and which one is taken for it.

    python -m examples.guide_choice --raw RAW

Pictures of `examples/upscale_unseen.py` of 500 pixels and more: centre squares, 512 x 512 by area,
halved by area, saved as JPEG (4:2:0), enlarged by `mini` and by `restore`. Quality 100 stands for
none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from examples.guide_network.evaluate import compressed
from examples.upscale_scenes import restored
from examples.upscale_unseen import PICTURES, codes, square
from examples.upscale_ways import by_guide
from relight import media, metrics
from relight.engine.source import blocky

QUALITIES = (100, 90, 75, 50, 30)
SIDE = 512
SMALLEST = 500


def small_of(truth: np.ndarray, quality: int) -> Tensor:
    """(h, w, 3) uint8 -> (1, 3, h/2, w/2) in [0, 1]."""
    size = truth.shape[1] // 2, truth.shape[0] // 2
    half = cv2.resize(truth, size, interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(half).permute(2, 0, 1)[None].float() / 255
    return compressed(image, None if quality == 100 else quality)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    files = [path for path in sorted(args.raw.rglob("*")) if path.is_file()]
    found = []
    for end in PICTURES:
        path = next(path for path in files if path.as_posix().endswith(f"/{end}"))
        image = media.to_uint8(next(iter(media.read(path))).image)
        if min(image.shape[:2]) < SMALLEST:
            continue
        truth = square(image, SIDE)
        for quality in QUALITIES:
            small = small_of(truth, quality)
            mini, restore = (
                metrics.psnr(codes(way(small).clamp(0, 1)), truth[None])
                for way in (by_guide, restored)
            )
            found.append((quality, blocky(codes(small)[0]), restore - mini))
            print(path.stem, *(f"{value:.2f}" for value in found[-1]), flush=True)
    print("| JPEG quality | pictures | said to be blocky | of these truer by restore | gain, dB |")
    print("|---|---|---|---|---|")
    for quality in QUALITIES:
        own = [(said, gain) for at, said, gain in found if at == quality]
        taken = np.array([gain for said, gain in own if said])
        gains = f"{taken.min():+.1f} to {taken.max():+.1f}" if taken.size else ""
        name = "none" if quality == 100 else quality
        print(f"| {name} | {len(own)} | {taken.size} | {(taken > 0).sum()} | {gains} |")


if __name__ == "__main__":
    main()
