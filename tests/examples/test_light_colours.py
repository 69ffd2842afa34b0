"""What the table of colours measures, on frames whose light is known."""

import numpy as np
import pytest

from examples.light_colours import side_hues, skin_moved
from relight.metrics.hue import hue_error, named_hue

FACE = np.full((96, 96, 3), (200, 150, 125), np.uint8)


def test_skin_that_is_only_darker_has_its_hue():
    a, b, turned = skin_moved([FACE], [(FACE * 0.8).astype(np.uint8)])
    assert abs(a) < 3 and abs(b) < 4 and abs(turned) < 2


def test_red_light_turns_skin_and_a_wall_has_none():
    red = (FACE * np.array([1.0, 0.7, 0.7])).astype(np.uint8)
    a, _, turned = skin_moved([FACE], [red])
    assert a > 10 and turned < -10
    assert np.isnan(skin_moved([FACE * 0 + 90], [FACE * 0 + 90])).all()


def test_each_side_has_its_own_hue():
    grey = np.full((32, 96, 3), 120, np.uint8)
    lit = grey.copy()
    lit[:, :48] = (200, 60, 60)
    lit[:, 48:] = (60, 80, 200)
    near, far = side_hues([grey], [lit])
    assert hue_error(near, named_hue("red")) < 10
    assert hue_error(far, named_hue("blue")) == pytest.approx(0, abs=15)
