"""Light on full-size frames: identity to the bit, float and 8 bit alike, strength, bounds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save

from relight.methods.full_size_light import apply_light, apply_light_uint8
from relight.methods.gain_and_glow import GainGlow, box_mean, resized, scaled_light

from .test_light_transfer import CODE, ramp, texture

GREYS = (torch.arange(256) / 255).view(1, 1, 1, 256).expand(1, 3, 1, 256)


def flat(gain, glow=(0.0, 0.0, 0.0), size=(4, 8)):
    """A light that is the same everywhere, (1, 3, h, w)."""
    planes = torch.tensor([*np.log(gain), *glow], dtype=torch.float32).view(1, 6, 1, 1)
    return GainGlow.from_planes(planes.expand(1, 6, *size).clone())


def one(light):
    return GainGlow.from_planes(light.planes[0])


def test_no_light_gives_every_value_back():
    assert torch.allclose(apply_light(GREYS, flat((1, 1, 1))), GREYS, atol=1e-6)
    image = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, 2).repeat(90, 0)
    for channel in range(3):  # saturated colours too
        tinted = image.copy()
        tinted[..., channel] = 255 - tinted[..., channel]
        assert np.array_equal(apply_light_uint8(tinted, GainGlow.none(4, 8)), tinted)


def test_half_precision_on_disk_errs_by_less_than_half_a_code():
    light = GainGlow(ramp(36, 64, (0.9, -1.0, -3.0), (-1.0, -0.5, 0.3))[0], torch.rand(3, 36, 64))
    stored = GainGlow.from_tensors(load(save(light.to_tensors())))
    assert stored.glow.dtype == torch.float32
    image = texture(144, 256, low=0, high=1)
    error = apply_light(image, GainGlow.from_planes(light.planes[None]))
    error = error - apply_light(image, GainGlow.from_planes(stored.planes[None]))
    assert error.abs().max() < 0.5 * CODE


@pytest.mark.parametrize("size", [(288, 512), (131, 67), (1, 40), (300, 1)])
def test_the_uint8_path_is_the_same_maths(size):
    image = (texture(*size, low=0, high=1)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    full = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    small = F.interpolate(full, (36, 64), mode="area")
    light = GainGlow(
        ramp(36, 64, (0.9, -0.5, -1.0), (-1.0, -0.5, 0.3)),
        ramp(36, 64, (-0.1, 0.0, 0.3), (0.4, 0.2, 0.0)),
    )
    slow = (apply_light(full, light, small)[0] * 255).permute(1, 2, 0).numpy()
    fast = apply_light_uint8(image, one(light), small[0])
    assert fast.dtype == np.uint8 and fast.shape == image.shape
    assert np.abs(fast - slow).max() <= 1
    assert abs(float((fast - slow).mean())) < 0.03


def test_the_dither_keeps_the_mean_and_stays_in_place():
    grey = np.full((64, 96, 3), 100, np.uint8)
    light = one(flat((1.0, 1.0, 1.0), (0.3 * CODE, 0.5 * CODE, 0.8 * CODE)))
    out = apply_light_uint8(grey, light)
    assert set(np.unique(out)) == {100, 101}
    assert np.allclose(out.reshape(-1, 3).mean(0), [100.3, 100.5, 100.8], atol=0.03)
    assert np.array_equal(out, apply_light_uint8(grey, light))


def test_a_slow_gradient_does_not_band():
    grey = np.full((64, 512, 3), 60, np.uint8)
    slope = torch.linspace(0, 8 * CODE, 64).view(1, 1, 64).expand(3, 16, 64)
    out = apply_light_uint8(grey, GainGlow(torch.zeros(3, 16, 64), slope)).astype(float)
    wanted = np.interp((np.arange(512) + 0.5) / 8 - 0.5, range(64), 60 + np.linspace(0, 8, 64))
    blurred = out[..., 0].mean(0)  # what an eye sees of the dither
    assert np.abs(blurred - wanted).max() < 0.2 < np.abs(np.round(wanted) - wanted).max()


@pytest.mark.parametrize("intensity", [0.5, 1.5, 2.0])
def test_intensity_counts_in_stops(intensity):
    source = texture(72, 128, low=0.3, high=0.35)
    gain = ramp(36, 64, (1.3, 1.0, 0.7), (0.6, 0.8, 1.0))
    light = scaled_light(GainGlow(gain.log(), torch.zeros_like(gain)), source, intensity)
    expected = source * F.interpolate(gain, (72, 128), mode="bilinear") ** intensity
    assert (apply_light(source, light) - expected).abs().max() < 3 * CODE


def test_intensity_0_is_the_source_and_1_the_light_itself():
    source = texture(72, 128, low=0, high=1)
    light = GainGlow(0.3 * torch.randn(1, 3, 18, 32), 0.2 * torch.rand(1, 3, 18, 32))
    assert scaled_light(light, source, 1) is light
    none = scaled_light(light, source, 0)
    assert none.log_gain.abs().max() == 0 and none.glow.abs().max() == 0
    almost = scaled_light(light, source, 1e-4)
    assert (apply_light(source, almost) - source).abs().max() < CODE
    near = scaled_light(light, source, 0.9999)
    assert (near.planes - light.planes).abs().max() < 1e-3


def test_more_intensity_is_more_light_everywhere_and_never_a_plateau():
    skin = torch.tensor([0.85, 0.62, 0.5]).view(1, 3, 1, 1) * texture(72, 128, low=0.7, high=1)
    light = flat((1.15, 0.9, 0.7), (0.1, 0.04, 0.0))
    levels = [apply_light(skin, scaled_light(light, skin, s)) for s in (0, 0.5, 1, 1.5, 2)]
    red, blue = ([float(x[:, c].mean()) for x in levels] for c in (0, 2))
    assert red == sorted(red) and max(blue[1:]) < blue[0]
    assert levels[-1].max() < 1
    brightest = levels[-1][:, 0].flatten()
    assert brightest.unique().numel() > 0.5 * skin[:, 0].unique().numel()
    black = torch.zeros(1, 3, 16, 16)
    glow = flat((1, 1, 1), (0.2, 0.2, 0.2))
    lit = [float(apply_light(black, scaled_light(glow, black, s)).mean()) for s in (0, 1, 2)]
    assert lit[0] == 0 and lit[1] == pytest.approx(0.2, abs=1e-3) and 0.25 < lit[2] < 0.3


@pytest.mark.parametrize("gain", [1.2, 1.8, 2.6])
@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.7, 0.4)])
def test_highlights_roll_off_and_never_clip(gain, tint):
    fine = torch.linspace(0, 1, 4096).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    light = flat(tuple(gain * t for t in tint))
    out = apply_light(fine, light).double()
    assert (out[0, 0, 0].diff() > 0).all()  # strictly rising: no plateau
    assert out.max() <= 1
    top, clipped = (apply_light(GREYS, light)[0, 0, 0] * 255).round(), (GREYS * gain)[0, 0, 0]
    assert (top == 255).sum() <= max(12, (clipped >= 1).sum() / 4)


def test_what_rolls_off_keeps_its_hue_and_pales():
    source = torch.tensor([0.9, 0.6, 0.3]).view(1, 3, 1, 1).expand(1, 3, 4, 8)
    light = flat((1.6, 1.3, 1.0))
    asked = (source * light.log_gain.exp())[0, :, 0, 0]
    got = apply_light(source, light)[0, :, 0, 0]
    assert asked.max() > 1 > got.max()
    place = lambda x: float((x[1] - x[2]) / (x[0] - x[2]))  # noqa: E731 - the hue within its sextant
    assert place(got) == pytest.approx(place(asked), abs=0.01)
    assert got.min() / got.max() > asked.min() / asked.max()


def test_a_negative_glow_bends_towards_black():
    dark = torch.linspace(0, 0.5, 256).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    out = apply_light(dark, flat((1.2, 1.2, 1.2), (-0.1, -0.1, -0.1)))[0, 0, 0]
    assert out[0] == 0 and (out.diff() > 0).all()


def test_the_sources_edges_come_back_at_full_size():
    source = torch.full((1, 3, 288, 512), 0.2)
    source[..., 250:] = 0.8
    gain = torch.where(source < 0.5, 0.5, 1.1)
    light = GainGlow(F.interpolate(gain, (72, 128), mode="area").log(), torch.zeros(1, 3, 72, 128))
    error = (apply_light(source, light) - source * gain).abs()[0, 0, 144]
    plain = F.interpolate(light.log_gain.exp(), (288, 512), mode="bilinear")
    plain = (source * plain - source * gain).abs()[0, 0, 144]
    assert error[240:260].max() < 0.4 * plain[240:260].max()
    assert error[:230].max() < CODE and error[270:].max() < CODE


def test_where_gain_and_glow_trade_beside_an_outline_no_rim_is_seen():
    """The gain falls and the glow rises to one colour; each smoothed alone, they would miss it."""
    across = torch.arange(256.0)
    traded = 0.28 * torch.exp(-(((across - 100).clamp_min(0) / 10) ** 2))
    wall = across >= 100
    source = torch.where(wall, 0.62, 0.15).expand(1, 3, 256, 256)
    gain = torch.where(wall, 1.28 - traded, 2.2).expand(1, 3, 256, 256)
    glow = torch.where(wall, 0.62 * traded, 0.1).expand(1, 3, 256, 256)
    light = GainGlow(*(resized(x, (64, 64)) for x in (gain.log(), glow)))
    rim = apply_light(source, light)[0, 0, 128, 104:140] - 1.28 * 0.62
    assert float(rim.abs().max()) < 2 / 255  # 6 codes before


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (40, 30)])
def test_the_box_mean_counts_what_is_inside(shape):
    x = torch.rand(2, 3, *shape)
    expected = F.avg_pool2d(x, 7, 1, 3, count_include_pad=False)
    assert torch.allclose(box_mean(x, 3), expected, atol=1e-6)


def test_frames_lit_together_are_lit_as_each_alone():
    """Each within its own bounds: where one frame's light is weak, another's is not."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(3, 3, 40, 56, generator=generator)
    strength = torch.tensor([0.1, 1.0, 2.0]).view(3, 1, 1, 1)
    gain = torch.randn(3, 3, 10, 14, generator=generator) * strength
    light = GainGlow(gain, 0.1 * torch.randn(3, 3, 10, 14, generator=generator))
    together = apply_light(frames, light)
    for i, one in enumerate(together):
        part = GainGlow(light.log_gain[i : i + 1], light.glow[i : i + 1])
        assert torch.allclose(apply_light(frames[i : i + 1], part)[0], one, atol=1e-5)
