"""Emitters: what shines by itself is not darkened as paint is."""

import numpy as np
import pytest
import torch

from relight.errors import InputError
from relight.methods.emitters import HELD, emitters, undarkened
from relight.methods.full_size_light import apply_light
from relight.methods.gain_and_glow import GainGlow


def _room():
    """A grey room with a blown-out window and a white shirt, (1, 3, 64, 96)."""
    room = torch.full((1, 3, 64, 96), 0.4)
    room[..., 8:40, 8:32] = 1.0
    room[..., 8:40, 56:80] = 0.85
    return room


def test_a_blown_out_window_keeps_some_of_the_stops_that_a_shirt_loses():
    room, dark = _room(), GainGlow(torch.full((1, 3, 64, 96), np.log(0.25)), torch.zeros(1))
    dark = GainGlow(dark.log_gain, torch.zeros_like(dark.log_gain))
    lit = apply_light(room, undarkened(dark, room))
    window, shirt, wall = (float(lit[0, 0, 20, x]) for x in (20, 68, 45))
    assert shirt == pytest.approx(0.85 / 4, abs=0.02) and wall == pytest.approx(0.1, abs=0.02)
    assert window == pytest.approx(0.25 ** (1 - HELD), abs=0.02)


def test_a_coloured_lamp_takes_fewer_stops_of_each_channel_and_adds_what_it_adds():
    room = _room()
    red = torch.tensor([0.3, -1.2, -1.2]).view(1, 3, 1, 1).expand(1, 3, 64, 96)
    light = undarkened(GainGlow(red, torch.zeros(1, 3, 64, 96)), room)
    assert light.log_gain[0, :, 20, 20].tolist() == pytest.approx(
        [0.3, *[-1.2 * (1 - HELD)] * 2], abs=0.01
    )
    assert torch.equal(light.log_gain[..., 45:95], red[..., 45:95])


def test_no_emitter_leaves_the_light_as_it_is_and_other_shapes_are_refused():
    light = GainGlow(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    assert undarkened(light, torch.full((1, 3, 16, 16), 0.7)) is light
    with pytest.raises(InputError, match="frames are"):
        emitters(torch.zeros(3, 8, 8))
