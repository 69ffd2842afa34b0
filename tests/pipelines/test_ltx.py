"""`light_fusion` on a family the paper never had: LTX, on diffusers' own unmodified pipeline.

Its latents are a sequence of tokens with time steps of their own, and its scheduler is given the
negative velocity: nothing of that is known to `light_fusion`, only to the scheduler and the codec.
"""

from dataclasses import replace

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines import light_fusion
from relight.relighters.ic_light import Sampling
from tests.conftest import tiny_ltx_vae

FRAMES, HEIGHT, WIDTH = 5, 64, 96
STEPS, STRENGTH, GUIDANCE = 8, 0.2, 2.0
PROMPT = "a bear, red light"
PAPER, BEST = Recipe(threshold=0.2, gamma=0.7).with_best().values()
BEST = replace(BEST, every=1)  # as the loop below is written out
VIDEO = torch.rand(FRAMES, 3, HEIGHT, WIDTH, generator=torch.manual_seed(5))
SHAPE = (1, -1, 1, 1, 1)


@pytest.fixture(scope="module")
def ltx():
    # 16 x 16 pixels and 4 frames a latent
    vae = tiny_ltx_vae(8, (True, True, False, False), scaling_factor=1.0)
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=16,
    ).eval()
    pipe = LTXConditionPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        transformer=transformer,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def text():
    positive, negative = torch.randn(2, 1, 4, 16, generator=torch.manual_seed(1))
    mask = torch.ones(1, 4)
    return {
        "prompt_embeds": positive,
        "negative_prompt_embeds": negative,
        "prompt_attention_mask": mask,
        "negative_prompt_attention_mask": mask,
    }


def _stock(pipe, text, generator, **road):
    road = road or {"video": [VIDEO], "strength": STRENGTH}
    size = {"num_frames": FRAMES, "height": HEIGHT, "width": WIDTH}
    steps = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE}
    return pipe(**road, **size, **steps, **text, generator=generator, output_type="pt").frames


def _fused(pipe, text, relighter, recipe, road=None, **given):
    generator = torch.Generator().manual_seed(0)
    given = {"video": VIDEO, "prompt": PROMPT, "relight_steps": 2, **given}
    with light_fusion(pipe, relighter, recipe=recipe, generator=generator, **given) as edit:
        return _stock(pipe, text, generator, **(road or {})), edit


def _latents(pipe):
    """The source as `LTXConditionPipeline` takes latents: not yet a sequence."""
    vae = pipe.vae
    with torch.no_grad():
        mode = vae.encode(VIDEO.transpose(0, 1)[None] * 2 - 1).latent_dist.mode()
    return (mode - vae.latents_mean.view(SHAPE)) / vae.latents_std.view(SHAPE)


ROADS = ["video", "latents"]


def _road(name, pipe):
    if name == "video":
        return {"video": [VIDEO], "strength": STRENGTH}
    return {"latents": _latents(pipe), "denoise_strength": 0.5}


@pytest.mark.parametrize("road", ROADS)
def test_a_recipe_that_relights_no_step_is_the_stock_pipeline(ltx, text, relighter, road):
    road = _road(road, ltx)
    plain = _stock(ltx, text, torch.Generator().manual_seed(0), **road)
    fused, _ = _fused(ltx, text, relighter, Recipe(threshold=1.0), road)
    assert torch.equal(fused, plain)


@pytest.mark.parametrize("road", ROADS)
def test_the_clip_is_relit_and_the_stock_pipeline_put_back(ltx, text, relighter, road):
    road = _road(road, ltx)
    plain = _stock(ltx, text, torch.Generator().manual_seed(0), **road)
    fused, edit = _fused(ltx, text, relighter, PAPER, road)
    assert fused.shape == plain.shape == (1, FRAMES, 3, HEIGHT, WIDTH)
    assert fused.isfinite().all() and (fused - plain).abs().mean() > 0.01
    assert edit.detail.shape == VIDEO.shape
    assert "step" not in vars(ltx.scheduler)
    again = _stock(ltx, text, torch.Generator().manual_seed(0), **road)
    assert torch.equal(again, plain)


