"""DiffuseHigh on SDXL and Stable Diffusion 1.5: parity, and everything around it."""

import copy
import json

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file

import relight
from relight.diffusion.codecs import FrameCodec
from relight.errors import InputError, ModelError
from relight.methods.diffuse_high import PAPER, UpscaleRecipe
from relight.methods.direction_alignment import low_pass
from relight.pipelines import DiffuseHighSD15Pipeline, DiffuseHighSDXLPipeline, guided_stages
from tests.conftest import GOLDEN, case_id


def _picture(height=64, width=64, count=1, seed=3):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def run(diffusehigh):
    """run(image, pipe=..., **settings): one short stage, 2 steps of which 1 is guided."""

    def call(image="default", pipe=diffusehigh, seed=0, **given):
        settings = {
            "prompt": "a bear",
            "negative_prompt": "bad quality",
            "image": _picture() if isinstance(image, str) else image,
            "sizes": [(128, 128)],
            "num_inference_steps": 6,
            "noising_steps": 2,
            "dwt_steps": 1,
            "output_type": "pt",
            "generator": torch.Generator().manual_seed(seed),
            **given,
        }
        return pipe(**settings).images

    return call


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


@pytest.mark.parametrize("noising_steps", [1, 2, 5, 6])
def test_a_stage_without_guidance_is_the_stock_pipeline(run, diffusehigh, sdxl, noising_steps):
    stock = StableDiffusionXLImg2ImgPipeline(
        **sdxl, scheduler=EulerDiscreteScheduler.from_config(diffusehigh.scheduler.config)
    )
    stock.set_progress_bar_config(disable=True)
    size = (128, 160)
    guide = torch.nn.functional.interpolate(_picture(), size=size, mode="bicubic")
    with torch.no_grad():
        start = sdxl["vae"].encode(guide * 2 - 1).latent_dist.mode()
    expected = stock(
        "a bear",
        image=start * sdxl["vae"].config.scaling_factor,
        negative_prompt="bad quality",
        strength=noising_steps / 6,
        num_inference_steps=6,
        guidance_scale=10.0,
        original_size=(112, 144),  # 128 x 128 in the shape of 128 x 160
        target_size=(112, 144),
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).images
    settings = {"sizes": [size], "noising_steps": noising_steps, "sharpening_alpha": 0.0}
    assert torch.equal(run(dwt_steps=0, **settings), expected)
    assert not torch.allclose(run(dwt_steps=1, **settings), expected, atol=1e-3)


def test_the_first_picture_is_that_of_the_stock_pipeline(run, diffusehigh, sdxl):
    stock = StableDiffusionXLPipeline(
        **sdxl, scheduler=EulerDiscreteScheduler.from_config(diffusehigh.scheduler.config)
    )
    stock.set_progress_bar_config(disable=True)
    base = stock(
        "a bear",
        negative_prompt="bad quality",
        height=128,
        width=128,
        num_inference_steps=6,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).images
    noise = [torch.randn(1, 4, 24, 24, generator=torch.Generator().manual_seed(1))]
    given = {"sizes": [(192, 192)], "stage_noise": noise}
    torch.testing.assert_close(run(None, **given), run(base, **given), atol=1e-4, rtol=0)


# --- sizes


def test_the_first_picture_has_the_shape_of_the_sizes(run, diffusehigh):
    seen = []

    def look(pipe, step, timestep, inputs):
        seen.append(tuple(inputs["latents"].shape[-2:]))
        return inputs

    out = run(None, sizes=[(128, 256), (192, 384)], callback_on_step_end=look)
    assert out.shape == (1, 3, 192, 384) and out.isfinite().all()
    assert seen == [(12, 22)] * 6 + [(16, 32)] * 2 + [(24, 48)] * 2  # 96 x 176: 1.03 of 128 x 128
    assert diffusehigh.base_size((2, 1)) == (176, 96)


@pytest.mark.parametrize("size", [(48, 64), (32, 128), (128, 32), (16, 16)], ids=case_id)
def test_any_shape_of_picture(run, size):
    target = tuple(2 * side for side in size)
    out = run(_picture(*size), sizes=[target])
    assert out.shape == (1, 3, *target) and out.isfinite().all()


def test_a_stage_may_keep_the_size(run):
    assert run(sizes=[(64, 64)]).shape[-2:] == (64, 64)


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
def test_sizes_that_cannot_be_are_refused_in_one_line(run, sizes, message):
    with pytest.raises(InputError, match=message) as caught:
        run(sizes=sizes)
    assert "\n" not in str(caught.value)


