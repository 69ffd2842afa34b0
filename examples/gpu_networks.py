"""The table of gpu_bench.py on networks by themselves, and how all its tables measure."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import diffusers
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from examples.gpu_models import (
    SD15,
    SDXL,
    WAN,
    parts,
)
from relight.diffusion.compute import DTYPES, compile_denoisers
from relight.methods.consistent_light_attention import consistent_light_attention

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
            clear(args)
            case = make(args, DTYPES[dtype])
            with torch.no_grad(), case.around():
                with FlopCounterMode(display=False) as counted:
                    case.network(**case.given)
                work = counted.get_total_flops() / 1e12
                plain = timed(lambda case=case: case.network(**case.given), args)
                yield _row(name, dtype, "as stored", work, plain, peak, args)
                if dtype == halves[-1] and not args.tiny:
                    compile_denoisers([_Holder(case.network)])  # pyright: ignore[reportArgumentType]
                    compiled = timed(lambda case=case: case.network(**case.given), args)
                    yield _row(name, dtype, "--compile", work, compiled, peak, args)
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
        "peak GiB": peak_memory(args),
    }


def _matrix_product(args: argparse.Namespace) -> float:
    side = TINY_PRODUCT if args.tiny else PRODUCT
    a, b = torch.randn(2, side, side, device=args.device, dtype=torch.bfloat16)
    return timed(lambda: a @ b, args)


def timed(call: Callable[[], object], args: argparse.Namespace) -> float:
    """Median seconds of a call, after a few."""
    for _ in range(WARM):
        call()
    taken = []
    for _ in range(REPEATS):
        wait(args)
        begun = time.perf_counter()
        call()
        wait(args)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken))


def wait(args: argparse.Namespace) -> None:
    if args.device.startswith("cuda"):
        torch.cuda.synchronize(args.device)


def clear(args: argparse.Namespace) -> None:
    if args.device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(args.device)


def peak_memory(args: argparse.Namespace) -> str:
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
