"""Detail agreement: static ground stands still, moving detail moves along, cuts are kept apart."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from relight import media
from relight.methods.back_projection import back_project, larger, smaller
from relight.methods.detail_agreement import REACH, ROUNDS, agreed
from relight.types import Size
from tests.samples import CLIP

SMALL, LARGE = Size(32, 48), Size(64, 96)


def _texture(seed=0, shift=0):
    """(3, *LARGE): a soft random pattern moved `shift` pixels to the left."""
    noise = torch.rand(1, 3, 20, 40, generator=torch.Generator().manual_seed(seed))
    wide = larger(noise, Size(LARGE.height, 2 * LARGE.width))
    return wide[0, :, :, shift : shift + LARGE.width]


def _clip(truths, grain, seed=1):
    """(small, large) of each: the small ones exact, the large ones with grain of the guess."""
    made = torch.Generator().manual_seed(seed)
    for truth in truths:
        tremble = grain * torch.randn(truth.shape, generator=made)
        yield smaller(truth[None], SMALL)[0], truth + tremble


def _error(results, truths):
    return float(
        np.mean([(a - b).square().mean().sqrt() for a, b in zip(results, truths, strict=True)])
    )


@pytest.mark.parametrize("step", [0, 2, 6], ids=["static", "slow", "fast"])
def test_tremble_is_averaged_along_the_motion(step):
    truths = [_texture(shift=step * i) for i in range(7)]
    pairs = list(_clip(truths, grain=0.02))
    before, after = _error([large for _, large in pairs], truths), _error(agreed(pairs), truths)
    assert after < 0.8 * before


def test_static_ground_hardly_moves():
    pairs = list(_clip([_texture()] * 8, grain=0.02))
    own = np.mean([(a[1] - b[1]).abs().mean() for a, b in pairwise(pairs)])
    made = list(agreed(pairs))
    steps = [(a - b).abs().mean() for a, b in pairwise(made)]
    assert np.mean(steps) < 0.6 * own


def test_what_neighbours_show_on_other_pixels_is_detail_that_is_there():
    """Sharp edges that move by half a small pixel a frame: truer than each frame by itself."""
    scene = next(media.read(CLIP)).image
    wide = torch.from_numpy(scene.copy()).permute(2, 0, 1).float() / 255
    truths = [wide[:, 100:228, 200 + i : 392 + i] for i in range(5)]
    size, half = Size(128, 192), Size(64, 96)
    smalls = [smaller(truth[None], half) for truth in truths]
    alone = [larger(small, size) for small in smalls]
    own = [back_project(one, small, ROUNDS)[0] for one, small in zip(alone, smalls, strict=True)]
    shared = agreed((small[0], one[0]) for small, one in zip(smalls, alone, strict=True))
    made = [
        back_project(one[None], small, ROUNDS)[0] for one, small in zip(shared, smalls, strict=True)
    ]
    assert _error(made, truths) < 0.97 * _error(own, truths)
    for one, small in zip(made, smalls, strict=True):
        assert (smaller(one[None], half) - small).abs().mean() < 0.01


def test_a_flash_stays_in_its_frame():
    truths = [_texture() for _ in range(5)]
    truths[2] = truths[2] + 0.2
    made = list(agreed(_clip(truths, grain=0.0)))
    assert _error(made, truths) < 0.02
    assert abs(float(made[1].mean() - truths[1].mean())) < 0.002


def test_a_cut_is_not_crossed():
    truths = [_texture(seed=0)] * 3 + [_texture(seed=5)] * 3
    pairs = list(_clip(truths, grain=0.0))
    assert _error(agreed(pairs), truths) < 0.02


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 9])
def test_every_frame_comes_out_once_and_in_order(frames):
    truths = [_texture(seed=i) for i in range(frames)]
    made = list(agreed(_clip(truths, grain=0.0)))
    assert len(made) == frames
    for one, truth in zip(made, truths, strict=True):
        assert (one - truth).abs().mean() < 0.03


def test_a_chunk_with_its_neighbours_is_what_the_whole_clip_gives():
    pairs = list(_clip([_texture(shift=2 * i) for i in range(9)], grain=0.02))
    whole = list(agreed(pairs))
    part = list(agreed(pairs[4 - REACH : 6 + REACH]))
    for i in (4, 5):
        assert torch.equal(part[i - 4 + REACH], whole[i])


def test_frames_are_given_while_they_come():
    taken = []

    def pairs():
        for i, pair in enumerate(_clip([_texture()] * 9, grain=0.01)):
            taken.append(i)
            yield pair

    stream = agreed(pairs())
    next(stream)
    assert len(taken) == REACH + 1
