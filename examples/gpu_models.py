"""Models at full size from their published configurations, with random weights.

Nothing is downloaded: times and memory are those of the real weights, pictures are noise. `tiny`
makes them small, to try scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from relight.diffusion.parts import OFFSETS
from relight.models.catalogue import MINI
from relight.pipelines import (
    AnimateDiffRelightPipeline,
    CogVideoXRelightPipeline,
    DiffuseHighSDXLPipeline,
    WanRelightPipeline,
)
from relight.pipelines.diffusehigh_sd15 import DiffuseHighSD15Pipeline
from relight.relighters.ic_light import ICLightPipeline, ic_light_scheduler

Made = TypeVar("Made")

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
SDXL = {
    "vae": (
        diffusers.AutoencoderKL,
        {**SD15["vae"][1], "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
        SD15["vae"][2],
    ),
    "unet": (
        diffusers.UNet2DConditionModel,
        {
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        {"block_out_channels": (8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4}
        | {"transformer_layers_per_block": 1, "attention_head_dim": 2, "cross_attention_dim": 32}
        | {"projection_class_embeddings_input_dim": 1552},
    ),
    "text_encoder": SD15["text_encoder"],
    "text_encoder_2": (
        transformers.CLIPTextModelWithProjection,
        {**CLIP, "hidden_size": 1280, "intermediate_size": 5120, "projection_dim": 1280}
        | {"num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu"},
        {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
        | {"num_attention_heads": 2, "projection_dim": 16},
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
        if kind.__module__.startswith("transformers"):
            made[name] = kind(transformers.CLIPTextConfig(**config)).eval().to(dtype)
            continue
        made[name] = kind(**config).eval().to(dtype)
        for path, weight in made[name].named_parameters():  # as from_pretrained does
            if any(kept in path.split(".") for kept in kind._keep_in_fp32_modules or ()):
                weight.data = weight.data.float()
    return made


def on_cpu(kind: Callable[..., Made], **config: Any) -> Made:
    """A scheduler, whose tables are NumPy's, whatever torch's default device is."""
    with torch.device("cpu"):
        return kind(**config)


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
        scheduler=on_cpu(ic_light_scheduler),
    )
    if name == "animatediff":
        scheduler = on_cpu(diffusers.EulerAncestralDiscreteScheduler, beta_schedule="linear")
        pipe = AnimateDiffRelightPipeline(**base, tokenizer=tokenizer, scheduler=scheduler)
        return pipe, relighter
    nothing = {"tokenizer": None, "text_encoder": None}
    if name == "wan":
        scheduler = on_cpu(diffusers.FlowMatchEulerDiscreteScheduler, shift=3.0)
        pipe = WanRelightPipeline(**parts(WAN, dtype, tiny), **nothing, scheduler=scheduler)
        pipe.vae.to(torch.float32)
        return pipe, relighter
    scheduler = on_cpu(
        diffusers.CogVideoXDDIMScheduler,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
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


def build_upscaler(name: str, dtype: torch.dtype, tiny: bool) -> diffusers.DiffusionPipeline:
    """What upscales pictures, "sd15" or "sdxl", on torch's current default device."""
    torch.manual_seed(0)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(MINI / "tokenizer")
    common = {
        "tokenizer": tokenizer,
        "scheduler": on_cpu(
            diffusers.EulerDiscreteScheduler, beta_schedule="scaled_linear", steps_offset=1
        ),
    }
    if name == "sdxl":
        return DiffuseHighSDXLPipeline(**parts(SDXL, dtype, tiny), **common, tokenizer_2=tokenizer)
    family = {part: SD15[part] for part in ("vae", "unet", "text_encoder")}
    return DiffuseHighSD15Pipeline(
        **parts(family, dtype, tiny),
        **common,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def planning_folder(folder: Path) -> Path:
    """A tiny model of AnimateDiff's layout that says of itself what the large one does.

    A run plans by it; what computes is given to the run as a loader.
    """
    torch.manual_seed(0)
    for name, part in parts(SD15, torch.float32, tiny=True).items():
        part.save_pretrained(folder / name)
    transformers.CLIPTokenizer.from_pretrained(MINI / "tokenizer").save_pretrained(
        folder / "tokenizer"
    )
    diffusers.EulerAncestralDiscreteScheduler().save_pretrained(folder / "scheduler")
    kind, published, small = SD15["unet"]
    offsets = kind(**published | small | {"in_channels": 8}).state_dict()
    save_file({name: value.contiguous() for name, value in offsets.items()}, folder / OFFSETS)
    return folder
