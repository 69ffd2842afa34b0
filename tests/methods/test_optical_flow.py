"""Flow, its trust, and light carried between frames: known motions, cuts, every size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.methods.optical_flow import between, carry, confidence, flow, same_scene, warp


def texture(h, w, seed=0, low=0.1, high=0.9):
    g = torch.Generator().manual_seed(seed)
    fine = F.interpolate(
        torch.rand(1, 3, h // 4 + 2, w // 4 + 2, generator=g), (h, w), mode="bicubic"
    )
    wide = F.interpolate(torch.rand(1, 3, 4, 4, generator=g), (h, w), mode="bicubic")
    return (low + (high - low) * (0.5 * fine + 0.5 * wide)[0]).clamp(0, 1)


def square(at, size=20, h=72, w=128):
    """A textured square on a textured ground, and the mask of the square."""
    frame, mask = texture(h, w, 1, 0.1, 0.4), torch.zeros(1, h, w)
    frame[:, 25 : 25 + size, at : at + size] = texture(size, size, 2, 0.6, 1.0)
    mask[:, 25 : 25 + size, at : at + size] = 1
    return frame, mask


@pytest.mark.parametrize("shape", [(72, 128), (270, 480), (101, 67)])
@pytest.mark.parametrize("dy,dx", [(0, 3), (2, -4)])
def test_flow_is_the_known_shift_in_pixels_of_the_given_size(shape, dy, dx):
    h, w = shape
    big = texture(h + 20, w + 20)
    a, b = big[:, 10 : 10 + h, 10 : 10 + w], big[:, 10 + dy : 10 + dy + h, 10 + dx : 10 + dx + w]
    found = flow(a, b)
    assert found.shape == (2, h, w)
    inner = found[:, 12:-12, 12:-12]
    expected = torch.tensor([-dx, -dy]).view(2, 1, 1)
    assert (inner - expected).abs().mean() < 0.25
    error = (warp(b, found) - a)[:, 12:-12, 12:-12].abs().mean()
    assert error < 0.25 * (a - b)[:, 12:-12, 12:-12].abs().mean()
    as_uint8 = [(x * 255).round().byte().permute(1, 2, 0).numpy() for x in (a, b)]
    assert torch.equal(flow(*as_uint8), found)


def test_warp_reads_at_pixel_plus_flow_and_repeats_the_border():
    x = torch.arange(12.0).view(1, 3, 4)
    assert torch.allclose(warp(x, torch.zeros(2, 3, 4)), x, atol=1e-5)
    right = warp(x, torch.stack([torch.ones(3, 4), torch.zeros(3, 4)]))
    assert torch.allclose(right, x[:, :, [1, 2, 3, 3]], atol=1e-5)
    half_down = warp(x, torch.stack([torch.zeros(3, 4), torch.full((3, 4), 0.5)]))
    assert torch.allclose(half_down[:, :2], x[:, :2] + 2, atol=1e-5)


def test_confidence_falls_where_something_is_covered_and_at_a_cut():
    (a, mask_a), (b, mask_b) = square(30), square(42)
    trust = confidence(a, b, flow(a, b), flow(b, a))
    covered = ((mask_b - mask_a) > 0).float()  # ground in a that the square hides in b
    ground = 1 - (mask_a + mask_b).clamp(0, 1)
    mean = lambda m: float((trust * m).sum() / m.sum())  # noqa: E731
    assert mean(ground) > 0.8
    assert mean(covered) < 0.5 * mean(ground)
    assert same_scene(trust) == 1
    other = 1 - texture(72, 128, 9)
    assert same_scene(confidence(a, other, flow(a, other), flow(other, a))) == 0


def test_between_gives_the_neighbours_at_its_ends_and_their_blend_inside():
    frame = texture(72, 128)
    gain_a, gain_b = torch.randn(2, 3, 72, 128, generator=torch.Generator().manual_seed(0))
    assert torch.equal(between(gain_a, gain_b, frame, frame, frame, 0.0), gain_a)
    assert torch.equal(between(gain_a, gain_b, frame, frame, frame, 1.0), gain_b)
    flat_a, flat_b = torch.full((3, 72, 128), -1.0), torch.full((3, 72, 128), 1.0)
    for weight in (0.25, 0.5, 0.9):
        out = between(flat_a, flat_b, frame, frame, frame, weight)
        assert torch.allclose(out, torch.full_like(out, 2 * weight - 1), atol=1e-4)


def test_a_moving_object_carries_its_light():
    (a, mask_a), (mid, mask), (b, mask_b) = square(30), square(36), square(42)
    out = between(mask_a.expand(3, -1, -1), mask_b.expand(3, -1, -1), a, mid, b, 0.5)
    error = (out - mask).abs().mean()
    plain = (0.5 * (mask_a + mask_b) - mask).abs().mean()
    assert error < 0.35 * plain
    core = F.max_pool2d(1 - mask[None], 5, 1, 2)[0] < 0.5
    assert out[:1][core].min() > 0.8


@pytest.mark.parametrize("cut_before", [True, False])
@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_no_light_bleeds_across_a_cut(cut_before, weight):
    one, two = texture(72, 128, 3, 0.0, 0.5), texture(72, 128, 4, 0.5, 1.0)
    first, second = torch.full((3, 72, 128), -1.0), torch.full((3, 72, 128), 1.0)
    frame = two if cut_before else one
    out = between(first, second, one, frame, two, weight)
    assert (out - (second if cut_before else first)).abs().max() < 1e-3


def test_a_shot_of_its_own_takes_the_nearer_neighbour_and_fast_motion_the_blend():
    first, second = torch.full((3, 72, 128), -1.0), torch.full((3, 72, 128), 1.0)
    dark, grey, bright = texture(72, 128, 3, 0, 0.2), texture(72, 128, 4, 0.3, 0.6), None
    bright = texture(72, 128, 5, 0.8, 1.0)
    assert torch.equal(between(first, second, dark, grey, bright, 0.6), first)
    g = torch.Generator().manual_seed(0)  # no flow can follow fresh noise; the scene is the same
    noise = [torch.rand(3, 72, 128, generator=g) for _ in range(3)]
    out = between(first, second, *noise, 0.75)
    assert (out - 0.5).abs().max() < 1e-3


def test_frames_may_be_larger_than_the_light():
    (a, mask_a), (b, mask_b) = square(60, 40, 144, 256), square(72, 40, 144, 256)
    small_a, small_b = (F.avg_pool2d(m, 2) for m in (mask_a, mask_b))
    moved, trust = carry(small_a, b, a)
    assert moved.shape == (1, 72, 128) and trust.shape == (1, 72, 128)
    assert (moved - small_b).abs().mean() < 0.35 * (small_a - small_b).abs().mean()


@settings(max_examples=25, deadline=None)
@given(h=st.integers(1, 40), w=st.integers(1, 40), weight=st.floats(0, 1))
def test_any_size(h, w, weight):
    rng = np.random.default_rng(h * 41 + w)
    frames = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for _ in range(3)]
    assert flow(frames[0], frames[1]).shape == (2, h, w)
    low, high = torch.full((3, h, w), -2.0), torch.full((3, h, w), 1.0)
    out = between(low, high, *frames, weight)
    assert out.shape == (3, h, w) and out.isfinite().all()
    assert out.min() >= -2.0001 and out.max() <= 1.0001