@pytest.mark.parametrize("recipe", [PAPER, BEST], ids=["paper", "best"])
def test_it_equals_the_loop_written_out(ltx, text, relighter, recipe):
    fused, edit = _fused(ltx, text, relighter, recipe)
    expected, steps = _by_hand(ltx, text, relighter, recipe)
    assert edit.steps == steps  # those that wait for the source's noise level don't count
    torch.testing.assert_close(fused, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def _by_hand(pipe, text, relighter, recipe):
    """Light-A-Video on LTX as one plain Euler loop over x0."""
    vae, generator = pipe.vae, torch.Generator().manual_seed(0)
    mean, std = vae.latents_mean.view(SHAPE), vae.latents_std.view(SHAPE)
    source = VIDEO * 2 - 1
    noise = torch.randn(1, 8, 2, HEIGHT // 16, WIDTH // 16, generator=generator)
    posterior = vae.encode(source.transpose(0, 1)[None]).latent_dist
    clean = (posterior.sample(generator) - mean) / std
    # The stock pipeline noises its conditions itself before each step: draws, but changes nothing
    # here, as only conditions of full strength are noised.
    x = torch.lerp(noise, clean, STRENGTH)
    sigmas = torch.cat([linear_quadratic_schedule(STEPS), torch.zeros(1)])
    first = int((sigmas > 1 - STRENGTH + 1e-6).sum())
    steps = STEPS - first
    ids = pipe._prepare_video_ids(1, 2, HEIGHT // 16, WIDTH // 16)
    ids = pipe._scale_video_ids(ids, 16, 4).float()
    ids[:, 0] /= 25
    embeds = relighter.encode_prompt(PROMPT)
    start = relighter.light_latents("left", HEIGHT, WIDTH)

    def pixels(latents):
        return vae.decode(latents * std + mean, None).sample[0].transpose(0, 1)

    def latents(frames):
        return (vae.encode(frames.transpose(0, 1)[None]).latent_dist.mode() - mean) / std

    for i in range(STEPS):
        torch.randn(1, 48, 8, generator=generator)
        if i < first:
            continue
        tokens = torch.cat([pipe._pack_latents(x)] * 2)
        v = pipe.transformer(
            hidden_states=tokens,
            encoder_hidden_states=torch.cat(
                [text["negative_prompt_embeds"], text["prompt_embeds"]]
            ),
            timestep=sigmas[i].expand(2, tokens.shape[1]) * 1000,
            encoder_attention_mask=torch.ones(2, 4),
            video_coords=torch.cat([ids] * 2),
            return_dict=False,
        )[0]
        v = v[:1] + GUIDANCE * (v[1:] - v[:1])
        v = pipe._unpack_latents(v, 2, HEIGHT // 16, WIDTH // 16)
        x0 = x - sigmas[i] * v
        eps = x + (1 - sigmas[i]) * v
        weight = 1 - (i - first) / (steps - 1)
        if weight > recipe.threshold:
            drawn = pixels(x0)
            if i == first:
                detail = source - drawn
            frames = drawn + weight * detail
            relit = relighter.relight(
                frames,
                embeds=embeds,
                light_latents=start,
                how=Sampling(gamma=recipe.gamma, steps=2, share_noise=recipe.share_noise),
                generator=generator,
            )
            fused = frames + weight * (relit - frames)
            old = x0
            x0 = latents(fused)
            if recipe.difference:
                x0 = old + x0 - latents(drawn)
            eps = (x - (1 - sigmas[i]) * x0) / sigmas[i]
        x = (1 - sigmas[i + 1]) * x0 + sigmas[i + 1] * eps
    return ((pixels(x) + 1) / 2).clamp(0, 1)[None], steps


def test_a_size_that_the_pipeline_is_not_called_with_is_told_in_one_line(ltx, text, relighter):
    with pytest.raises(InputError, match="give light_fusion the height") as error:
        _fused(ltx, text, relighter, PAPER, height=32)
    assert "\n" not in str(error.value)
    assert "step" not in vars(ltx.scheduler)


def test_a_clip_of_another_size_is_relit_at_the_pipelines(ltx, text, relighter):
    small = torch.nn.functional.interpolate(VIDEO, (48, 48), mode="area")
    given = {"video": small, "height": HEIGHT, "width": WIDTH}
    fused, edit = _fused(ltx, text, relighter, PAPER, **given)
    assert fused.isfinite().all() and edit.detail.shape == VIDEO.shape