def test_the_sizes_are_checked_against_the_model_itself(sd15, diffusehigh):
    scheduler = DDIMScheduler.from_config(diffusehigh.scheduler.config)
    pipe = DiffuseHighSD15Pipeline(
        **sd15, scheduler=scheduler, safety_checker=None, feature_extractor=None
    )
    assert (pipe.size_multiple(), diffusehigh.size_multiple()) == (64, 16)
    with pytest.raises(InputError, match="multiples of 64"):
        pipe("a bear", image=_picture(), sizes=[(96, 96)])


@pytest.mark.parametrize(
    "own, target",
    [((1, 1), (3, 5)), ((1, 1), (16, 16)), ((33, 47), (65, 99)), ((64, 64), (65, 127))],
    ids=case_id,
)
@pytest.mark.parametrize("recipe", ["paper", "best"])
def test_padding_takes_any_size(run, own, target, recipe):
    out = run(_picture(*own), sizes=[target], pad=True, recipe=recipe)
    assert out.shape == (1, 3, *target) and out.isfinite().all()


def test_padding_changes_no_size_that_fits(run):
    assert torch.equal(run(pad=True), run())


# --- randomness


@pytest.mark.parametrize("image", ["default", None])
def test_the_seed_alone_decides(run, image):
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = run(image)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    torch.manual_seed(6)
    assert torch.equal(first, run(image))
    assert not torch.allclose(first, run(image, seed=1), atol=1e-3)


def test_two_pictures_at_once_are_each_alone(run):
    pictures = _picture(count=2)
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    both = run(pictures, stage_noise=[noise])
    assert both.shape[0] == 2
    for i in range(2):
        alone = run(pictures[i : i + 1], stage_noise=[noise[i : i + 1]])
        torch.testing.assert_close(both[i : i + 1], alone, atol=1e-4, rtol=0)


def test_two_prompts_make_two_pictures(run):
    out = run(None, prompt=["a bear", "a fish"], negative_prompt=["", ""])
    assert out.shape == (2, 3, 128, 128)
    assert not torch.allclose(out[0], out[1], atol=1e-2)
    with pytest.raises(InputError, match="2 texts in prompt for 1 pictures"):
        run(prompt=["a bear", "a fish"])


def test_noise_of_another_shape_or_number_is_refused(run):
    with pytest.raises(InputError, match="1 stage_noise for 2 sizes"):
        run(sizes=[(128, 128), (192, 192)], stage_noise=[torch.zeros(1, 4, 16, 16)])
    with pytest.raises(
        InputError, match=r"shape \(1, 4, 1, 1\): this stage needs \(1, 4, 16, 16\)"
    ):
        run(stage_noise=[torch.zeros(1, 4, 1, 1)])


# --- schedulers

SCHEDULERS = [
    {"name": "EulerDiscreteScheduler", "spacing": "trailing"},
    {"name": "EulerDiscreteScheduler", "prediction": "v_prediction"},
    {"name": "EulerAncestralDiscreteScheduler"},
    {"name": "LMSDiscreteScheduler"},
    {"name": "DDIMScheduler"},
    {"name": "DDIMScheduler", "prediction": "v_prediction"},
    {"name": "DDPMScheduler"},
    {"name": "DPMSolverMultistepScheduler"},
    {"name": "DPMSolverSinglestepScheduler"},
    {"name": "DEISMultistepScheduler"},
    {"name": "UniPCMultistepScheduler"},
]


@pytest.mark.parametrize("case", SCHEDULERS, ids=case_id)
def test_every_scheduler_is_guided_and_stays_as_it_was(run, diffusehigh, sdxl, case):
    config = {
        **diffusehigh.scheduler.config,
        "timestep_spacing": case.get("spacing", "leading"),
        "prediction_type": case.get("prediction", "epsilon"),
    }
    scheduler = getattr(diffusers, case["name"]).from_config(config)
    diffusehigh.scheduler = scheduler
    before = copy.deepcopy(vars(scheduler))
    recipe = UpscaleRecipe(
        num_inference_steps=8, noising_steps=4, structure="alignment", sharpening_alpha=0.0
    )
    settings = {"sizes": [(256, 256)], "recipe": recipe, "output_type": "latent"}
    settings |= {"num_inference_steps": None, "noising_steps": None, "seed": 2}
    guided, free = run(**settings, dwt_steps=4), run(**settings, dwt_steps=0)

    guide = torch.nn.functional.interpolate(_picture(), size=(256, 256), mode="bicubic")
    with torch.no_grad():
        reference = FrameCodec(sdxl["vae"]).encode(guide * 2 - 1)

    def error(latents):
        return low_pass(latents - reference, 0.25).square().mean().sqrt().item()

    assert guided.isfinite().all() and error(guided) < 0.8 * error(free)
    after = vars(scheduler)
    assert diffusehigh.scheduler is scheduler and after.keys() == before.keys()
    for name, value in before.items():
        same = torch.equal(value, after[name]) if torch.is_tensor(value) else value == after[name]
        assert np.all(same), name


