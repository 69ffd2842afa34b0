"""Light-A-Video on Wan 2.1 and CogVideoX: parity with the published code, sizes and counts."""

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
    FlowMatchEulerDiscreteScheduler,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from safetensors.torch import load_file

from relight.errors import InputError
from relight.lights import parse_light
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines import CogVideoXRelightPipeline, WanRelightPipeline
from tests.conftest import GOLDEN, TINY

from .making import published

CASES = {"wan": "wan_top", "cogvideox": "cogvideox_right"}
STOCK = {"wan": WanVideoToVideoPipeline, "cogvideox": CogVideoXVideoToVideoPipeline}


@pytest.fixture(scope="module")
def parts():
    """Components by backbone, without a text encoder: embeddings come with the data."""
    nothing = {"tokenizer": None, "text_encoder": None}
    wan, cog = TINY / "wan", TINY / "cog"
    return {
        "wan": nothing
        | {
            "vae": AutoencoderKLWan.from_pretrained(wan / "vae").eval(),
            "transformer": WanTransformer3DModel.from_pretrained(wan / "transformer").eval(),
            "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        },
        "cogvideox": nothing
        | {
            "vae": AutoencoderKLCogVideoX.from_pretrained(cog / "vae").eval(),
            "transformer": CogVideoXTransformer3DModel.from_pretrained(cog / "transformer").eval(),
            "scheduler": CogVideoXDDIMScheduler.from_pretrained(cog / "scheduler"),
        },
    }


def _pipe(name, parts):
    kind = {"wan": WanRelightPipeline, "cogvideox": CogVideoXRelightPipeline}[name]
    pipe = kind(**parts[name])
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _data(name):
    return load_file(GOLDEN / f"{CASES[name]}.safetensors")


def _embeds(name):
    data = _data(name)
    return {key: data[key] for key in ("prompt_embeds", "negative_prompt_embeds")}


def _run(pipe, name, relighter, video, **given):
    settings = {
        "relighter": relighter,
        "relight_prompt": "a bear, red light",
        "relight_steps": 2,
        "num_inference_steps": 4,
        "generator": torch.Generator().manual_seed(0),
        "output_type": "pt",
    }
    return pipe(video, **{**settings, **_embeds(name), **given}).frames


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_published_result_is_matched(name, parts, relighter):
    _, settings, data = published(CASES[name])
    out = _pipe(name, parts)(
        data["frames"].numpy(),
        relighter=relighter,
        **settings,
        **_embeds(name),
    ).frames[0]
    assert np.abs(np.asarray(out) - data["expected"].numpy()).max() < 1e-4


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_that_relights_no_step_is_the_stock_pipeline(name, parts, relighter):
    frames = _data(name)["frames"].permute(0, 3, 1, 2).float() / 255
    frames = frames[: {"wan": 5, "cogvideox": 9}[name]]
    out = _run(_pipe(name, parts), name, relighter, frames, recipe=Recipe(threshold=1.0))
    stock = STOCK[name](**parts[name])
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        video=frames,
        height=frames.shape[-2],
        width=frames.shape[-1],
        num_inference_steps=4,
        strength=0.5,
        guidance_scale=2.0,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
        **_embeds(name),
    ).frames
    assert torch.equal(out, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count, kind", [(1, "pil"), (2, "np"), (6, "pt")])
def test_any_number_of_frames_comes_back(name, count, kind, parts, relighter):
    video = _data(name)["frames"].numpy()[:1].repeat(count, axis=0)
    out = _run(_pipe(name, parts), name, relighter, video, output_type=kind)
    assert len(out[0]) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_filling_does_not_change_whole_counts(name, parts, relighter):
    video, whole = _data(name)["frames"].numpy()[:4], {"wan": 5, "cogvideox": 9}[name]
    filled = np.concatenate([video, video[-1:].repeat(whole - 4, axis=0)])
    short = _run(_pipe(name, parts), name, relighter, video)
    assert torch.equal(short, _run(_pipe(name, parts), name, relighter, filled)[:, :4])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_moving_light_has_its_place_in_every_frame_whatever_the_filling(name, parts, relighter):
    video, whole = _data(name)["frames"].numpy()[:4], {"wan": 5, "cogvideox": 9}[name]
    light, times = parse_light("keyframes:(0=point:x=0; 3=point:x=1)"), [0.0, 1.0, 2.0, 3.0]
    pipe = _pipe(name, parts)
    moved = _run(pipe, name, relighter, video, light=light, seconds=times)
    filled = np.concatenate([video, video[-1:].repeat(whole - 4, axis=0)])
    size, all_times = video.shape[1:3], times + [3.0] * (whole - 4)
    maps = np.stack([light.level_map(*size, time) for time in all_times])
    maps = torch.from_numpy(maps).permute(0, 3, 1, 2)
    expected = _run(pipe, name, relighter, filled, light=maps)[:, :4]
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-5)
    still = _run(pipe, name, relighter, video, light=light.at(0))
    assert (moved[:, 3] - still[:, 3]).abs().max() > 1e-3
    with pytest.raises(InputError, match="3 times don't fit 4 frames"):
        _run(pipe, name, relighter, video, light=light, seconds=times[:3])
    with pytest.raises(InputError, match="moves: give the seconds of each frame"):
        _run(pipe, name, relighter, video, light=light)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("kind", ["pil", "np", "pt", "latent"])
