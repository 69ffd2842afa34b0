"""Enlargement by a network: what holds for any network of a known reach."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from relight.methods.back_projection import smaller
from relight.methods.network_enlargement import NetworkEnlargement
from relight.types import Size


def _twice(image):
    """Bicubic and a blur of 5 x 5: a pixel depends on six around it at most."""
    large = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
    return F.avg_pool2d(F.pad(large, (2, 2, 2, 2), mode="replicate"), 5, stride=1)


@pytest.fixture
def enlarge():
    return NetworkEnlargement(network=_twice, margin=8)


def _picture(height, width):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(20, 28), (21, 29), (31, 14), (40, 56), (10, 14)], ids=str)
def test_any_size_comes_out(enlarge, size):
    assert tuple(enlarge(_picture(10, 14), Size(*size)).shape) == (2, 3, *size)


def test_its_own_size_changes_nothing(enlarge):
    image = _picture(10, 14)
    assert torch.equal(enlarge(image, Size(10, 14)), image)


@pytest.mark.parametrize("tile", [5, 8, 13, 40])
@pytest.mark.parametrize("size", [(33, 20), (16, 40), (1, 9)], ids=str)
def test_tiles_make_no_difference(enlarge, tile, size):
    image = _picture(*size)
    whole = replace(enlarge, tile=None).once(image)
    torch.testing.assert_close(replace(enlarge, tile=tile).once(image), whole, atol=1e-6, rtol=0)


def test_a_margin_that_is_too_small_would_be_seen(enlarge):
    def wide(image):
        return F.avg_pool2d(F.pad(_twice(image), (12,) * 4, mode="replicate"), 25, stride=1)

    image, wide_one = F.interpolate(_picture(3, 2), (33, 20)), replace(enlarge, network=wide)
    cut = replace(wide_one, tile=8, margin=0).once(image)
    assert (cut - replace(wide_one, tile=None).once(image)).abs().max() > 0.05


def test_two_passes_agree_with_what_they_were_made_from(enlarge):
    """The blur of the first pass is taken back before the second, unless the network mends."""
    image, size = F.interpolate(_picture(6, 8), (12, 16), mode="bilinear"), Size(48, 64)

    def error(way):
        return (smaller(way(image, size), Size(12, 16)) - image).square().mean()

    assert error(enlarge) < 0.5 * error(replace(enlarge, project=False))


def test_the_network_computes_in_its_own_precision(enlarge):
    seen = []

    def network(image):
        seen.append(image.dtype)
        return _twice(image)

    result = replace(enlarge, network=network, dtype=torch.bfloat16)(_picture(4, 4), Size(8, 8))
    assert seen == [torch.bfloat16, torch.bfloat16] and result.dtype == torch.float32


def _padded_with_zeros(image):
    """Bicubic, and a sharpening that takes what is beyond a border for black, as networks do."""
    large = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
    return large + 0.5 * (large - F.avg_pool2d(large, 5, stride=1, padding=2))


def test_borders_are_as_good_as_the_middle(enlarge):
    """A slope and a wall go on beyond a border, and what stands there is no edge."""
    slope = torch.linspace(0.2, 0.8, 16).expand(1, 3, 12, 16)
    made = replace(enlarge, network=_padded_with_zeros).once(slope)
    expected = F.interpolate(slope, scale_factor=2, mode="bicubic", align_corners=False)
    assert (_padded_with_zeros(slope) - expected)[..., 0].abs().min() > 0.03
    assert (made - expected).abs().max() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3)], ids=str)
def test_the_smallest_pictures_have_borders_too(enlarge, size):
    grey = torch.full((1, 3, *size), 0.5)
    expected = torch.full((1, 3, 2 * size[0], 2 * size[1]), 0.5)
    torch.testing.assert_close(enlarge.once(grey), expected)
