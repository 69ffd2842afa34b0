"""How long a window takes and how much GPU memory, by dtype, memory setting and attention.

    python -m examples.gpu_bench
    python -m examples.gpu_bench --model wan --dtype bfloat16 --memory high low lowest
    python -m examples.gpu_bench --attention auto xformers --compile
    python -m examples.gpu_bench --tiny --device cpu        # tries the script itself

Models are built at full size from their published configurations with random weights, so nothing
is downloaded: times and memory are those of the real weights, pictures are noise. The text encoders
of wan and cogvideox (11 and 9 GB in half precision) are left out; they run once, before the rest.
Prints a Markdown table, a row as soon as it is measured.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import time
from collections.abc import Iterator
from typing import Any

import diffusers
import torch
import transformers

from relight.diffusion.compute import DTYPES, set_up
from relight.errors import ModelError
from relight.jobs import Compute
from relight.models.catalogue import CATALOGUE, MINI
from relight.models.loader import CHUNKS
from relight.pipelines import (
    AnimateDiffRelightPipeline,
    CogVideoXRelightPipeline,
    WanRelightPipeline,
)
from relight.relighters.ic_light import ICLightPipeline, ic_light_scheduler

FOUR = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
CLIP = {"vocab_size": 49408, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}

SD15: dict[str, tuple[type, dict, dict]] = {  # class, published configuration, what --tiny changes
    "vae": (
        diffusers.AutoencoderKL,
        {**FOUR, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2}
        | {"sample_size": 512},
        {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4},
    ),
    "unet": (
        diffusers.UNet2DConditionModel,
        {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
        {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4}
        | {"cross_attention_dim": 16, "attention_head_dim": 2},
    ),
    "motion_adapter": (
        diffusers.MotionAdapter,
        {"use_motion_mid_block": False, "motion_max_seq_length": 32},
        {"block_out_channels": (8, 8, 8, 8), "motion_layers_per_block": 1}
        | {"motion_norm_num_groups": 4, "motion_num_attention_heads": 2},
    ),
    "text_encoder": (
        transformers.CLIPTextModel,
        {**CLIP, "hidden_size": 768, "intermediate_size": 3072}
        | {"num_hidden_layers": 12, "num_attention_heads": 12},
        {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
        | {"num_attention_heads": 2},
    ),
}
WAN = {
    "vae": (diffusers.AutoencoderKLWan, {}, {"base_dim": 4, "num_res_blocks": 1}),
    "transformer": (
        diffusers.WanTransformer3DModel,
        {"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960, "text_dim": 4096},
        {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 1, "ffn_dim": 32}
        | {"text_dim": 16},
    ),
}
COGVIDEOX = {
    "vae": (
        diffusers.AutoencoderKLCogVideoX,
        {},
        {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 2},
    ),
    "transformer": (
        diffusers.CogVideoXTransformer3DModel,
        {"num_attention_heads": 30, "num_layers": 30, "sample_width": 90, "sample_height": 60},
        {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "text_embed_dim": 16},
    ),
}
SIZES = {"animatediff": (512, 512), "wan": (832, 480), "cogvideox": (720, 480)}


def parts(
    family: dict[str, tuple[type, dict, dict]], dtype: torch.dtype, tiny: bool = False
) -> dict[str, Any]:
    """The components of a family with random weights, on torch's current default device."""
    made = {}
    for name, (kind, published, small) in family.items():
        config = published | (small if tiny else {})
        if kind is transformers.CLIPTextModel:
            made[name] = kind(transformers.CLIPTextConfig(**config)).eval().to(dtype)
            continue
        made[name] = kind(**config).eval().to(dtype)
        for path, weight in made[name].named_parameters():  # as from_pretrained does
            if any(kept in path.split(".") for kept in kind._keep_in_fp32_modules or ()):
                weight.data = weight.data.float()
    return made


