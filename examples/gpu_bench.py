"""What a GPU makes of the models at full size: time, share of its peak, memory.

    python -m examples.gpu_bench denoisers recipes upscaling --json gpu.json
    python -m examples.gpu_bench windows --model wan --dtype bfloat16 --memory high low lowest
    python -m examples.gpu_bench windows --attention auto xformers --compile
    python -m examples.gpu_bench denoisers recipes upscaling windows --tiny --device cpu

`denoisers`: one pass of each network by itself, its FLOPs counted by PyTorch (multiply and add are
two), beside a matrix product of the card. `recipes`: 16 frames of 512 x 512 by `paper` and `best`
of AnimateDiff, and the whole of `relight run` for 49 frames of 832 x 480 by `fast`. `upscaling`:
the diffusion models of pictures, and the guide alone. `windows`: one window by dtype, memory
setting and attention.

Models have random weights, built from their published configurations (`gpu_models.py`), so nothing
is downloaded: times and memory are those of the real weights, pictures are noise. The text encoders
of wan and cogvideox (11 and 9 GB in half precision) are left out; they run once, before the rest.
Prints a Markdown table for each, a row as soon as it is measured.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does: see relight.cli

import diffusers
import torch

from examples.gpu_models import SIZES, build, text
from examples.gpu_networks import denoisers, device_name
from examples.gpu_parts import recipes, upscaling
from relight.diffusion.compute import DTYPES, set_up
from relight.errors import ModelError
from relight.jobs import Compute
from relight.models.catalogue import CATALOGUE
from relight.models.loader import CHUNKS


def measure(args: argparse.Namespace, dtype: str, memory: str, attention: str) -> tuple[float, str]:
    """Seconds for one window, and the peak of GPU memory."""
    device = torch.device(args.device)
    pipe, relighter = build(args.model, DTYPES[dtype], args.tiny)
    pipe.set_progress_bar_config(disable=True)
    compute = Compute(
        device=args.device, dtype=dtype, memory=memory, attention=attention, compile=args.compile
    )
    set_up((pipe, relighter), compute)
    width, height = args.size
    video = torch.rand(args.frames, 3, height, width)
    words = {
        key: value.to(device) if "embeds" in key else value for key, value in text(pipe).items()
    }

    def window(steps: int) -> float:
        begun = time.perf_counter()
        pipe(
            video,
            **words,
            relighter=relighter,
            relight_prompt="a bear, red neon light",
            relight_steps=args.relight_steps,
            strength=0.5,
            num_inference_steps=2 * steps,
            recipe="best",
            generator=torch.Generator("cpu").manual_seed(0),
            relight_chunk_size=CHUNKS[memory],
            output_type="pt",
        )
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begun

    window(1)  # kernels are chosen and compiled
    if device.type != "cuda":
        return window(args.steps), "-"
    torch.cuda.reset_peak_memory_stats(device)
    seconds = window(args.steps)
    return seconds, f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB"


def windows(args: argparse.Namespace) -> Iterator[dict[str, str]]:
    """One window by every dtype, memory setting and attention asked for."""
    entry = CATALOGUE[args.model]
    dtypes = args.dtype or ["float32" if args.device == "cpu" else entry.half]
    args.frames = args.frames or (5 if args.tiny else entry.window)
    args.size = args.size or ((64, 64) if args.tiny else SIZES[args.model])
    what = f"{args.model}, {args.frames} frames of {args.size[0]} x {args.size[1]}"
    for dtype, memory, attention in itertools.product(dtypes, args.memory, args.attention):
        try:
            seconds, peak = measure(args, dtype, memory, attention)
            found = {"time": f"{seconds:.1f} s", "peak": peak}
        except torch.OutOfMemoryError:
            found = {"time": "out of memory", "peak": "-"}
        except ModelError as error:
            found = {"time": str(error), "peak": "-"}
        row = {"window": what, "dtype": dtype, "memory": memory, "attention": attention}
        yield row | {"compiled": str(args.compile)} | found


RECIPES = ("fast", "best", "paper")
TABLES: dict[str, Callable[[argparse.Namespace], Iterator[dict[str, str]]]] = {
    "denoisers": denoisers,
    "recipes": recipes,
    "upscaling": upscaling,
    "windows": windows,
}


def size(value: str) -> tuple[int, int]:
    width, height = value.split("x")
    return int(width), int(height)


def show(row: dict[str, str], heading: bool) -> None:
    """A row of a Markdown table, flushed."""
    lines = [list(row.values())]
    if heading:
        lines = [list(row), ["---"] * len(row), *lines]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines), flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    parser.add_argument("--model", choices=list(SIZES), default="animatediff", help="of windows")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", nargs="+", choices=list(DTYPES), help="default: the model's")
    parser.add_argument("--memory", nargs="+", choices=list(CHUNKS), default=["high", "low"])
    parser.add_argument("--attention", nargs="+", default=["auto"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--frames", type=int, help="default: the model's window")
    parser.add_argument("--size", type=size, metavar="WxH", help="default: the model's")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--relight-steps", type=int, default=15)
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    parser.add_argument("--tiny", action="store_true", help="small models and pictures")
    args = parser.parse_args(arguments)
    diffusers.utils.logging.set_verbosity_error()
    begun = time.perf_counter()
    about = {"device": device_name(args.device), "torch": torch.__version__}
    about |= {"diffusers": diffusers.__version__}
    given = sys.argv[1:] if arguments is None else arguments
    about["command"] = f"python -m examples.gpu_bench {' '.join(given)}"
    print(", ".join(f"{name} {version}" for name, version in about.items() if name != "command"))
    found: dict[str, list[dict[str, str]]] = {}
    for name in args.tables:
        print(f"\n{name}, after {time.perf_counter() - begun:.0f} s\n", flush=True)
        found[name] = []
        for row in TABLES[name](args):
            show(row, not found[name])
            found[name].append(row)
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if args.json:  # each time: a later row may fail
                args.json.write_text(json.dumps({**about, "tables": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