def test_a_call_returns_a_record_or_a_tuple(name, count, kind, parts, relighter):
    video = _data(name)["frames"].numpy()[:1].repeat(count, axis=0)
    given = {"output_type": kind, "relight_steps": 1}
    frames = _run(_pipe(name, parts), name, relighter, video, **given)
    generator = torch.Generator().manual_seed(0)
    given |= {"relighter": relighter, "relight_prompt": "a bear, red light", **_embeds(name)}
    given |= {"num_inference_steps": 4, "generator": generator}
    output = _pipe(name, parts)(video, return_dict=False, **given)
    assert type(output) is tuple and len(output) == 1
    same = [np.asarray(one) for one in (output[0][0], frames[0])]
    assert np.array_equal(*same) and (kind == "latent" or len(same[0]) == count)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_moving_light_has_as_many_maps_as_the_clip_has_frames(name, parts, relighter):
    video = _data(name)["frames"].numpy()[:2]
    whole = {"wan": 5, "cogvideox": 9}[name]
    filled = np.concatenate([video, video[-1:].repeat(whole - 2, axis=0)])
    light = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    held = torch.cat([light, light[-1:].expand(whole - 2, -1, -1, -1)])
    moving = _run(_pipe(name, parts), name, relighter, video, light=light)
    assert torch.equal(moving, _run(_pipe(name, parts), name, relighter, filled, light=held)[:, :2])
    for wrong in (3, whole):  # also the number of frames the model is given
        with pytest.raises(InputError, match=f"{wrong} maps can't light 2 frames"):
            _run(_pipe(name, parts), name, relighter, video, light=torch.zeros(wrong, 3, 8, 8))


@pytest.mark.parametrize("name", CASES)
def test_sizes_are_fitted_to_the_models_multiple_and_wrong_ones_refused(name, parts, relighter):
    pipe = _pipe(name, parts)
    video = np.zeros((1, 70, 90, 3), np.uint8)
    assert _run(pipe, name, relighter, video).shape[-2:] == (64, 80)
    with pytest.raises(InputError, match="height is a multiple of 16"):
        _run(pipe, name, relighter, video, height=70)


@pytest.mark.parametrize("name", CASES)
def test_the_step_is_the_stock_one_again_after_an_exception(name, parts, relighter):
    pipe = _pipe(name, parts)

    def stop(step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(pipe, name, relighter, np.zeros((1, 64, 64, 3), np.uint8), on_relight_step=stop)
    assert "step" not in vars(pipe.scheduler)
