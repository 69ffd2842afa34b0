"""Light-A-Video on AnimateDiff: parity with the published code, and everything around it."""

import copy
import importlib.util
import json

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, EulerAncestralDiscreteScheduler
from PIL import Image

from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines import AnimateDiffRelightPipeline, light_fusion
from relight.relighters.ic_light import ICLightPipeline
from tests.conftest import case_id

from .making import published


def _frames(count=2, height=64, width=64):
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return [Image.fromarray(frame) for frame in noise]


@pytest.fixture
def run(animatediff, relighter):
    """run(frames, pipe=..., **settings): a short call; 3 steps are run, 2 of them relight."""

    def call(frames=None, pipe=animatediff, seed=0, **given):
        settings = {
            "prompt": "a bear walking",
            "relighter": relighter,
            "relight_prompt": "a bear, red light",
            "relight_steps": 2,
            "num_inference_steps": 6,
            "output_type": "pt",
            "generator": torch.Generator().manual_seed(seed),
            **given,
        }
        frames = _frames() if frames is None else frames
        return pipe(frames, **settings)

    return call


# --- parity


def test_the_published_result_is_matched(animatediff, relighter):
    case, settings, data = published("animatediff_left")
    out = animatediff(
        [Image.fromarray(frame) for frame in data["frames"].numpy()],
        case["prompt"],
        negative_prompt=case["negative_prompt"],
        relighter=relighter,
        height=case["height"],
        width=case["width"],
        **settings,
    ).frames[0]
    assert np.abs(out - data["expected"].numpy()).max() < 1e-4


@pytest.mark.parametrize("threshold", [1.0, 2.0])
def test_a_recipe_that_relights_no_step_is_the_stock_pipeline(animatediff, run, threshold):
    stock = AnimateDiffVideoToVideoPipeline(**animatediff.components)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        _frames(),
        "a bear walking",
        strength=0.5,
        num_inference_steps=6,
        guidance_scale=2.0,
        height=64,
        width=64,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).frames
    assert torch.equal(run(recipe=Recipe(threshold=threshold)).frames, expected)
    assert not torch.allclose(run().frames, expected, atol=1e-3)


def test_a_seed_gives_the_same_clip_again(run):
    first = run().frames
    assert torch.equal(first, run().frames)
    assert not torch.allclose(first, run(seed=1).frames, atol=1e-3)


def test_best_shares_the_noise_of_the_relight(run):
    assert AnimateDiffRelightPipeline.recipes["best"].share_noise
    paper, best = run(recipe="paper").frames, run(recipe="best").frames
    assert torch.equal(best, run(recipe=AnimateDiffRelightPipeline.recipes["best"]).frames)
    assert not torch.allclose(paper, best, atol=1e-3)


def test_a_scheduler_shared_with_the_relighter_is_still_right(animatediff, relighter, run):
    one = EulerAncestralDiscreteScheduler.from_config(animatediff.scheduler.config)
    parts = relighter.components
    apart = ICLightPipeline(**{**parts, "scheduler": copy.deepcopy(one)})
    expected = run(relighter=apart).frames
    animatediff.scheduler = one
    shared = ICLightPipeline(**{**parts, "scheduler": one})
    assert torch.equal(run(relighter=shared).frames, expected)


# --- the settings


def test_the_light_and_both_prompts_count_each_for_itself(run):
    base = run().frames
    for given in (
        {"light": "right"},
        {"light": Image.new("RGB", (4, 4), "red")},
        {"light": "none"},
        {"relight_prompt": "a bear, blue light"},
        {"prompt": "a fish"},
        {"negative_prompt": "blurred"},
        {"gamma": 0.0},
        {"relight_steps": 5},
        {"strength": 0.7},
        {"guidance_scale": 1.0},
    ):
        assert (run(**given).frames - base).abs().max() > 1e-5, given


def test_without_a_relight_prompt_the_prompt_serves_both(run):
    both = run(prompt="a bear, red light", relight_prompt=None).frames
    assert torch.equal(both, run(prompt="a bear, red light").frames)


def test_a_moving_light_reaches_every_frame(run):
    still = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    moving = still.repeat(2, 1, 1, 1)
    torch.testing.assert_close(
        run(light=moving).frames, run(light=still).frames, rtol=1e-4, atol=1e-4
    )
    moving[1] = 1 - moving[1]
    assert (run(light=moving).frames - run(light=still).frames).abs().max() > 1e-3


@pytest.mark.parametrize("count, size", [(1, (64, 64)), (2, (64, 128)), (2, (128, 64))])
def test_sizes_and_counts(run, count, size):
    out = run(_frames(count, *size)).frames
    assert out.shape == (1, count, 3, *size) and out.isfinite().all()


@pytest.mark.parametrize(
    "own, given, expected",
    [
        ((70, 130), {}, (64, 128)),
        ((64, 64), {"width": 128}, (64, 128)),
        ((20, 20), {}, (64, 64)),
    ],
)
def test_the_size_is_the_one_asked_for_or_cut_from_the_video(run, own, given, expected):
    assert run(_frames(1, *own), **given).frames.shape[-2:] == expected


