"""A light that moves between keyframes: where it stands at them and between."""

import pickle

import numpy as np
import pytest

from relight.errors import InputError
from relight.lights import Keyframe, MovingLight, PointLight, parse_light, resolve

LAMPS = ["0=point:x=.1,y=.2,radius=.3,color=#ff0000", "2=point:x=.9,y=.6,radius=.3,color=#0000ff"]
SIZE = (45, 80)


def _place(light, seconds, height=90, width=160):
    """Where the map is brightest, as fractions of the frame."""
    levels = light.level_map(height, width, seconds).max(-1)
    row, column = np.unravel_index(levels.argmax(), levels.shape)
    return (column + 0.5) / width, (row + 0.5) / height


def test_at_a_keyframe_the_light_is_the_keyframes():
    light = resolve("left", [*LAMPS, "2.5=top + point:x=0", "4=right"])
    assert light.moving
    for keyframe in light.keyframes:
        expected = keyframe.light.level_map(*SIZE)
        assert np.array_equal(light.level_map(*SIZE, keyframe.seconds), expected)


def test_before_the_first_and_after_the_last_keyframe_the_light_holds():
    light = MovingLight.read(["1=point:x=0", "2=point:x=1"])
    assert light.at(0) == light.at(1) == PointLight(x=0)
    assert light.at(2) == light.at(99) == PointLight(x=1)


@pytest.mark.parametrize("seconds", [0, 0.25, 0.5, 1, 1.5, 2])
def test_a_lamp_moves_evenly_in_place_and_colour(seconds):
    light, part = resolve("left", LAMPS), seconds / 2
    x, y = _place(light, seconds)
    assert x == pytest.approx(0.1 + 0.8 * part, abs=1 / 160)
    assert y == pytest.approx(0.2 + 0.4 * part, abs=1 / 90)
    red, green, blue = light.at(seconds).color.rgb
    assert (red, green, blue) == pytest.approx((1 - part, 0, part))


def test_a_smooth_way_is_eased_at_both_ends():
    light = resolve("left", ["0=point:x=0", "4=smooth:point:x=1", "6=point:x=0"])
    assert [light.at(time).x for time in (1, 2, 3)] == [0.15625, 0.5, 0.84375]
    assert light.at(5).x == 0.5 and light.at(4.5).x == 0.75  # the second way is even


def test_two_kinds_of_light_are_faded():
    light = resolve("left", ["0=left", "1=point:x=.8"])
    one, two = parse_light("left").level_map(*SIZE), parse_light("point:x=.8").level_map(*SIZE)
    np.testing.assert_allclose(light.level_map(*SIZE, 0.25), 0.75 * one + 0.25 * two, atol=1e-6)


def test_a_direction_turns():
    light = resolve("left", ["0=angle:20", "2=angle:340"])
    assert [light.at(time).angle for time in (0, 0.5, 1, 2)] == [20, 10, 0, 340]


def test_lights_that_move_by_themselves_can_be_keyframes_and_be_added():
    light = resolve("left", ["0=sweep:seconds=2", "2=point:x=1"])
    assert light.at(1).x == 0.75  # half way from where the sweep is then
    both = parse_light("top:intensity=.2 + keyframes:(0=point:x=0; 2=point:x=1)")
    assert both.moving and both.at(1) == parse_light("top:intensity=.2 + point:x=.5")
    expected = both.at(1).level_map(*SIZE)
    assert np.array_equal(both.level_map(*SIZE, 1), expected)


@pytest.mark.parametrize(
    "text",
    [
        "keyframes:(0=left; 2.5=point:x=0.8)",
        "keyframes:(0.1=smooth:left + point; 3=top)",
        "keyframes:(0=left; 1=pulse:light=(point:x=0.2))",
        "top + keyframes:(0=left; 1=keyframes:(0=top; 2=right))",
        "keyframes:(1=left)",
        'keyframes:(0="a; b.png"; 1=left)',
    ],
)
def test_it_survives_its_text(text):
    light = parse_light(text)
    assert str(light) == text and parse_light(str(light)) == light
    assert pickle.loads(pickle.dumps(light)) == light


def test_one_keyframe_that_stands_still_is_no_moving_light():
    assert not resolve("left", ["1=top"]).moving
    assert resolve("left", ["1=candle"]).moving


def test_paths_in_keyframes_are_known_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    light = MovingLight.read(["0=a.png", "1=left + b.png"])
    assert [file.name for file in light.files()] == ["a.png", "b.png"]
    assert light.absolute().files() == (tmp_path / "a.png", tmp_path / "b.png")
    with pytest.raises(InputError, match=r"no light picture a\.png"):
        resolve("left", ["0=a.png"])


@pytest.mark.parametrize(
    "keyframes, message",
    [
        (["1=left", "0=right"], "'0=right' follows one at 1 s: give them in order of time"),
        (["1=left", "1=right"], "'1=right' follows one at 1 s"),
        (["left"], "'left': write SECONDS=LIGHT"),
        (["-1=left"], "'-1=left': write SECONDS=LIGHT"),
        (["soon=left"], "'soon=left': write SECONDS=LIGHT"),
        (["nan=left"], "write SECONDS=LIGHT"),
        (["inf=left"], "write SECONDS=LIGHT"),
        (["0="], "unknown light ''"),
        (["0=sideways"], "unknown light 'sideways'"),
        (["0=point:radius=0"], "radius should be"),
        (["0=none", "1=left"], "'0=none': none has no place"),
    ],
)
def test_what_is_wrong_is_named(keyframes, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve("left", keyframes)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        parse_light(f"keyframes:({'; '.join(keyframes)})")


def test_keyframes_past_the_end_of_the_clip_are_refused():
    keyframes = ["0=left", "4=right"]
    assert resolve("left", keyframes, 3.96).moving  # the last of 25 frames a second
    assert resolve("left", keyframes).moving  # the length isn't known
    with pytest.raises(InputError, match=r"'4=right' is past the end .* lasts 2.50 s"):
        resolve("left", keyframes, 2.5)
    with pytest.raises(InputError, match="past the end"):
        resolve("top + keyframes:(0=left; 4=right)", (), 2.5)


def test_no_keyframes_are_none():
    with pytest.raises(InputError, match="there are no keyframes"):
        parse_light("keyframes:()")


def test_lamps_outside_the_frame_are_allowed_and_said():
    (note,) = resolve("left", ["0=point:x=.5", "1=point:x=1.2"]).notes()
    assert "point:x=1.2: the lamp is outside the frame" in note


def test_seconds_may_be_written_with_their_unit():
    assert Keyframe.parse("2.5s = smooth:left") == Keyframe.parse("2.5=smooth:left")
    assert str(Keyframe.parse("2.50=left")) == "2.5=left"
