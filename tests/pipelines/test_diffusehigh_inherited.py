"""DiffuseHigh is the stock pipeline but for its edit, and keeps what that offers."""

import copy

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image

from relight.diffusion.codecs import FrameCodec
from relight.errors import ModelError
from relight.methods.diffuse_high import UpscaleRecipe
from relight.methods.direction_alignment import low_pass
from relight.pipelines import DiffuseHighSDXLPipeline, guided_stages
from tests.conftest import GOLDEN, case_id

from .making import noise_picture

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


@pytest.mark.slow
@pytest.mark.parametrize("case", SCHEDULERS, ids=case_id)
def test_every_scheduler_is_guided_and_stays_as_it_was(enlarge, diffusehigh, sdxl, case):
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
    guided, free = enlarge(**settings, dwt_steps=4), enlarge(**settings, dwt_steps=0)

    guide = torch.nn.functional.interpolate(noise_picture(), size=(256, 256), mode="bicubic")
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


def test_a_scheduler_that_cannot_be_edited_is_refused(enlarge, diffusehigh):
    diffusehigh.scheduler = diffusers.PNDMScheduler.from_config(diffusehigh.scheduler.config)
    with pytest.raises(ModelError, match="x0 can't be edited under PNDMScheduler"):
        enlarge()


class Boom(Exception):
    pass


def test_callbacks_see_every_step_and_an_exception_in_one_leaves_nothing_behind(
    enlarge, diffusehigh, sdxl, monkeypatch
):
    monkeypatch.setattr(guided_stages, "VAE_TILING", 100 * 100)
    scheduler, first, seen = diffusehigh.scheduler, enlarge(), []

    def look(pipe, step, timestep, inputs):
        seen.append(sdxl["vae"].use_tiling)
        return inputs

    enlarge(sizes=[(80, 96), (128, 128)], callback_on_step_end=look)
    assert seen == [False, False, True, True]

    def fail(pipe, step, timestep, inputs):
        raise Boom

    for more in ({}, {"tile": 64}):
        with pytest.raises(Boom):
            enlarge(callback_on_step_end=fail, **more)
        assert diffusehigh.scheduler is scheduler and "step" not in vars(scheduler)
        assert "forward" not in vars(sdxl["unet"])
        vae = sdxl["vae"]
        assert (vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size) == (
            False,
            128,
            16,
        )
        assert torch.equal(enlarge(), first)


def test_tiling_the_user_turned_on_stays_on(enlarge, diffusehigh, sdxl):
    sdxl["vae"].enable_tiling()
    try:
        enlarge()
        assert sdxl["vae"].use_tiling
    finally:
        sdxl["vae"].disable_tiling()


def test_a_callback_may_change_the_latents(enlarge):
    def wipe(pipe, step, timestep, inputs):
        return {"latents": torch.zeros_like(inputs["latents"])}

    out = enlarge(callback_on_step_end=wipe, output_type="latent")
    assert out.abs().max() == 0


@pytest.mark.parametrize(
    "given", [{"sharpness_factor": 1.0}, {"height": 256}, {"num_images_per_prompt": 2}], ids=case_id
)
def test_arguments_that_do_nothing_are_refused(enlarge, given):
    [name] = given
    with pytest.raises(TypeError, match=f"DiffuseHighSDXLPipeline.* no argument '{name}'"):
        enlarge(**given)


def test_output_types_agree(enlarge, sdxl):
    pt = enlarge()
    array = enlarge(output_type="np")
    np.testing.assert_array_equal(array, pt.permute(0, 2, 3, 1).numpy())
    [image] = enlarge(output_type="pil")
    np.testing.assert_array_equal(np.array(image), (array[0] * 255).round().astype(np.uint8))
    with torch.no_grad():
        decoded = FrameCodec(sdxl["vae"]).decode(enlarge(output_type="latent"))
    torch.testing.assert_close((decoded / 2 + 0.5).clamp(0, 1), pt, atol=1e-5, rtol=0)


def test_every_form_of_the_picture_gives_the_same(enlarge):
    array = (noise_picture()[0].permute(1, 2, 0) * 255).byte().numpy()
    image = Image.fromarray(array)
    expected = enlarge(image)
    for form in (array, array / 255, [image], torch.from_numpy(array / 255).permute(2, 0, 1)):
        torch.testing.assert_close(enlarge(form), expected, atol=1e-4, rtol=0)


def _cast(sdxl, dtype, upcast):
    parts = {
        name: copy.deepcopy(part).to(dtype) if isinstance(part, torch.nn.Module) else part
        for name, part in sdxl.items()
    }
    parts["vae"].register_to_config(force_upcast=upcast)
    return parts


@pytest.mark.slow
@pytest.mark.parametrize("upcast", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("image", ["default", None])
def test_half_precision(enlarge, diffusehigh, sdxl, dtype, upcast, image):
    scheduler = EulerDiscreteScheduler.from_config(diffusehigh.scheduler.config)
    pipe = DiffuseHighSDXLPipeline(**_cast(sdxl, dtype, upcast), scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    given = {"upscale_guidance_scale": 1.5, "guidance_scale": 1.5}
    if image is not None:  # the generated noise is another in half precision
        given["stage_noise"] = [
            torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        ]
    out = enlarge(image, pipe=pipe, **given)
    assert out.isfinite().all() and pipe.vae.dtype == pipe.unet.dtype == dtype
    if image is not None:
        error = (out - enlarge(image, **given)).float().abs().mean()
        assert error < (0.02 if dtype == torch.float16 else 0.08)


@pytest.mark.slow
def test_a_lora_counts_in_every_stage_and_can_be_turned_off(enlarge, sdxl, tmp_path):
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
    without = [enlarge(pipe=pipe, **stage) for stage in stages]
    pipe.load_lora_weights(tmp_path)
    for stage, plain in zip(stages, without, strict=True):
        assert (enlarge(pipe=pipe, **stage) - plain).abs().max() > 1e-2
        off = enlarge(pipe=pipe, cross_attention_kwargs={"scale": 0.0}, **stage)
        torch.testing.assert_close(off, plain, atol=1e-5, rtol=0)
    pipe.disable_lora()
    assert torch.equal(enlarge(pipe=pipe, **stages[1]), without[1])


@pytest.mark.parametrize("noising_steps", [1, 2, 5, 6])
def test_a_stage_without_guidance_is_the_stock_pipeline(enlarge, diffusehigh, sdxl, noising_steps):
    stock = StableDiffusionXLImg2ImgPipeline(
        **sdxl, scheduler=EulerDiscreteScheduler.from_config(diffusehigh.scheduler.config)
    )
    stock.set_progress_bar_config(disable=True)
    size = (128, 160)
    guide = torch.nn.functional.interpolate(noise_picture(), size=size, mode="bicubic")
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
    assert torch.equal(enlarge(dwt_steps=0, **settings), expected)
    assert not torch.allclose(enlarge(dwt_steps=1, **settings), expected, atol=1e-3)


def test_the_first_picture_is_that_of_the_stock_pipeline(enlarge, diffusehigh, sdxl):
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
    torch.testing.assert_close(enlarge(None, **given), enlarge(base, **given), atol=1e-4, rtol=0)
