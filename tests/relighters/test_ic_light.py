"""IC-Light's pipeline, and the relighter over it."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from relight.errors import InputError
from relight.methods.consistent_light_attention import ConsistentLightAttnProcessor
from relight.relighters.base import Relighter
from relight.relighters.ic_light import (
    ICLight,
    ICLightPipeline,
    grey_composite,
    ic_light_scheduler,
    ic_light_unet,
    sampling,
)
from tests.conftest import case_id

from .pictures import one_line, picture, relit


@pytest.fixture(scope="module")
def fbc(sd15, offsets):
    """A relighter with background weights: the same offsets, four more channels of them."""
    conv = offsets["conv_in.weight"]
    wide = {**offsets, "conv_in.weight": torch.cat([conv, conv[:, 4:].flip(0)], dim=1)}
    unet = ic_light_unet(sd15["unet"], wide)
    return ICLightPipeline(**{**sd15, "unet": unet}, scheduler=ic_light_scheduler())


def test_a_seed_gives_the_same_picture_again_and_another_one_another(relighter):
    first = relit(relighter)
    assert torch.equal(first, relit(relighter))
    assert not torch.allclose(first, relit(relighter, seed=1), atol=1e-3)
    assert first.shape == (1, 3, 64, 64) and 0 <= first.min() < first.max() <= 1


def test_output_types_agree(relighter):
    pt, array = relit(relighter), relit(relighter, output_type="np")
    [image] = relit(relighter, output_type="pil")
    assert array.shape == (1, 64, 64, 3)
    np.testing.assert_array_equal(array[0], pt[0].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(np.array(image), (array[0] * 255).round().astype(np.uint8))


def test_every_form_of_the_input_gives_the_same(relighter):
    images = [picture(0), picture(1)]
    array = np.stack([np.array(image) for image in images])
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2) / 255
    expected = relit(relighter, images)
    forms = (
        array,
        array / 255,
        tensor,
        list(array),
        list(tensor),
        [i.convert("RGBA") for i in images],
    )
    for form in forms:
        torch.testing.assert_close(relit(relighter, form), expected, rtol=1e-4, atol=1e-4)


def test_frames_do_not_see_each_other_without_light_attention(relighter):
    frames, order = [picture(i) for i in range(3)], [2, 0, 1]
    out = relit(relighter, frames, share_noise=True)
    turned = relit(relighter, [frames[i] for i in order], share_noise=True)
    torch.testing.assert_close(turned, out[order], rtol=1e-4, atol=1e-4)
    alone = relit(relighter, frames[1], share_noise=True)
    torch.testing.assert_close(alone[0], out[1], rtol=1e-4, atol=1e-4)


def test_light_attention_lets_frames_see_each_other(relighter):
    frames = [picture(i) for i in range(3)]
    out = relit(relighter, frames, share_noise=True, gamma=0.5)
    others = relit(relighter, [frames[0], *frames[:2]], share_noise=True, gamma=0.5)
    assert (out[0] - others[0]).abs().max() > 1e-4


@pytest.mark.parametrize("frames", [1, 2])
def test_a_lone_frame_which_is_its_own_mean_has_no_light_attention(relighter, frames):
    seen = set()

    def look(*_):
        seen.update(type(one) for one in relighter.unet.attn_processors.values())

    relit(relighter, [picture(i) for i in range(frames)], gamma=0.5, on_step=look)
    assert (ConsistentLightAttnProcessor in seen) == (frames > 1)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_chunks_give_what_all_frames_at_once_give(relighter, gamma, guidance_scale):
    frames = [picture(i) for i in range(3)]
    given = {"gamma": gamma, "guidance_scale": guidance_scale}
    whole = relit(relighter, frames, **given)
    chunked = relit(relighter, frames, chunk_size=2, **given)
    torch.testing.assert_close(chunked, whole, rtol=1e-4, atol=1e-4)


def test_a_call_returns_a_record_or_a_tuple(relighter):
    generator = torch.Generator().manual_seed(0)
    given = {"num_inference_steps": 3, "output_type": "pt", "generator": generator}
    [bare] = relighter(picture(), "a bear, red light", return_dict=False, **given)
    assert torch.equal(bare, relit(relighter))


def test_every_kind_of_picture_is_resized_in_the_same_way(relighter):
    image = picture(0, 90, 140)
    array = np.asarray(image)
    expected = relit(relighter, image)
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1) / 255
    for form in (array, array / 255, tensor):  # floats are not rounded to 8 bits on the way
        torch.testing.assert_close(relit(relighter, form), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("light", ["left", "none"])
def test_shared_noise_makes_equal_frames_equal(relighter, light):
    frames = [picture()] * 2
    shared = relit(relighter, frames, share_noise=True, light=light)
    torch.testing.assert_close(shared[0], shared[1], rtol=1e-4, atol=1e-4)
    own = relit(relighter, frames, light=light)
    assert (own[0] - own[1]).abs().max() > 1e-2


@pytest.mark.parametrize("step, counts", [(0, False), (1, True), (4, False)])
def test_shared_noise_is_not_added_while_noise_is_the_larger_part(
    relighter, monkeypatch, step, counts
):
    draw = sampling.shared_noise

    def other_in_one_step(like, generator):
        return draw(like, generator) + (5 if other.pop(0) else 0)

    given = {"num_inference_steps": 5, "share_noise": True}  # 3.4 is left after the first, .97, ...
    expected = relit(relighter, [picture()] * 2, **given)
    other = [False, *(i == step for i in range(5))]  # the first is the start's
    monkeypatch.setattr(sampling, "shared_noise", other_in_one_step)
    found = relit(relighter, [picture()] * 2, **given)
    assert torch.equal(found, expected) is not counts  # the last step ends without noise, too


def test_without_guidance_only_the_prompt_counts_and_the_batch_is_half(relighter):
    batches = []
    hook = relighter.unet.register_forward_pre_hook(
        lambda _, inputs: batches.append(len(inputs[0]))
    )
    plain = relit(relighter, guidance_scale=1.0)
    other = relit(relighter, guidance_scale=0.0, negative_prompt="something else")
    guided = relit(relighter, guidance_scale=2.0)
    hook.remove()
    assert batches == [1, 1, 1, 1, 2, 2]
    assert torch.equal(plain, other) and not torch.allclose(plain, guided, atol=1e-4)


def test_guidance_just_above_one_is_close_to_none(relighter):
    near = relit(relighter, guidance_scale=1 + 1e-6)
    torch.testing.assert_close(near, relit(relighter, guidance_scale=1), rtol=1e-3, atol=1e-3)


def test_the_prompt_may_be_long_or_empty(relighter):
    embeds = relighter.encode_prompt("a bear in a forest " * 30)
    assert embeds.shape[0] == 2 and embeds.shape[1] >= 154
    assert relighter.encode_prompt("", guidance_scale=1).shape == (1, 77, 16)


def test_lights_of_every_kind_differ_and_a_moving_one_lights_each_frame(relighter):
    frames = [picture()] * 2
    moving = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    out = relit(relighter, frames, light=moving, share_noise=True)
    for frame, level in zip(out, (0, 255), strict=True):
        still = Image.new("RGB", (5, 7), (level,) * 3)
        alone = relit(relighter, frames[0], light=still, share_noise=True)
        torch.testing.assert_close(frame, alone[0], rtol=1e-4, atol=1e-4)
    assert (out[0] - out[1]).abs().max() > 1e-3
    kinds = [relit(relighter, light=light) for light in ("left", "right", "none")]
    assert (kinds[0] - kinds[1]).abs().max() > 1e-3 < (kinds[0] - kinds[2]).abs().max()


@pytest.mark.parametrize(
    "own, given, expected",
    [
        ((64, 64), {}, (64, 64)),
        ((100, 200), {}, (64, 192)),
        ((10, 70), {}, (64, 64)),
        ((64, 64), {"height": 128}, (128, 64)),
        ((70, 70), {"height": 64, "width": 128}, (64, 128)),
    ],
)
def test_the_size_is_cut_to_what_the_model_can_take(relighter, own, given, expected):
    out = relit(relighter, picture(0, *own), num_inference_steps=1, **given)
    assert out.shape[-2:] == expected


def test_fbc_weights_see_the_background(fbc):
    seen = [relit(fbc, background=picture(seed)) for seed in (5, 6)]
    assert (seen[0] - seen[1]).abs().max() > 1e-4
    frames = [picture(i) for i in range(2)]
    still = relit(fbc, frames, background=picture(5), share_noise=True)
    each = relit(fbc, frames, background=[picture(5)] * 2, share_noise=True)
    torch.testing.assert_close(still, each, rtol=1e-4, atol=1e-4)


def test_background_and_weights_must_agree(fbc, relighter):
    with pytest.raises(InputError, match=r"fbc weights.*needs"):
        relit(fbc)
    with pytest.raises(InputError, match=r"fc weights.*takes no"):
        relit(relighter, background=picture())
    with pytest.raises(InputError, match="2 backgrounds don't fit 3 frames"):
        relit(fbc, [picture()] * 3, background=[picture()] * 2)


@pytest.mark.parametrize(
    "given",
    [
        {"num_inference_steps": 0},
        {"num_inference_steps": -1},
        {"num_inference_steps": float("nan")},
        {"num_inference_steps": float("inf")},
        {"strength": 0},
        {"strength": -0.1},
        {"strength": 1.5},
        {"strength": float("nan")},
        {"gamma": -0.1},
        {"gamma": 1.1},
        {"gamma": float("nan")},
        {"guidance_scale": float("nan")},
        {"guidance_scale": float("inf")},
        {"chunk_size": 0},
        {"chunk_size": -1},
        {"height": 0},
        {"height": 100},
        {"width": -64},
        {"light": "side"},
        {"light": torch.zeros(5, 3, 8, 8)},
        {"image": []},
        {"image": torch.full((1, 3, 64, 64), float("nan"))},
    ],
    ids=case_id,
)
def test_a_value_out_of_range_is_refused_in_one_line(relighter, given):
    with pytest.raises(InputError) as error:
        relit(relighter, **given)
    assert one_line(error)


def test_on_step_may_stop_the_run(relighter):
    seen = []

    def stop(step, steps):
        seen.append(step)
        if step == 1:
            raise InterruptedError("stopped")

    before = dict(relighter.unet.attn_processors)
    with pytest.raises(InterruptedError, match="stopped"):
        relit(relighter, num_inference_steps=6, gamma=0.5, on_step=stop)
    assert seen == [0, 1]
    assert relighter.unet.attn_processors == before


def test_saving_and_loading_gives_the_same_picture(relighter, tmp_path):
    relighter.save_pretrained(tmp_path)
    loaded = ICLightPipeline.from_pretrained(tmp_path)
    assert loaded.unet.config.in_channels == 8
    assert loaded.scheduler.config.algorithm_type == "sde-dpmsolver++"
    # Loaded weights lie elsewhere in memory, which changes the order of some sums.
    torch.testing.assert_close(relit(loaded), relit(relighter), rtol=1e-5, atol=1e-5)


def test_bfloat16_gives_about_the_same_picture(relighter):
    parts = relighter.components
    half = ICLightPipeline(**{**parts, **{n: copy.deepcopy(parts[n]) for n in ("vae", "unet")}})
    half.unet.to(torch.bfloat16), half.vae.to(torch.bfloat16)
    out = relit(half, [picture(i) for i in range(3)], gamma=0.5, chunk_size=2)
    exact = relit(relighter, [picture(i) for i in range(3)], gamma=0.5)
    assert out.isfinite().all() and (out - exact).abs().mean() < 0.02


def test_a_vae_of_another_depth_has_another_size_factor(sd15, relighter):
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    ).eval()
    pipe = ICLightPipeline(**{**relighter.components, "vae": vae})
    assert relit(pipe, picture(0, 40, 70), num_inference_steps=1).shape[-2:] == (32, 64)


def _session(relighter, **given):
    return ICLight(pipe=relighter, gamma=0.5).prepare("red light", size=(64, 64), steps=3, **given)


def test_ic_light_meets_the_contract_and_relights_as_its_pipeline_does(relighter):
    one = ICLight(pipe=relighter, gamma=0.5)
    assert isinstance(one, Relighter) and one.multiple == relighter.vae_scale_factor
    frames = torch.rand(2, 3, 64, 64, generator=torch.manual_seed(0))
    expected = relighter(
        frames,
        "red light",
        light="left",
        gamma=0.5,
        num_inference_steps=3,
        generator=torch.manual_seed(1),
        output_type="pt",
    ).images
    steps = []
    relit = _session(relighter, light="left")(
        frames * 2 - 1, noise=torch.manual_seed(1), on_step=lambda *now: steps.append(now)
    )
    torch.testing.assert_close((relit / 2 + 0.5).clamp(0, 1), expected)
    assert len(steps) == one.passes(3)


def test_a_mask_is_shown_as_the_grey_it_was_trained_on(relighter):
    frames = torch.rand(2, 3, 64, 64, generator=torch.manual_seed(0)) * 2 - 1
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    masked = _session(relighter, mask=mask)(frames, noise=torch.manual_seed(1))
    grey = _session(relighter)(frames * mask, noise=torch.manual_seed(1))
    assert torch.equal(masked, grey)
    assert torch.equal(grey_composite(frames, torch.ones(2, 1, 64, 64)), frames)
    with pytest.raises(InputError, match=r"mask of shape \(3, 1, 64, 64\)"):
        grey_composite(frames, torch.ones(3, 1, 64, 64))
