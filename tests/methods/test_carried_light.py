"""Light carried over scenes whose motion and light are known: error, cuts, keyframes, memory."""

import tracemalloc

import cv2
import numpy as np
import pytest
import torch

from relight.errors import InputError
from relight.methods.carried_light import (
    carried_lights,
    carry_leg,
    legs,
    light_at,
    reference_light,
    small_frame,
)
from relight.methods.carried_step import Carried, alike, step
from relight.methods.full_size_light import apply_light_uint8
from relight.methods.gain_and_glow import GainGlow
from relight.methods.ways import Ways

H, W = 72, 128
WARM, COOL = (1.15, 0.8, 0.5), (0.5, 0.7, 1.1)


def world(height, width, seed=0, low=40, high=200):
    """A texture of several scales, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cell, weight in ((48, 1.0), (16, 0.7), (5, 0.5)):
        grid = rng.random((height // cell + 3, width // cell + 3, 3))
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    total = (total - total.min()) / np.ptp(total)
    return (low + (high - low) * total).astype(np.uint8)


def panned(picture, count, step=3):
    """Views of a picture that a camera pans over."""
    return [picture[8 : 8 + H, step * i : step * i + W] for i in range(count)]


def light_over(height, width, left=WARM, right=COOL):
    """A gain attached to the world, (height, width, 3)."""
    x = np.linspace(0, 1, width)[None, :, None]
    return np.broadcast_to((1 - x) * np.array(left) + x * np.array(right), (height, width, 3))


def lit(image, gain):
    return (image * gain).clip(0, 255).round().astype(np.uint8)


def as_still(image):
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def error(frames, found, truth):
    """Mean codes between the lit frames and the truth, per frame."""
    out = [apply_light_uint8(frames[i], light) for i, light in found]
    return [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(out, truth, strict=True)]


def test_light_attached_to_a_panned_world_follows_it_within_three_codes():
    picture = world(H + 16, W + 80)
    gain = light_over(H + 16, W + 80)
    frames, gains = panned(picture, 9), panned(gain, 9)
    truth = [lit(f, g) for f, g in zip(frames, gains, strict=True)]
    reference = {3: reference_light(frames[3], as_still(truth[3]))}
    found = list(carried_lights(frames, reference))
    assert [i for i, _ in found] == list(range(9))
    errors = error(frames, found, truth)
    change = np.mean([np.abs(f.astype(int) - t).mean() for f, t in zip(frames, truth, strict=True)])
    assert errors[3] < 1.5 and max(errors) < 3 < 0.15 * change


def test_a_lit_object_takes_its_light_along_over_an_unlit_ground():
    ground, thing = world(H, W, 1, 40, 110), world(32, 32, 2, 120, 220)
    frames, truth = [], []
    for i in range(7):
        frame = ground.copy()
        frame[20:52, 10 + 6 * i : 42 + 6 * i] = thing
        after = frame.copy()
        after[20:52, 10 + 6 * i : 42 + 6 * i] = lit(thing, np.array(WARM))
        frames.append(frame)
        truth.append(after)
    found = list(carried_lights(frames, {0: reference_light(frames[0], as_still(truth[0]))}))
    out = apply_light_uint8(frames[6], found[6][1]).astype(int)
    inner = (slice(24, 48), slice(50, 74))
    unlit = np.abs(frames[6].astype(int) - truth[6])[inner].mean()
    assert np.abs(out - truth[6])[inner].mean() < 0.25 * unlit
    assert np.abs(out - truth[6])[:, :30].mean() < 3  # where it was, the ground is dark again


def test_what_comes_into_view_takes_the_light_of_its_surroundings():
    picture = world(H + 16, W + 240)
    frames = panned(picture, 10, step=10)  # 90 of 128 columns of the last frame are new
    truth = [lit(f, np.array(WARM)) for f in frames]
    found = list(carried_lights(frames, {0: reference_light(frames[0], as_still(truth[0]))}))
    assert max(error(frames, found, truth)) < 4


def test_light_is_for_the_colour_that_it_came_from_unless_all_of_the_frame_changed():
    grass, fur = torch.tensor([0.3, 0.5, 0.25]), torch.tensor([0.7, 0.6, 0.45])
    own = grass.view(3, 1, 1).expand(3, 12, 16).clone()
    came = own.clone()
    own[:, :, :6] = fur.view(3, 1, 1)
    found = alike(came, own)[0, 6]
    assert float(found[:5].max()) == 0 and float(found[8:].min()) == 1
    faded = alike(came - 0.3, came)
    assert float(faded.min()) == 1


def test_a_long_way_that_ends_in_other_light_than_the_short_one_is_not_gone():
    planes = torch.zeros(6, 12, 32)
    planes[:3, :, 16:] = -1.0  # one half of an even grey frame is in the dark
    grey = torch.full((3, 12, 32), 0.5)
    lit = Carried(GainGlow.from_planes(planes), torch.ones(1, 12, 32), grey)
    still, sure = torch.zeros(2, 12, 32), torch.ones(1, 12, 32)
    wrong = still.clone()
    wrong[0, :, 4:12] = 16  # looks the same there
    ways = Ways(still, sure, wrong, sure, 0 * sure, cut=False)
    found = step(lit, lit, np.full((12, 32, 3), 128, np.uint8), ways)
    assert found is not None and torch.allclose(found.light.planes, planes, atol=1e-2)


def test_a_cut_ends_it_and_each_scene_may_have_its_own_reference():
    first = panned(world(H + 16, W + 40, 1, 20, 120), 6)
    second = panned(world(H + 16, W + 40, 2, 120, 240), 6)
    frames = first + second
    dim = GainGlow(torch.full((3, H, W), -0.5), torch.zeros(3, H, W))
    found = dict(carried_lights(frames, {2: dim}))
    assert all(found[i] is not None for i in range(6))
    assert all(found[i] is None for i in range(6, 12))
    tinted = GainGlow(torch.full((3, H, W), 0.2), torch.full((3, H, W), 0.05))
    both = dict(carried_lights(frames, {2: dim, 9: tinted}))
    assert torch.allclose(both[5].log_gain, dim.log_gain, atol=2e-3)
    assert torch.allclose(both[6].glow, tinted.glow, atol=2e-3)


def test_two_references_are_keyframes_and_light_moves_evenly_between_them():
    frames = [world(H, W)] * 9
    a, b = (GainGlow(torch.full((3, H, W), g), torch.zeros(3, H, W)) for g in (-0.4, 0.4))
    found = [float(light.log_gain.mean()) for _, light in carried_lights(frames, {0: a, 8: b})]
    assert np.allclose(found, np.linspace(-0.4, 0.4, 9), atol=0.03)


def test_records_resume_bit_for_bit_and_a_frame_needs_only_its_own():
    picture = world(H + 16, W + 80)
    frames = panned(picture, 6)
    gain = light_over(H, W)
    reference = {2: reference_light(frames[2], as_still(lit(frames[2], gain)))}
    store = {}
    whole = dict(carried_lights(frames, reference, store))
    part = {key: value for key, value in store.items() if int(key[:7]) in (1, 3)}
    kept = set(part)
    again = dict(carried_lights(frames, reference, part))
    assert kept < set(part) == set(store)
    for index in (0, 2, 4, 5):
        assert torch.equal(whole[index].planes, again[index].planes)
        alone = light_at(index, frames[index], legs(6, [2]), reference, store)
        assert torch.equal(whole[index].planes, alone.planes)
    size = sum(t.numel() * t.element_size() for t in store["0000005-after-0000002"].values())
    assert size == 2 * 10 * H * W


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip():
    class Endless:
        """Frames that are made when asked for."""

        def __init__(self, count):
            self.count, self.picture = count, world(72, 400)

        def __len__(self):
            return self.count

        def __getitem__(self, index):
            return self.picture[4:68, index % 200 : index % 200 + 96]

    def peak(count):
        frames, light = Endless(count), GainGlow.none(32, 48)
        tracemalloc.start()
        for _ in carry_leg(frames, legs(count, [0])[0], light, {}):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(3)
    assert peak(40) < 1.2 * peak(6) + 100_000


def test_what_a_cropped_still_does_not_show_takes_the_light_of_its_surroundings():
    frame = world(H, W)
    covered = torch.zeros(1, H, W)
    covered[..., 20:108] = 1
    still = as_still(lit(frame, np.array(WARM))) * covered
    out = apply_light_uint8(frame, reference_light(frame, still, covered))
    assert np.abs(out.astype(int) - lit(frame, np.array(WARM))).mean() < 3


@pytest.mark.parametrize(
    "indices, words", [([], "no reference"), ([3, 3], "two references"), ([9], "0 to 4")]
)
def test_bad_references_are_one_line(indices, words):
    with pytest.raises(InputError, match=words):
        legs(5, indices)


def test_a_record_survives_its_file():
    planes = torch.rand(6, 8, 9)
    one = Carried(GainGlow.from_planes(planes), torch.rand(1, 8, 9), torch.rand(3, 8, 9))
    back = Carried.from_tensors(one.to_tensors())
    assert (back.light.planes - one.light.planes).abs().max() < 1e-3
    assert (back.colour - one.colour).abs().max() < 1e-3
    assert (back.trust - one.trust).abs().max() < 1e-3
    assert small_frame(np.zeros((100, 80, 3), np.uint8)).shape == (100, 80, 3)


@pytest.mark.parametrize("stays", [0.0, 0.3, 0.7, 1.0])
def test_even_light_stays_as_it_is_however_much_of_it_comes_along_each_way(stays):
    """What looks nearly as the reference does takes part of each way: together never over 1."""
    planes = torch.full((6, 12, 16), 0.4)
    lit = Carried(GainGlow.from_planes(planes), torch.ones(1, 12, 16), torch.zeros(3, 12, 16))
    still, sure = torch.zeros(2, 12, 16), torch.ones(1, 12, 16)
    ways = Ways(still, sure, still, sure, stays * sure, cut=False)
    found = step(lit, lit, np.zeros((12, 16, 3), np.uint8), ways)
    assert found is not None and torch.allclose(found.light.planes, planes, atol=1e-5)
