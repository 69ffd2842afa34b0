"""Two layers of motion: what moves with the subject, and what with the scene behind it."""

import torch

from relight.masks.appearance import lab
from relight.masks.fine import fine_subject
from relight.masks.movement import MOST, movement
from relight.masks.steady import motion_of
from relight.methods.smoothstep import smoothstep
from tests.masks.scenes import moving_disc

SAME = {"ground": (0.4, 0.42, 0.38), "colour": (0.4, 0.42, 0.38)}


def odds(clip, matte):
    return movement(lab(clip), motion_of(clip, clip.shape[-2:]), matte)


def near(truth, share):
    """A matte that is about right: the disc, blurred, and too small or too large."""
    grown = torch.nn.functional.avg_pool2d(truth, 17, stride=1, padding=8)
    return smoothstep(grown, share - 0.2, share + 0.2)


def test_a_subject_of_the_grounds_colours_shows_by_its_motion():
    clip, truth = moving_disc(frames=5, step=4, pan=1, **SAME)
    for share in (0.3, 0.7):
        found = odds(clip, near(truth, share))[1:-1]
        inside = truth[1:-1] > 0.5
        assert found[inside].mean() > 1
        assert found[~inside].mean() < 0
        assert (found[inside] > 0).float().mean() > 0.8
        around = (near(truth, 0.2)[1:-1] > 0.5) & ~inside
        assert (found[around] < 0).float().mean() > 0.75
        assert found.abs().max() <= MOST


def test_what_does_not_move_says_nothing():
    still, truth = moving_disc(frames=1)
    clip = still.expand(4, -1, -1, -1)
    assert odds(clip, truth.expand(4, -1, -1, -1)).abs().max() < 0.05


def test_what_moves_as_one_says_nothing():
    clip, truth = moving_disc(frames=4, step=-1, pan=1, **SAME)
    found = odds(clip, truth)[1:-1, :, 8:-8, 8:-8]
    assert found.abs().mean() < 0.1


def test_nothing_is_compared_over_a_cut():
    clip, truth = moving_disc(frames=2, step=4, **SAME)
    motion = motion_of(torch.stack([clip[0], 1 - clip[1].flip(-1)]), clip.shape[-2:])
    assert motion.cuts == {1}
    assert movement(lab(clip), motion, truth).abs().max() == 0


def test_a_matte_follows_motion_where_colours_do_not_tell():
    clip, truth = moving_disc(frames=6, step=4, pan=1, **SAME)
    matte = fine_subject(clip).matte > 0.5
    inside = truth > 0.5
    assert float((matte & inside).sum() / (matte | inside).sum()) > 0.8


def test_ground_that_the_last_frame_uncovers_is_no_subject():
    clip, truth = moving_disc(
        frames=2, step=9, pan=1, ground=(0.6, 0.6, 0.55), colour=(0.3, 0.2, 0.2)
    )
    found = odds(clip, near(truth, 0.3))
    uncovered = (truth[0] > 0.5) & (truth[1] < 0.5)
    assert found[1][uncovered].mean() < 0.3
    assert found[1][truth[1] > 0.5].mean() > 0.8
