"""Carried light gives each surface its own colours: what has moved since, and what is new."""

import numpy as np
import torch

from relight.methods.carried_step import Carried
from relight.methods.gain_and_glow import GainGlow
from relight.methods.light_around import light_around, surroundings


def even(colour, h=24, w=32):
    return torch.tensor(colour).view(3, 1, 1).expand(3, h, w)


def test_dark_waves_do_not_turn_green_where_bright_ones_were_lit():
    bright, dark = (0.1, 0.5, 0.6), (0.03, 0.15, 0.18)  # teal water
    glow = even((0.7, 0.1, 0.0))  # bright waves turn to orange: 0.75, 0.4, 0.12
    light = GainGlow(even((0.5, 0.6, 0.2)).log(), glow)
    carried = Carried(light, torch.ones(1, 24, 32), even(bright))
    frame = np.broadcast_to(np.array(dark) * 255, (24, 32, 3)).round().astype(np.uint8)

    def shown(light):
        return (light.log_gain.exp() * even(dark) + light.glow)[:, 12, 16]

    red, green, blue = shown(light)
    assert red / green > 3.5  # one light for both: dark waves are red, the bright ones orange
    red, green, blue = shown(carried.on(frame).light)
    assert abs(red / green - 0.75 / 0.4) < 0.2 and red > green > blue


def test_light_for_the_same_colours_stays_as_it_was():
    generator = torch.Generator().manual_seed(0)
    colour = (torch.rand(3, 24, 32, generator=generator) * 255).round() / 255
    light = GainGlow.from_planes(torch.rand(6, 24, 32, generator=generator) - 0.3)
    frame = (colour * 255).round().byte().permute(1, 2, 0).numpy()
    found = Carried(light, torch.ones(1, 24, 32), colour).on(frame).light
    assert (found.planes - light.planes).abs().max() < 1e-5


def test_what_is_new_takes_the_light_of_its_own_colour_not_of_its_brightness():
    cloth, grass = even((0.8, 0.15, 0.1), 32, 64), even((0.15, 0.35, 0.1), 32, 64)
    guide = torch.where(torch.arange(32).view(32, 1) % 16 < 8, cloth, grass)  # of like brightness
    light = torch.where(torch.arange(32).view(32, 1) % 16 < 8, 0.6, -0.6).expand(1, 1, 32, 64)
    known = torch.zeros(1, 1, 32, 64)
    known[..., :32] = 1
    found = surroundings(light * known, known, guide[None])
    assert (found - light)[..., 34:44].abs().mean() < 0.2  # .5 where brightness alone counts


def test_what_is_new_gets_no_colour_that_its_surroundings_were_not_given():
    """Teal waves of two brightnesses were lit to one orange; between them there come others."""
    first, known = torch.arange(32).view(32, 1) % 8 < 4, torch.zeros(1, 32, 64)
    known[..., :32] = 1

    def waves(bright, dark):
        return torch.where(first, even(bright, 32, 64), even(dark, 32, 64))

    source = waves((0.1, 0.5, 0.6), (0.06, 0.3, 0.36))
    gain = waves((0.5, 0.6, 0.2), (1.0, 0.2, 0.1))
    glow = waves((0.7, 0.1, 0.0), (0.24, 0.1, 0.012))  # 0.75, 0.4, 0.12 and 0.3, 0.16, 0.048
    frame = torch.where(known > 0, source, waves((0.07, 0.36, 0.43), (0.05, 0.25, 0.3)))

    def red_over_green(light):
        lit = light[:3].exp() * frame + light[3:]
        return (lit[0] / lit[1])[:, 40:56]

    planes = torch.cat([gain.log(), glow])
    plain = surroundings(known * planes, known, frame[None])[0]
    assert (red_over_green(plain) - 1.875).abs().max() > 0.4  # what this is about
    found = light_around(known * planes, known, source, frame)
    assert (red_over_green(found) - 1.875).abs().max() < 0.1


def test_what_is_darker_does_not_tell_what_colours_are_given_to_what_it_is_around():
    """Straw in a gap between dark legs, which nothing like it is beside: not pink."""
    legs, straw, planes = (0.12, 0.05, 0.03), (0.55, 0.46, 0.41), (0.3, 0.15, -0.35, 0.015, -0.01)
    light = torch.tensor([*planes, -0.025]).view(6, 1, 1).expand(6, 64, 64)
    frame, known = even(legs, 64, 64).clone(), torch.ones(1, 64, 64)
    frame[:, 28:36, 28:36] = torch.tensor(straw).view(3, 1, 1)
    known[:, 26:38, 26:38] = 0
    found = light_around(known * light, known, even(legs, 64, 64), frame)
    wanted, lit = (x[:3].exp() * frame + x[3:] for x in (light, found))
    gap = (lit - wanted)[:, 30:34, 30:34]
    assert gap.abs().max() < 0.01  # as gold as the light is; .15 as pink
