"""What is called unseen is: no picture of the list is one that was trained on."""

import re
from itertools import pairwise

import numpy as np
import pytest

from examples.mini_model.sources import SOURCES
from examples.upscale_unseen import FRAMES, MOVED, PICTURES, RECORDED, SIDE, moved, overshoot


@pytest.mark.parametrize("end", [*PICTURES, *MOVED, *(shot.file for shot in RECORDED)])
def test_nothing_of_the_list_was_trained_on(end):
    # As the packages lay them out. Near twins, of the same series, are left out by hand.
    path = f"raw/opencv-doc/usr/share/doc/opencv-doc/{end}"
    assert not [source.name for source in SOURCES if re.search(source.pattern, path)]


def test_what_was_trained_on_would_be_found():
    path = "raw/opencv-doc/usr/share/doc/opencv-doc/examples/data/fruits.jpg"
    assert [source.name for source in SOURCES if re.search(source.pattern, path)]


def test_a_move_over_a_photo_is_a_clip_that_moves():
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    clip = moved(photo)
    assert clip.shape == (FRAMES, SIDE, SIDE, 3) and np.array_equal(clip, moved(photo))
    assert all((a != b).mean() > 0.5 for a, b in pairwise(clip))


def test_overshoot_is_what_leaves_the_range_at_edges():
    step = np.full((32, 32, 3), 50, np.uint8)
    step[:, 16:] = 200
    ringing = step.copy()
    ringing[:, 16:18] = 215
    assert overshoot(step, step) == 0
    assert overshoot(step, ringing) == pytest.approx(10, abs=0.1)
    assert overshoot(step // 4, ringing // 4) == 0  # no edge
