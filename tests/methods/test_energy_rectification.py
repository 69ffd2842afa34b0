"""The energy of an enlarged picture's detail, brought back to that of the smaller one."""

import pytest
import torch

from relight.methods.energy_rectification import EnergyRectification

T = torch.tensor(500)


def _latents(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _deviation(x):
    return x.std((-2, -1), correction=0)


@pytest.mark.parametrize("shape", [(1, 4, 16, 12), (2, 4, 9, 7), (1, 4, 3, 8, 8)])
def test_without_weight_nothing_changes(shape):
    x0 = _latents(*shape)
    reference = 3 * _latents(*shape[:-2], 5, 6, seed=1)
    torch.testing.assert_close(EnergyRectification(reference, 0.0)(x0, 0, T), x0)


@pytest.mark.parametrize("shape", [(1, 4, 16, 12), (2, 4, 9, 7), (1, 4, 3, 8, 8)])
def test_full_weight_gives_each_channel_the_references_deviation_and_its_own_mean(shape):
    scale = torch.arange(1, shape[1] + 1).float().view(1, -1, *[1] * (len(shape) - 2))
    x0 = 0.3 * _latents(*shape) + scale
    reference = scale * _latents(*shape[:-2], 10, 10, seed=1)
    out = EnergyRectification(reference, 1.0)(x0, 0, T)
    torch.testing.assert_close(_deviation(out), _deviation(reference), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out.mean((-2, -1)), x0.mean((-2, -1)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.9])
def test_the_weight_is_linear_in_between(weight):
    x0, reference = _latents(1, 4, 16, 16), 2 * _latents(1, 4, 8, 8, seed=1)
    half = EnergyRectification(reference, weight)(x0, 0, T)
    full = EnergyRectification(reference, 1.0)(x0, 0, T)
    torch.testing.assert_close(half, torch.lerp(x0, full, weight), atol=1e-5, rtol=0)


def test_energy_is_taken_away_too():
    x0, reference = 2 * _latents(1, 4, 16, 16), _latents(1, 4, 8, 8, seed=1)
    out = EnergyRectification(reference, 1.0)(x0, 0, T)
    assert (_deviation(out) < 0.7 * _deviation(x0)).all()


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_what_is_flat_stays_flat(weight):
    flat = torch.full((1, 4, 16, 16), 0.7)
    out = EnergyRectification(_latents(1, 4, 8, 8), weight)(flat, 0, T)
    torch.testing.assert_close(out, flat, atol=1e-3, rtol=0)
    x0 = _latents(1, 4, 16, 16)
    calmed = EnergyRectification(flat, 1.0)(x0, 0, T)
    torch.testing.assert_close(
        calmed, x0.mean((-2, -1), keepdim=True).expand_as(x0), atol=5e-3, rtol=0
    )
    assert EnergyRectification(flat, weight)(flat, 0, T).isfinite().all()


def test_a_picture_of_one_latent_is_left():
    x0 = _latents(1, 4, 1, 1)
    out = EnergyRectification(_latents(1, 4, 1, 1, seed=1), 1.0)(x0, 0, T)
    torch.testing.assert_close(out, x0)


def test_a_half_precision_reference_is_read_in_float32():
    x0, reference = _latents(1, 4, 16, 16), _latents(1, 4, 300, 300, seed=1)
    out = EnergyRectification(reference.half(), 1.0)(x0, 0, T)
    expected = EnergyRectification(reference, 1.0)(x0, 0, T)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, expected, atol=1e-3, rtol=0)