def test_as_many_frames_as_the_motion_adapter_knows_and_no_more(run):
    quick = {"num_inference_steps": 2, "relight_steps": 1, "relight_chunk_size": 8}
    assert run(_frames(32), **quick).frames.shape[1] == 32
    with pytest.raises(InputError, match="33 frames are more than this motion adapter's 32"):
        run(_frames(33), **quick)


def test_free_noise_takes_more_frames(animatediff, run):
    animatediff.enable_free_noise(context_length=8, context_stride=4)
    out = run(_frames(36), num_inference_steps=2, relight_steps=1, relight_chunk_size=12)
    assert out.frames.shape[1] == 36 and out.frames.isfinite().all()


def test_every_form_of_the_video_gives_the_same(run):
    frames = _frames()
    array = np.stack([np.array(frame) for frame in frames])
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    expected = run(frames).frames
    for form in (array, array / 255, tensor / 255):  # tests/test_codecs.py has all of them
        torch.testing.assert_close(run(form).frames, expected, rtol=1e-4, atol=1e-4)
    with_alpha = [frame.convert("RGBA") for frame in frames]
    assert torch.equal(run(with_alpha).frames, expected)


def test_output_types_agree(animatediff, run):
    pt = run().frames
    assert pt.shape == (1, 2, 3, 64, 64) and 0 <= pt.min() < pt.max() <= 1
    array = run(output_type="np").frames
    np.testing.assert_array_equal(array, pt.permute(0, 1, 3, 4, 2).numpy())
    [images] = run(output_type="pil").frames
    for image, frame in zip(images, array[0], strict=True):
        np.testing.assert_array_equal(np.array(image), (frame * 255).round().astype(np.uint8))
    latents = run(output_type="latent").frames
    assert latents.shape == (1, 4, 2, 8, 8)
    with torch.no_grad():
        decoded = animatediff.decode_latents(latents)
    torch.testing.assert_close(
        animatediff.video_processor.postprocess_video(decoded, output_type="pt"), pt
    )
    assert torch.equal(run(return_dict=False)[0], pt)


def test_every_kind_of_picture_is_resized_in_the_same_way(run):
    frames = _frames(2, 90, 140)
    array = np.stack([np.array(frame) for frame in frames])
    expected = run(frames).frames
    for form in (array, array / 255, torch.from_numpy(array).permute(0, 3, 1, 2) / 255):
        assert (run(form).frames - expected).abs().mean() < 5e-3


@pytest.mark.parametrize(
    "given, message",
    [
        ({"recipe": "fast"}, "unknown recipe 'fast'.*paper, best"),
        ({"gamma": -0.1}, "gamma"),
        ({"gamma": 1.1}, "gamma"),
        ({"gamma": float("nan")}, "gamma"),
        ({"strength": 0}, "strength"),
        ({"strength": 1.01}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"num_inference_steps": 0}, "0 steps"),
        ({"num_inference_steps": -5}, "-5 steps"),
        ({"num_inference_steps": 1}, "leave no step"),
        ({"num_inference_steps": float("nan")}, "nan steps"),
        ({"num_inference_steps": float("inf")}, "inf steps"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"relight_steps": 0}, "at least 1 step"),
        ({"relight_steps": float("nan")}, "at least 1 step"),
        ({"relight_chunk_size": 0}, "chunk_size"),
        ({"light": "side"}, "unknown light 'side'"),
        ({"light": torch.zeros(5, 3, 8, 8)}, "5 maps can't light 2 frames"),
        ({"num_videos_per_prompt": 2}, "num_videos_per_prompt is 1, not 2"),
        ({"prompt": ["a", "b"]}, "prompt is one text for the whole clip, not 2"),
        ({"negative_prompt": ["a", "b"]}, "negative_prompt is one text"),
        ({"prompt": None, "prompt_embeds": torch.zeros(2, 77, 16)}, "prompt_embeds is one"),
        ({"height": 65}, "height is a multiple of 64"),
        ({"height": 0}, "height is a multiple of 64"),
        ({"width": -64}, "width is a multiple of 64"),
        ({"prompt": ["a"], "relight_prompt": None}, "relight prompt"),
        ({"frames": []}, "no pictures"),
        ({"frames": np.zeros((3, 64, 64), np.uint8)}, "shape"),
        ({"frames": torch.full((2, 3, 64, 64), 200.0)}, r"\[0, 1\]"),
        ({"frames": "clip.mp4"}, "str"),
    ],
    ids=case_id,
)
def test_a_wrong_value_is_refused_in_one_line(animatediff, run, given, message):
    with pytest.raises(InputError, match=message) as error:
        run(**given)
    assert "\n" not in str(error.value)
    assert "step" not in vars(animatediff.scheduler)


def test_a_misspelt_setting_is_a_type_error(run):
    with pytest.raises(TypeError, match="stregnth"):
        run(stregnth=0.5)


# --- what the stock pipeline offers


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
        video=_frames(),
        prompt="a bear, red light",
        relight_steps=1,
        on_step=lambda *at: calls.append(at),
    ):
        for _ in range(2):
            AnimateDiffVideoToVideoPipeline.__call__(
                animatediff,
                _frames(),
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
