"""Where parts are placed and how they compute, on real classes, as far as a CPU goes."""

import copy
from dataclasses import replace

import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry
from torch._dynamo.utils import counters as counts

from relight.diffusion.compute import compile_denoisers, resolve_device, use_attention
from relight.errors import ModelError
from relight.jobs import RelightJob
from relight.methods.consistent_light_attention import consistent_light_attention
from relight.models.loader import load_model
from tests.conftest import CPU, TINY

VIDEO = torch.rand(3, 3, 64, 64, generator=torch.manual_seed(0))
F8 = torch.float8_e4m3fn


def _run(model):
    return model.pipe(
        VIDEO,
        "a bear",
        relighter=model.relighter,
        relight_prompt="red light",
        relight_steps=2,
        num_inference_steps=4,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
        relight_chunk_size=model.chunk,
    ).frames


@pytest.fixture(scope="module")
def plain(tiny_model):
    return _run(load_model(str(tiny_model), CPU))


def _bytes(model):
    return sum(p.numel() * p.element_size() for p in model.parameters())


@pytest.mark.parametrize("name", ["nope", "", "cuda:x"])
def test_a_device_that_is_none_is_one_short_line_with_those_there_are(name):
    with pytest.raises(ModelError) as caught:
        resolve_device(name)
    assert "auto, cpu, cuda" in str(caught.value) and len(str(caught.value)) < 100


def test_low_slices_and_tiles_the_vae_and_changes_nothing(tiny_model, plain):
    model = load_model(str(tiny_model), replace(CPU, memory="low"))
    assert model.pipe.vae.use_slicing and model.pipe.vae.use_tiling
    torch.testing.assert_close(_run(model), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_lowest_stores_the_denoisers_in_a_byte_a_weight_and_stays_near(tiny_model, plain):
    model = load_model(str(tiny_model), replace(CPU, memory="lowest"))
    whole = load_model(str(tiny_model), CPU)
    out = _run(model)  # with the hooks of group offloading in place
    for pipe, full in ((model.pipe, whole.pipe), (model.relighter, whole.relighter)):
        assert _bytes(pipe.unet) < 0.4 * _bytes(full.unet)
        stored = {p.dtype for p in pipe.unet.parameters()}
        assert stored == {F8, torch.float32}  # the norms keep their precision
        assert pipe.unet.dtype == torch.float32  # what it computes in
    assert {p.dtype for p in model.pipe.vae.parameters()} == {torch.float32}
    # Not equal: 3 bits of fraction. These random weights are far more sensitive than trained ones.
    assert 0 < (out - plain).abs().mean() < 0.05


def test_the_shared_parts_are_hooked_once(tiny_model):
    model = load_model(str(tiny_model), replace(CPU, memory="lowest"))
    encoder = model.relighter.text_encoder
    assert encoder is model.pipe.text_encoder
    hooks = [
        list(part._diffusers_hook.hooks)
        for part in encoder.modules()
        if hasattr(part, "_diffusers_hook")
    ]
    assert hooks and all(len(set(names)) == len(names) for names in hooks)
    assert any("group_offloading" in names for names in hooks)


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["high", "low"])
def test_compiled_models_give_the_same_clip(tiny_model, plain, memory):
    model = load_model(str(tiny_model), replace(CPU, compile=True, memory=memory))
    for unet in (model.relighter.unet, model.pipe.unet):
        compiled = {type(m).__name__ for m in unet.modules() if m._compiled_call_impl}
        blocks = {"BasicTransformerBlock", "ResnetBlock2D"}
        assert compiled == ({type(unet).__name__} if memory == "high" else blocks)
    # Compiling all this for a CPU takes minutes; the road through the compiled call does not.
    with torch.compiler.set_stance("force_eager"):
        torch.testing.assert_close(_run(model), plain, rtol=1e-4, atol=1e-4)


@pytest.fixture
def wan():
    return WanVideoToVideoPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=AutoencoderKLWan.from_pretrained(TINY / "wan" / "vae"),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=WanTransformer3DModel.from_pretrained(TINY / "wan" / "transformer"),
    )


@torch.no_grad()
def _denoise(pipe):
    config = pipe.transformer.config
    generator = torch.manual_seed(0)
    latents = torch.randn(1, config.in_channels, 2, 8, 8, generator=generator)
    text = torch.randn(1, 7, config.text_dim, generator=generator)
    return pipe.transformer(latents, torch.tensor([500]), text, return_dict=False)[0]


@pytest.mark.slow
def test_a_really_compiled_transformer_computes_the_same(wan):
    expected = _denoise(wan)
    compile_denoisers([wan])
    torch.testing.assert_close(_denoise(wan), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_unet_is_traced_whole_and_once(relighter):
    """With shared attention entered anew for each relight, at another step, by other light."""
    unet, tensors = copy.deepcopy(relighter.unet), torch.Generator().manual_seed(0)
    frames = torch.randn(4, unet.config.in_channels, 8, 8, generator=tensors)
    text = torch.randn(4, 7, unet.config.cross_attention_dim, generator=tensors)
    counts.clear()
    unet.compile(dynamic=False, backend="eager")
    for step in (900, 500, 100):
        with consistent_light_attention(unet, 0.5, halves=2):
            made = unet(frames, torch.tensor(step), text).sample
            with torch.compiler.set_stance("force_eager"):
                torch.testing.assert_close(made, unet(frames, torch.tensor(step), text).sample)
    assert counts["stats"]["unique_graphs"] == 1 and not counts["graph_break"]


def test_a_backend_is_set_on_the_models_that_have_a_choice_and_on_no_other(wan, relighter):
    expected = _denoise(wan)
    before = relighter.unet.attn_processors
    active = _AttentionBackendRegistry.get_active_backend()[0]
    use_attention([wan, relighter], "_native_math")
    assert relighter.unet.attn_processors == before
    chosen = {
        processor._attention_backend for processor in wan.transformer.attn_processors.values()
    }
    assert chosen == {AttentionBackendName._NATIVE_MATH}
    assert _AttentionBackendRegistry.get_active_backend()[0] == active
    torch.testing.assert_close(_denoise(wan), expected, rtol=1e-4, atol=1e-4)


def test_auto_leaves_the_processors_alone(wan):
    use_attention([wan], "auto")
    chosen = {
        processor._attention_backend for processor in wan.transformer.attn_processors.values()
    }
    assert chosen == {None}


@pytest.mark.parametrize("backend", ["flash", "sage", "xformers"])
def test_a_backend_that_is_not_there_is_told_in_one_line(tiny_model, backend):
    with pytest.raises(ModelError, match=backend) as error:
        load_model(str(tiny_model), replace(CPU, attention=backend))
    assert "\n" not in str(error.value)


def test_a_job_names_all_that_loading_asks(tiny_model):
    job = RelightJob.make(
        input="a.mp4", output="b.mp4", prompt="x", model=str(tiny_model), device="cpu", memory="low"
    )
    assert load_model(job.model, job.compute).chunk == 4
