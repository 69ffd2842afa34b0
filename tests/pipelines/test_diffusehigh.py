"""DiffuseHigh on SDXL and Stable Diffusion 1.5: the published result, sizes, seeds, recipes."""

import json

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
)
from safetensors.torch import load_file

import relight
from relight.errors import InputError
from relight.methods.diffuse_high import PAPER
from relight.pipelines import DiffuseHighSD15Pipeline
from tests.conftest import GOLDEN, case_id

from .making import noise_picture

# --- parity


def test_the_published_result_is_matched(diffusehigh):
    case = json.loads((GOLDEN / "diffusehigh_sdxl.json").read_text())
    data = load_file(GOLDEN / "diffusehigh_sdxl.safetensors")
    [out] = diffusehigh(
        case["prompt"],
        negative_prompt=case["negative_prompt"],
        image=data["frames"].numpy(),
        sizes=list(zip(case["target_heights"], case["target_widths"], strict=True)),
        num_inference_steps=case["num_inference_steps"],
        noising_steps=case["noising_steps"],
        dwt_steps=case["dwt_steps"],
        upscale_guidance_scale=case["guidance_scale"],
        sharpening_sigma=case["sharpening_sigma"],
        sharpening_alpha=case["sharpening_alpha"],
        stage_noise=[data["noise_0"], data["noise_1"]],
        generator=torch.Generator().manual_seed(case["seed"]),
        output_type="np",
    ).images
    assert np.abs(out - data["expected"].numpy()).max() < 1e-4


# --- sizes


def test_the_first_picture_has_the_shape_of_the_sizes(enlarge, diffusehigh):
    seen = []

    def look(pipe, step, timestep, inputs):
        seen.append(tuple(inputs["latents"].shape[-2:]))
        return inputs

    out = enlarge(None, sizes=[(128, 256), (192, 384)], callback_on_step_end=look)
    assert out.shape == (1, 3, 192, 384) and out.isfinite().all()
    assert seen == [(12, 22)] * 6 + [(16, 32)] * 2 + [(24, 48)] * 2  # 96 x 176: 1.03 of 128 x 128
    assert diffusehigh.base_size((2, 1)) == (176, 96)


@pytest.mark.parametrize("size", [(48, 64), (32, 128), (128, 32), (16, 16)], ids=case_id)
def test_any_shape_of_picture(enlarge, size):
    target = tuple(2 * side for side in size)
    out = enlarge(noise_picture(*size), sizes=[target])
    assert out.shape == (1, 3, *target) and out.isfinite().all()


def test_a_stage_may_keep_the_size(enlarge):
    assert enlarge(sizes=[(64, 64)]).shape[-2:] == (64, 64)


@pytest.mark.parametrize(
    "sizes, message",
    [
        ([], "sizes is empty"),
        ((128, 128), "list of .height, width., one for each stage, not .128, 128"),
        ([128], "one for each stage"),
        ([(128,)], "must be .height, width. in multiples of 16"),
        ([(128, 136)], "size .128, 136. must be .* multiples of 16"),
        ([(128.5, 128)], "multiples of 16"),
        ([(48, 128)], "size .48, 128. is smaller than .64, 64., the picture before it"),
        ([(128, 192), (160, 176)], "size .160, 176. is smaller than .128, 192."),
    ],
    ids=case_id,
)
def test_sizes_that_cannot_be_are_refused_in_one_line(enlarge, sizes, message):
    with pytest.raises(InputError, match=message) as caught:
        enlarge(sizes=sizes)
    assert "\n" not in str(caught.value)


def test_the_sizes_are_checked_against_the_model_itself(sd15, diffusehigh):
    scheduler = DDIMScheduler.from_config(diffusehigh.scheduler.config)
    pipe = DiffuseHighSD15Pipeline(
        **sd15, scheduler=scheduler, safety_checker=None, feature_extractor=None
    )
    assert (pipe.size_multiple(), diffusehigh.size_multiple()) == (64, 16)
    with pytest.raises(InputError, match="multiples of 64"):
        pipe("a bear", image=noise_picture(), sizes=[(96, 96)])


@pytest.mark.parametrize(
    "own, target",
    [((1, 1), (3, 5)), ((1, 1), (16, 16)), ((33, 47), (65, 99)), ((64, 64), (65, 127))],
    ids=case_id,
)
@pytest.mark.parametrize("recipe", ["paper", "best"])
def test_padding_takes_any_size(enlarge, own, target, recipe):
    out = enlarge(noise_picture(*own), sizes=[target], pad=True, recipe=recipe)
    assert out.shape == (1, 3, *target) and out.isfinite().all()


def test_padding_changes_no_size_that_fits(enlarge):
    assert torch.equal(enlarge(pad=True), enlarge())


# --- randomness


@pytest.mark.parametrize("image", ["default", None])
def test_the_seed_alone_decides(enlarge, image):
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = enlarge(image)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    torch.manual_seed(6)
    assert torch.equal(first, enlarge(image))
    assert not torch.allclose(first, enlarge(image, seed=1), atol=1e-3)


def test_two_pictures_at_once_are_each_alone(enlarge):
    pictures = noise_picture(count=2)
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    both = enlarge(pictures, stage_noise=[noise])
    assert both.shape[0] == 2
    for i in range(2):
        alone = enlarge(pictures[i : i + 1], stage_noise=[noise[i : i + 1]])
        torch.testing.assert_close(both[i : i + 1], alone, atol=1e-4, rtol=0)


