"""Light transfer: known gains come back, identity stays, no halos, no clipping, no flicker."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.methods.light_transfer import (
    apply_gain,
    apply_gain_uint8,
    log_gain,
    smooth_gain,
    to_linear,
    to_srgb,
    upsample_gain,
)


def texture(h, w, seed=0, low=0.2, high=0.8):
    g = torch.Generator().manual_seed(seed)
    fine = F.interpolate(
        torch.rand(1, 3, h // 4 + 2, w // 4 + 2, generator=g), (h, w), mode="bicubic"
    )
    return (low + (high - low) * fine).clamp(0, 1)


def ramp(h, w, left=(0.5, -1.0, -1.5), right=(-1.0, -0.5, 0.3)):
    """A smooth coloured log gain from left to right, (1, 3, h, w)."""
    x = torch.linspace(0, 1, w).view(1, 1, 1, w)
    left, right = (torch.tensor(c).view(1, 3, 1, 1) for c in (left, right))
    return ((1 - x) * left + x * right).expand(1, 3, h, w)


def lit(source, gain):
    return to_srgb(to_linear(source) * gain.exp()).clamp(0, 1)


def codes(x):
    return (x * 255).round()


GREYS = (torch.arange(256) / 255).view(1, 1, 1, 256).expand(1, 3, 1, 256)


def test_a_known_smooth_gain_is_recovered_at_small_and_at_full_size():
    full = texture(288, 512)
    true = ramp(288, 512)
    small, small_relit = (F.interpolate(x, (72, 128), mode="area") for x in (full, lit(full, true)))
    gain = log_gain(small, small_relit)
    assert (gain - ramp(72, 128)).abs().mean() < 0.05
    out = apply_gain(full, upsample_gain(gain, small, full))
    assert (out - lit(full, true)).abs().mean() < 2 / 255


def test_noise_of_the_model_does_not_reach_the_output():
    full = texture(288, 512)
    true = ramp(288, 512)
    small, relit = (F.interpolate(x, (72, 128), mode="area") for x in (full, lit(full, true)))
    noise = 0.07 * torch.randn(relit.shape, generator=torch.Generator().manual_seed(0))
    gain = log_gain(small, (relit + noise).clamp(0, 1))
    out = apply_gain(full, upsample_gain(gain, small, full))
    assert (out - lit(full, true)).abs().mean() < 4 / 255 < noise.abs().mean()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
def test_strong_colour_comes_through_on_grey(level):
    grey = texture(72, 128, low=level * 0.9, high=level).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    true = torch.tensor([0.0, -2.5, -2.5]).view(1, 3, 1, 1).expand_as(grey)
    gain = log_gain(grey, lit(grey, true))
    assert (gain - true).abs().max() < 0.1


def test_night_darkens_and_a_dark_scene_brightens_up_to_the_bound():
    day, night = texture(72, 128), texture(72, 128, low=0.1, high=0.2)
    down, up = torch.full_like(day, -3.5), torch.full_like(day, 1.5)
    assert (log_gain(day, lit(day, down)) + 3.5).abs().max() < 0.05
    assert (log_gain(night, lit(night, up)) - 1.5).abs().max() < 0.05
    black, white = torch.full_like(day, 1 / 255), torch.ones_like(day)
    assert log_gain(black, white).max() <= 3 * np.log(2) + 1e-5
    assert log_gain(white, black * 0).min() >= -6 * np.log(2) - 1e-5


def test_a_small_bright_part_does_not_take_a_tint_of_its_own():
    source = torch.full((1, 3, 72, 128), 0.25)
    source[..., 30:34, 60:64] = 1.0
    relit = source.clone()
    relit[:, 2, 30:34, 60:64] = 0.6  # the model turned the lamp yellow
    tint = lambda g: float((g[:, 2] - g[:, 0]).abs().max())  # noqa: E731
    assert tint(log_gain(source, relit)) < 0.75 * tint(
        log_gain(source, relit, sigma_luma=0.03, sigma_chroma=0.03)
    )


def test_no_rim_at_the_border():
    source = torch.full((1, 3, 72, 128), 0.5)
    gain = log_gain(source, lit(source, torch.full_like(source, 0.4)))
    assert (gain - 0.4).abs().max() < 1e-4


def test_identity_for_every_value_and_every_shape_of_zero_gain():
    zero = torch.zeros(1, 3, 1, 256)
    assert torch.equal(codes(apply_gain(GREYS, zero)), codes(GREYS))
    image = codes(GREYS)[0].byte().permute(1, 2, 0).numpy().repeat(3, axis=0)
    for channel in range(3):  # saturated colours too
        tinted = image.copy()
        tinted[..., channel] = 255 - tinted[..., channel]
        out = apply_gain_uint8(tinted, torch.zeros(3, 4, 8), torch.rand(3, 4, 8))
        assert np.array_equal(out, tinted)


def test_a_model_that_changes_nothing_changes_nothing():
    full = texture(143, 257, low=0.0, high=1.0)
    small = F.interpolate(full, (71, 128), mode="area")
    gain = log_gain(small, small)
    assert gain.abs().max() < 1e-5
    out = apply_gain(full, upsample_gain(gain, small, full))
    assert (codes(out) - codes(full)).abs().max() <= 1


def test_no_halo_at_a_strong_edge():
    source = torch.full((1, 3, 288, 512), 0.3)
    source[..., 256:] = 0.85
    true = torch.full_like(source, 0.6)
    true[..., 256:] = -1.2
    small = F.interpolate(source, (72, 128), mode="area")
    gain = log_gain(small, F.interpolate(lit(source, true), (72, 128), mode="area"))
    full = upsample_gain(gain, small, source)
    assert full.max() < 0.6 + 0.05 and full.min() > -1.2 - 0.05  # no overshoot
    error = (full - true).abs()[0, 0, 144]
    plain = F.interpolate(gain, (288, 512), mode="bilinear")
    blurred = (plain - true).abs()[0, 0, 144]
    assert error[248:264].mean() < 0.8 * blurred[248:264].mean()  # the edge comes back
    assert error[:208].max() < 0.05 and error[304:].max() < 0.05


def test_texture_keeps_its_contrast():
    full = texture(288, 512, low=0.4, high=0.5)
    small = F.interpolate(full, (72, 128), mode="area")
    gain = log_gain(small, lit(small, ramp(72, 128)))
    out = apply_gain(full, upsample_gain(gain, small, full))
    expected = lit(full, ramp(288, 512))
    slope = lambda x: (x[..., 1:] - x[..., :-1]).flatten()  # noqa: E731
    a, b = slope(out), slope(expected)
    assert 0.95 < float((a @ b) / (b @ b)) < 1.05


@pytest.mark.parametrize("stops", [0.3, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, -1.0, -2.0)])
def test_highlights_roll_off_and_never_clip(stops, tint):
    gain = (stops * np.log(2) * torch.tensor(tint)).view(1, 3, 1, 1)
    fine = torch.linspace(0, 1, 4096).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    out = apply_gain(fine, gain.expand_as(fine)).double()
    assert (out[0, 0, 0].diff() > 0).all()  # strictly rising: no plateau
    assert out.max() <= 1
    top = codes(apply_gain(GREYS, gain.expand_as(GREYS)))[0, 0, 0]
    clipped = codes(lit(GREYS, gain.expand_as(GREYS)))[0, 0, 0]
    assert (top == 255).sum() <= min(12, (clipped == 255).sum() / 2)


def test_rolling_off_keeps_the_hue():
    source = torch.tensor([0.9, 0.6, 0.3]).view(1, 3, 1, 1)
    gain = torch.tensor([1.5, 1.0, 0.5]).view(1, 3, 1, 1)
    asked, got = to_linear(source) * gain.exp(), to_linear(apply_gain(source, gain))
    assert asked.max() > 1 > got.max()
    assert torch.allclose(got / got.sum(), asked / asked.sum(), atol=2e-3)


def test_noise_near_black_is_not_blown_up():
    g = torch.Generator().manual_seed(0)
    dark = ((6 + 2 * torch.randn(1, 3, 64, 64, generator=g)).round() / 255).clamp(0, 1)
    up = torch.full_like(dark, 3 * np.log(2))
    bright, plain = apply_gain(dark, up), lit(dark, up)
    assert bright.std() < 2.1 * dark.std() < 0.65 * plain.std()
    curve = codes(apply_gain(GREYS, torch.full((1, 3, 1, 256), 3 * np.log(2))))[0, 0, 0]
    assert curve.diff().max() <= 3  # a code of noise becomes three at most; eight without the fade
    assert curve[60] > 130  # and what is merely dark does get bright


def test_light_that_only_darkens_is_applied_as_it_is():
    source, gain = texture(32, 32, low=0, high=1), torch.full((1, 3, 32, 32), -1.0)
    assert torch.allclose(apply_gain(source, gain), lit(source, gain), atol=1e-5)


@pytest.mark.parametrize("size", [(288, 512), (131, 67), (1, 40), (300, 1)])
def test_the_uint8_road_is_the_same_maths(size):
    image = codes(texture(*size, low=0, high=1))[0].byte().permute(1, 2, 0).numpy()
    full = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    small = F.interpolate(full, (36, 64), mode="area")
    gain = 1.5 * ramp(36, 64) + 0.3
    slow = codes(apply_gain(full, upsample_gain(gain, small, full)))[0].permute(1, 2, 0).numpy()
    fast = apply_gain_uint8(image, gain[0], small[0])
    assert fast.dtype == np.uint8 and fast.shape == image.shape
    assert np.abs(fast - slow).max() <= 1 and (fast != slow).mean() < 0.05


def test_chunked_is_unchunked():
    source = torch.cat([texture(40, 56, seed=i) for i in range(4)])
    relit = torch.cat([texture(40, 56, seed=9 + i) for i in range(4)])
    full = F.interpolate(source, (80, 112), mode="bicubic").clamp(0, 1)

    def road(frames):
        gain = log_gain(source[frames], relit[frames])
        return apply_gain(full[frames], upsample_gain(gain, source[frames], full[frames]))

    parts = torch.cat([road(slice(0, 1)), road(slice(1, 4))])
    assert torch.allclose(road(slice(0, 4)), parts, atol=1e-5)


def unsteadiness(x):
    """Mean change from frame to frame of log gains that should stand still."""
    return float((x[1:] - x[:-1]).abs().mean())


def test_smoothing_removes_flicker_and_keeps_light_that_stands_or_moves_with_the_scene():
    wide = texture(72, 160)
    moving = torch.cat([wide[..., 2 * i : 2 * i + 128] for i in range(10)])
    standing = ramp(72, 128).expand(10, -1, -1, -1)
    light = ramp(72, 160)
    attached = torch.cat([light[..., 2 * i : 2 * i + 128] for i in range(10)])
    jitter = 0.2 * torch.randn(10, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    for true in (standing, attached):
        out = smooth_gain(true + jitter, moving)
        assert unsteadiness(out) < 0.25 * unsteadiness(true + jitter)
        calm = smooth_gain(true, moving)
        assert (calm - true).abs().mean() < 0.05
    assert torch.allclose(smooth_gain(standing[:1], moving[:1]), standing[:1])


def test_smoothing_stops_at_a_cut():
    frames = torch.cat([texture(72, 128, 1, 0.0, 0.4)] * 4 + [texture(72, 128, 2, 0.5, 1.0)] * 4)
    gains = torch.cat([torch.full((4, 3, 72, 128), -1.0), torch.full((4, 3, 72, 128), 1.0)])
    assert torch.allclose(smooth_gain(gains, frames), gains, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    h=st.integers(1, 33),
    w=st.integers(1, 33),
    big_h=st.integers(1, 90),
    big_w=st.integers(1, 90),
    frames=st.integers(1, 2),
)
def test_any_size(h, w, big_h, big_w, frames):
    g = torch.Generator().manual_seed(h * 33 + w)
    source, relit = torch.rand(2, frames, 3, h, w, generator=g)
    full = torch.rand(frames, 3, big_h, big_w, generator=g)
    gain = log_gain(source, relit)
    assert gain.shape == source.shape and gain.isfinite().all()
    assert log_gain(source, source).abs().max() < 1e-4
    out = apply_gain(full, upsample_gain(gain, source, full))
    assert out.shape == full.shape and out.min() >= 0 and out.max() <= 1
    image = codes(full[0]).byte().permute(1, 2, 0).numpy()
    assert apply_gain_uint8(image, gain[0], source[0]).shape == image.shape
    assert smooth_gain(gain, source).shape == gain.shape
