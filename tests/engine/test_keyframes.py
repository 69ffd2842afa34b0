"""Which frames are keyframes: some in each scene, more where more changes."""

import numpy as np
import pytest

from relight.engine.keyframes import LIKE, changes, keyframes, scenes
from relight.methods.ways import OTHER


def _clip(*levels):
    return np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])


def test_a_cut_ends_a_scene_and_motion_does_not():
    rng = np.random.default_rng(0)
    one, two = (rng.integers(0, 256, (16, 16, 3)) for _ in range(2))
    moving = [np.roll(one, i, axis=1) // 8 * 8 for i in range(1)] * 6 + [two] * 5
    assert scenes(np.stack(moving).astype(np.uint8)) == [range(0, 6), range(6, 11)]
    fade = _clip(*range(0, 200, 20))
    assert scenes(fade) == [range(0, 10)]


def test_every_scene_has_one_and_a_frame_of_its_own_too():
    found = keyframes(_clip(*[10] * 20, *[200] * 4, 90), 3.0)
    assert found == [4, 14, 21, 24]  # of the first scene's 2.4 seconds, two


@pytest.mark.parametrize("seed", range(4))
def test_each_speaks_for_what_looks_like_it(seed):
    """Else light that is carried ends before a frame, which stays as it was: seen in a busy street,
    whose motion hid a cut."""
    assert LIKE < OTHER
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, rng.choice([1, 12, 60], 80))
    thumbs = _clip(*np.clip(120 + np.cumsum(steps), 0, 255).astype(int))
    found = keyframes(thumbs, 10.0)
    values = thumbs / 255
    for i in range(80):  # one of the two beside it, with no jump between
        beside = [k for k in found if k <= i][-1:] + [k for k in found if k >= i][:1]
        ways = [range(min(i, k), max(i, k)) for k in beside]
        near = [abs(values[i] - values[k]).mean() <= LIKE + 1e-6 for k in beside]
        smooth = [changes(thumbs)[way].max(initial=0) <= LIKE for way in ways]
        assert any(a and b for a, b in zip(near, smooth, strict=True)), i


@pytest.mark.parametrize("count", [1, 2, 3, 40, 400])
def test_they_are_in_the_clip_rising_and_as_many_as_its_length_asks(count):
    found = keyframes(_clip(*[90] * count), count / 8)
    assert found == sorted(set(found)) and found[0] >= 0 and found[-1] < count
    assert len(found) == min(max(-(-count // 16), 1), count)


def test_they_gather_where_the_clip_changes():
    levels = [50] * 60 + list(range(50, 110)) + [110] * 60
    found = keyframes(_clip(*levels), 24.0)
    assert sum(60 <= i < 120 for i in found) >= 6 and len(found) == 12
