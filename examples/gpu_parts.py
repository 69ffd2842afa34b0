"""The tables of gpu_bench.py: networks by themselves, recipes, upscaling."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from examples.gpu_models import (
    SD15,
    SDXL,
    WAN,
    build,
    build_upscaler,
    parts,
    planning_folder,
)
from relight.diffusion.compute import DTYPES, compile_denoisers, set_up
from relight.engine.run import run_relight
from relight.jobs import Compute, RelightJob
from relight.methods.consistent_light_attention import consistent_light_attention
from relight.methods.diffuse_high import BEST, PAPER
from relight.models.catalogue import CATALOGUE
from relight.models.guides import load_enlargement
from relight.models.loader import Model
from relight.types import Size

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
PEAKS_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L40S": 362, "4090": 165}
"""Dense half-precision matrix rates of data sheets."""
PRODUCT, TINY_PRODUCT = 8192, 256
"""Side of the matrices whose product is timed."""
WARM, REPEATS = 2, 6

Row = dict[str, str]


@dataclass(frozen=True)
class Denoiser:
    """A network with what it is given in one pass; `around` is entered for it."""

    network: nn.Module
    given: dict[str, Any]
    around: Callable[[], AbstractContextManager]


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def denoisers(args: argparse.Namespace) -> Iterator[Row]:
    """Milliseconds and TFLOP/s of one pass of each network, as the library sets it up."""
    ceiling = _matrix_product(args)
    peak = next((x for name, x in PEAKS_TFLOPS.items() if name in device_name(args.device)), None)
    work = 2 * (TINY_PRODUCT if args.tiny else PRODUCT) ** 3 / 1e12
    yield _row("matrix product", "bfloat16", "", work, ceiling, peak, args)
    halves = args.dtype or (["float32"] if args.device == "cpu" else ["float16", "bfloat16"])
    for name, make in NETWORKS.items():
        for dtype in halves:
            if name.startswith("Wan") and dtype == "float16":
                continue  # it was made for bfloat16
            _clear(args)
            case = make(args, DTYPES[dtype])
            with torch.no_grad(), case.around():
                with FlopCounterMode(display=False) as counted:
                    case.network(**case.given)
                work = counted.get_total_flops() / 1e12
                plain = _timed(lambda case=case: case.network(**case.given), args)
                yield _row(name, dtype, "as stored", work, plain, peak, args)
                if not name.startswith("Wan"):  # whose convolution is 3D
                    case.network.to(memory_format=torch.channels_last)
                    turned = _timed(lambda case=case: case.network(**case.given), args)
                    yield _row(name, dtype, "channels last", work, turned, peak, args)
                    case.network.to(memory_format=torch.contiguous_format)
                if dtype == halves[-1] and not args.tiny:
                    holder = _Holder(case.network)
                    compile_denoisers([holder])  # pyright: ignore[reportArgumentType]
                    compiled = _timed(lambda case=case: case.network(**case.given), args)
                    yield _row(name, dtype, "compiled blocks", work, compiled, peak, args)
            del case
            torch.compiler.reset()


class _Holder:
    """What `compile_denoisers` asks of a pipeline."""

    def __init__(self, network: nn.Module) -> None:
        self.components = {"unet": network}


def _row(
    name: str,
    dtype: str,
    how: str,
    work: float,
    seconds: float,
    peak: float | None,
    args: argparse.Namespace,
) -> Row:
    rate = work / seconds
    return {
        "pass of": name,
        "dtype": dtype,
        "how": how,
        "TFLOP": f"{work:.2f}",
        "ms": f"{1000 * seconds:.1f}",
        "TFLOP/s": f"{rate:.0f}",
        "of the peak": f"{rate / peak:.0%}" if peak else "-",
        "peak GiB": _peak(args),
    }


def _matrix_product(args: argparse.Namespace) -> float:
    side = TINY_PRODUCT if args.tiny else PRODUCT
    a, b = torch.randn(2, side, side, device=args.device, dtype=torch.bfloat16)
    return _timed(lambda: a @ b, args)


def _timed(call: Callable[[], object], args: argparse.Namespace) -> float:
    """Median seconds of a call, after a few."""
    for _ in range(WARM):
        call()
    taken = []
    for _ in range(REPEATS):
        _wait(args)
        begun = time.perf_counter()
        call()
        _wait(args)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken))


def _wait(args: argparse.Namespace) -> None:
    if args.device.startswith("cuda"):
        torch.cuda.synchronize(args.device)


def _clear(args: argparse.Namespace) -> None:
    if args.device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(args.device)


def _peak(args: argparse.Namespace) -> str:
    if not args.device.startswith("cuda"):
        return "-"
    return f"{torch.cuda.max_memory_allocated(args.device) / 2**30:.1f}"


def _on(args: argparse.Namespace, *shape: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, device=args.device, dtype=dtype)


def _made(
    args: argparse.Namespace, family: dict, name: str, dtype: torch.dtype, **more: Any
) -> Any:
    """One component of a family, on the device."""
    kind, published, small = family[name]
    with torch.device(args.device):
        found = parts({name: (kind, {**published, **more}, small)}, dtype, args.tiny)
    return found[name].requires_grad_(False)


def _ic_light(args: argparse.Namespace, dtype: torch.dtype) -> Denoiser:
    frames, side = (2, 8) if args.tiny else (16, 64)
    unet = _made(args, SD15, "unet", dtype, in_channels=8)
    width = unet.config.cross_attention_dim
    given = {
        "sample": _on(args, 2 * frames, 8, side, side, dtype=dtype),
        "timestep": 500,
        "encoder_hidden_states": _on(args, 2 * frames, 77, width, dtype=dtype),
    }
    return Denoiser(unet, given, lambda: consistent_light_attention(unet, 0.5, halves=2))


def _animatediff(args: argparse.Namespace, dtype: torch.dtype) -> Denoiser:
    frames, side = (2, 8) if args.tiny else (16, 64)
    unet = _made(args, SD15, "unet", dtype)
    adapter = _made(args, SD15, "motion_adapter", dtype)
    with torch.device(args.device):
        both = diffusers.UNetMotionModel.from_unet2d(unet, adapter).to(dtype).eval()
    width = unet.config.cross_attention_dim
    given = {
        "sample": _on(args, 2, 4, frames, side, side, dtype=dtype),
        "timestep": 500,
        "encoder_hidden_states": _on(args, 2 * frames, 77, width, dtype=dtype),
    }
    return Denoiser(both.requires_grad_(False), given, contextlib.nullcontext)


def _sdxl(args: argparse.Namespace, dtype: torch.dtype) -> Denoiser:
    side = 16 if args.tiny else 256
    unet = _made(args, SDXL, "unet", dtype)
    pooled = unet.config.projection_class_embeddings_input_dim - 6 * 256
    more = {
        "text_embeds": _on(args, 2, pooled, dtype=dtype),
        "time_ids": torch.full((2, 6), 1024.0, device=args.device, dtype=dtype),
    }
    given = {
        "sample": _on(args, 2, 4, side, side, dtype=dtype),
        "timestep": 100,
        "encoder_hidden_states": _on(args, 2, 77, unet.config.cross_attention_dim, dtype=dtype),
        "added_cond_kwargs": more,
    }
    return Denoiser(unet, given, contextlib.nullcontext)


def _wan(args: argparse.Namespace, dtype: torch.dtype) -> Denoiser:
    shape = (2, 8, 8) if args.tiny else (13, 60, 104)
    model = _made(args, WAN, "transformer", dtype)
    given = {
        "hidden_states": _on(args, 1, 16, *shape, dtype=dtype),
        "timestep": torch.full((1,), 500, device=args.device),
        "encoder_hidden_states": _on(args, 1, 512, model.config.text_dim, dtype=dtype),
    }
    return Denoiser(model, given, contextlib.nullcontext)


NETWORKS: dict[str, Callable[[argparse.Namespace, torch.dtype], Denoiser]] = {
    "IC-Light, 16 frames of 512 x 512, CLA": _ic_light,
    "AnimateDiff, 16 frames of 512 x 512": _animatediff,
    "SDXL, 2048 x 2048": _sdxl,
    "Wan 2.1 1.3B, 49 frames of 832 x 480": _wan,
}


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
    yield from _fast(args, model, dtype)
    frames, side = (2, 64) if args.tiny else (16, 512)
    video = torch.rand(frames, 3, side, side)
    for recipe in ("best", "paper"):
        _window(model, video, recipe, args.device, steps=1, relight_steps=1)
        _clear(args)
        begun = time.perf_counter()
        _window(model, video, recipe, args.device, args.steps, args.relight_steps)
        _wait(args)
        yield {
            "recipe": recipe,
            "what": f"a window of {frames} frames of {side} x {side}, {args.steps} steps",
            "dtype": dtype,
            "s": f"{time.perf_counter() - begun:.1f}",
            "peak GiB": _peak(args),
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
            _clear(args)
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
                "peak GiB": _peak(args),
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

    _clear(args)
    yield _enlarged("guide alone", "identity 1", size, dtype, _timed(alone, args), args)
    for name, side in (("sd15", 1024), ("sdxl", 2048)):
        with torch.device(args.device):
            pipe = build_upscaler(name, DTYPES[dtype], args.tiny)
        pipe.set_progress_bar_config(disable=True)
        compute = Compute(device=args.device, dtype=dtype, memory="high", attention="auto")
        set_up((pipe,), compute)
        size = Size(64, 64) if args.tiny else Size(side, side)
        small = torch.rand(1, 3, size.height // 2, size.width // 2)
        for how, recipe in (("identity .8", BEST), ("paper", PAPER)):
            _clear(args)
            for turn in range(2):  # the first chooses kernels
                _wait(args)
                begun = time.perf_counter()
                pipe("", image=small, sizes=[size], recipe=recipe, enlarge=guide, output_type="pt")
                _wait(args)
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
        "peak GiB": _peak(args),
    }
