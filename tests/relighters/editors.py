"""Folders of image-editing models: real classes of diffusers with tiny random weights."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
    QwenImageTransformer2DModel,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    T5Config,
    T5EncoderModel,
)

from tests.conftest import TINY

KINDS = ("instruct-pix2pix", "flux-kontext", "qwen-edit", "qwen-edit-plus")
PIPELINES = {
    "instruct-pix2pix": "StableDiffusionInstructPix2PixPipeline",
    "flux-kontext": "FluxKontextPipeline",
    "qwen-edit": "QwenImageEditPipeline",
    "qwen-edit-plus": "QwenImageEditPlusPipeline",
}


def make(kind: str, folder: Path) -> Path:
    """Fill a folder as `save_pretrained` of that model's pipeline would."""
    torch.manual_seed(0)
    name = PIPELINES[kind]
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}), encoding="utf-8")
    {"instruct-pix2pix": _pix2pix, "flux-kontext": _kontext}.get(kind, _qwen)(folder)
    return folder


def _pix2pix(folder: Path) -> None:
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        (folder / part).symlink_to(TINY / "sd15" / part)
    config = UNet2DConditionModel.load_config(TINY / "sd15" / "unet")
    unet = UNet2DConditionModel.from_config(config, in_channels=8)
    unet.save_pretrained(folder / "unet")


def _kontext(folder: Path) -> None:
    for part in ("text_encoder", "tokenizer"):
        (folder / part).symlink_to(TINY / "sd15" / part)
    width = json.loads((TINY / "sd15" / "text_encoder" / "config.json").read_text())["hidden_size"]
    letters = [(letter, -3.0) for letter in "▁abcdefghijklmnopqrstuvwxyz,."]
    _tokenizer(
        models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *letters], unk_id=2),
        {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    ).save_pretrained(folder / "tokenizer_2")
    small = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    T5EncoderModel(T5Config(vocab_size=64, **small)).save_pretrained(folder / "text_encoder_2")
    AutoencoderKL(
        block_out_channels=(4, 4),
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
        scaling_factor=0.4,
    ).save_pretrained(folder / "vae")
    FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=width,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    ).save_pretrained(folder / "transformer")
    FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True).save_pretrained(folder / "scheduler")


def _qwen(folder: Path) -> None:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    special += ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: number for number, word in enumerate([*letters, *special])}
    tokenizer = _tokenizer(models.BPE(vocab=words, merges=[]), {"pad_token": "<|endoftext|>"})
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    tokenizer.save_pretrained(folder / "tokenizer")
    Qwen2VLImageProcessorPil().save_pretrained(folder / "processor")
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": 512,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
        vision_start_token_id=words["<|vision_start|>"],
        vision_end_token_id=words["<|vision_end|>"],
        image_token_id=words["<|image_pad|>"],
        video_token_id=words["<|video_pad|>"],
    )
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder / "text_encoder")
    AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    ).save_pretrained(folder / "vae")
    QwenImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    ).save_pretrained(folder / "transformer")
    FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True).save_pretrained(folder / "scheduler")


def _tokenizer(model: models.Model, names: dict[str, str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(model)
    byte = isinstance(model, models.BPE)
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False) if byte else pre_tokenizers.Metaspace()
    )
    tokenizer.decoder = decoders.ByteLevel() if byte else decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
