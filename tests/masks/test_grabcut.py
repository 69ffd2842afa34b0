"""The subject of a clip: found where it is known to be, and not found where there is none."""

import numpy as np
import pytest
import torch

from relight.errors import InputError
from relight.masks import CONTEXT, colours_of, find_subject, subject_surface
from relight.masks.evidence import against_dominant, apart_from_border, centre_prior
from relight.masks.grabcut import work_size
from relight.methods.optical_flow import flow, warp
from tests.masks.scenes import moving_disc, texture


def edge_error(matte, truth):
    """Mean distance in pixels between two outlines: area that differs over the outline's length."""
    length = float(
        (truth[..., 1:] != truth[..., :-1]).sum() + (truth[..., 1:, :] != truth[..., :-1, :]).sum()
    )
    return float((matte.round() - truth).abs().sum()) / (length * np.pi / 4)


@pytest.fixture(scope="module")
def disc():
    clip, truth = moving_disc()
    return clip, truth, find_subject(clip)


def test_a_moving_subject_is_cut_within_two_pixels(disc):
    _, truth, found = disc
    assert found.confidence.min() > 0.9
    assert edge_error(found.matte, truth) < 2
    assert (found.matte * truth).sum() / truth.sum() > 0.95


def test_motion_alone_finds_most_of_a_subject_of_the_backgrounds_own_colours():
    clip, truth = moving_disc(ground=(0.5, 0.5, 0.5), colour=(0.5, 0.5, 0.5), step=3)
    found = find_subject(clip)
    assert found.confidence.min() > 0.4
    inside, outside = (found.matte * truth).sum() / truth.sum(), (found.matte * (1 - truth)).mean()
    assert inside > 0.65 and outside < 0.03


def test_colour_alone_finds_a_subject_that_stands_still():
    clip, truth = moving_disc(
        frames=3, step=0, pan=0, ground=(0.2, 0.3, 0.5), colour=(0.8, 0.5, 0.2)
    )
    found = find_subject(clip)
    assert found.confidence.min() > 0.9
    assert edge_error(found.matte, truth) < 2


def test_the_matte_is_steady_along_the_motion(disc):
    clip, truth, found = disc
    for t in range(1, len(clip)):
        back = flow(clip[t], clip[t - 1])
        inside = truth[t].bool() & (warp(truth[t - 1], back) > 0.99)
        change = (found.matte[t] - warp(found.matte[t - 1], back)).abs()[inside]
        assert change.mean() < 0.03
    assert (found.confidence[1:] - found.confidence[:-1]).abs().max() < 0.1


