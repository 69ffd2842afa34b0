"""Means over pixels of like colour: wide windows are summed over blocks."""

import pytest
import torch

from relight.methods.like_colours import FINE, LikeColours, like_means


def halves(height: int, width: int) -> torch.Tensor:
    """Dark on the left, bright on the right, (3, h, w)."""
    guide = torch.full((3, height, width), 0.1)
    guide[..., width // 2 :] = 0.9
    return guide


def slow_mean(guide: torch.Tensor, x: torch.Tensor, r: int, y: int, at: int) -> float:
    """Over those of the window that are just like the pixel."""
    window = slice(max(0, y - r), y + r + 1), slice(max(0, at - r), at + r + 1)
    like = guide[0][window] == guide[0, y, at]
    return float(x[0][window][like].mean())


@pytest.mark.parametrize("size", [(64, 96), (61, 97)], ids=str)
@pytest.mark.parametrize("r", [3, FINE, 2 * FINE, 30])
def test_a_window_of_blocks_gives_nearly_the_mean_of_its_pixels(size, r):
    guide, x = halves(*size), torch.linspace(0, 1, size[0] * size[1]).reshape(1, *size)
    x = x + 0.3 * (guide[:1] > 0.5)
    means = LikeColours(guide).means(x, [r])[0]
    middle = size[1] // 2
    for y in (0, size[0] // 2, size[0] - 1):
        for at in (0, middle - 1, middle, size[1] - 1):
            assert float(means[0, y, at]) == pytest.approx(slow_mean(guide, x, r, y, at), abs=0.03)


def test_frames_have_colours_of_their_own():
    guide = torch.stack([halves(32, 32), halves(32, 32).flip(-1)])
    x = torch.rand(2, 2, 32, 32, generator=torch.manual_seed(0))
    both = like_means(guide, x, 20)
    assert both.shape == x.shape and both.dtype == x.dtype
    for i in range(2):
        assert torch.equal(both[i], LikeColours(guide[i]).means(x[i], [20])[0])


def test_a_constant_stays_in_windows_wider_than_the_frame():
    means = LikeColours(halves(19, 33)).means(torch.full((1, 19, 33), 0.7), [200])[0]
    assert float((means - 0.7).abs().max()) < 1e-5


def test_means_are_those_asked_for_alone():
    guide = halves(32, 48)
    x = torch.rand(2, 32, 48, generator=torch.manual_seed(0))
    wanted = torch.zeros(32, 48, dtype=torch.bool)
    wanted[4:9, 20:30] = True
    (some,) = LikeColours(guide, wanted=wanted).means(x, [5])
    (all_,) = LikeColours(guide).means(x, [5])
    assert torch.allclose(some[:, wanted], all_[:, wanted], atol=1e-6)
    assert not some[:, ~wanted].any()


@pytest.mark.parametrize("size", [(64, 96), (61, 97)], ids=str)
def test_outlines_of_a_large_frame_stay_sharp_where_light_is_known_of_a_small_one(size):
    large = halves(*size)
    small = halves(32, 48)
    x = (small[:1] > 0.5).float()
    (means,) = LikeColours(small, large).means(x, [6])
    assert means.shape == (1, *size)
    assert float((means - (large[:1] > 0.5).float()).abs().max()) < 0.05


def test_a_colour_that_the_guide_has_not_gets_the_mean_of_all():
    guide, at = torch.full((3, 16, 16), 0.5), torch.full((3, 16, 16), 0.5)
    at[:, :4] = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    (means,) = LikeColours(guide, at).means(torch.full((1, 16, 16), 0.3), [4])
    assert float((means - 0.3).abs().max()) < 1e-5


def test_several_windows_are_those_of_one_each():
    guide, x = halves(64, 96), torch.rand(1, 64, 96, generator=torch.manual_seed(0))
    alike = LikeColours(guide)
    for r, mean in zip((32, 10, 3), alike.means(x, (32, 10, 3), 3), strict=True):
        (alone,) = alike.means(x, [r], 3)
        assert torch.allclose(mean, alone, atol=0.03)
