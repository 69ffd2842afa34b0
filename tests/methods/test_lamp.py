"""A lamp has one colour, and the picture its exposure: known answers."""

import math

import pytest
import torch

from relight.lights.colors import LAMPS
from relight.methods.exposure import exposed, exposure, steadied
from relight.methods.full_size_light import apply_light
from relight.methods.gain_and_glow import GainGlow, luma
from relight.methods.lamp import (
    highlighted,
    lamp_colour,
    lamp_part,
    mixed,
    paled,
    without_haze,
)
from relight.methods.placed_light import AMBIENT
from relight.methods.two_lamps import two_lamps


def _gain(*channels, size=64):
    planes = torch.tensor(channels).view(1, 3, 1, 1).expand(1, 3, size, size).clone()
    return GainGlow(planes, torch.zeros(1, 3, size, size))


def test_one_colour_on_a_neutral_picture_stays():
    grey = torch.rand(1, 1, 64, 64).expand(1, 3, 64, 64) * 0.5 + 0.2
    light = _gain(0.3, -0.1, -0.4)
    assert (lamp_colour(light, grey).log_gain - light.log_gain).abs().max() < 0.03


def test_what_was_drawn_on_a_coloured_thing_is_not_taken_for_light():
    source = torch.full((1, 3, 64, 64), 0.5)
    source[:, 1:, 24:40, 24:40] = 0.03  # a red thing
    light = _gain(0.1, 0.0, -0.1)
    light.log_gain[:, 1, 24:40, 24:40] = 1.5  # that the model drew greener
    white = torch.full((1, 3, 64, 64), 0.2)
    before = apply_light(white, light)[0, :, 32, 32]
    after = apply_light(white, lamp_colour(light, source))[0, :, 32, 32]
    assert before[1] / before[0] > 3  # a highlight on it would turn green
    assert after[1] / after[0] < 1.3


def test_the_luminance_of_the_light_is_kept():
    source = torch.rand(1, 3, 64, 64) * 0.4 + 0.2
    ramp = torch.linspace(-0.4, 0.2, 64).expand(1, 1, 64, 64)
    light = GainGlow(
        ramp + torch.tensor([0.2, 0.0, -0.2]).view(1, 3, 1, 1), torch.zeros(1, 3, 64, 64)
    )
    mean = torch.full((1, 3, 64, 64), 0.4)
    before = luma(light.log_gain.exp() * mean)
    smooth = lamp_colour(light, source)
    after = luma(smooth.log_gain.exp() * mean + smooth.glow)
    assert (after / before - 1).abs().mean() < 0.03


@pytest.mark.parametrize("stops, wanted", [(1.0, 0.475), (-1.0, 1.0), (0.0, 0.95)])
def test_the_exposure_holds_a_brightened_picture_and_leaves_a_dark_one(stops, wanted):
    light = GainGlow(torch.full((3, 8, 8), stops * math.log(2)), torch.zeros(3, 8, 8))
    assert exposure([light], [torch.full((3, 16, 16), 0.3)]) == pytest.approx(wanted, abs=1e-3)


def test_an_exposure_scales_what_is_seen():
    light = GainGlow(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.1))
    seen = apply_light(torch.full((1, 3, 8, 8), 0.4), exposed(light, 0.5))
    assert float(seen.mean()) == pytest.approx(0.25, abs=1e-3)


def test_a_paled_light_keeps_its_luminance_and_a_share_of_its_colour():
    source = torch.tensor([0.6, 0.45, 0.35]).view(1, 3, 1, 1).expand(1, 3, 64, 64)  # skin
    light = _gain(0.3, -0.1, -0.4)
    full = apply_light(source, light)

    def result(share):
        return apply_light(source, paled(light, source, share))

    assert (result(1.0) - full).abs().max() < 2 / 255
    for share in (0.0, 0.25, 0.5):
        assert (luma(result(share)) - luma(full)).abs().max() < 2 / 255
    white = (result(0.0) / source)[0, :, 32, 32]
    assert white.max() / white.min() < 1.03
    ratios = [(result(share) / source)[0, :, 32, 32].log() for share in (0.25, 1.0)]
    spread = [float(ratio[0] - ratio[2]) for ratio in ratios]
    assert spread[0] / spread[1] == pytest.approx(0.25, abs=0.04)


