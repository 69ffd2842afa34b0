"""The soft low band, and x0 held to that of a reference."""

import math

import pytest
import torch

from relight.methods.direction_alignment import DirectionAlignment, low_pass
from tests.conftest import case_id

T = torch.tensor(500)


def _latents(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _wave(size, half_periods):
    """A cosine that the mirrored grid holds exactly: (1, 1, 1, size)."""
    places = torch.arange(size) + 0.5
    return torch.cos(math.pi * half_periods * places / size)[None, None, None]


@pytest.mark.parametrize("shape", [(2, 4, 16, 12), (4, 7, 9), (1, 1, 1, 1), (1, 2, 3, 1, 5)])
@pytest.mark.parametrize("cutoff", [0.05, 0.5, 1.0])
def test_a_constant_is_kept(shape, cutoff):
    constant = torch.full(shape, 0.7)
    torch.testing.assert_close(low_pass(constant, cutoff), constant, atol=1e-6, rtol=0)


@pytest.mark.parametrize("order", [1, 4])
@pytest.mark.parametrize("down", [True, False])
def test_the_gain_is_a_half_at_the_cut_off(order, down):
    wave = _wave(64, 32)  # half of the highest frequency that 64 samples hold
    wave = wave.transpose(-1, -2).expand(1, 1, 64, 5) if down else wave.expand(1, 1, 5, 64)
    torch.testing.assert_close(low_pass(wave, 0.5, order), wave / 2, atol=1e-5, rtol=0)


def test_far_below_the_cut_off_all_passes_and_far_above_nothing():
    slow, fast = _wave(64, 8).expand(1, 1, 4, 64), _wave(64, 56).expand(1, 1, 4, 64)
    torch.testing.assert_close(low_pass(slow, 0.5), slow, atol=1e-4, rtol=0)
    assert low_pass(fast, 0.25).abs().max() < 1e-4


def test_the_sides_of_a_picture_do_not_leak_into_each_other():
    x = torch.zeros(1, 1, 8, 64)
    x[..., :8] = 1
    leaked = low_pass(x, 0.25)[..., 32:].abs().max()
    around = torch.fft.irfft(torch.fft.rfft(x)[..., :8], 64)[..., -8:].abs().max()
    assert leaked < 0.01 < around  # a filter that goes round the edge would leak


def test_frames_and_channels_are_each_filtered_alone():
    x = _latents(1, 4, 3, 16, 12)
    torch.testing.assert_close(low_pass(x, 0.4)[:, 2, 1], low_pass(x[:, 2, 1], 0.4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_back_but_is_computed_in_float32(dtype):
    x = _latents(1, 4, 16, 16).to(dtype)
    out = low_pass(x, 0.5)
    assert out.dtype == dtype
    assert torch.equal(out, low_pass(x.float(), 0.5).to(dtype))


@pytest.mark.parametrize("weight, step", [(0.0, 0), (1.0, 3), (1.0, 9)], ids=case_id)
def test_without_weight_or_after_the_last_step_x0_is_left(weight, step):
    x0 = _latents(1, 4, 8, 8)
    assert DirectionAlignment(x0, 0.5, 3, weight)(x0 + 1, step, T) is None


def test_a_wide_band_replaces_x0_by_the_reference():
    reference, x0 = _latents(1, 4, 16, 12), _latents(1, 4, 16, 12, seed=1)
    edited = DirectionAlignment(reference, 100.0, 3)(x0, 0, T)
    torch.testing.assert_close(edited, reference, atol=1e-5, rtol=0)


def test_the_low_band_is_the_references_and_the_rest_is_kept():
    reference, x0 = _latents(1, 4, 32, 32), _latents(1, 4, 32, 32, seed=1)
    edited = DirectionAlignment(reference, 0.5, 3)(x0, 0, T)
    torch.testing.assert_close(low_pass(edited, 0.2), low_pass(reference, 0.2), atol=5e-3, rtol=0)

    def fine(x):
        return x - low_pass(x, 0.9)

    torch.testing.assert_close(fine(edited), fine(x0), atol=0.05, rtol=0)
    moved = low_pass(reference, 0.5) - low_pass(x0, 0.5)
    torch.testing.assert_close(edited - x0, moved, atol=1e-5, rtol=0)


def test_the_weight_falls_linearly():
    reference, x0 = _latents(1, 4, 16, 16), torch.zeros(1, 4, 16, 16)
    align = DirectionAlignment(reference, 0.5, 4, weight=0.8)
    full = low_pass(reference, 0.5)
    for step, weight in enumerate((0.8, 0.6, 0.4, 0.2)):
        torch.testing.assert_close(align(x0, step, T), weight * full, atol=1e-6, rtol=0)


def test_x0_that_agrees_already_is_not_moved():
    x0 = _latents(1, 4, 3, 16, 16)
    torch.testing.assert_close(DirectionAlignment(x0, 0.5, 3)(x0, 0, T), x0, atol=1e-6, rtol=0)
