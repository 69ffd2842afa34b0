"""The sky is found, walls are not; and a lamp's direction shows less in it: known answers."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.gain_and_glow import GainGlow, resized
from relight.methods.lamp import lamp_colour
from relight.methods.open_sky import (
    evened,
    evened_light,
    open_sky,
    shared_with_sky,
    sky_shares,
)

BLUE, DUSK, WALL, PEACH = (0.62, 0.72, 0.85), (0.12, 0.17, 0.3), (0.7, 0.7, 0.7), (0.9, 0.7, 0.55)


def _scene(above, ground=(0.3, 0.28, 0.2), tower=(0.35, 0.15, 0.1)):
    """A plain above a textured ground, and a tower before both, which is 20 pixels wide."""
    generator = torch.Generator().manual_seed(0)
    scene = torch.tensor(ground).view(1, 3, 1, 1) * (
        0.5 + torch.rand(1, 1, 96, 128, generator=generator)
    )
    scene[:, :, :56] = torch.tensor(above).view(1, 3, 1, 1)
    scene[:, :, 16:, 54:74] = torch.tensor(tower).view(1, 3, 1, 1)
    return (scene + 0.006 * torch.randn(1, 3, 96, 128, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("above", [BLUE, DUSK])
def test_a_sky_is_found_up_to_the_outline_of_what_stands_before_it(above):
    sky = open_sky(_scene(above))[0, 0]
    assert float(sky[:54, :52].min()) > 0.9  # two pixels from tower and ground
    assert float(sky[:54, 76:].min()) > 0.9
    assert float(sky[18:, 56:72].max()) < 0.05
    assert float(sky[62:].max()) < 0.05


@pytest.mark.parametrize("above", [WALL, PEACH, (0.05, 0.05, 0.05)])
def test_walls_warm_skies_and_the_dark_are_lit_as_they_were(above):
    assert float(open_sky(_scene(above)).max()) == 0


def test_a_blue_thing_that_does_not_reach_the_upper_border_is_no_sky():
    scene = _scene(WALL)
    scene[:, :, 8:56, :50] = torch.tensor(BLUE).view(1, 3, 1, 1)
    assert float(open_sky(scene).max()) == 0


def test_sky_between_twigs_is_sky():
    scene = _scene(BLUE)
    scene[:, :, :18, 116::4] = 0.1
    sky = open_sky(scene)[0, 0]
    assert float(sky[:18, 117::4].min()) > 0.9  # 0 when it was looked for once
    assert float(sky[:18, 116::4].max()) < 0.05


def test_grain_does_not_change_what_is_sky():
    clean = _scene(BLUE)
    found = [
        open_sky(
            clean + 0.012 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(i))
        )
        for i in range(3)
    ]
    assert float((torch.cat(found).std(0)).mean()) < 0.01


def test_a_lamps_direction_shows_half_as_much_in_the_sky_and_as_before_beside_it():
    ramp = torch.linspace(-1, 1, 64).expand(1, 32, 64)
    sky = torch.zeros(1, 32, 64)
    sky[:, :16] = 1
    even = evened(ramp, sky, 0.5)
    torch.testing.assert_close(even[:, 16:], ramp[:, 16:])
    torch.testing.assert_close(even[:, :16], 0.5 * ramp[:, :16], atol=1e-6, rtol=0)
    assert float(evened(ramp - 1, sky, 0.5, least=0.0)[0, 0].mean()) == pytest.approx(-0.5)
    light = GainGlow(ramp.expand(3, -1, -1), torch.zeros(3, 32, 64))
    lit = evened_light(light, torch.full((3, 32, 64), 0.4), sky, 0.5).log_gain
    torch.testing.assert_close(lit[:, 16:], light.log_gain[:, 16:])
    assert float(lit[:, :16].std()) < 0.65 * float(light.log_gain[:, :16].std())


def test_a_blue_sky_stays_blue_under_an_orange_lamp_and_a_white_wall_does_not():
    source = torch.tensor(DUSK).view(1, 3, 1, 1).expand(1, 3, 64, 64).clone()
    source[:, :, 32:] = 0.6
    orange = torch.tensor([0.4, -0.05, -0.9]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    light = GainGlow(orange, torch.zeros(1, 3, 64, 64))
    sky = torch.zeros(1, 1, 64, 64)
    sky[:, :, :32] = 1

    def blue_above_red(sky):
        found = lamp_colour(light, source, colour=orange, sky=sky)
        lit = found.log_gain.exp() * source + found.glow
        return [float(lit[0, 2, y, 32] - lit[0, 0, y, 32]) for y in (8, 56)]

    (above, wall), (before, same) = blue_above_red(sky), blue_above_red(None)
    assert above > 0.08 > before
    assert wall == pytest.approx(same, abs=1e-5)
    assert wall < -0.2


def test_the_sky_has_no_rim_in_the_lamps_colour_round_a_golden_tower():
    source = torch.tensor(DUSK).view(1, 3, 1, 1).repeat(1, 1, 128, 128)
    source[:, :, 16:, 50:80] = torch.tensor([0.9, 0.7, 0.1]).view(1, 3, 1, 1)
    orange = torch.tensor([0.4, -0.05, -0.9]).view(1, 3, 1, 1).expand(1, 3, 128, 128)
    light = GainGlow(orange, torch.zeros(1, 3, 128, 128))
    found = lamp_colour(light, source, colour=orange, sky=open_sky(source))
    lit = (found.log_gain.exp() * source + found.glow)[0, :, 64]
    assert float((lit[:, 80:90] - lit[:, 110:111]).abs().max()) < 0.05  # .15 by means of both


def test_pixels_that_sky_and_a_tower_share_have_the_light_of_both():
    full = torch.tensor(BLUE).view(1, 3, 1, 1).repeat(1, 1, 720, 720)
    full[:, :, 90:, 282:416] = torch.tensor([0.3, 0.15, 0.05]).view(1, 3, 1, 1)
    sky = (full[:, 2:] > 0.5).float()
    orange = torch.tensor([0.6, -0.05, -0.9]).view(1, 3, 1, 1)
    wanted = resized(torch.lerp(orange.exp() * full, full, sky), (60, 60))
    small, shares = resized(full, (60, 60)), sky_shares(resized(full, (180, 180)), (60, 60))
    coarse = GainGlow(orange * (shares < 0.95), torch.zeros(1, 3, 60, 60))

    def amiss(light):
        found = light.log_gain.exp() * small + light.glow
        return float((found - wanted)[:, :, 20:50].abs().max())

    assert amiss(coarse) > 0.2
    assert amiss(shared_with_sky(coarse, small, resized(sky, (60, 60)))) < 0.01
    assert amiss(shared_with_sky(coarse, small, shares)) < 0.05
    whole = torch.zeros_like(shares)
    torch.testing.assert_close(shared_with_sky(coarse, small, whole).planes, coarse.planes)


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="frames are"):
        open_sky(torch.zeros(3, 8, 8))
