"""Light from a side and at an angle: map values, and how it is written."""

import numpy as np
import pytest

from relight.errors import InputError
from relight.lights import DirectionLight, NoLight, parse_light

RAMP_5 = [0, 63, 127, 191, 255]  # 0, 63.75, 127.5, 191.25, 255 cut to whole numbers


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_side_holds_the_published_levels(side):
    levels = 255 * parse_light(side).level_map(5, 5)
    line = levels[2, :, 0] if side in ("left", "right") else levels[:, 2, 0]
    assert line.tolist() == (RAMP_5[::-1] if side in ("left", "top") else RAMP_5)
    assert levels.dtype == np.float32 and (levels == levels[..., :1]).all()


@pytest.mark.parametrize(
    "angle, brightest",
    [
        (45, (0, -1)),
        (135, (0, 0)),
        (225, (-1, 0)),
        (315, (-1, -1)),
        (30, (0, -1)),
        (100, (0, 0)),
        (260, (-1, 0)),
    ],
)
@pytest.mark.parametrize("height, width", [(9, 16), (64, 48), (3, 2)])
def test_an_angle_is_white_in_its_corner_and_black_opposite(angle, brightest, height, width):
    levels = parse_light(f"angle:{angle}").level_map(height, width)[..., 0]
    row, column = brightest
    assert levels[row, column] == levels.max() == 1
    assert levels[-1 - row, -1 - column] == levels.min() == 0


def test_an_angle_is_true_in_pixels_whatever_the_shape_of_the_frame():
    levels = parse_light("angle:45").level_map(100, 200)[..., 0].astype(float)
    down, across = np.gradient(levels[20:80, 20:180])
    assert np.degrees(np.arctan2(-down.mean(), across.mean())) == pytest.approx(45, abs=0.2)


def test_an_angle_between_sides_meets_them_at_their_ends():
    for side, angle in (("right", 0.001), ("top", 90.001), ("left", 179.999), ("bottom", 270.001)):
        near = parse_light(f"angle:{angle}").level_map(20, 30)
        assert np.abs(near - parse_light(side).level_map(20, 30)).max() < 2 / 255


def test_colour_and_intensity_scale_the_ramp():
    levels = parse_light("right:color=#ff8000,intensity=.5").level_map(1, 3)
    expected = np.outer([0, 127 / 255, 1], [0.5, 0.5 * 128 / 255, 0])
    np.testing.assert_allclose(levels[0], expected, atol=1e-6)
    over = parse_light("right:intensity=4").level_map(1, 5)[0, :, 0]
    np.testing.assert_allclose(over, [0, 252 / 255, 1, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    "text, written",
    [
        ("left", "left"),
        ("angle:180", "left"),
        ("angle:-45", "bottom-right"),
        ("angle:390", "angle:30"),
        ("angle:30.5,color=3200k", "angle:30.5,color=3200K"),
        ("angle:angle=30,intensity=2", "angle:30,intensity=2"),
        ("top-left:intensity=.5", "top-left:intensity=0.5"),
        (" left : color = white ", "left"),
    ],
)
def test_it_is_written_in_one_way(text, written):
    light = parse_light(text)
    assert str(light) == written and parse_light(written) == light


@pytest.mark.parametrize(
    "text, message",
    [
        ("angle:", "give the angle in degrees: angle:30"),
        ("angle", "give the angle"),
        ("angle:north", "angle should be in degrees, not north"),
        ("angle:nan", "angle should be in degrees, not nan"),
        ("left:angle=3", "unknown setting 'angle': use color, intensity"),
        ("left:intensity=-1", "intensity should be 0 to 100, not -1"),
        ("none:color=red", "unknown setting 'color': it has no settings"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_light(text)
    assert repr(text) in str(caught.value) and "\n" not in str(caught.value)


def test_no_light_is_equal_everywhere():
    light = parse_light("none")
    assert light == NoLight() and str(light) == "none"
    assert (light.level_map(2, 3) == np.ones((2, 3, 3))).all()


def test_between_two_directions_the_light_turns_the_shorter_way():
    def between(a, b, part):
        return parse_light(a).mix(parse_light(b), part).angle

    assert between("top-right", "top-left", 0.5) == 90
    assert between("angle:350", "angle:30", 0.25) == 0
    assert between("angle:30", "angle:350", 0.75) == 0
    assert between("left", "right", 0.5) == between("right", "left", 0.5) == 90  # as the sun goes
    mixed = DirectionLight(intensity=0).mix(DirectionLight(intensity=2, color="#ff0000"), 0.25)
    assert (mixed.intensity, mixed.color.rgb) == (0.5, (1, 0.75, 0.75))