def test_a_paled_glow_is_a_haze_of_the_sources_own_colour():
    source = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    glow = torch.tensor([0.2, 0.02, 0.02]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    light = GainGlow(torch.zeros(1, 3, 64, 64), glow)
    lit = apply_light(source, paled(light, source, 0.0))
    ratio = (lit / source)[0, :, 32, 32]
    assert ratio.max() / ratio.min() < 1.05
    assert abs(float(luma(lit).mean() - luma(source + glow).mean())) < 2 / 255


def _patches():
    """Skin about a bright eye, (1, 3, 64, 64)."""
    face = torch.tensor([0.62, 0.48, 0.42]).view(1, 3, 1, 1).expand(1, 3, 64, 64).clone()
    face[..., 30:34, 30:34] = 0.85
    return face


def _ratio(light, source):
    lit = light.log_gain.exp() * source + light.glow
    return lit / lit.amax(1, keepdim=True)


def test_an_eye_stays_whiter_than_the_skin_about_it_under_red_neon():
    face = _patches()
    lamp = torch.tensor([0.1, -0.9, -0.9]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    plain = GainGlow(lamp, torch.zeros(1, 3, 64, 64))
    before, after = _ratio(plain, face), _ratio(highlighted(plain, face), face)
    eye, skin = (..., 32, 32), (..., 5, 5)
    assert after[eye][0, 1] > before[eye][0, 1] + 0.03
    assert abs(after[skin][0, 1] - before[skin][0, 1]) < 0.01


def test_white_light_has_no_highlights_of_another_colour():
    face = _patches()
    white = GainGlow(torch.full((1, 3, 64, 64), 0.2), torch.zeros(1, 3, 64, 64))
    lit = highlighted(white, face)
    torch.testing.assert_close(lit.planes, white.planes, rtol=0, atol=0.01)


def test_blue_paint_turns_dull_and_not_green_under_a_golden_lamp():
    blue = torch.tensor([0.02, 0.42, 0.52]).view(1, 3, 1, 1).expand(1, 3, 64, 64).clone()
    blue[..., 32:] = 0.5  # a grey wall tells the lamp's colour
    gold = torch.tensor([0.25, 0.1, -0.6]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    light = lamp_colour(GainGlow(gold, torch.zeros(1, 3, 64, 64)), blue, strength=0.8)
    lit = light.log_gain.exp() * blue + light.glow
    red, green, low = lit[0, :, 32, 8]
    assert low > 0.7 * green and red > 0.1, (red, green, low)
    wall = lit[0, :, 32, 56]
    assert wall[0] > 1.5 * wall[2]


@pytest.mark.parametrize(
    "lit, source, wanted",
    [(0.02, 0.01, 0.8), (0.95, 1.0, 0.85), (0.008, 0.01, 1.0), (0.0009, 0.0004, 1.0)],
)
def test_what_moves_shimmers_no_more_under_the_light(lit, source, wanted):
    """By what is needed, a fifth at most; not for what hardly changes at all."""
    assert steadied(0.8, [(lit, source)] * 3) == pytest.approx(0.8 * wanted)
    assert steadied(0.8, []) == 0.8


@pytest.mark.parametrize("part", [0.3, 2.0, 8.0])
@pytest.mark.parametrize("name", ["orange", "teal", "magenta"])
def test_a_lamp_and_white_light_add_up(name, part):
    """Exactly: (1 + K c) / (1 + K) of a channel c, so that the hue is the lamp's at any K."""
    light = GainGlow(
        two_lamps(LAMPS[name], LAMPS[name], torch.zeros(1, 64, 64)), torch.zeros(1, 3, 64, 64)
    )
    grey = torch.full((1, 3, 64, 64), 0.4)
    both = mixed(light, grey, torch.full((1, 1, 1, 1), part))
    seen = ((both.log_gain.exp() * 0.4 + both.glow + 0.01) ** 2.2)[0, :, 32, 32]
    lamp = torch.tensor(LAMPS[name]) / max(LAMPS[name])
    torch.testing.assert_close(
        seen / seen.max(), (1 + part * lamp) / (1 + part), rtol=0.02, atol=0.005
    )
    assert luma(both.log_gain.exp() * 0.4 + both.glow).mean() == pytest.approx(0.4, abs=0.01)


def test_a_lamps_colour_is_not_in_its_shadow():
    """Neither in that of a form, nor in one that the model drew."""
    stops = torch.zeros(1, 1, 64, 64)
    stops[..., 32:] = -4.0
    grey, even = torch.full((1, 3, 64, 64), 0.4), _gain(0.0, 0.0, 0.0)
    shaded = lamp_part(even, grey, stops * math.log(2))
    drawn_dark = GainGlow(even.log_gain + stops * math.log(2) / 2.2, even.glow)
    drawn = lamp_part(drawn_dark, grey, torch.zeros(1, 1, 64, 64))
    for part in (shaded, drawn):
        assert float(part[0, 0, 32, 8]) == pytest.approx(1 / AMBIENT - 1, rel=0.05)
        assert float(part[0, 0, 32, 56]) == 0


def test_black_stays_black_under_a_drawn_haze_and_a_lit_wall_keeps_its_glow():
    source = torch.zeros(1, 3, 64, 64)
    source[..., 32:] = 0.5
    light = GainGlow(torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.15))
    lit = apply_light(source, without_haze(light, source))
    assert lit[0, 0, 32, 8] < 0.04 and lit[0, 0, 32, 56] > 0.64
    dark = GainGlow(light.log_gain, -light.glow)
    assert torch.equal(without_haze(dark, source).glow, dark.glow)


def _patch(*colour):
    return torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 32, 32)


def _under(source, lamp):
    """A patch under a lamp that changes no grey's luminance."""
    none = GainGlow(torch.zeros_like(source), torch.zeros_like(source))
    colour = two_lamps(lamp, lamp, torch.ones(1, 32, 32))
    return apply_light(source, lamp_colour(none, source, colour=colour))[0, :, 16, 16]


def test_orange_cloth_is_dull_and_dark_under_a_blue_lamp_and_grey_is_not():
    cloth, grey = _patch(0.83, 0.31, 0.15), _patch(0.4, 0.4, 0.4)
    blue = (0.06, 0.22, 1.0)
    lit, before = _under(cloth, blue), cloth[0, :, 16, 16]
    assert float(luma(lit.view(3, 1, 1)) / luma(before.view(3, 1, 1))) < 0.85
    assert float(luma(_under(grey, blue).view(3, 1, 1))) == pytest.approx(0.4, abs=0.02)
    assert float(lit[0] - lit[2]) < 0.2 * float(before[0] - before[2])  # no longer orange


@pytest.mark.parametrize("teal", [(0.1, 0.45, 0.55), (0.3, 0.45, 0.5), (0.05, 0.3, 0.35)])
def test_teal_water_is_not_green_under_an_orange_lamp(teal):
    lit = _under(_patch(*teal), (1.0, 0.36, 0.04))
    assert float(lit[1]) <= float(lit[[0, 2]].max()) + 0.05


def test_leaves_stay_green_under_an_orange_lamp():
    lit = _under(_patch(0.25, 0.5, 0.1), (1.0, 0.8, 0.5))
    assert float(lit[1]) > float(lit[[0, 2]].max())


def test_water_beside_a_pink_deck_is_lit_as_other_water():
    source = torch.tensor([0.2, 0.42, 0.5]).view(1, 3, 1, 1).repeat(1, 1, 96, 96)
    source[:, :, :40] = torch.tensor([0.75, 0.5, 0.5]).view(1, 3, 1, 1)
    gold = torch.tensor([0.3, 0.1, -0.6]).view(1, 3, 1, 1).expand(1, 3, 96, 96)
    light = GainGlow(gold, torch.zeros(1, 3, 96, 96))
    found = lamp_colour(light, source, colour=gold)
    lit = (found.log_gain.exp() * source + found.glow)[0, :, :, 48]
    assert float((lit[:, 40:] - lit[:, 80:81]).abs().max()) < 0.02
