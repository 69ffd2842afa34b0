"""Lights that move by themselves."""

from itertools import pairwise

import numpy as np
import pytest

from relight.lights import parse_light, resolve

PRESETS = ["sweep", "circle", "pulse", "candle", "sunset", "police"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_moves_and_says_the_same_each_time(name):
    light = parse_light(name)
    assert light.moving and str(light) == name
    times = np.arange(0, 12, 0.125)
    maps = [light.level_map(9, 16, time) for time in times]
    assert len({levels.tobytes() for levels in maps}) > 2
    for time, levels in zip(times[::-7], maps[::-7], strict=True):
        assert np.array_equal(light.level_map(9, 16, time), levels)
        still = light.at(time)
        assert np.array_equal(still.level_map(9, 16, time), levels) and not still.moving


@pytest.mark.parametrize(
    "side, start, middle",
    [
        ("left", (0, 0.3), (0.5, 0.3)),
        ("right", (1, 0.3), (0.5, 0.3)),
        ("top", (0.3, 0), (0.3, 0.5)),
        ("bottom", (0.3, 1), (0.3, 0.5)),
    ],
)
def test_a_sweep_crosses_the_frame_and_stays(side, start, middle):
    light = parse_light(f"sweep:side={side},seconds=3,lane=.3,color=#ff0000")
    assert (light.at(0).x, light.at(0).y) == start
    assert (light.at(1.5).x, light.at(1.5).y) == middle
    assert light.at(3) == light.at(30) != light.at(2.9)
    assert light.at(1).color.rgb == (1, 0, 0)


def test_a_circle_goes_round_clockwise_from_the_top():
    light = parse_light("circle:seconds=8,x=.4,y=.6,size=.2")
    places = [(light.at(time).x, light.at(time).y) for time in (0, 2, 4, 6, 8)]
    expected = [(0.4, 0.4), (0.6, 0.6), (0.4, 0.8), (0.2, 0.6), (0.4, 0.4)]
    np.testing.assert_allclose(places, expected, atol=1e-9)


def test_a_pulse_scales_any_light():
    light = parse_light("pulse:light=(left:color=#ff8000 + point:x=.9),seconds=2,low=.2")
    full = light.light.level_map(9, 16)
    for time, part in ((0, 1), (0.5, 0.6), (1, 0.2), (1.5, 0.6), (2, 1)):
        np.testing.assert_allclose(light.level_map(9, 16, time), part * full, atol=1e-6)
    moving = parse_light("pulse:light=sweep")
    assert moving.at(1).second == moving.light.at(1)


def test_a_candle_flickers_within_its_bounds_and_stays_warm():
    light = parse_light("candle:flicker=.4,intensity=1")
    levels = np.array([light.at(time).intensity for time in np.arange(0, 20, 0.04)])
    assert 0.6 <= levels.min() < 0.7 and 0.95 < levels.max() <= 1
    steps = np.abs(np.diff(levels))
    assert 0.005 < steps.mean() < 0.1  # it flickers, and doesn't flash
    red, green, blue = light.tint(1.0)
    assert red == 1 and red > green > blue
    assert abs(light.at(3.3).x - 0.5) < 0.02


def test_a_sunset_sinks_warms_and_dims_together():
    light = parse_light("sunset:side=right,seconds=10")
    suns = [light.at(time) for time in (0, 2.5, 5, 7.5, 10)]
    assert [sun.angle for sun in suns] == [60, 45, 30, 15, 0]
    for one, other in pairwise(suns):
        assert other.intensity < one.intensity
        assert other.color.blue < one.color.blue and other.color.red == 1
    assert light.at(10) == light.at(60)
    assert [parse_light("sunset").at(time).angle for time in (0, 5, 10)] == [120, 150, 180]


def test_police_is_red_on_one_side_and_blue_on_the_other_in_turn():
    light = parse_light("police:seconds=2")

    def sides(time):
        levels = light.level_map(1, 40, time)[0]
        return levels[:5].mean(0), levels[-5:].mean(0)

    red, dark = sides(0.5)
    assert red[0] > 0.9 > 0.2 > red[2] and dark.max() < 0.2
    dark, blue = sides(1.5)
    assert blue[2] > 0.9 > 0.25 > blue[0] and dark.max() < 0.2
    both = sides(0)
    assert both[0][0] > 0.4 and both[1][2] > 0.4
    swapped = parse_light("police:seconds=2,red=right")
    assert np.array_equal(swapped.level_map(1, 9, 0.5), light.level_map(1, 9, 0.5)[:, ::-1])


@pytest.mark.parametrize("light", [*PRESETS, "left + circle", "keyframes:(0=left; 4=point)"])
def test_later_is_the_same_light_from_some_seconds_on(light):
    later = parse_light(f"later:light=({light}),seconds=1.5")
    assert parse_light(str(later)) == later and later.moving
    for seconds in (0.0, 0.7):
        wanted = parse_light(light).level_map(6, 9, 1.5 + seconds)
        assert np.allclose(later.level_map(6, 9, seconds), wanted)
        assert np.allclose(later.at(seconds).level_map(6, 9, seconds), wanted)
    resolve(str(later), clip_seconds=0.04)  # keyframes may go on after the clip
