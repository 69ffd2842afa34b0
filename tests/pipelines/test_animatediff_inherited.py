"""Light-A-Video on AnimateDiff: what its stock pipeline offers works, and is as it was after it."""

import copy
import importlib.util
import json

import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline

from relight.pipelines import AnimateDiffRelightPipeline, light_fusion
from relight.relighters.ic_light import ICLightPipeline

from .making import noise_clip


def test_the_scheduler_is_restored_after_success_and_after_an_exception(animatediff, run):
    expected = run().frames
    assert "step" not in vars(animatediff.scheduler)
    calls = []

    def stop(step, steps):
        calls.append((step, steps))
        if len(calls) == 2:
            raise InterruptedError("stopped")

    with pytest.raises(InterruptedError):
        run(relight_steps=4, on_relight_step=stop)
    assert calls == [(0, 3), (1, 3)]
    assert "step" not in vars(animatediff.scheduler)
    assert torch.equal(run().frames, expected)


def test_the_callback_sees_every_step_and_may_change_the_latents(run):
    seen = []

    def watch(pipe, step, timestep, tensors):
        seen.append((step, tensors["latents"].shape))
        return {}

    assert torch.equal(run(callback_on_step_end=watch).frames, run().frames)
    assert seen == [(step, (1, 4, 2, 8, 8)) for step in range(3)]
    blank = run(
        callback_on_step_end=lambda p, i, t, k: {"latents": torch.zeros_like(k["latents"])},
        output_type="latent",
    )
    assert not blank.frames.any()


def test_the_callback_may_interrupt(run):
    relit, steps = [], []

    def interrupt(pipe, step, timestep, tensors):
        steps.append(step)
        pipe._interrupt = True
        return {}

    out = run(callback_on_step_end=interrupt, on_relight_step=lambda *at: relit.append(at))
    assert steps == [0] and len(relit) == 1 and out.frames.isfinite().all()


def test_saving_and_loading_gives_the_same_clip(animatediff, run, tmp_path):
    animatediff.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "AnimateDiffRelightPipeline"
    assert index["motion_adapter"] == ["diffusers", "MotionAdapter"]
    loaded = AnimateDiffRelightPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert loaded.scheduler.config.beta_schedule == "linear"
    torch.testing.assert_close(run(pipe=loaded).frames, run().frames, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("recipe", ["paper", "best"])
def test_half_precision_runs_and_stays_half(animatediff, relighter, run, dtype, recipe):
    copies = {name: copy.deepcopy(part) for name, part in relighter.components.items()}
    shared = {name: copies[name] for name in ("vae", "text_encoder", "tokenizer")}
    half = AnimateDiffRelightPipeline(**{**animatediff.components, **shared}).to(dtype)
    half.set_progress_bar_config(disable=True)
    small = ICLightPipeline(**copies).to(dtype)
    out = run(pipe=half, relighter=small, recipe=recipe).frames.float()
    assert out.isfinite().all() and out.std() > 0.01
    assert {half.vae.dtype, half.unet.dtype, small.unet.dtype} == {dtype}


def test_other_schedulers_of_the_stock_pipeline_work(animatediff, run):
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    config, seen = animatediff.scheduler.config, []
    for kind in (DDIMScheduler, DPMSolverMultistepScheduler):
        animatediff.scheduler = kind.from_config(config)
        seen.append(run().frames)
        assert seen[-1].isfinite().all()
    assert not torch.allclose(*seen, atol=1e-3)


@pytest.mark.parametrize("fast", [False, True])
def test_every_iteration_of_free_init_is_relit(animatediff, run, fast):
    relights, steps = [], []
    animatediff.enable_free_init(num_iters=3, use_fast_sampling=fast)
    try:
        out = run(
            strength=1.0,
            num_inference_steps=12 if fast else 3,
            relight_steps=1,
            on_relight_step=lambda *at: relights.append(len(steps)),
            callback_on_step_end=lambda p, i, t, k: steps.append(i) or {},
        ).frames
    finally:
        animatediff.disable_free_init()
    lengths = (4, 2, 2) if fast else (3, 3, 3)  # diffusers takes its parts of the last part
    assert steps == [i for n in lengths for i in range(n)]
    starts = [sum(lengths[:k]) for k in range(3)]
    recipe = AnimateDiffRelightPipeline.recipes["paper"]
    expected = [
        start + i
        for start, n in zip(starts, lengths, strict=True)
        for i in range(recipe.relit_steps(n))
    ]
    assert relights == expected and out.isfinite().all()


def test_two_calls_within_one_edit_are_both_relit(animatediff, relighter):
    calls = []
    with light_fusion(
        animatediff,
        relighter,
        video=noise_clip(),
        prompt="a bear, red light",
        relight_steps=1,
        on_step=lambda *at: calls.append(at),
    ):
        for _ in range(2):
            AnimateDiffVideoToVideoPipeline.__call__(
                animatediff,
                noise_clip(),
                "a bear",
                height=64,
                width=64,
                strength=0.5,
                num_inference_steps=6,
                output_type="latent",
            )
    assert len(calls) == 4


def test_vae_slicing_does_not_change_the_result(animatediff, run):
    expected = run().frames
    animatediff.vae.enable_slicing()
    try:
        torch.testing.assert_close(run().frames, expected, rtol=1e-4, atol=1e-4)
    finally:
        animatediff.vae.disable_slicing()


@pytest.mark.parametrize(
    "name",
    ["load_lora_weights", "load_ip_adapter", "load_textual_inversion", "enable_model_cpu_offload"],
)
def test_it_is_the_stock_pipeline_in_all_else(name):
    stock = AnimateDiffVideoToVideoPipeline
    assert getattr(AnimateDiffRelightPipeline, name) is getattr(stock, name)


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
def test_a_lora_changes_the_result_and_can_be_taken_off(animatediff, run):
    from peft import LoraConfig

    expected = run().frames
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    animatediff.unet.add_adapter(config)
    assert not torch.allclose(run().frames, expected, atol=1e-4)
    animatediff.unet.disable_adapters()
    torch.testing.assert_close(run().frames, expected, rtol=1e-4, atol=1e-4)
