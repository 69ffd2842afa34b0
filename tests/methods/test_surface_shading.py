"""Shading: a ball under a lamp, a plane without one, nothing where nothing is known."""

import math

import pytest
import torch

from relight.errors import InputError
from relight.methods.surface_shading import (
    bent,
    direction_of,
    directions_of,
    lambert,
    missing_fall_off,
    nearness,
    shading_gain,
)
from relight.methods.surfaces import Surface, from_depth, inflate, inflated

LEFT = torch.tensor([-0.8, 0.0, 0.6])
RIGHT = torch.tensor([0.8, 0.0, 0.6])


def grid(h, w):
    return torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")


def disc(h, w, cy, cx, radius):
    y, x = grid(h, w)
    return ((x - cx) ** 2 + (y - cy) ** 2 < radius**2).float()[None, None]


def ball(radius=40, size=128):
    """Matte and true normals of a ball in the middle."""
    y, x = grid(size, size)
    nx, ny = (x - size / 2) / radius, (y - size / 2) / radius
    nz = (1 - nx**2 - ny**2).clamp_min(0).sqrt()
    return disc(size, size, size / 2, size / 2, radius), torch.stack([nx, ny, nz])


def plane(h=32, w=48, confidence=1.0):
    normals = torch.zeros(1, 3, h, w)
    normals[:, 2] = 1
    return Surface(normals, torch.ones(1, 1, h, w), torch.tensor([confidence]))


def surface_of(matte, **options):
    f, _, h, w = matte.shape
    options = {"roundness": 1.0, "relief": 0.0} | options
    return inflated(matte, torch.full((f, 3, h, w), 0.5), torch.ones(f), **options)


def test_a_disc_is_inflated_to_half_a_ball():
    matte, normals = ball()
    height = inflate(matte)[0, 0]
    inner = disc(128, 128, 64, 64, 36)[0, 0].bool()
    assert (height - 40 * normals[2])[inner].abs().max() < 1.5  # pixels, of 40


def test_a_ball_under_a_light_from_the_left_is_shaded_as_a_ball_is():
    matte, normals = ball()
    gain = shading_gain(surface_of(matte), LEFT, shape=1)[0, 0]
    true = (lambert((normals * LEFT.view(3, 1, 1)).sum(0)) / lambert(LEFT[2])).log()
    inner = disc(128, 128, 64, 64, 34)[0, 0].bool()
    error = (gain - true)[inner].abs()
    assert error.mean() < 0.05 and error.max() < 0.2  # natural log: 5 % and 22 % of the light
    assert gain[64, 34] > 0.3 and gain[64, 94] < -0.7


def test_a_plane_has_the_fall_off_alone():
    gain = shading_gain(plane(), LEFT, shape=1, fall_off=0.5)
    wanted = bent(torch.linspace(1, -1, 48)) * 0.5 * math.log(2)
    assert torch.allclose(gain[0, 0, 0], wanted, atol=1e-6)
    assert gain[0, 0, 0].diff().max() < 0
    assert shading_gain(plane(), LEFT, shape=1).abs().max() < 1e-6


def test_without_a_subject_nothing_is_changed():
    matte, _ = ball()
    nothing = inflated(matte, torch.rand(1, 3, 128, 128), torch.zeros(1))
    assert not shading_gain(nothing, LEFT, shape=1).any()
    empty = inflated(torch.zeros_like(matte), torch.rand(1, 3, 128, 128), torch.ones(1))
    assert not shading_gain(empty, LEFT, shape=1).any()


def test_confidence_and_shape_scale_the_effect():
    matte, _ = ball()
    surface = surface_of(matte)
    full = shading_gain(surface, LEFT, shape=1)
    half = Surface(surface.normals, surface.weight, torch.tensor([0.5]))
    assert torch.allclose(shading_gain(half, LEFT, shape=1), full / 2)
    assert torch.allclose(shading_gain(surface, LEFT, shape=0.25), full / 4)
    assert not shading_gain(surface, LEFT, shape=0, fall_off=1).any()


