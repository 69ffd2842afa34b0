"""Any size in, the model's multiples inside, the same picture out."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from relight.diffusion.framing import Framing


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([(128, 16), (512, 64)]))
def test_the_frame_fits_the_model_without_distortion(width, height, model):
    side, multiple = model
    framing = Framing.fit(width, height, side=side, multiple=multiple)
    padded = framing.padded_width, framing.padded_height
    assert all(x % multiple == 0 and x > 0 for x in padded)
    assert framing.width <= padded[0] < framing.width + multiple
    assert framing.height <= padded[1] < framing.height + multiple
    assert max(framing.width, framing.height) <= 4 * side
    # Even scaling: one factor gives both sides, each rounded once (or held at one pixel).
    low, high = 0.0, float("inf")
    for scaled, own in ((framing.width, width), (framing.height, height)):
        low = max(low, (scaled - 0.51) / own if scaled > 1 else 0)
        high = min(high, (scaled + 0.51) / own)
    assert low <= high


@given(st.integers(1, 300), st.integers(1, 300))
def test_cutting_undoes_padding(width, height):
    framing = Framing.fit(width, height, side=64, multiple=16)
    rng = np.random.default_rng(width)
    frames = rng.integers(0, 256, (2, framing.height, framing.width, 3), dtype=np.uint8)
    padded = framing.pad(frames)
    assert padded.shape == (2, framing.padded_height, framing.padded_width, 3)
    back = framing.cut(torch.from_numpy(padded).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert np.array_equal(back.numpy(), frames)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(0, 8))
def test_a_margin_is_there_on_every_side_and_is_cut_off_again(width, height, margin):
    framing = Framing.fit(width, height, side=128, multiple=16, margin=margin)
    assert framing.padded_width % 16 == framing.padded_height % 16 == 0
    assert framing.padded_width - framing.width >= 2 * margin
    assert framing.padded_height - framing.height >= 2 * margin
    shape = (1, framing.padded_height, framing.padded_width)
    if framing.height > 8 and framing.width > 8:
        frames = np.zeros((1, framing.height, framing.width, 3), np.uint8)
        assert framing.pad(frames).shape == (*shape, 3)
    cut = framing.cut(torch.zeros(shape))
    assert tuple(cut.shape[1:]) == (framing.height, framing.width)


def test_a_margin_costs_nothing_where_the_frame_is_square():
    framing = Framing.fit(400, 400, side=128, multiple=16, margin=8)
    assert (framing.width, framing.padded_width) == (112, 128)


def test_the_models_own_sizes_are_not_padded():
    framing = Framing.fit(512, 512, side=512, multiple=64)
    assert (framing.width, framing.padded_width, framing.padded_height) == (512, 512, 512)


def test_scaling_a_flat_frame_leaves_it_flat():
    framing = Framing.fit(101, 57, side=64, multiple=16)
    flat = np.full((57, 101, 3), 77, np.uint8)
    assert (framing.scale(flat) == 77).all()
