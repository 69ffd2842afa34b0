"""The tables of gpu_bench.py on recipes and on upscaling."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from examples.gpu_models import (
    build,
    build_upscaler,
    planning_folder,
)
from examples.gpu_networks import Row, clear, peak_memory, timed, wait
from relight.diffusion.compute import DTYPES, set_up
from relight.engine.run import run_relight
from relight.jobs import Compute, RelightJob
from relight.methods.diffuse_high import BEST, PAPER
from relight.models.catalogue import CATALOGUE
from relight.models.guides import load_enlargement
from relight.models.loader import Model
from relight.types import Size

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"


def recipes(args: argparse.Namespace) -> Iterator[Row]:
    """Seconds and memory of each recipe of AnimateDiff, models loaded."""
    dtype = (args.dtype or ["float32" if args.device == "cpu" else "float16"])[0]
    compute = Compute(device=args.device, dtype=dtype, memory="high", attention="auto")
    with torch.device(args.device):
        pipe, relighter = build("animatediff", DTYPES[dtype], args.tiny)
    pipe.set_progress_bar_config(disable=True)
    set_up((pipe, relighter), compute)
    model = Model(
        name="animatediff",
        why="",
        entry=CATALOGUE["animatediff"],
        compute=compute,
        weights={},
        pipe=pipe,
        relighter=relighter,
    )
    if "fast" in args.recipes:
        yield from _fast(args, model, dtype)
    frames, side = (2, 64) if args.tiny else (16, 512)
    video = torch.rand(frames, 3, side, side)
    for recipe in (name for name in args.recipes if name != "fast"):
        _window(model, video, recipe, args.device, steps=1, relight_steps=1)
        clear(args)
        begun = time.perf_counter()
        _window(model, video, recipe, args.device, args.steps, args.relight_steps)
        wait(args)
        yield {
            "recipe": recipe,
            "what": f"a window of {frames} frames of {side} x {side}, {args.steps} steps",
            "dtype": dtype,
            "s": f"{time.perf_counter() - begun:.1f}",
            "peak GiB": peak_memory(args),
        }


def _window(
    model: Model, video: Tensor, recipe: str, device: str, steps: int, relight_steps: int
) -> None:
    pipe: Any = model.pipe
    pipe(
        video,
        prompt="a bear",
        relighter=model.relighter,
        relight_prompt="a bear, red neon light",
        relight_steps=relight_steps,
        strength=0.5,
        num_inference_steps=2 * steps,
        recipe=recipe,
        generator=torch.Generator("cpu").manual_seed(0),
        output_type="pt",
    )


def _fast(args: argparse.Namespace, model: Model, dtype: str) -> Iterator[Row]:
    """The whole of a run, from file to file, the second time."""
    frames, size = (4, (64, 48)) if args.tiny else (49, (832, 480))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        clip, plan = _clip(home / "in.mp4", frames, size), planning_folder(home / "plan")
        for turn in ("first", "second"):
            clear(args)
            job = RelightJob.make(
                input=clip,
                output=home / f"{turn}.mp4",
                prompt="a rabbit, warm light",
                light="left",
                model=str(plan),
                recipe="fast",
                relight_steps=args.relight_steps,
                seed=1,
                device=args.device,
            )
            result = run_relight(job, load=lambda *_, **__: model)
            what = f"{frames} frames of {size[0]} x {size[1]}, file to file, {turn} run"
            spent = [f"{name} {value:.1f}" for name, value in result.seconds.items()]
            yield {
                "recipe": "fast",
                "what": f"{what} ({', '.join(spent)})",
                "dtype": dtype,
                "s": f"{result.seconds['total']:.1f}",
                "peak GiB": peak_memory(args),
            }


def _clip(path: Path, frames: int, size: tuple[int, int]) -> Path:
    """The sample clip at a size, begun again where it ends."""
    source, shown = cv2.VideoCapture(str(CLIP)), []
    while True:
        ok, frame = source.read()
        if not ok or len(shown) == frames:
            break
        shown.append(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC))
    made = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 24, size)
    for index in range(frames):
        made.write(shown[index % len(shown)])
    made.release()
    return path


def upscaling(args: argparse.Namespace) -> Iterator[Row]:
    """Seconds and memory of twice as large, by the guide alone and by each diffusion model."""
    dtype = (args.dtype or ["float32" if args.device == "cpu" else "float16"])[0]
    guide = load_enlargement("mini", args.device, half=dtype != "float32")
    size = Size(64, 64) if args.tiny else Size(2160, 3840)
    small = torch.rand(1, 3, size.height // 2, size.width // 2)
    guided = BEST.with_identity(1.0)

    def alone() -> Tensor:
        return guided.finish(guided.guide(small, size, guide), small)

    clear(args)
    yield _enlarged("guide alone", "identity 1", size, dtype, timed(alone, args), args)
    for name, side in (("sd15", 1024), ("sdxl", 2048)):
        with torch.device(args.device):
            pipe = build_upscaler(name, DTYPES[dtype], args.tiny)
        pipe.set_progress_bar_config(disable=True)
        compute = Compute(device=args.device, dtype=dtype, memory="high", attention="auto")
        set_up((pipe,), compute)
        size = Size(64, 64) if args.tiny else Size(side, side)
        small = torch.rand(1, 3, size.height // 2, size.width // 2)
        for how, recipe in (("identity .8", BEST), ("paper", PAPER)):
            clear(args)
            for turn in range(2):  # the first chooses kernels
                wait(args)
                begun = time.perf_counter()
                pipe("", image=small, sizes=[size], recipe=recipe, enlarge=guide, output_type="pt")
                wait(args)
                seconds = time.perf_counter() - begun
                if how == "paper" or turn:
                    break
            yield _enlarged(name, how, size, dtype, seconds, args)
        del pipe


def _enlarged(
    name: str, how: str, size: Size, dtype: str, seconds: float, args: argparse.Namespace
) -> Row:
    return {
        "upscaler": name,
        "recipe": how,
        "result": f"{size.width} x {size.height}",
        "dtype": dtype,
        "s": f"{seconds:.2f}",
        "peak GiB": peak_memory(args),
    }
