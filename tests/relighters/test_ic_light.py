"""IC-Light: the merged UNet and the pipeline over it."""

import copy

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file

from relight.errors import InputError, ModelError
from relight.relighters.base import Relighter
from relight.relighters.ic_light import (
    ICLight,
    ICLightPipeline,
    grey_composite,
    ic_light_scheduler,
    ic_light_unet,
)
from relight.relighters.ic_light.sampling import fresh_schedule
from tests.conftest import TINY, case_id

OFFSETS = TINY / "iclight_fc.safetensors"
SD15 = {  # the published configuration of Stable Diffusion 1.5
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}


@pytest.fixture(scope="module")
def offsets():
    return load_file(OFFSETS)


@pytest.fixture(scope="module")
def fbc(sd15, offsets):
    """A relighter with background weights: the same offsets, four more channels of them."""
    conv = offsets["conv_in.weight"]
    wide = {**offsets, "conv_in.weight": torch.cat([conv, conv[:, 4:].flip(0)], dim=1)}
    unet = ic_light_unet(sd15["unet"], wide)
    return ICLightPipeline(**{**sd15, "unet": unet}, scheduler=ic_light_scheduler())


@pytest.fixture
def fresh(relighter):
    """A relighter whose parts may be exchanged."""
    return ICLightPipeline(**relighter.components)


def _picture(seed=0, height=64, width=64):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def _relight(pipe, image=None, seed=0, **given):
    settings = {"num_inference_steps": 3, "output_type": "pt", **given}
    generator = torch.Generator().manual_seed(seed)
    image = _picture() if image is None else image
    return pipe(image, "a bear, red light", generator=generator, **settings).images


def _one_line(error):
    return "\n" not in str(error.value)


# --- the UNet


