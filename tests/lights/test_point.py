"""A lamp at a place: map values, and how it is written. All that a new kind of light needs."""

import numpy as np
import pytest

from relight.errors import InputError
from relight.lights import PointLight, parse_light

TEXT = "point:x=.2,y=.3,radius=.4,color=#ffb060,intensity=1.5"


def test_the_fixed_grammar():
    light = parse_light(TEXT)
    assert light == PointLight(x=0.2, y=0.3, radius=0.4, color="#ffb060", intensity=1.5)
    assert str(light) == "point:x=0.2,y=0.3,color=#ffb060,intensity=1.5"  # .4 is the default
    assert parse_light(str(light)) == light
    assert parse_light("point") == PointLight()


@pytest.mark.parametrize("height, width", [(101, 101), (51, 101), (151, 101)])
def test_it_is_brightest_at_its_place_and_half_as_bright_a_radius_away(height, width):
    light = PointLight(x=25.5 / 101, y=0.5, radius=20 / 101, color="#ff8000")
    levels = light.level_map(height, width)
    middle = height // 2
    assert np.unravel_index(levels[..., 0].argmax(), (height, width)) == (middle, 25)
    np.testing.assert_allclose(levels[middle, 25], [1, 128 / 255, 0], atol=1e-6)
    np.testing.assert_allclose(levels[middle, 45], [0.5, 64 / 255, 0], atol=1e-6)
    np.testing.assert_allclose(levels[middle, 65], [1 / 16, 8 / 255, 0], atol=1e-6)
    np.testing.assert_allclose(levels[middle + 20, 25], levels[middle, 45], atol=1e-6)  # round
    assert levels.dtype == np.float32


def test_intensity_widens_what_is_fully_lit_and_stays_below_white():
    levels = PointLight(radius=0.2, intensity=2).level_map(1, 201)[0, :, 0]
    bright = np.flatnonzero(levels == 1)
    assert levels.max() == 1 and abs(len(bright) - 2 * 0.2 * 201) <= 2  # 2 * 2^-1 = 1 at the radius
    assert not PointLight(intensity=0).level_map(3, 3).any()


@pytest.mark.parametrize("soft, twice", [(0, 2.0**-16), (0.5, 1 / 16), (1, 1 / 4)])
def test_a_soft_lamp_ends_slowly_and_is_half_as_bright_at_the_same_place(soft, twice):
    light = parse_light(f"point:x=0,radius=.2,soft={soft}")
    levels = light.level_map(1, 1005)[0, :, 0]
    assert levels[201] == pytest.approx(0.5, abs=0.01)
    assert levels[402] == pytest.approx(twice, abs=0.01)


def test_outside_the_frame_it_is_allowed_and_noted():
    light = PointLight(x=1.5, y=0.5, radius=0.5)
    levels = light.level_map(9, 16)[..., 0]
    assert (np.diff(levels, axis=1) > 0).all() and levels.max() < 0.55
    (note,) = light.notes()
    assert "outside the frame" in note and "x=1.5" in note
    assert not PointLight(x=1, y=0).notes()
    (inner,) = parse_light("left + point:y=-.1").notes()
    assert "y=-0.1" in inner


def test_between_two_lamps_place_size_colour_and_brightness_move():
    one = parse_light("point:x=0,y=.2,radius=.2,color=#ff0000,intensity=1")
    two = parse_light("point:x=1,y=.4,radius=.6,color=#0000ff,intensity=2")
    between = one.mix(two, 0.25)
    assert (between.x, between.y, between.radius, between.intensity) == pytest.approx(
        (0.25, 0.25, 0.3, 1.25)
    )
    assert between.color.rgb == (0.75, 0, 0.25)
    assert one.mix(two, 0) is one and one.mix(two, 1) is two


@pytest.mark.parametrize(
    "text, message",
    [
        ("point:radius=0", "radius should be 0.001 to 100, not 0"),
        ("point:radius=-1", "radius should be 0.001 to 100, not -1"),
        ("point:x=inf", "x should be -100 to 100, not inf"),
        ("point:x=left", "x should be -100 to 100, not left"),
        ("point:color=blurple", "unknown color 'blurple': use #rrggbb"),
        ("point:w=1", "unknown setting 'w': use x, y, radius, color, intensity, z, soft"),
        ("point:x", "x has no value: write x=..."),
        ("point:x=.1,x=.2", "x is given twice"),
        ("point:x=.1,,y=2", "unknown setting ''"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_light(text)
    assert str(caught.value).startswith(f"light {text!r}: ") and "\n" not in str(caught.value)


def test_the_constructor_checks_too():
    with pytest.raises(InputError, match="radius should be"):
        PointLight(radius=0)
    with pytest.raises(InputError, match="unknown color"):
        PointLight(color="blurple")