def test_a_scheduler_that_cannot_be_edited_is_refused(run, diffusehigh):
    diffusehigh.scheduler = diffusers.PNDMScheduler.from_config(diffusehigh.scheduler.config)
    with pytest.raises(ModelError, match="x0 can't be edited under PNDMScheduler"):
        run()


# --- what is passed through, and what is put back


class Boom(Exception):
    pass


def test_callbacks_see_every_step_and_an_exception_in_one_leaves_nothing_behind(
    run, diffusehigh, sdxl, monkeypatch
):
    monkeypatch.setattr(guided_stages, "VAE_TILING", 100 * 100)
    scheduler, first, seen = diffusehigh.scheduler, run(), []

    def look(pipe, step, timestep, inputs):
        seen.append(sdxl["vae"].use_tiling)
        return inputs

    run(sizes=[(80, 96), (128, 128)], callback_on_step_end=look)
    assert seen == [False, False, True, True]

    def fail(pipe, step, timestep, inputs):
        raise Boom

    for more in ({}, {"tile": 64}):
        with pytest.raises(Boom):
            run(callback_on_step_end=fail, **more)
        assert diffusehigh.scheduler is scheduler and "step" not in vars(scheduler)
        assert "forward" not in vars(sdxl["unet"])
        vae = sdxl["vae"]
        assert (vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size) == (
            False,
            128,
            16,
        )
        assert torch.equal(run(), first)


def test_tiling_the_user_turned_on_stays_on(run, diffusehigh, sdxl):
    sdxl["vae"].enable_tiling()
    try:
        run()
        assert sdxl["vae"].use_tiling
    finally:
        sdxl["vae"].disable_tiling()


def test_a_callback_may_change_the_latents(run):
    def wipe(pipe, step, timestep, inputs):
        return {"latents": torch.zeros_like(inputs["latents"])}

    out = run(callback_on_step_end=wipe, output_type="latent")
    assert out.abs().max() == 0


@pytest.mark.parametrize(
    "given", [{"sharpness_factor": 1.0}, {"height": 256}, {"num_images_per_prompt": 2}], ids=case_id
)
def test_arguments_that_do_nothing_are_refused(run, given):
    [name] = given
    with pytest.raises(TypeError, match=f"DiffuseHighSDXLPipeline.* no argument '{name}'"):
        run(**given)


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
def test_values_out_of_range_are_refused_in_one_line(run, given, message):
    with pytest.raises(InputError, match=message) as caught:
        run(**given)
    assert "\n" not in str(caught.value)


def test_output_types_agree(run, sdxl):
    pt = run()
    array = run(output_type="np")
    np.testing.assert_array_equal(array, pt.permute(0, 2, 3, 1).numpy())
    [image] = run(output_type="pil")
    np.testing.assert_array_equal(np.array(image), (array[0] * 255).round().astype(np.uint8))
    with torch.no_grad():
        decoded = FrameCodec(sdxl["vae"]).decode(run(output_type="latent"))
    torch.testing.assert_close((decoded / 2 + 0.5).clamp(0, 1), pt, atol=1e-5, rtol=0)


def test_every_form_of_the_picture_gives_the_same(run):
    array = (_picture()[0].permute(1, 2, 0) * 255).byte().numpy()
    image = Image.fromarray(array)
    expected = run(image)
    for form in (array, array / 255, [image], torch.from_numpy(array / 255).permute(2, 0, 1)):
        torch.testing.assert_close(run(form), expected, atol=1e-4, rtol=0)


# --- precision