@pytest.mark.parametrize(
    "clip",
    [
        torch.full((3, 3, 64, 96), 0.4),
        torch.linspace(0, 1, 96).expand(3, 3, 64, 96),
        texture(64, 96, (0.5, 0.5, 0.5), 3).expand(3, 3, 64, 96),
        torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["flat", "ramp", "texture", "noise"],
)
def test_without_a_subject_none_is_claimed(clip):
    assert float(find_subject(clip).confidence.max()) == 0


@pytest.mark.slow
def test_a_frame_depends_on_its_context_alone():
    clip, _ = moving_disc(frames=2 * CONTEXT + 6, size=64, radius=14, step=1)
    whole, part = find_subject(clip), find_subject(clip[4 : 2 * CONTEXT + 5])
    t = 4 + CONTEXT
    assert torch.allclose(whole.matte[t], part.matte[CONTEXT], atol=1e-4)
    assert torch.allclose(whole.confidence[t], part.confidence[CONTEXT], atol=1e-4)


def test_the_same_clip_gives_the_same_matte(disc):
    clip, _, found = disc
    again = find_subject(clip)
    assert torch.equal(again.matte, found.matte) and torch.equal(again.confidence, found.confidence)


def test_nothing_comes_from_the_other_side_of_a_cut():
    clip, _ = moving_disc(frames=4, size=64, radius=14)
    other = torch.linspace(0, 1, 64).view(1, 1, 64, 1).expand(4, 3, 64, 64)
    both = find_subject(torch.cat([clip, other]))
    assert torch.allclose(both.matte[:4], find_subject(clip).matte, atol=1e-4)
    assert float(both.confidence[4:].max()) == 0


def test_the_dominant_motion_may_be_a_zoom_and_a_turn():
    y, x = np.mgrid[0:96, 0:96].astype(np.float32) - 48
    flow = np.stack([0.05 * x - 0.03 * y + 2, 0.03 * x + 0.05 * y])
    flow[:, 40:60, 30:50] += 6
    moving = against_dominant(flow)
    assert moving[40:60, 30:50].min() > 0.9
    moving[40:60, 30:50] = 0
    assert moving.max() < 0.1


def test_a_subject_that_touches_the_border_is_not_taken_for_the_border():
    image = np.full((96, 96, 3), 90, np.uint8)
    image[40:, 45:50] = (220, 60, 40)  # up to the bottom
    image[:3, 47:49] = (220, 60, 40)  # a little of it along the top
    assert apart_from_border(image[None])[0, 60, 47] > 0.9
    assert centre_prior(96, 96).max() <= 1


@pytest.mark.parametrize("size", [(512, 512), (480, 848), (848, 480), (100, 20)])
def test_every_shape_costs_the_same(size):
    h, w = work_size(*size)
    assert h * w <= 112 * 112 * 1.1 and min(h, w) >= 16


def test_the_surface_of_a_clip_has_its_confidence(disc):
    clip, truth, found = disc
    surface = subject_surface(clip)
    assert torch.equal(surface.confidence, found.confidence)
    assert surface.normals.shape == (len(clip), 3, 128, 128)
    tilt = surface.normals[:, :2].norm(dim=1, keepdim=True)
    assert (tilt * truth).sum() / truth.sum() > 0.2
    outside = torch.nn.functional.max_pool2d(truth, 25, 1, 12) == 0
    assert (tilt * outside).sum() / outside.sum() < 0.02


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 1, 64, 64), (0, 3, 64, 64), (2, 3, 8, 64)])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="frames are"):
        find_subject(torch.zeros(shape))


def test_the_clips_colours_keep_a_part_that_moves_in_some_frames_only():
    """A head moves all the time, the body below it in the first half: both are the subject."""
    frames = torch.full((12, 3, 64, 64), 0.6) + 0.02 * torch.rand(
        1, 3, 64, 64, generator=torch.Generator().manual_seed(0)
    )
    for t in range(12):
        x, moved = 26 + t % 4, 24 + min(t, 6)
        frames[t, :, 14:28, x : x + 12] = torch.tensor([0.9, 0.7, 0.2]).view(3, 1, 1)
        frames[t, :, 28:64, moved : moved + 20] = torch.tensor([0.1, 0.2, 0.5]).view(3, 1, 1)
    runs = [frames[t : t + 5] for t in (0, 2, 5, 7)]
    matte = find_subject(frames, colours=colours_of(runs)).matte
    body = matte[:, 0, 40:60, 32:42].mean((1, 2))
    assert body.min() > 0.9, body
    assert matte[:, 0, :, :15].mean() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed, colour, grain", [(7, (0.58, 0.45, 0.38), 2.5), (5, (0.6, 0.45, 0.38), 3.5)]
)
def test_grain_does_not_decide_the_matte_of_a_still_scene(seed, colour, grain):
    """A subject nearly of the background's colours: its matte is the same all the time.

    What edges leave open hangs on the grain, if that is not averaged away first: areas of the matte
    then change by .05 and more, and the shading that is made of it pulses.
    """
    scene = moving_disc(frames=1, size=96, radius=22, ground=(0.5, 0.42, 0.36), colour=colour)[0]
    noise = torch.randn(20, 3, 96, 96, generator=torch.Generator().manual_seed(seed))
    found = find_subject((scene + grain / 255 * noise).clamp(0, 1))
    assert found.confidence.min() > 0.9
    areas = torch.nn.functional.adaptive_avg_pool2d(found.matte, 8)
    assert (areas.amax(0) - areas.amin(0)).max() < 0.03