def build(
    name: str, dtype: torch.dtype, tiny: bool
) -> tuple[diffusers.DiffusionPipeline, ICLightPipeline]:
    """A video model and its relighter, on the CPU, as the loader builds them."""
    torch.manual_seed(0)
    half = torch.float16 if dtype == torch.bfloat16 else dtype  # as SD 1.5 is loaded
    base = parts(SD15, dtype if name == "animatediff" else half, tiny)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(MINI / "tokenizer")
    kind, published, small = SD15["unet"]
    config = published | (small if tiny else {}) | {"in_channels": 8}
    relighter = ICLightPipeline(
        vae=base["vae"],
        text_encoder=base["text_encoder"],
        tokenizer=tokenizer,
        unet=kind(**config).eval().to(base["unet"].dtype),
        scheduler=ic_light_scheduler(),
    )
    if name == "animatediff":
        scheduler = diffusers.EulerAncestralDiscreteScheduler(beta_schedule="linear")
        pipe = AnimateDiffRelightPipeline(**base, tokenizer=tokenizer, scheduler=scheduler)
        return pipe, relighter
    nothing = {"tokenizer": None, "text_encoder": None}
    if name == "wan":
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
        pipe = WanRelightPipeline(**parts(WAN, dtype, tiny), **nothing, scheduler=scheduler)
        pipe.vae.to(torch.float32)
        return pipe, relighter
    scheduler = diffusers.CogVideoXDDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    family = parts(COGVIDEOX, dtype, tiny)
    return CogVideoXRelightPipeline(**family, **nothing, scheduler=scheduler), relighter


def text(pipe: diffusers.DiffusionPipeline) -> dict[str, Any]:
    """A prompt, or what an absent text encoder would have made of it."""
    if pipe.text_encoder is not None:
        return {"prompt": "a bear"}
    config = pipe.transformer.config
    width = config.get("text_dim") or config.text_embed_dim
    tokens = config.get("max_text_seq_length") or 512
    embeds = torch.randn(1, tokens, width, dtype=pipe.transformer.dtype)
    return {"prompt_embeds": embeds, "negative_prompt_embeds": -embeds}


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


def rows(args: argparse.Namespace) -> Iterator[str]:
    """The table, line by line."""
    width, height = args.size
    yield f"{args.model}, {args.frames} frames of {width} x {height}, {args.steps} steps with "
    yield f"{args.relight_steps} relight steps each, {device_name(args.device)}, torch "
    yield f"{torch.__version__}\n\n| dtype | memory | attention | compiled | time | peak |\n"
    yield "|---|---|---|---|---|---|\n"
    for dtype, memory, attention in itertools.product(args.dtype, args.memory, args.attention):
        try:
            seconds, peak = measure(args, dtype, memory, attention)
            result = f"{seconds:.1f} s | {peak}"
        except torch.OutOfMemoryError:
            result = "out of memory | -"
        except ModelError as error:
            result = f"{error} | -"
        yield f"| {dtype} | {memory} | {attention} | {args.compile} | {result} |\n"
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def size(value: str) -> tuple[int, int]:
    width, height = value.split("x")
    return int(width), int(height)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=list(SIZES), default="animatediff")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", nargs="+", choices=list(DTYPES), help="default: the model's")
    parser.add_argument("--memory", nargs="+", choices=list(CHUNKS), default=["high", "low"])
    parser.add_argument("--attention", nargs="+", default=["auto"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--frames", type=int, help="default: the model's window")
    parser.add_argument("--size", type=size, metavar="WxH", help="default: the model's")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--relight-steps", type=int, default=15)
    parser.add_argument("--tiny", action="store_true", help="small models and 64 x 64 pixels")
    args = parser.parse_args(arguments)
    diffusers.utils.logging.set_verbosity_error()
    entry = CATALOGUE[args.model]
    args.dtype = args.dtype or ["float32" if args.device == "cpu" else entry.half]
    args.frames = args.frames or (5 if args.tiny else entry.window)
    args.size = args.size or ((64, 64) if args.tiny else SIZES[args.model])
    for row in rows(args):
        print(row, end="", flush=True)


if __name__ == "__main__":
    main()