def test_a_mirrored_scene_under_the_mirrored_light_is_mirrored():
    matte = torch.maximum(disc(96, 128, 50, 40, 22), disc(96, 128, 70, 75, 16))
    frames = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))

    def gain(matte, frames, light):
        return shading_gain(inflated(matte, frames, torch.ones(1)), light, fall_off=0.7)

    mirrored = gain(matte.flip(3), frames.flip(3), RIGHT).flip(3)
    assert torch.allclose(gain(matte, frames, LEFT), mirrored, atol=2e-3)


def test_no_edge_of_a_soft_matte_shows():
    """Across the outline of a blurred matte the gain changes by little from pixel to pixel."""
    matte, _ = ball(size=128)
    soft = torch.nn.functional.avg_pool2d(matte, 9, 1, 4, count_include_pad=False)
    surface = inflated(soft, torch.full((1, 3, 128, 128), 0.5), torch.ones(1))
    gain = shading_gain(surface, LEFT)
    assert gain.min() < -0.6
    assert (gain[..., 1:] - gain[..., :-1]).abs().max() < 0.24  # a third of a stop, at 128 pixels


def test_normals_are_steady_as_a_shape_moves():
    still = surface_of(disc(128, 128, 64, 50, 24)).normals
    moved = surface_of(disc(128, 128, 64, 66, 24)).normals
    inner = disc(128, 128, 64, 66, 18)[0, 0].bool()
    apart = (moved - still.roll(16, 3))[0].norm(dim=0)[inner]
    assert apart.mean() < 0.02 and apart.max() < 0.1


def test_a_shape_cut_off_by_the_frame_goes_on_beyond_it():
    """Half a disc at the border has the height of the whole disc there, not a slope down to 0."""
    height = inflate(disc(128, 128, 64, 0, 40))[0, 0]
    assert abs(float(height[64, 0]) - 40) < 1.5


def test_relief_follows_the_pictures_luminance():
    matte = torch.ones(1, 1, 128, 128)
    frames = torch.full((1, 3, 128, 128), 0.3) + 0.5 * disc(128, 128, 64, 64, 8)
    bump = inflated(matte, frames, torch.ones(1), relief=0.1).normals
    assert bump[0, 0, 64, 56] < -0.05 < 0.05 < bump[0, 0, 64, 72]


def test_depth_gives_the_normals_of_its_slope():
    ramp = torch.linspace(1, 0, 128).expand(1, 1, 128, 128)  # nearer on the left
    surface = from_depth(ramp, deep=0.5)
    assert surface.weight.min() == 1
    assert torch.allclose(surface.normals[0, 0, 64, 64], torch.tensor(0.437), atol=0.02)
    assert shading_gain(surface, RIGHT).mean() > 0.1 > shading_gain(surface, LEFT).mean()


@pytest.mark.parametrize("depth", [torch.zeros(1, 3, 8, 8), torch.full((1, 1, 8, 8), 2.0)])
def test_bad_depth_is_refused(depth):
    with pytest.raises(InputError, match="depth"):
        from_depth(depth)


@pytest.mark.parametrize(
    ("levels", "want"),
    [
        (torch.linspace(1, 0, 64).expand(48, 64), (-1, 0)),
        (torch.linspace(0, 1, 64).expand(48, 64), (1, 0)),
        (torch.linspace(1, 0, 48).view(48, 1).expand(48, 64), (0, -1)),
        (torch.linspace(0, 255, 64)[:, None].expand(48, 64, 3).numpy(), (1, 0)),
    ],
    ids=["left", "right", "top", "colour"],
)
def test_the_direction_of_a_ramp(levels, want):
    direction, clear = direction_of(levels)
    flat = direction[:2] / direction[:2].norm()
    assert torch.allclose(flat, torch.tensor(want, dtype=torch.float32), atol=1e-3)
    assert clear > 0.99 and abs(float(direction.norm()) - 1) < 1e-5