def _cast(sdxl, dtype, upcast):
    parts = {
        name: copy.deepcopy(part).to(dtype) if isinstance(part, torch.nn.Module) else part
        for name, part in sdxl.items()
    }
    parts["vae"].register_to_config(force_upcast=upcast)
    return parts


@pytest.mark.parametrize("upcast", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("image", ["default", None])
def test_half_precision(run, diffusehigh, sdxl, dtype, upcast, image):
    scheduler = EulerDiscreteScheduler.from_config(diffusehigh.scheduler.config)
    pipe = DiffuseHighSDXLPipeline(**_cast(sdxl, dtype, upcast), scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    given = {"upscale_guidance_scale": 1.5, "guidance_scale": 1.5}
    if image is not None:  # the generated noise is another in half precision
        given["stage_noise"] = [
            torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        ]
    out = run(image, pipe=pipe, **given)
    assert out.isfinite().all() and pipe.vae.dtype == pipe.unet.dtype == dtype
    if image is not None:
        error = (out - run(image, **given)).float().abs().mean()
        assert error < (0.02 if dtype == torch.float16 else 0.08)


# --- LoRA


def test_a_lora_counts_in_every_stage_and_can_be_turned_off(run, sdxl, tmp_path):
    torch.manual_seed(0)
    teacher = copy.deepcopy(sdxl["unet"])
    targets = ["to_k", "to_q", "to_v", "to_out.0"]
    teacher.add_adapter(LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, convert_state_dict_to_diffusers(get_peft_model_state_dict(teacher))
    )
    pipe = DiffuseHighSDXLPipeline(
        **{**sdxl, "unet": copy.deepcopy(sdxl["unet"])},
        scheduler=EulerDiscreteScheduler.from_pretrained(GOLDEN / "tiny" / "sdxl" / "scheduler"),
    )
    pipe.set_progress_bar_config(disable=True)
    stages = [{"image": None}, {"sizes": [(80, 80), (128, 128)]}]
    without = [run(pipe=pipe, **stage) for stage in stages]
    pipe.load_lora_weights(tmp_path)
    for stage, plain in zip(stages, without, strict=True):
        assert (run(pipe=pipe, **stage) - plain).abs().max() > 1e-2
        off = run(pipe=pipe, cross_attention_kwargs={"scale": 0.0}, **stage)
        torch.testing.assert_close(off, plain, atol=1e-5, rtol=0)
    pipe.disable_lora()
    assert torch.equal(run(pipe=pipe, **stages[1]), without[1])


# --- tiles, recipes, the other model


def test_tiles_of_unet_and_vae(run, sdxl):
    big = {"sizes": [(128, 192)], "image": _picture(64, 96)}
    seen = []

    def look(pipe, step, timestep, inputs):
        seen.append((sdxl["vae"].use_tiling, sdxl["vae"].tile_sample_min_size))
        return inputs

    whole, tiled = run(**big), run(tile=96, callback_on_step_end=look, **big)
    assert tiled.shape == whole.shape and tiled.isfinite().all()
    assert (tiled - whole).abs().max() > 1e-4 and set(seen) == {(True, 96)}
    assert torch.equal(run(tile=192, **big), whole)  # one tile takes it all


@pytest.mark.parametrize("name", ["paper", "best"])
def test_a_recipe_by_name_is_the_recipe_of_that_name(run, name):
    settings = {"num_inference_steps": None, "noising_steps": None, "dwt_steps": None}
    assert torch.equal(
        run(recipe=name, **settings),
        run(recipe=relight.methods.diffuse_high.RECIPES[name], **settings),
    )


def test_every_value_of_the_recipe_counts(run):
    base = run(noising_steps=3, dwt_steps=2)
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
        assert (run(**{"noising_steps": 3, "dwt_steps": 2, **given}) - base).abs().max() > 1e-4, (
            given
        )
    generated = run(None)
    assert (run(None, guidance_scale=2.0) - generated).abs().max() > 1e-4


def test_the_paper_is_the_default(run):
    settings = {"num_inference_steps": None, "noising_steps": None, "dwt_steps": None}
    assert torch.equal(run(**settings), run(recipe=PAPER, **settings))


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
    for image in (None, _picture(64, 96)):
        first, again, other = (
            pipe("a bear", image=image, generator=torch.Generator().manual_seed(seed), **settings)
            for seed in (0, 0, 1)
        )
        assert first.images.shape == (1, 3, 128, 192)
        assert torch.equal(first.images, again.images)
        assert not torch.allclose(first.images, other.images, atol=1e-3)
