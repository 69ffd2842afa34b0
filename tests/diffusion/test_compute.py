"""Where parts are placed and how they compute, on real classes, as far as a CPU goes."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from relight.diffusion import compute
from relight.diffusion.compute import available_memory, compile_denoisers, use_attention
from relight.errors import ModelError
from relight.jobs import RelightJob
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


def test_low_slices_and_tiles_the_vae_and_changes_nothing(tiny_model, plain):
    model = load_model(str(tiny_model), replace(CPU, memory="low"))
    assert model.pipe.vae.use_slicing and model.pipe.vae.use_tiling
    torch.testing.assert_close(_run(model), plain, rtol=1e-4, atol=1e-4)


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


def test_compiled_models_give_the_same_clip(tiny_model, plain):
    model = load_model(str(tiny_model), replace(CPU, compile=True))
    blocks = [m for m in model.relighter.unet.modules() if m._compiled_call_impl]
    assert {type(m).__name__ for m in blocks} == {"BasicTransformerBlock"}
    assert model.pipe.unet._compiled_call_impl is not None  # names no repeated blocks: the whole
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


def test_a_really_compiled_transformer_computes_the_same(wan):
    expected = _denoise(wan)
    compile_denoisers([wan])
    torch.testing.assert_close(_denoise(wan), expected, rtol=1e-4, atol=1e-4)


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


GROUP = {"memory.max": "1000000", "memory.current": "700000", "memory.stat": "inactive_file 50000"}
V1 = {
    "memory.limit_in_bytes": "2000000",
    "memory.usage_in_bytes": "700000",
    "memory.stat": "total_inactive_file 0",
}


def _group(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """groups(line): this process is in the control group of a line of /proc/self/cgroup."""
    monkeypatch.setattr(compute, "CGROUPS", tmp_path / "sys")
    monkeypatch.setattr(compute, "PROCESS_CGROUPS", tmp_path / "cgroup")

    def within(line):
        (tmp_path / "cgroup").write_text(line + "\n")
        return tmp_path / "sys"

    return within


def test_without_limits_the_host_decides_how_much_memory_there_is(groups, monkeypatch):
    _group(groups("0::/"), {**GROUP, "memory.max": "max"})
    monkeypatch.setattr(compute.psutil, "virtual_memory", lambda: SimpleNamespace(available=123))
    assert available_memory() == 123


def test_a_containers_memory_limit_counts_and_its_page_cache_does_not(groups):
    _group(groups("0::/"), GROUP)
    assert available_memory() == 1000000 - 700000 + 50000


def test_the_memory_limit_of_a_group_further_up_counts(groups):
    root = groups("0::/user/job")
    _group(root / "user" / "job", {**GROUP, "memory.max": "9000000"})
    _group(root / "user", {**GROUP, "memory.max": "800000"})
    assert available_memory("cpu") == 800000 - 700000 + 50000


def test_memory_limits_of_version_1_count_where_the_path_is_the_hosts(groups):
    root = groups("4:memory:/docker/0123")
    _group(root / "memory", V1)
    assert available_memory() == 1300000


def test_more_memory_in_use_than_the_limit_leaves_nothing(groups):
    _group(groups("0::/"), {**GROUP, "memory.current": "2000000"})
    assert available_memory() == 0


def test_a_limit_on_the_address_space_leaves_less_memory():
    code = (
        "import resource; from relight.diffusion.compute import available_memory, psutil;"
        "used = psutil.Process().memory_info().vms;"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26));"
        "print(available_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= 2**26


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_own_memory_counts():
    free, total = torch.cuda.mem_get_info()
    assert 0 < available_memory("cuda") <= total and available_memory("cuda") <= 1.1 * free
