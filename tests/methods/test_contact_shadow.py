"""Contact shadows: where a subject stands is known."""

import numpy as np
import pytest

from relight.errors import InputError
from relight.methods.contact_shadow import contact_shadow, darkened


def standing():
    """A table: a board on two legs that end in row 90, at columns 40 to 60 and 100 to 120."""
    matte = np.zeros((120, 160), np.float32)
    matte[10:40, 35:125] = 1
    matte[40:90, 40:60] = matte[40:90, 100:120] = 1
    return matte


def test_it_is_dark_where_legs_stand_and_hardly_between_or_below_them():
    shadow = contact_shadow(standing())
    at_legs, between, below = shadow[91, [50, 110]], shadow[91, 80], shadow[115, 50]
    assert at_legs.min() > 0.5 and between < 0.6 * at_legs.min() and below < 0.02
    assert not shadow[:10].any()  # nor above the table
    assert shadow[91, 50] > shadow[94, 50] > shadow[98, 50]


def test_a_leg_that_is_lifted_has_a_weaker_shadow():
    matte = standing()
    matte[75:90, 100:120] = 0
    level = contact_shadow(matte)[91]
    assert level[50] > 0.5 and level[50] > 2 * level[110]


def test_a_slanting_ground_is_followed():
    """The wheels of a car that is seen at a slant: the nearer one is lower in the picture."""
    matte = standing()
    matte[82:90, 40:60] = 0
    shadow = contact_shadow(matte)
    assert min(shadow[83, 45], shadow[91, 115]) > 0.4


def test_it_lies_away_from_the_light():
    left, right = (contact_shadow(standing(), aside) for aside in (-1, 1))
    assert left[91, 130] > 1.5 * left[91, 90] and right[91, 90] > 1.5 * right[91, 130]
    assert left[91, 130] > 2 * right[91, 130]


@pytest.mark.parametrize("matte", [np.zeros((40, 60)), np.ones((40, 60)), np.eye(40) * 0.4])
def test_what_has_no_foot_has_no_shadow(matte):
    assert not contact_shadow(matte).any()


def test_a_subject_that_the_lower_edge_cuts_off_has_none():
    assert not contact_shadow(standing()[:88]).any()
    assert contact_shadow(standing()[:96]).any()


def test_a_small_change_of_the_matte_is_a_small_change_of_the_shadow():
    matte = standing()
    change = np.random.default_rng(0).normal(0, 0.15, matte.shape)
    noisy = (matte + change * (0.3 + 0.7 * matte)).clip(0, 1).astype(np.float32)
    assert np.abs(contact_shadow(matte) - contact_shadow(noisy)).max() < 0.2


def test_only_the_shadow_changes_the_ground():
    ground = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    shadow = contact_shadow(standing())
    dark = darkened(ground, shadow)
    assert np.array_equal(dark[shadow == 0], ground[shadow == 0]) and (shadow == 0).any()
    expected = ground[91, 50] * (1 - float(shadow[91, 50])) ** (1 / 2.2)
    assert np.abs(dark[91, 50] - expected).max() <= 0.5 and (dark <= ground).all()


@pytest.mark.parametrize("given", [(np.zeros((4, 4, 1)), 0), (np.zeros((4, 4)), 2)])
def test_what_is_no_matte_is_refused(given):
    with pytest.raises(InputError, match="a matte is"):
        contact_shadow(*given)
