"""Averaging along the flow and the guided filter: known answers."""

import pytest
import torch

from relight.masks.steady import Motion, along_flow, box, gathered, guided, motion_of, resized
from tests.masks.scenes import moving_disc


def shift(pixels, h=24, w=24):
    vectors = torch.zeros(2, h, w)
    vectors[0] = pixels
    return vectors, torch.ones(1, h, w)


def test_the_mean_follows_the_motion():
    x = torch.zeros(3, 1, 24, 24)
    for t in range(3):
        x[t, :, :, 8 + 2 * t] = 1  # a line that moves right by 2
    motion = Motion([shift(2)] * 2, [shift(-2)] * 2, frozenset())
    assert torch.allclose(along_flow(x, motion)[..., 4:20], x[..., 4:20], atol=1e-5)


def test_a_frame_of_little_weight_takes_its_neighbours_values():
    x = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 24, 24)
    motion = Motion([shift(0)] * 2, [shift(0)] * 2, frozenset())
    out = along_flow(x, motion, reach=1, weight=torch.tensor([1.0, 0.0, 1.0]))
    assert out[1].min() > 0.99


def test_nothing_crosses_a_cut():
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 24, 24)
    motion = Motion([shift(0)], [shift(0)], frozenset({1}))
    assert torch.equal(along_flow(x, motion), x)
    assert torch.equal(gathered(x, motion), x)


def test_evidence_is_gathered_from_neighbours_and_fades():
    x = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1, 1).expand(3, 1, 24, 24)
    motion = Motion([shift(0)] * 2, [shift(0)] * 2, frozenset())
    near, far = gathered(x, motion)[1:, 0, 12, 12]
    assert 0.5 < far < near < 1


def test_a_cut_is_seen():
    clip, _ = moving_disc(frames=3, size=64, radius=14)
    motion = motion_of(torch.cat([clip, clip.flip(2).roll(20, 3) * 0.4]), (64, 64))
    assert motion.cuts == {3}


def test_the_guided_filter_keeps_the_guides_edge_and_smooths_where_there_is_none():
    guide = torch.zeros(1, 3, 64, 64)
    guide[..., 32:] = 0.8
    rough = (guide[:, :1] > 0.5).float()
    rough = rough.roll(2, 3)  # two pixels off
    out = guided(rough, guide, eps=1e-4, radius=0.1)
    step = out[0, 0, 32, 32] - out[0, 0, 32, 31]
    assert step > 0.5
    flat = guided(rough, torch.full_like(guide, 0.5), radius=0.1)
    assert (flat[..., 1:] - flat[..., :-1]).abs().max() < 0.15


def test_a_matte_is_carried_to_the_full_size_along_the_full_edge():
    full = torch.zeros(1, 3, 128, 128)
    full[..., 61:] = 0.8
    small = resized(full, (32, 32))
    out = guided((small[:, :1] > 0.4).float(), small, eps=1e-4, full=full)
    assert out.shape == (1, 1, 128, 128)
    assert out[0, 0, 64, 61] - out[0, 0, 64, 60] > 0.7


@pytest.mark.parametrize("r", [1, 3])
def test_box_is_the_mean_of_the_pixels_inside(r):
    x = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    k = 2 * r + 1
    want = torch.nn.functional.avg_pool2d(x, k, 1, r, count_include_pad=False)
    assert torch.allclose(box(x, r), want, atol=1e-5)
