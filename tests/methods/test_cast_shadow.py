"""A subject's shadow lies away from the lamp, is soft and ends: known answers."""

import math

import pytest
import torch

from relight.errors import InputError
from relight.methods.cast_shadow import cast_shadow
from relight.methods.surface_shading import shading_gain
from relight.methods.surfaces import Surface, inflated

LEFT, TOP = torch.tensor([-0.88, 0.0, 0.47]), torch.tensor([0.0, -0.88, 0.47])


def _disc(size=128, radius=24, x=0.0):
    across = torch.arange(size, dtype=torch.float32)
    away = ((across - size / 2 - x) ** 2 + (across[:, None] - size / 2) ** 2).sqrt()
    return (radius + 0.5 - away).clamp(0, 1)[None, None]


def test_it_lies_on_the_side_away_from_the_lamp_and_ends():
    shadow = cast_shadow(_disc(), LEFT)[0, 0]
    assert float(shadow[64, :60].max()) < 0.05  # before the disc, and on its lit side
    assert float(shadow[64, 92]) > 0.5  # behind it
    assert float(shadow[64, 120:].max()) < 0.05  # further than it is long
    assert float(shadow[:20].max()) < 0.05  # beside it
    assert float(shadow.min()) >= 0
    assert float(shadow.max()) <= 1
    turned = cast_shadow(_disc(), TOP)[0, 0]
    torch.testing.assert_close(turned, shadow.T, atol=1e-4, rtol=0)


def test_it_is_soft_and_moves_with_its_subject_without_a_jump():
    shadow = cast_shadow(_disc(), LEFT)[0, 0]
    assert float(shadow.diff(dim=1).abs().max()) < 0.25  # a quarter of it from pixel to pixel
    near = cast_shadow(_disc(x=0.5), LEFT)[0, 0]
    assert float((near - shadow).abs().max()) < 0.15


@pytest.mark.parametrize(
    ("weight", "direction"),
    [
        (torch.ones(1, 1, 48, 64), LEFT),  # a depth clip: known everywhere
        (torch.zeros(1, 1, 48, 64), LEFT),  # no subject
        (_disc(64, 12), torch.tensor([0.0, 0.0, 1.0])),  # a light from the front
    ],
)
def test_there_is_none_where_nothing_stands_in_the_way(weight, direction):
    assert float(cast_shadow(weight, direction).abs().max()) < 1e-3


def test_it_takes_part_in_the_shading_as_far_as_a_subject_is_clear():
    matte, frames = _disc(), torch.full((1, 3, 128, 128), 0.5)
    found = inflated(matte, frames, torch.ones(1))
    gain = shading_gain(found, LEFT, shape=1.0)
    assert float(gain[0, 0, 64, 92]) < math.log(0.9)
    ball = torch.arange(66, 86)  # where no light falls there is none to hide
    assert float((gain[0, 0, 64, ball].diff()).max()) < 0.02
    none = Surface(found.normals, found.weight, torch.zeros(1))
    assert float(shading_gain(none, LEFT, shape=1.0).abs().max()) == 0
    field = LEFT.view(3, 1, 1).expand(3, 128, 128)
    assert float(shading_gain(found, field, shape=1.0)[0, 0, 64, 92]) == pytest.approx(0, abs=0.02)


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="a direction"):
        cast_shadow(_disc(), torch.zeros(3, 8, 8))
