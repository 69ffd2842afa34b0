"""The guide network against bicubic and published networks, on pictures and clips held out.

    python -m examples.guide_network.evaluate --clips CLIPS [--sheet sheet.png]

Truth: the centre square of a frame, brought to 256x256 by area; it is halved by area and enlarged
again, on one CPU thread. With `--jpeg 50` the small picture is saved at that quality first. Held
out are Big Buck Bunny and every clip of `--clips`; `--pictures` measures pictures of your own
instead. Flicker is what changes along the source's motion, relative to the source's own.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from examples.mini_model.figures import held_out, levels
from relight import metrics
from relight.methods.back_projection import back_project, larger, smaller
from relight.models.guides import GUIDES, load_guide

from .peers import PEERS, load_peer

SIDE = 256
TOO_SMALL = ("carphone",)  # 144 lines: not sharp at 256 pixels
ROUNDS = 2  # of back-projection, as the recipes do
REPEATS = 5  # of each timing; the median counts

Way = Callable[[Tensor], Tensor]


@dataclass
class Row:
    """What one way of enlarging reaches, mean over the pictures."""

    name: str
    truth: float  # dB to the original
    sharp: float  # energy of the luminance gradients, of the original's
    down: float  # dB of the result made smaller, to what it was made from
    seconds: float  # of the CPU, for one picture of SIDE x SIDE
    flicker: float | None  # along the motion, of the original's
    images: Tensor = field(repr=False)


def ways(guides: list[str]) -> dict[str, Way]:
    """Name -> (n, 3, h, w) in [0, 1] to (n, 3, 2h, 2w), not clamped."""
    found: dict[str, Way] = {"bicubic": twice}
    for name in guides:
        found[f"ours, {Path(name).stem}"] = load_guide(name)
    for name, peer in PEERS.items():
        loaded = load_peer(peer)
        if loaded is not None:
            found[name] = loaded
    return found | {f"{name} + back-projection": projected(way) for name, way in found.items()}


def twice(images: Tensor) -> Tensor:
    """Bicubic, twice as large."""
    return larger(images, (2 * images.shape[-2], 2 * images.shape[-1]))


def projected(way: Way) -> Way:
    """`way`, with ROUNDS of back-projection."""
    return lambda small: back_project(way(small), small, ROUNDS)


def half(images: Tensor, kernel: str = "area") -> Tensor:
    """Halved by area, or by a bicubic filter with antialiasing."""
    size = (images.shape[-2] // 2, images.shape[-1] // 2)
    if kernel == "area":
        return smaller(images, size)
    return F.interpolate(images, size=size, mode=kernel, antialias=True).clamp(0, 1)


def compressed(images: Tensor, quality: int | None) -> Tensor:
    """Each picture through JPEG (4:2:0); None: unchanged."""
    if quality is None:
        return images
    read = []
    for image in images:
        file = io.BytesIO()
        pixels = (image.permute(1, 2, 0) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        read.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255)
    return torch.stack(read)


@torch.no_grad()
def measure(name: str, way: Way, truth: Tensor, small: Tensor, clips: list[Tensor]) -> Row:
    """One way of enlarging `small` (n, 3, h, w) to `truth` (n, 3, 2h, 2w), and on clips."""
    result = torch.cat([way(image[None]) for image in small])
    shown = result.clamp(0, 1)
    pairs = list(zip(shown, truth, strict=True))
    moving = [steadiness(way, clip) for clip in clips]
    return Row(
        name=name,
        truth=float(np.mean([decibels(a, b) for a, b in pairs])),
        sharp=float(np.mean([detail(a, b) for a, b in pairs])),
        down=float(np.mean([decibels(a, b) for a, b in zip(half(result), small, strict=True)])),
        seconds=seconds_of(way, small[:1]),
        flicker=float(np.mean(moving)) if moving else None,
        images=shown,
    )


def decibels(a: Tensor, b: Tensor) -> float:
    """PSNR of two pictures (3, h, w) in [0, 1]."""
    return metrics.psnr(a.numpy(), b.numpy(), peak=1)


def detail(result: Tensor, truth: Tensor) -> float:
    """Gradient energy of (3, h, w) in [0, 1], of the original's."""
    return metrics.sharpness(levels(truth[None]), levels(result[None]))


def steadiness(way: Way, clip: Tensor) -> float:
    """Flicker of the enlarged frames, of the source's own."""
    result = torch.cat([way(frame[None]) for frame in half(clip)]).clamp(0, 1)
    own = levels(clip)
    return metrics.flicker(own, levels(result)) / metrics.flicker(own, own)


def seconds_of(way: Way, small: Tensor) -> float:
    """Median CPU time of one picture; on one thread, the wall clock of a quiet machine."""
    taken = []
    for _ in range(REPEATS):
        begun = time.process_time()
        way(small)
        taken.append(time.process_time() - begun)
    return float(np.median(taken))


def read_pictures(paths: list[Path]) -> list[Tensor]:
    """The centre square of each, (1, 3, SIDE, SIDE) in [0, 1], by area."""
    pictures = []
    for path in paths:
        with Image.open(path) as file:
            image = file.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        cut = image.crop((left, top, left + side, top + side))
        cut = cut.resize((SIDE, SIDE), Image.Resampling.BOX)
        pictures.append(torch.from_numpy(np.array(cut)).permute(2, 0, 1)[None].float() / 255)
    return pictures


def table(rows: list[Row]) -> str:
    """The figures as Markdown."""
    lines = [
        "| 128 -> 256 | PSNR | sharpness | PSNR made smaller | flicker | CPU seconds |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        steady = "" if row.flicker is None else f"{row.flicker:.3f}"
        lines.append(
            f"| {row.name} | {row.truth:.2f} | {row.sharp:.3f} | {row.down:.1f} "
            f"| {steady} | {row.seconds:.3f} |"
        )
    return "\n".join(lines)


def sheet(rows: list[Row], truth: Tensor) -> Image.Image:
    """A row per picture, a column per way and the original last, at full size."""
    columns = [row.images for row in rows] + [truth]
    lines = [torch.cat(line, -1) for line in zip(*columns, strict=True)]
    pixels = (torch.cat(lines, -2).permute(1, 2, 0) * 255).round().byte()
    return Image.fromarray(pixels.numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of held-out .mp4 files")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], help="instead of frames")
    parser.add_argument("--guides", nargs="*", default=list(GUIDES), help="names or files")
    parser.add_argument("--frames", type=int, default=8, help="of each clip; 1: no flicker")
    parser.add_argument("--kernel", choices=("area", "bicubic"), default="area")
    parser.add_argument("--jpeg", type=int, help="quality that the small pictures are saved at")
    parser.add_argument("--sheet", type=Path, help="PNG to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    clips: list[Tensor] = []
    if args.pictures:
        truth = torch.cat(read_pictures(args.pictures))
    else:
        kept = held_out(args.clips, args.frames, step=1, side=SIDE)
        clips = [clip for name, clip in kept.items() if not name.startswith(TOO_SMALL)]
        truth = torch.cat([clip[:1] for clip in clips])
    moving = clips if args.frames > 1 else []
    found = ways(args.guides)
    small = compressed(half(truth, args.kernel), args.jpeg)
    rows = [measure(name, way, truth, small, moving) for name, way in found.items()]
    print(table(rows))
    if args.sheet:
        sheet(rows, truth).save(args.sheet)


if __name__ == "__main__":
    main()
