"""Which frames are keyframes: some in each scene, more where more changes."""

import numpy as np
import pytest

from relight.engine.keyframes import FEWEST, keyframes, scenes


def _clip(*levels):
    return np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])


def test_a_cut_ends_a_scene_and_motion_does_not():
    rng = np.random.default_rng(0)
    one, two = (rng.integers(0, 256, (16, 16, 3)) for _ in range(2))
    moving = [np.roll(one, i, axis=1) // 8 * 8 for i in range(1)] * 6 + [two] * 5
    assert scenes(np.stack(moving).astype(np.uint8)) == [range(0, 6), range(6, 11)]
    fade = _clip(*range(0, 200, 20))
    assert scenes(fade) == [range(0, 10)]


def test_every_scene_has_some():
    found = keyframes(_clip(*[10] * 20, *[200] * 4), 3.0)
    assert sum(i < 20 for i in found) == FEWEST and sum(i >= 20 for i in found) == FEWEST


@pytest.mark.parametrize("count", [1, 2, 3, 40, 400])
def test_they_are_in_the_clip_rising_and_as_many_as_its_length_asks(count):
    found = keyframes(_clip(*[90] * count), count / 8)
    assert found == sorted(set(found)) and found[0] >= 0 and found[-1] < count
    assert len(found) == min(max(-(-count // 16), FEWEST), count)


def test_they_gather_where_the_clip_changes():
    levels = [50] * 60 + list(range(50, 110)) + [110] * 60
    found = keyframes(_clip(*levels), 24.0)
    assert sum(60 <= i < 120 for i in found) >= 6 and len(found) == 12
