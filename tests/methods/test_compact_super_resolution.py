"""Compact super-resolution: what holds for any weights. Its embedded weights: tests/models."""

import pytest
import torch
import torch.nn.functional as F

from relight.methods.compact_super_resolution import (
    CompactSuperResolution,
    DifferenceConv,
    gate_colour,
)

SIZES = [(16, 16), (17, 13), (1, 1), (1, 9), (30, 6)]


@pytest.fixture(scope="module")
def network():
    """Random weights, larger than at the start, so that nothing holds because detail is small."""
    torch.manual_seed(0)
    made = CompactSuperResolution(width=12, blocks=3).eval().requires_grad_(False)
    made.conv_out.weight *= 8
    return made


def _picture(*size, seed=0):
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_becomes_twice_as_large(network, size):
    result = network(_picture(*size))
    assert result.shape == (2, 3, 2 * size[0], 2 * size[1])
    assert result.isfinite().all()


def test_it_does_add_something(network):
    image = _picture(16, 16)
    bicubic = F.interpolate(image, scale_factor=2, mode="bicubic")
    assert (network(image) - bicubic).abs().mean() > 0.01


@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 1, 1), (0.2, 0.7, 0.4), (1, 0, 0)], ids=str)
def test_a_flat_picture_stays_flat(network, colour):
    flat = torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 9, 14)
    result = network(flat)
    torch.testing.assert_close(result, flat.repeat(1, 1, 2, 2), atol=1e-5, rtol=0)


def test_a_grey_picture_stays_grey(network):
    grey = _picture(12, 10)[:, :1].expand(-1, 3, -1, -1)
    result = network(grey)
    assert (result.amax(1) - result.amin(1)).max() < 1e-6


def test_colour_detail_needs_colour_nearby():
    detail = _picture(24, 24)
    image = torch.full((2, 3, 12, 12), 0.5)
    image[:, 0, 6, 6] = 0.9
    gated = gate_colour(detail, image)
    spread = gated.amax(1) - gated.amin(1)
    assert spread[:, :8].max() < 1e-6  # 2 pixels of the small picture away and more: grey
    torch.testing.assert_close(gated[..., 12, 12], detail[..., 12, 12], atol=0.02, rtol=0)


def test_brighter_contrast_gives_brighter_detail(network):
    """No bias and a leaky activation: twice the contrast is twice the result."""
    grey = _picture(10, 10)[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(network(grey / 2), network(grey) / 2, atol=1e-5, rtol=0)


def test_only_the_surroundings_matter(network):
    """What is far away changes nothing, so a picture can be enlarged in tiles."""
    image = _picture(40, 12)
    other = image.clone()
    other[..., 30:, :] = 0
    torch.testing.assert_close(network(image)[..., :24, :], network(other)[..., :24, :])


def test_the_kernels_that_see_the_picture_sum_to_zero():
    torch.manual_seed(1)
    layer = DifferenceConv(3, 5)
    image = _picture(8, 8)
    torch.testing.assert_close(layer(image), layer(image + 0.3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_it_computes_in_the_dtype_of_its_weights(dtype):
    made = CompactSuperResolution(width=6, blocks=3).to(dtype)
    assert made(_picture(8, 8).to(dtype)).dtype == dtype


@pytest.mark.parametrize("options", [{"width": 0}, {"blocks": 0}, {"blocks": 4}], ids=str)
def test_a_shape_that_cannot_be_built_is_refused(options):
    with pytest.raises(ValueError, match="a multiple of 3"):
        CompactSuperResolution(**options)
