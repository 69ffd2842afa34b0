"""The barrier between a thing and the border: known answers, and what it is blind to."""

import numpy as np
import pytest

from relight.methods.minimum_barrier import barrier_distance


def _disc(size=48, x=24, y=24, r=10):
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(columns - x, rows - y) < r


def test_a_thing_of_one_colour_is_as_far_as_its_edge_is_high():
    image = np.zeros((1, 48, 48, 3))
    image[0, _disc()] = (10, 0, 20)
    distance = barrier_distance(image)[0]
    assert set(distance[_disc()].tolist()) == {30.0}
    assert not distance[~_disc()].any()


def test_a_background_that_changes_slowly_stays_behind_its_subject():
    ramp = np.linspace(0, 60, 48)[None, None, :, None].repeat(48, 1).repeat(3, 3)
    image = ramp.copy()
    image[0, _disc()] += 40
    distance = barrier_distance(image)[0]
    assert not distance[:14].any()  # each column is reached from the top
    assert distance[~_disc()].max() < 40  # below the disc, on a way round it
    assert distance[_disc(r=8)].min() > 80


def test_a_thing_may_leave_the_frame_at_its_lower_edge_alone():
    image = np.zeros((2, 48, 48, 3))
    image[0, 20:, 16:32] = 10
    image[1, :28, 16:32] = 10
    low, high = barrier_distance(image)
    assert low[40, 24] == 30 and high[10, 24] == 0


@pytest.mark.parametrize("h, w", [(16, 64), (64, 16), (3, 3)])
def test_any_shape_and_each_image_by_itself(h, w):
    images = np.random.default_rng(0).random((3, h, w, 3))
    distance = barrier_distance(images)
    assert distance.shape == (3, h, w) and np.isfinite(distance).all()
    np.testing.assert_array_equal(distance[1:2], barrier_distance(images[1:2]))
