"""Back-projection: what is made smaller gives the small picture."""

from itertools import pairwise

import pytest
import torch

from relight.methods.back_projection import back_project, larger, smaller
from tests.conftest import case_id

# Whole, odd and broken ratios, and unequal ones.
SIZES = [
    ((24, 32), (48, 64)),
    ((24, 32), (72, 96)),
    ((24, 32), (37, 51)),
    ((17, 13), (23, 31)),
    ((24, 32), (24, 96)),
    ((24, 24), (25, 25)),
    ((1, 1), (5, 8)),
]


def _picture(*size, seed=0):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def _error(image, small):
    return (smaller(image, tuple(small.shape[-2:])) - small).square().mean().item() ** 0.5


@pytest.mark.parametrize("small, large", SIZES, ids=case_id)
def test_the_error_falls_with_every_round(small, large):
    small, image = _picture(*small), _picture(*large, seed=1)
    most = 0.5 if min(large[0] / 24, large[1] / 32) >= 2 else 0.95  # noise is the worst case
    errors = [_error(back_project(image, small, rounds), small) for rounds in range(4)]
    for before, after in pairwise(errors):
        assert after < most * before or after < 1e-6


@pytest.mark.parametrize("small, large", SIZES, ids=case_id)
def test_a_picture_that_agrees_is_left(small, large):
    image = _picture(*large)
    agreeing = smaller(image, small)
    torch.testing.assert_close(back_project(image, agreeing, 3), image, atol=1e-6, rtol=0)


def test_no_round_and_no_weight_change_nothing():
    image, small = _picture(16, 16), _picture(8, 8, seed=1)
    assert torch.equal(back_project(image, small, rounds=0), image)
    assert torch.equal(back_project(image, small, weight=0.0), image)


def test_the_weight_is_the_part_of_the_error_taken_back():
    image, small = _picture(16, 16), _picture(8, 8, seed=1)
    whole = back_project(image, small) - image
    torch.testing.assert_close(back_project(image, small, weight=0.25) - image, whole / 4)


def test_an_enlargement_is_sharpened_in_its_own_band():
    small = _picture(16, 16)
    plain = larger(small, (48, 48))
    sharp = back_project(plain, small, rounds=4)
    assert _error(sharp, small) < 0.2 * _error(plain, small)
    assert (sharp - sharp.mean()).square().mean() > (plain - plain.mean()).square().mean()


def test_the_given_picture_is_not_written_to():
    image, small = _picture(16, 16), _picture(8, 8, seed=1)
    before = image.clone()
    back_project(image, small, rounds=2)
    assert torch.equal(image, before)
