"""Wan and CogVideoX down the whole road at tiny size, and their full size on the meta device."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from relight import media
from relight.engine.run import relight_video
from relight.models.loader import load_model
from relight.pipelines import CogVideoXRelightPipeline, WanRelightPipeline
from relight.relighters.ic_light import Sampling
from tests.conftest import CPU, TINY
from tests.samples import CLIP


def _text(folder, config, encoder):
    """A T5-like encoder (random weights) and a tokenizer of single letters."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(letter, -3.0) for letter in "▁abcdefghijklmnopqrstuvwxyz,."]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder / "tokenizer")
    small = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 4}
    encoder(config(vocab_size=64, **small)).save_pretrained(folder / "text_encoder")


@pytest.fixture(scope="module", params=["wan", "cogvideox"])
def folder(request, tmp_path_factory, tiny_model):
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp(request.param)
    (root / "relighter").symlink_to(tiny_model)
    if request.param == "wan":
        _text(root, UMT5Config, UMT5EncoderModel)
        for part in ("vae", "transformer"):
            (root / part).symlink_to(TINY / "wan" / part)
        FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(root / "scheduler")
        return root
    _text(root, T5Config, T5EncoderModel)
    (root / "vae").symlink_to(TINY / "cog" / "vae")
    (root / "scheduler").symlink_to(TINY / "cog" / "scheduler")
    config = json.loads((TINY / "cog" / "transformer" / "config.json").read_text())
    config["max_text_seq_length"] = 226  # the golden one takes 16 tokens of embeddings
    CogVideoXTransformer3DModel.from_config(config).save_pretrained(root / "transformer")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["on", "off"])
def test_a_file_goes_in_and_a_file_comes_out(folder, transfer, tmp_path):
    result = relight_video(
        CLIP,
        tmp_path / "out.mp4",
        prompt="a bunny, red light",
        model=str(folder),
        transfer=transfer,
        frames=7,
        steps=2,
        relight_steps=2,
        seed=0,
        side=64,
    )
    out = np.stack([frame.image for frame in media.read(result.path)])
    source = np.stack([frame.image for frame in media.read(CLIP, frames=7)])
    assert out.shape == source.shape
    assert result.settings["gamma"] == 0.7
    assert np.abs(out.astype(int) - source).mean() > 1


@pytest.mark.slow
def test_low_memory_gives_the_same_light(folder):
    plain = load_model(str(folder), CPU)
    low = load_model(str(folder), replace(CPU, memory="low"))
    assert plain.chunk is None and low.chunk == 4
    pixels = torch.rand(6, 3, 64, 64, generator=torch.manual_seed(1)) * 2 - 1
    embeds = plain.relighter.encode_prompt("red light")
    latents = plain.relighter.light_latents("left", 64, 64)
    results = [
        model.relighter.relight(
            pixels,
            embeds=embeds,
            light_latents=latents,
            how=Sampling(gamma=0.7, steps=2, chunk_size=model.chunk),
            generator=torch.manual_seed(2),
        )
        for model in (plain, low)
    ]
    torch.testing.assert_close(results[0], results[1], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_half_precision_with_weights_stored_in_bytes_runs(folder):
    model = load_model(str(folder), replace(CPU, dtype="bfloat16", memory="lowest"))
    video = torch.rand(5, 3, 64, 64, generator=torch.manual_seed(0))
    out = model.pipe(
        video,
        "a bear",
        relighter=model.relighter,
        relight_steps=2,
        num_inference_steps=4,
        output_type="pt",
        relight_chunk_size=model.chunk,
        generator=torch.Generator().manual_seed(0),
    ).frames
    assert out.isfinite().all() and out.float().std() > 0.001
    assert torch.float8_e4m3fn in {p.dtype for p in model.pipe.transformer.parameters()}


def test_full_size_wan_is_accepted():
    with torch.device("meta"):
        transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=12,
            attention_head_dim=128,
            in_channels=16,
            out_channels=16,
            text_dim=4096,
            freq_dim=256,
            ffn_dim=8960,
            num_layers=30,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
        )
        vae = AutoencoderKLWan()
    pipe = WanRelightPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=transformer,
    )
    assert round(sum(p.numel() for p in transformer.parameters()) / 1e9, 2) == 1.42
    assert pipe.size_multiple() == 16
    assert [pipe.whole_frames(n) for n in (1, 2, 48, 49, 50)] == [1, 5, 49, 49, 53]


def test_full_size_cogvideox_is_accepted():
    with torch.device("meta"):
        transformer = CogVideoXTransformer3DModel(
            num_attention_heads=30,
            attention_head_dim=64,
            in_channels=16,
            out_channels=16,
            time_embed_dim=512,
            text_embed_dim=4096,
            num_layers=30,
            sample_width=90,
            sample_height=60,
            sample_frames=49,
            patch_size=2,
            temporal_compression_ratio=4,
            max_text_seq_length=226,
        )
        vae = AutoencoderKLCogVideoX()
    pipe = CogVideoXRelightPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae,
        transformer=transformer,
        scheduler=CogVideoXDDIMScheduler(),
    )
    assert round(sum(p.numel() for p in transformer.parameters()) / 1e9, 1) == 1.7
    assert pipe.size_multiple() == 16
    assert [pipe.whole_frames(n) for n in (1, 2, 48, 49, 50)] == [1, 9, 49, 49, 57]
