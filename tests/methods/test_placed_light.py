"""Lamps at places on surfaces: where their light falls is known."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.placed_light import Lamp, irradiance, placed_gain, tint_gain
from relight.methods.surfaces import Surface, inflated

SIZE = 96


def _lamp(**given):
    plain = {"x": 0.5, "y": 0.5, "z": 0.15, "radius": 0.3, "colour": (1, 1, 1), "intensity": 1}
    return Lamp(**{**plain, **given})


def _flat(h=SIZE, w=SIZE, weight=1.0):
    normals = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, h, w)
    return Surface(normals, torch.full((1, 1, h, w), weight), torch.ones(1))


def _ball():
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    away = torch.hypot(x - SIZE / 2, y - SIZE / 2)
    matte = (away < 30).float()[None, None]
    return inflated(matte, torch.full((1, 3, SIZE, SIZE), 0.5), torch.ones(1)), away


@pytest.mark.parametrize("x, y", [(0.1, 0.2), (0.5, 0.5), (0.8, 0.3)])
@pytest.mark.parametrize("h, w", [(96, 96), (60, 110), (110, 60)])
def test_the_brightest_place_of_a_plane_is_the_lamps(x, y, h, w):
    gain = placed_gain([_lamp(x=x, y=y)], _flat(h, w))[0].mean(0)
    row, column = divmod(int(gain.argmax()), w)
    assert abs(column + 0.5 - x * w) <= 1 and abs(row + 0.5 - y * h) <= 1


def test_it_is_half_as_bright_at_its_radius_and_falls_with_the_square_far_off():
    light = irradiance(_lamp(z=0.001, radius=0.1, x=0.0), _flat(96, 960))[0, 0, 48]
    assert light[96].item() == pytest.approx(0.5, abs=0.02)
    assert (light[900] / light[450]).item() == pytest.approx(0.25, abs=0.02)


def test_a_soft_lamp_falls_slower_than_a_spot():
    hard, soft = (
        irradiance(_lamp(z=0.001, radius=0.1, x=0.0, fall=fall), _flat(96, 960))[0, 0, 48]
        for fall in (2.0, 0.5)
    )
    assert hard[0].item() == pytest.approx(soft[0].item(), abs=0.02)
    assert (hard[900] / hard[450]).item() == pytest.approx(1 / 16, abs=0.02)
    assert (soft[900] / soft[450]).item() == pytest.approx(1 / 2, abs=0.02)


def test_a_lamp_in_front_lights_the_face_and_one_behind_the_rim():
    surface, away = _ball()
    face, rim = away < 10, (away > 26) & (away < 29)
    front = placed_gain([_lamp(z=0.3)], surface)[0].mean(0)
    back = placed_gain([_lamp(z=-0.2)], surface)[0].mean(0)
    assert (front[face].mean() - front[rim].mean()) > 0.15
    assert (back[rim].mean() - back[face].mean()) > 0.5
    wall = away > 36
    assert back[wall & (away < 44)].mean() > back[face].mean() + 0.5  # it shines on what is behind


def test_a_lamp_beside_lights_the_side_that_faces_it():
    surface, away = _ball()
    gain = placed_gain([_lamp(x=-0.2, z=0.1)], surface)[0].mean(0)
    inside = away < 28
    left = torch.arange(SIZE).expand(SIZE, SIZE) < SIZE / 2
    assert gain[inside & left].mean() > gain[inside & ~left].mean() + 0.4


def test_two_lamps_are_added_up_in_their_colours():
    red, blue = _lamp(x=0.1, colour=(1, 0, 0)), _lamp(x=0.9, colour=(0, 0, 1))
    both = placed_gain([red, blue], _flat())[0].exp()
    alone = [placed_gain([lamp], _flat())[0].exp() for lamp in (red, blue)]
    nothing = placed_gain([], _flat())[0].exp()
    assert torch.allclose(both, alone[0] + alone[1] - nothing, atol=1e-4)
    assert both[0, 48, 10] > 5 * both[2, 48, 10] and both[2, 48, 85] > 5 * both[0, 48, 85]


def test_a_map_gives_its_colour_and_no_brightness():
    levels = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    gain = tint_gain(levels).exp()
    luma = (gain * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(1)
    as_bright = 0.5 * (luma + gain.amax(1))  # a strong red looks brighter than its luminance
    assert torch.allclose(as_bright, torch.ones_like(as_bright), atol=1e-5)
    assert float(tint_gain(torch.full((1, 3, 8, 8), 0.7)).abs().max()) < 1e-6


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        irradiance(_lamp(), _flat(), shape=1.5)
