"""A subject that is pointed out: the one meant, followed, from whichever frame."""

import numpy as np
import pytest
import torch

from relight import media
from relight.errors import InputError
from relight.masks import Box, Click, Known, find_subject
from tests.masks.scenes import moving_disc, texture
from tests.samples import CLIP


@pytest.fixture(scope="module")
def scene():
    """A clip with a moving disc and a still box, and the mattes of both."""
    clip, disc = moving_disc(frames=8, radius=20)
    box = torch.zeros_like(disc)
    box[:, :, 4:28, 70:110] = 1
    still = texture(128, 128, (0.2, 0.3, 0.8), 5)
    return clip * (1 - box) + still * box, disc, box


def overlap(matte, truth):
    return float((matte * truth).sum() / torch.maximum(matte, truth).sum())


@pytest.mark.parametrize("at", [0, 4, 7])
def test_a_box_is_followed_both_ways(scene, at):
    clip, disc, _ = scene
    cx = (0.4 * 128 + 2 * at) / 128
    found = find_subject(clip, Box(cx - 0.2, 0.35, cx + 0.2, 0.75, at=at))
    assert overlap(found.matte, disc) > 0.85 and found.confidence.min() == 1


@pytest.mark.parametrize("box", [Box(0, 0, 1, 1), Box(0, 0.03, 0.99, 0.99)])
def test_a_box_of_nearly_all_means_what_is_in_it(box):
    clip, disc = moving_disc(frames=8, radius=28)
    found = find_subject(clip, box)
    assert overlap(found.matte, disc) > 0.7 and found.confidence.min() == 1


def test_a_click_on_what_moves_takes_all_of_it(scene):
    clip, disc, _ = scene
    assert overlap(find_subject(clip, Click(0.4, 0.55)).matte, disc) > 0.85


def test_a_click_on_something_else_takes_that(scene):
    clip, disc, box = scene
    matte = find_subject(clip, Click(0.7, 0.12)).matte
    assert overlap(matte, box) > 0.6 and overlap(matte, disc) < 0.05


def test_chunks_hand_on_their_matte(scene):
    clip, disc, _ = scene
    first = find_subject(clip[:4], Click(0.4, 0.55))
    second = find_subject(clip[3:], Known(first.matte[3]))
    assert overlap(second.matte, disc[3:]) > 0.85


def test_a_cut_ends_what_is_followed(scene):
    clip, disc, _ = scene
    other = torch.linspace(0, 1, 128).view(1, 1, 128, 1).expand(3, 3, 128, 128)
    found = find_subject(torch.cat([clip, other]), Click(0.4, 0.55))
    assert overlap(found.matte[:8], disc) > 0.85
    assert not found.matte[8:].any() and not found.confidence[8:].any()


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (Click(1.2, 0.5), "a click is a point"),
        (Click(0.5, 0.5, at=8), "there are 8 frames"),
        (Box(0.5, 0.2, 0.4, 0.8), "a box has"),
        (Known(torch.ones(8, 8)), "a known matte"),
    ],
)
def test_bad_seeds_are_refused(scene, seed, words):
    with pytest.raises(InputError, match=words):
        find_subject(scene[0], seed)


@pytest.mark.parametrize("box", [(0.2, 0.02, 0.5, 0.95), (0.24, 0.1, 0.5, 0.95), (0.15, 0, 0.6, 1)])
def test_a_box_around_something_is_never_empty(box):
    """The rabbit's greys are those of the stones and of the cave behind it."""
    chosen = [f.image for i, f in enumerate(media.read(CLIP, frames=34)) if i in (27, 30, 33)]
    small = np.stack([image[::2, ::2] for image in chosen])
    frames = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255
    found = find_subject(frames, Box(*box, at=1))
    assert (found.confidence > 0.9).all()
    y, x = torch.meshgrid(torch.linspace(0, 1, 180), torch.linspace(0, 1, 320), indexing="ij")
    belly = ((x - 0.36) ** 2 + (y - 0.5) ** 2 < 0.06**2).float()
    covered = (found.matte[1, 0] * belly).sum() / belly.sum()
    assert covered > 0.9 and found.matte[1].mean() < 0.35