def test_a_diagonal_ramp_is_a_diagonal_direction():
    y, x = grid(64, 64)
    direction, clear = direction_of(128 - x - y)
    assert abs(float(direction[0] - direction[1])) < 1e-3 and direction[0] < 0 and clear > 0.99


@pytest.mark.parametrize(
    "levels",
    [torch.full((32, 32), 0.7), torch.zeros(32, 32, 3), disc(32, 32, 16, 16, 6)[0, 0]],
    ids=["flat", "black", "middle"],
)
def test_a_map_without_a_gradient_has_no_direction(levels):
    assert direction_of(levels)[1] < 0.01


def lamp(x=0.5, y=0.5, size=64):
    rows, columns = grid(size, size)
    return 0.5 ** (((columns / size - x) ** 2 + (rows / size - y) ** 2) / 0.3**2)


def test_a_lamp_in_the_picture_lights_every_side_that_faces_it():
    field, clear = directions_of(lamp(x=0.7, y=0.3, size=96))
    assert clear == 1 and torch.allclose(field.norm(dim=0), torch.ones(96, 96), atol=1e-4)
    y, x = grid(96, 96)
    true = torch.stack([0.7 * 96 - x, 0.3 * 96 - y])
    cosine = torch.nn.functional.cosine_similarity(true, field[:2], dim=0)
    assert cosine[true.norm(dim=0) > 12].min() > 0.93
    gain = shading_gain(surface_of(disc(96, 96, 48, 48, 24)), field, shape=1)[0, 0]
    assert gain[34, 62] > 0.1 > -0.3 > gain[62, 34]


def test_a_map_without_contrast_has_no_directions():
    assert directions_of(torch.full((32, 32, 3), 0.4))[1] == 0


def test_a_field_of_directions_fits_the_surface_and_has_no_fall_off():
    field, _ = directions_of(lamp())
    with pytest.raises(InputError, match="direction"):
        shading_gain(plane(64, 64), field[:, :32])
    with pytest.raises(InputError, match="fall-off"):
        shading_gain(plane(64, 64), field, fall_off=1)


def test_what_a_light_lacks_of_a_fall_off_is_added():
    source = torch.full((2, 3, 64, 64), 0.3)
    lit = source * 2 ** (1.2 / 2.2 * nearness(LEFT, 64, 64))  # 1.2 stops
    assert abs(missing_fall_off(source, lit, LEFT, goal=2.0) - 0.8) < 0.1
    assert missing_fall_off(source, source, LEFT, goal=2.0) == 2
    assert missing_fall_off(source, lit, LEFT, goal=1.0) == 0
    assert missing_fall_off(source, lit, RIGHT, goal=2.0, most=1.5) == 1.5


def test_bad_values_are_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        shading_gain(plane(), LEFT, shape=1.5)
    with pytest.raises(InputError, match="same frames"):
        missing_fall_off(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9), LEFT)
    with pytest.raises(InputError, match="belong together"):
        inflated(torch.ones(2, 1, 16, 16), torch.ones(2, 3, 8, 8), torch.ones(2))
    with pytest.raises(InputError, match="level map"):
        direction_of(torch.ones(8))


def test_what_is_behind_a_subject_is_lit_less_and_nothing_without_one():
    matte = disc(96, 96, 48, 48, 24)
    surface = surface_of(matte)
    plain, less = (shading_gain(surface, LEFT, shape=1, behind=b) for b in (0.0, 0.5))
    pool = (less - plain)[0, 0]
    assert pool[5, 5] == pytest.approx(-0.5 * math.log(2), abs=0.02) and pool[48, 48] > -0.1
    assert pool.diff().abs().max() < 0.02  # no edge
    nothing = Surface(surface.normals, surface.weight, torch.zeros(1))
    assert not shading_gain(nothing, LEFT, shape=1, behind=0.5).any()
