"""Upscaling of clips on AnimateDiff."""

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, EulerDiscreteScheduler
from PIL import Image

from relight.diffusion.codecs import AnimateDiffCodec, FrameCodec
from relight.errors import InputError
from relight.methods.back_projection import larger, smaller
from relight.methods.diffuse_high import UpscaleRecipe
from relight.methods.direction_alignment import low_pass
from relight.pipelines import VideoUpscaleAnimateDiffPipeline
from tests.conftest import case_id

QUICK = UpscaleRecipe(
    num_inference_steps=6,
    noising_steps=2,
    dwt_steps=2,
    upscale_guidance_scale=2.0,
    structure="alignment",
    sharpening_alpha=0.0,
    back_projection=1.0,
)


@pytest.fixture
def pipe(animatediff):
    scheduler = EulerDiscreteScheduler.from_config(
        animatediff.scheduler.config, timestep_spacing="leading", steps_offset=1
    )
    pipe = VideoUpscaleAnimateDiffPipeline(**{**animatediff.components, "scheduler": scheduler})
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _clip(count=3, height=64, width=64):
    """A soft blob that moves to the right: (count, 3, h, w)."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    frames = [torch.exp(-((x - 0.3 - 0.1 * i) ** 2 + (y - 0.5) ** 2) / 0.05) for i in range(count)]
    return torch.stack(frames)[:, None] * torch.tensor([0.8, 0.5, 0.3])[None, :, None, None] + 0.1


def _run(pipe, clip=None, seed=0, **given):
    settings = {
        "prompt": "a ball",
        "sizes": [(128, 128)],
        "recipe": QUICK,
        "output_type": "pt",
        "generator": torch.Generator().manual_seed(seed),
        **given,
    }
    return pipe(_clip() if clip is None else clip, **settings).frames


@pytest.mark.parametrize(
    "count, own, sizes",
    [
        (1, (64, 64), [(128, 128)]),
        (2, (64, 64), [(64, 64)]),
        (3, (64, 96), [(128, 192)]),
        (2, (48, 64), [(64, 64), (128, 128)]),
    ],
    ids=case_id,
)
def test_every_frame_has_the_last_of_the_sizes(pipe, count, own, sizes):
    out = _run(pipe, _clip(count, *own), sizes=sizes)
    assert out.shape == (1, count, 3, *sizes[-1]) and out.isfinite().all()
    assert out.min() >= 0 and out.max() <= 1


def test_padding_takes_any_size(pipe):
    assert _run(pipe, _clip(2, 37, 51), sizes=[(75, 103)], pad=True).shape[-2:] == (75, 103)


def test_the_seed_alone_decides(pipe):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = _run(pipe)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(first, _run(pipe))
    assert not torch.allclose(first, _run(pipe, seed=1), atol=1e-3)


def test_the_noise_may_be_given(pipe):
    noise = torch.randn(1, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_run(pipe, stage_noise=[noise], seed=7), _run(pipe, seed=0))
    with pytest.raises(InputError, match=r"this stage needs \(1, 4, 3, 16, 16\)"):
        _run(pipe, stage_noise=[noise[:, :, :1]])


def test_a_stage_without_guidance_is_the_stock_pipeline(pipe):
    class FromMode(AnimateDiffVideoToVideoPipeline):
        """The stock pipeline, but that it encodes the mode, and not a sample, as all stages do."""

        def encode_video(self, video, generator, decode_chunk_size=16):
            return FrameCodec(self.vae).encode(video) / self.vae.config.scaling_factor

    stock = FromMode(**pipe.components)
    stock.set_progress_bar_config(disable=True)
    recipe = UpscaleRecipe(
        num_inference_steps=6,
        noising_steps=3,
        dwt_steps=0,
        upscale_guidance_scale=2.0,
        sharpening_alpha=0.0,
    )
    expected = stock(
        [larger(_clip(2), (128, 128)).clamp(0, 1)],
        "a ball",
        strength=0.5,
        num_inference_steps=6,
        guidance_scale=2.0,
        height=128,
        width=128,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).frames
    noise = torch.randn(1, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    given = {"recipe": recipe, "stage_noise": [noise.transpose(1, 2)]}  # as stock draws it
    torch.testing.assert_close(_run(pipe, _clip(2), **given), expected, atol=1e-4, rtol=0)


def test_the_low_band_is_that_of_the_source(pipe):
    clip = _clip(3)
    guided = _run(pipe, clip)[0]
    near = (smaller(guided, (64, 64)) - clip).abs().mean()
    far = (smaller(guided, (64, 64)) - clip.flip(0)).abs().mean()
    assert near < 0.02 and near < 0.5 * far  # each frame is held to its own


def test_guided_latents_are_nearer_to_the_clips_own(pipe):
    recipe = UpscaleRecipe(
        num_inference_steps=8, noising_steps=4, structure="alignment", sharpening_alpha=0.0
    )
    with torch.no_grad():
        own = AnimateDiffCodec(pipe.vae).encode(larger(_clip(2), (128, 128)) * 2 - 1)

    def error(dwt_steps):
        given = recipe.with_(dwt_steps=dwt_steps)
        latents = _run(pipe, _clip(2), recipe=given, output_type="latent")
        return low_pass(latents - own, 0.25).square().mean().sqrt()

    assert error(4) < 0.8 * error(0)


def test_tiles(pipe):
    whole = _run(pipe, sizes=[(128, 256)])
    tiled = _run(pipe, sizes=[(128, 256)], tile=128)
    assert tiled.shape == whole.shape and tiled.isfinite().all()
    assert (tiled - whole).abs().max() > 1e-4
    assert torch.equal(_run(pipe, sizes=[(128, 256)], tile=256), whole)
    assert "forward" not in vars(pipe.unet) and not pipe.vae.use_tiling


@pytest.mark.parametrize("recipe", ["paper", "best"])
def test_recipes_by_name(pipe, recipe):
    out = _run(pipe, _clip(2), recipe=recipe)
    assert out.shape == (1, 2, 3, 128, 128) and out.isfinite().all()


def test_output_types_and_forms_of_the_clip_agree(pipe):
    array = (_clip(2).permute(0, 2, 3, 1) * 255).round().byte().numpy()
    images = [Image.fromarray(frame) for frame in array]
    pt = _run(pipe, images)
    assert torch.equal(_run(pipe, array), pt)
    made = _run(pipe, images, output_type="np")
    np.testing.assert_array_equal(made, pt.permute(0, 1, 3, 4, 2).numpy())
    [pil] = _run(pipe, images, output_type="pil")
    np.testing.assert_array_equal(np.array(pil[1]), (made[0, 1] * 255).round().astype(np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pil", "np", "pt", "latent"])
@pytest.mark.parametrize("pad", [False, True])
def test_a_call_returns_a_record_or_a_tuple(pipe, kind, pad):
    own, target = ((30, 40), (75, 103)) if pad else ((64, 64), (128, 128))
    given = {"sizes": [target], "pad": pad, "output_type": kind, "recipe": QUICK}
    frames = _run(pipe, _clip(2, *own), **given)
    generator = torch.Generator().manual_seed(0)
    output = pipe(_clip(2, *own), "a ball", return_dict=False, generator=generator, **given)
    assert type(output) is tuple and len(output) == 1
    assert np.array_equal(np.asarray(output[0][0]), np.asarray(frames[0]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_has_one_prompt(pipe, count):
    prompts = ["a ball"] * count
    if count == 1:
        assert torch.equal(_run(pipe, _clip(2), prompt=prompts), _run(pipe, _clip(2)))
        return
    with pytest.raises(InputError, match=f"{count} prompts for 1 pictures or clips"):
        _run(pipe, _clip(2), prompt=prompts)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"sizes": []}, "sizes is empty"),
        ({"sizes": [(100, 128)]}, "multiples of 64"),
        ({"sizes": [(64, 64)], "clip": _clip(1, 128, 64)}, "smaller than .128, 64."),
        ({"recipe": "fast"}, "unknown recipe 'fast'"),
        ({"identity": -1}, "identity"),
        ({"tile": 100}, "tile must be a multiple of 64"),
    ],
    ids=["empty", "multiple", "smaller", "recipe", "identity", "tile"],
)
def test_what_cannot_be_is_refused_in_one_line(pipe, given, message):
    with pytest.raises(InputError, match=message) as caught:
        _run(pipe, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["strength", "height", "latents", "num_inference_steps", "num_videos_per_prompt", "sharpnes"],
)
def test_arguments_of_the_stages_are_refused(pipe, name):
    with pytest.raises(TypeError, match=name):
        _run(pipe, **{name: 1})
