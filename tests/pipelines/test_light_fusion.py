"""`light_fusion` around unmodified stock pipelines."""

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, DDIMScheduler
from PIL import Image

from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines import AnimateDiffRelightPipeline, light_fusion
from tests.conftest import case_id

STEPS = {"strength": 0.5, "num_inference_steps": 6}
PROMPT = "a bear, red light"


@pytest.fixture
def stock(animatediff):
    pipe = AnimateDiffVideoToVideoPipeline(**animatediff.components)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def frames():
    rng = np.random.default_rng(3)
    return [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(3)]


def _stock(pipe, frames, generator=None, **given):
    settings = {"height": 64, "width": 64, "guidance_scale": 2.0, "output_type": "pt", **STEPS}
    generator = generator or torch.Generator().manual_seed(0)
    return pipe(frames, "a bear", generator=generator, **{**settings, **given}).frames


def _fused(pipe, relighter, frames, generator=None, **given):
    generator = generator or torch.Generator().manual_seed(0)
    settings = {"prompt": PROMPT, "relight_steps": 3, "video": frames, **given}
    with light_fusion(pipe, relighter, generator=generator, **settings):
        return _stock(pipe, frames, generator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", AnimateDiffRelightPipeline.recipes.values(), ids=["paper", "best"]
)
@pytest.mark.parametrize("light", ["left", "none"])
def test_the_stock_pipeline_inside_equals_the_relight_pipeline(
    stock, animatediff, relighter, frames, recipe, light
):
    inside = _fused(stock, relighter, frames, recipe=recipe, light=light)
    generator = torch.Generator().manual_seed(0)
    own = animatediff(
        frames,
        "a bear",
        relighter=relighter,
        relight_prompt=PROMPT,
        relight_steps=3,
        recipe=recipe,
        light=light,
        generator=generator,
        output_type="pt",
        **STEPS,
    ).frames
    assert torch.equal(inside, own)


def test_a_recipe_that_relights_no_step_is_the_stock_pipeline(stock, relighter, frames):
    plain = _stock(stock, frames)
    assert torch.equal(_fused(stock, relighter, frames, recipe=Recipe(threshold=1)), plain)
    assert not torch.allclose(_fused(stock, relighter, frames), plain, atol=1e-3)


def test_the_scheduler_is_restored_after_success_and_after_an_exception(stock, relighter, frames):
    plain = _stock(stock, frames)
    _fused(stock, relighter, frames)
    assert "step" not in vars(stock.scheduler)

    def stop(step, steps):
        raise InterruptedError("stopped")

    with pytest.raises(InterruptedError):
        _fused(stock, relighter, frames, on_step=stop)
    assert "step" not in vars(stock.scheduler)
    assert torch.equal(_stock(stock, frames), plain)


def test_the_edit_tells_its_steps_and_the_detail_it_added(stock, relighter, frames):
    generator = torch.Generator().manual_seed(0)
    with light_fusion(
        stock, relighter, video=frames, prompt=PROMPT, relight_steps=2, generator=generator
    ) as edit:
        _stock(stock, frames, generator)
    assert edit.steps == 3 and edit.detail.shape == (3, 3, 64, 64)


def test_chunks_of_the_relighter_do_not_change_the_result(stock, relighter, frames):
    whole = _fused(stock, relighter, frames)
    chunked = _fused(stock, relighter, frames, chunk_size=2)
    torch.testing.assert_close(chunked, whole, rtol=1e-4, atol=1e-4)


def test_gamma_overrides_the_recipe(stock, relighter, frames):
    by_recipe = _fused(stock, relighter, frames, recipe=Recipe(gamma=0.9))
    assert torch.equal(_fused(stock, relighter, frames, gamma=0.9), by_recipe)
    assert (by_recipe - _fused(stock, relighter, frames)).abs().max() > 1e-4


def test_another_scheduler_of_the_video_model_works(stock, relighter, frames):
    config = {"beta_schedule": "linear", "clip_sample": False}
    stock.scheduler = DDIMScheduler.from_config(stock.scheduler.config, **config)
    out = _fused(stock, relighter, frames)
    assert out.isfinite().all()
    assert (out - _stock(stock, frames)).abs().max() > 1e-3


@pytest.mark.parametrize(
    "given, message",
    [
        ({"gamma": 1.5}, "gamma"),
        ({"gamma": float("nan")}, "gamma"),
        ({"prompt": None}, "prompt"),
        ({"prompt": [PROMPT, PROMPT]}, "prompt"),
        ({"light": "side"}, "unknown light"),
        ({"relight_steps": 0}, "at least 1 step"),
        ({"video": []}, "no pictures"),
        ({"video": None}, "NoneType"),
    ],
    ids=case_id,
)
def test_a_wrong_value_is_refused_in_one_line(stock, relighter, frames, given, message):
    given = {"video": frames, "prompt": PROMPT, **given}
    with (
        pytest.raises(InputError, match=message) as error,
        light_fusion(stock, relighter, **given),
    ):
        _stock(stock, frames)
    assert "\n" not in str(error.value)
    assert "step" not in vars(stock.scheduler)
