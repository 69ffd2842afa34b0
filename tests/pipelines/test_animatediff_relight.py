"""Light-A-Video on AnimateDiff: parity with the published code, and its settings."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, EulerAncestralDiscreteScheduler
from PIL import Image

from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines import AnimateDiffRelightPipeline
from relight.relighters.ic_light import ICLightPipeline
from tests.conftest import case_id

from .making import noise_clip, published

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
        noise_clip(),
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


@pytest.mark.slow
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
    out = run(noise_clip(count, *size)).frames
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
    assert run(noise_clip(1, *own), **given).frames.shape[-2:] == expected


def test_as_many_frames_as_the_motion_adapter_knows_and_no_more(run):
    quick = {"num_inference_steps": 2, "relight_steps": 1, "relight_chunk_size": 8}
    assert run(noise_clip(32), **quick).frames.shape[1] == 32
    with pytest.raises(InputError, match="33 frames are more than this motion adapter's 32"):
        run(noise_clip(33), **quick)


def test_free_noise_takes_morenoise_clip(animatediff, run):
    animatediff.enable_free_noise(context_length=8, context_stride=4)
    out = run(noise_clip(36), num_inference_steps=2, relight_steps=1, relight_chunk_size=12)
    assert out.frames.shape[1] == 36 and out.frames.isfinite().all()


def test_every_form_of_the_video_gives_the_same(run):
    frames = noise_clip()
    array = np.stack([np.array(frame) for frame in frames])
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    expected = run(frames).frames
    for form in (array, array / 255, tensor / 255):  # tests/test_codecs.py has all of them
        torch.testing.assert_close(run(form).frames, expected, rtol=1e-4, atol=1e-4)
    with_alpha = [frame.convert("RGBA") for frame in frames]
    assert torch.equal(run(with_alpha).frames, expected)


@pytest.mark.slow
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
    frames = noise_clip(2, 90, 140)
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
        ({"relight_prompt": ["a", "b"]}, "relight prompt is one text"),
        ({"mask": np.ones((1, 1, 8, 8))}, "a mask is a tensor .* not ndarray"),
        ({"mask": [1.0]}, "a mask is a tensor .* not list"),
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