@pytest.mark.parametrize("pictures, channels", [(1, 8), (2, 12)])
def test_zero_offsets_give_the_base_unet_whatever_the_pictures_show(
    sd15, offsets, pictures, channels
):
    zero = {key: torch.zeros_like(value) for key, value in offsets.items()}
    zero["conv_in.weight"] = torch.zeros(16, channels, 3, 3)
    base, unet = sd15["unet"], ic_light_unet(sd15["unet"], zero)
    assert unet.config.in_channels == channels and not unet.training
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 8, generator=generator)
    text = torch.randn(2, 7, 16, generator=generator)
    with torch.no_grad():
        expected = base(x, 300, text).sample
        for scale in (0, 5):
            shown = scale * torch.randn(2, 4 * pictures, 8, 8, generator=generator)
            out = unet(torch.cat([x, shown], 1), 300, text).sample
            torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_a_weight_is_base_plus_offset_and_the_base_is_not_changed(sd15, offsets):
    before = copy.deepcopy(sd15["unet"].state_dict())
    merged = ic_light_unet(sd15["unet"], OFFSETS).state_dict()
    after = sd15["unet"].state_dict()
    assert sd15["unet"].config.in_channels == 4
    assert all(torch.equal(after[key], before[key]) for key in before)
    conv = merged.pop("conv_in.weight")
    assert torch.equal(conv[:, :4], before["conv_in.weight"] + offsets["conv_in.weight"][:, :4])
    assert torch.equal(conv[:, 4:], offsets["conv_in.weight"][:, 4:])
    assert all(torch.equal(merged[key], before[key] + offsets[key]) for key in merged)
    shared = {value.data_ptr() for value in after.values()}
    assert not any(value.data_ptr() in shared for value in merged.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_base_decides_the_precision(sd15, offsets, dtype):
    base = copy.deepcopy(sd15["unet"]).to(dtype)
    merged = ic_light_unet(base, offsets).state_dict()
    assert {value.dtype for value in merged.values()} == {dtype}
    key = "conv_out.weight"
    exact = base.state_dict()[key].float() + offsets[key].float()  # added in float32
    assert torch.equal(merged[key], exact.to(dtype))


def _change(offsets, key, value):
    changed = {**offsets, key: value}
    return {key: tensor for key, tensor in changed.items() if tensor is not None}


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("conv_in.weight", None, "lack 1 keys, e.g. conv_in.weight"),
        ("conv_out.bias", None, "lack 1 keys, e.g. conv_out.bias"),
        ("more.weight", torch.zeros(1), "1 unknown keys, e.g. more.weight"),
        ("conv_out.bias", torch.zeros(5), "conv_out.bias"),
        ("conv_in.weight", torch.zeros(16, 4, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(16, 3, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(16, 9, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(320, 8, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(8), "conv_in.weight"),
    ],
)
def test_offsets_of_another_layout_are_refused(sd15, offsets, key, value, message):
    with pytest.raises(ModelError, match=message) as error:
        ic_light_unet(sd15["unet"], _change(offsets, key, value))
    assert _one_line(error)


@pytest.mark.parametrize(
    "name, content",
    [
        ("iclight.ckpt", b"anything"),
        ("iclight.safetensors", None),
        ("random.safetensors", np.random.default_rng(0).bytes(4096)),
        ("empty.safetensors", b""),
        ("cut.safetensors", "cut"),
        ("folder.safetensors", "folder"),
    ],
)
def test_files_that_are_not_safetensors_are_refused(sd15, tmp_path, name, content):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(OFFSETS.read_bytes()[:100_000] if content == "cut" else content)
    with pytest.raises(ModelError, match=name) as error:
        ic_light_unet(sd15["unet"], path)
    assert _one_line(error)


def test_a_path_may_be_text_or_a_state_dict(sd15, offsets, tmp_path):
    save_file(offsets, tmp_path / "copy.safetensors")
    text = ic_light_unet(sd15["unet"], str(tmp_path / "copy.safetensors")).state_dict()
    given = ic_light_unet(sd15["unet"], offsets).state_dict()
    assert all(torch.equal(text[key], given[key]) for key in given)


@pytest.mark.parametrize("channels", [8, 12])
def test_a_full_size_unet_takes_every_key_of_the_published_layout(channels):
    with torch.device("meta"):
        base = UNet2DConditionModel(**SD15)
    layout = dict(base.state_dict())
    layout["conv_in.weight"] = torch.empty(320, channels, 3, 3, device="meta")
    assert len(layout) == 686
    shapes = {  # spot checks against the published file, by name
        "time_embedding.linear_1.weight": (1280, 320),
        "down_blocks.0.attentions.0.proj_in.weight": (320, 320, 1, 1),
        "down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight": (1280, 768),
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight": (10240, 1280),
        "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_out.0.bias": (320,),
        "conv_out.weight": (4, 320, 3, 3),
    }
    assert {key: tuple(layout[key].shape) for key in shapes} == shapes
    unet = ic_light_unet(base, layout)
    assert unet.config.in_channels == channels
    assert {key: value.shape for key, value in unet.state_dict().items()} == {
        key: value.shape for key, value in layout.items()
    }
    for key in list(layout)[::40]:  # no key is optional
        rest = {other: value for other, value in layout.items() if other != key}
        with pytest.raises(ModelError, match=f"lack 1 keys, e.g. {key}"):
            ic_light_unet(base, rest)


# --- the pipeline


def test_a_seed_gives_the_same_picture_again_and_another_one_another(relighter):
    first = _relight(relighter)
    assert torch.equal(first, _relight(relighter))
    assert not torch.allclose(first, _relight(relighter, seed=1), atol=1e-3)
    assert first.shape == (1, 3, 64, 64) and 0 <= first.min() < first.max() <= 1


def test_output_types_agree(relighter):
    pt, array = _relight(relighter), _relight(relighter, output_type="np")
    [image] = _relight(relighter, output_type="pil")
    assert array.shape == (1, 64, 64, 3)
    np.testing.assert_array_equal(array[0], pt[0].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(np.array(image), (array[0] * 255).round().astype(np.uint8))


def test_every_form_of_the_input_gives_the_same(relighter):
    images = [_picture(0), _picture(1)]
    array = np.stack([np.array(image) for image in images])
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2) / 255
    expected = _relight(relighter, images)
    forms = (
        array,
        array / 255,
        tensor,
        list(array),
        list(tensor),
        [i.convert("RGBA") for i in images],
    )
    for form in forms:
        torch.testing.assert_close(_relight(relighter, form), expected, rtol=1e-4, atol=1e-4)


def test_frames_do_not_see_each_other_without_light_attention(relighter):
    frames, order = [_picture(i) for i in range(3)], [2, 0, 1]
    out = _relight(relighter, frames, share_noise=True)
    turned = _relight(relighter, [frames[i] for i in order], share_noise=True)
    torch.testing.assert_close(turned, out[order], rtol=1e-4, atol=1e-4)
    alone = _relight(relighter, frames[1], share_noise=True)
    torch.testing.assert_close(alone[0], out[1], rtol=1e-4, atol=1e-4)


def test_light_attention_lets_frames_see_each_other(relighter):
    frames = [_picture(i) for i in range(3)]
    out = _relight(relighter, frames, share_noise=True, gamma=0.5)
    others = _relight(relighter, [frames[0], *frames[:2]], share_noise=True, gamma=0.5)
    assert (out[0] - others[0]).abs().max() > 1e-4


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_chunks_give_what_all_frames_at_once_give(relighter, gamma, guidance_scale):
    frames = [_picture(i) for i in range(3)]
    given = {"gamma": gamma, "guidance_scale": guidance_scale}
    whole = _relight(relighter, frames, **given)
    chunked = _relight(relighter, frames, chunk_size=2, **given)
    torch.testing.assert_close(chunked, whole, rtol=1e-4, atol=1e-4)


def test_a_call_returns_a_record_or_a_tuple(relighter):
    generator = torch.Generator().manual_seed(0)
    given = {"num_inference_steps": 3, "output_type": "pt", "generator": generator}
    [bare] = relighter(_picture(), "a bear, red light", return_dict=False, **given)
    assert torch.equal(bare, _relight(relighter))


def test_every_kind_of_picture_is_resized_in_the_same_way(relighter):
    image = _picture(0, 90, 140)
    array = np.asarray(image)
    expected = _relight(relighter, image)
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1) / 255
    for form in (array, array / 255, tensor):  # floats are not rounded to 8 bits on the way
        torch.testing.assert_close(_relight(relighter, form), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("light", ["left", "none"])
def test_shared_noise_makes_equal_frames_equal(relighter, light):
    frames = [_picture()] * 2
    shared = _relight(relighter, frames, share_noise=True, light=light)
    torch.testing.assert_close(shared[0], shared[1], rtol=1e-4, atol=1e-4)
    own = _relight(relighter, frames, light=light)
    assert (own[0] - own[1]).abs().max() > 1e-2


def test_without_guidance_only_the_prompt_counts_and_the_batch_is_half(relighter):
    batches = []
    hook = relighter.unet.register_forward_pre_hook(
        lambda _, inputs: batches.append(len(inputs[0]))
    )
    plain = _relight(relighter, guidance_scale=1.0)
    other = _relight(relighter, guidance_scale=0.0, negative_prompt="something else")
    guided = _relight(relighter, guidance_scale=2.0)
    hook.remove()
    assert batches == [1, 1, 1, 1, 2, 2]
    assert torch.equal(plain, other) and not torch.allclose(plain, guided, atol=1e-4)


def test_guidance_just_above_one_is_close_to_none(relighter):
    near = _relight(relighter, guidance_scale=1 + 1e-6)
    torch.testing.assert_close(near, _relight(relighter, guidance_scale=1), rtol=1e-3, atol=1e-3)


def test_the_prompt_may_be_long_or_empty(relighter):
    embeds = relighter.encode_prompt("a bear in a forest " * 30)
    assert embeds.shape[0] == 2 and embeds.shape[1] >= 154
    assert relighter.encode_prompt("", guidance_scale=1).shape == (1, 77, 16)


def test_lights_of_every_kind_differ_and_a_moving_one_lights_each_frame(relighter):
    frames = [_picture()] * 2
    moving = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    out = _relight(relighter, frames, light=moving, share_noise=True)
    for frame, level in zip(out, (0, 255), strict=True):
        still = Image.new("RGB", (5, 7), (level,) * 3)
        alone = _relight(relighter, frames[0], light=still, share_noise=True)
        torch.testing.assert_close(frame, alone[0], rtol=1e-4, atol=1e-4)
    assert (out[0] - out[1]).abs().max() > 1e-3
    kinds = [_relight(relighter, light=light) for light in ("left", "right", "none")]
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
    out = _relight(relighter, _picture(0, *own), num_inference_steps=1, **given)
    assert out.shape[-2:] == expected


def test_fbc_weights_see_the_background(fbc):
    seen = [_relight(fbc, background=_picture(seed)) for seed in (5, 6)]
    assert (seen[0] - seen[1]).abs().max() > 1e-4
    frames = [_picture(i) for i in range(2)]
    still = _relight(fbc, frames, background=_picture(5), share_noise=True)
    each = _relight(fbc, frames, background=[_picture(5)] * 2, share_noise=True)
    torch.testing.assert_close(still, each, rtol=1e-4, atol=1e-4)


def test_background_and_weights_must_agree(fbc, relighter):
    with pytest.raises(InputError, match=r"fbc weights.*needs"):
        _relight(fbc)
    with pytest.raises(InputError, match=r"fc weights.*takes no"):
        _relight(relighter, background=_picture())
    with pytest.raises(InputError, match="2 backgrounds don't fit 3 frames"):
        _relight(fbc, [_picture()] * 3, background=[_picture()] * 2)


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
        _relight(relighter, **given)
    assert _one_line(error)


SCHEDULERS = [
    ("DDIMScheduler", {"clip_sample": False}),
    ("DDPMScheduler", {"clip_sample": False}),
    ("EulerDiscreteScheduler", {}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("DPMSolverMultistepScheduler", {}),
    ("UniPCMultistepScheduler", {}),
]


@pytest.mark.parametrize("name, config", SCHEDULERS)
@pytest.mark.parametrize("light", ["left", "none"])
def test_other_schedulers_run_the_steps_they_are_asked_for(fresh, name, config, light):
    fresh.scheduler = getattr(diffusers, name)(beta_end=0.012, **config)
    passes, seen = [], []
    hook = fresh.unet.register_forward_pre_hook(lambda _, inputs: passes.append(float(inputs[1])))
    given = {"num_inference_steps": 4, "light": light}
    out = _relight(fresh, on_step=lambda *at: seen.append(at), **given)
    hook.remove()
    assert seen == [(i, len(seen)) for i in range(len(seen))]
    # DESIGN, section 4: round(4 / .9) = 4 scheduled, int(4 * .9) = 3 run; all from pure noise.
    assert len(seen) == len(passes) == (4 if light == "none" else 3)
    assert passes == sorted(passes, reverse=True)
    assert out.isfinite().all() and out.std() > 0.01
    assert torch.equal(out, _relight(fresh, **given))


@pytest.mark.parametrize("steps, run", [(15, 15), (4, 3), (1, 1), (2, 1), (20, 19)])
def test_the_number_of_passes_is_the_published_one(relighter, steps, run):
    _, timesteps = fresh_schedule(relighter.scheduler, steps, 0.9, torch.device("cpu"))
    total = round(steps / 0.9)
    assert len(timesteps) == max(int(total * 0.9), 1) == run
    scheduler = ic_light_scheduler()
    scheduler.set_timesteps(total)
    assert torch.equal(timesteps, scheduler.timesteps[total - run :])


def test_on_step_may_stop_the_run(relighter):
    seen = []

    def stop(step, steps):
        seen.append(step)
        if step == 1:
            raise InterruptedError("stopped")

    before = dict(relighter.unet.attn_processors)
    with pytest.raises(InterruptedError, match="stopped"):
        _relight(relighter, num_inference_steps=6, gamma=0.5, on_step=stop)
    assert seen == [0, 1]
    assert relighter.unet.attn_processors == before


def _state(scheduler):
    return copy.deepcopy(vars(scheduler))


def test_its_own_scheduler_is_never_touched(relighter):
    relighter.scheduler.set_timesteps(7)
    before = _state(relighter.scheduler)
    _relight(relighter, num_inference_steps=3)
    after = _state(relighter.scheduler)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if torch.is_tensor(value) else value == after[key]
        assert same if isinstance(same, bool) else bool(np.all(same)), key


def test_the_scheduler_is_the_published_one_and_can_be_varied():
    config = ic_light_scheduler().config
    published = (config.beta_schedule, config.algorithm_type, config.use_karras_sigmas)
    assert published == ("linear", "sde-dpmsolver++", True)
    assert ic_light_scheduler(prediction_type="v_prediction").config.beta_end == 0.012


def test_saving_and_loading_gives_the_same_picture(relighter, tmp_path):
    relighter.save_pretrained(tmp_path)
    loaded = ICLightPipeline.from_pretrained(tmp_path)
    assert loaded.unet.config.in_channels == 8
    assert loaded.scheduler.config.algorithm_type == "sde-dpmsolver++"
    # Loaded weights lie elsewhere in memory, which changes the order of some sums.
    torch.testing.assert_close(_relight(loaded), _relight(relighter), rtol=1e-5, atol=1e-5)


def test_bfloat16_gives_about_the_same_picture(relighter):
    parts = relighter.components
    half = ICLightPipeline(**{**parts, **{n: copy.deepcopy(parts[n]) for n in ("vae", "unet")}})
    half.unet.to(torch.bfloat16), half.vae.to(torch.bfloat16)
    out = _relight(half, [_picture(i) for i in range(3)], gamma=0.5, chunk_size=2)
    exact = _relight(relighter, [_picture(i) for i in range(3)], gamma=0.5)
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
    assert _relight(pipe, _picture(0, 40, 70), num_inference_steps=1).shape[-2:] == (32, 64)


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