def test_two_prompts_make_two_pictures(enlarge):
    out = enlarge(None, prompt=["a bear", "a fish"], negative_prompt=["", ""])
    assert out.shape == (2, 3, 128, 128)
    assert not torch.allclose(out[0], out[1], atol=1e-2)
    with pytest.raises(InputError, match="2 texts in prompt for 1 pictures"):
        enlarge(prompt=["a bear", "a fish"])


def test_noise_of_another_shape_or_number_is_refused(enlarge):
    with pytest.raises(InputError, match="1 stage_noise for 2 sizes"):
        enlarge(sizes=[(128, 128), (192, 192)], stage_noise=[torch.zeros(1, 4, 16, 16)])
    with pytest.raises(
        InputError, match=r"shape \(1, 4, 1, 1\): this stage needs \(1, 4, 16, 16\)"
    ):
        enlarge(stage_noise=[torch.zeros(1, 4, 1, 1)])


@pytest.mark.parametrize(
    "given, message",
    [
        ({"recipe": "fast"}, "unknown recipe 'fast': use paper, best"),
        ({"noising_steps": 7}, r"noising_steps must be in \[1, 6\], not 7"),
        ({"noising_steps": 0}, "noising_steps"),
        ({"dwt_steps": -1}, "dwt_steps"),
        ({"sharpening_kernel": 4}, "odd kernel"),
        ({"sharpening_sigma": 0.0}, "sigma above 0"),
        ({"wavelet": "db99"}, "unknown wavelet"),
        ({"wavelet_level": 0}, "wavelet level"),
        ({"identity": 1.5}, r"identity must be in \[0, 1\]"),
        ({"tile": 24}, "tile must be a multiple of 16 pixels, at least 32, not 24"),
        ({"tile": 0}, "tile must be a multiple of 16"),
        ({"image": torch.full((1, 3, 8, 8), 9.0)}, "values in"),
        ({"image": []}, "no pictures"),
    ],
    ids=case_id,
)
def test_values_out_of_range_are_refused_in_one_line(enlarge, given, message):
    with pytest.raises(InputError, match=message) as caught:
        enlarge(**given)
    assert "\n" not in str(caught.value)


# --- tiles, recipes, the other model


def test_tiles_of_unet_and_vae(enlarge, sdxl):
    big = {"sizes": [(128, 192)], "image": noise_picture(64, 96)}
    seen = []

    def look(pipe, step, timestep, inputs):
        seen.append((sdxl["vae"].use_tiling, sdxl["vae"].tile_sample_min_size))
        return inputs

    whole, tiled = enlarge(**big), enlarge(tile=96, callback_on_step_end=look, **big)
    assert tiled.shape == whole.shape and tiled.isfinite().all()
    assert (tiled - whole).abs().max() > 1e-4 and set(seen) == {(True, 96)}
    assert torch.equal(enlarge(tile=192, **big), whole)  # one tile takes it all


@pytest.mark.parametrize("name", ["paper", "best"])
def test_a_recipe_by_name_is_the_recipe_of_that_name(enlarge, name):
    settings = {"num_inference_steps": None, "noising_steps": None, "dwt_steps": None}
    assert torch.equal(
        enlarge(recipe=name, **settings),
        enlarge(recipe=relight.methods.diffuse_high.RECIPES[name], **settings),
    )


@pytest.mark.slow
def test_every_value_of_the_recipe_counts(enlarge):
    base = enlarge(noising_steps=3, dwt_steps=2)
    for given in (
        {"num_inference_steps": 8},
        {"noising_steps": 4},
        {"dwt_steps": 1},
        {"upscale_guidance_scale": 3.0},
        {"wavelet": "haar"},
        {"wavelet_level": 2},
        {"sharpening_kernel": 5},
        {"sharpening_sigma": 0.5},
        {"sharpening_alpha": 0.5},
        {"prompt": "a fish"},
        {"negative_prompt": "blurred"},
    ):
        assert (
            enlarge(**{"noising_steps": 3, "dwt_steps": 2, **given}) - base
        ).abs().max() > 1e-4, given
    generated = enlarge(None)
    assert (enlarge(None, guidance_scale=2.0) - generated).abs().max() > 1e-4


def test_the_paper_is_the_default(enlarge):
    settings = {"num_inference_steps": None, "noising_steps": None, "dwt_steps": None}
    assert torch.equal(enlarge(**settings), enlarge(recipe=PAPER, **settings))


def test_stable_diffusion_15(sd15):
    pipe = DiffuseHighSD15Pipeline(
        **sd15,
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
    )
    pipe.set_progress_bar_config(disable=True)
    settings = {"sizes": [(128, 192)], "num_inference_steps": 4, "noising_steps": 2}
    settings |= {"dwt_steps": 1, "output_type": "pt"}
    for image in (None, noise_picture(64, 96)):
        first, again, other = (
            pipe("a bear", image=image, generator=torch.Generator().manual_seed(seed), **settings)
            for seed in (0, 0, 1)
        )
        assert first.images.shape == (1, 3, 128, 192)
        assert torch.equal(first.images, again.images)
        assert not torch.allclose(first.images, other.images, atol=1e-3)
