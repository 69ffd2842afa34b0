"""Several lights added up."""

import numpy as np
import pytest

from relight.errors import InputError
from relight.lights import PointLight, Several, parse_light

LAMP = "point:x=0.2,color=#ff0000"


def test_levels_are_added_up_to_white():
    one, two = parse_light("left:intensity=.5"), parse_light(LAMP)
    both = parse_light(f"left:intensity=.5 + {LAMP}")
    expected = (one.level_map(9, 16) + two.level_map(9, 16)).clip(0, 1)
    np.testing.assert_allclose(both.level_map(9, 16), expected, atol=1e-6)
    assert both.level_map(9, 16).max() == 1


def test_text_list_and_objects_are_one_definition():
    both = parse_light(f"left + {LAMP}")
    assert str(both) == f"left + {LAMP}"
    assert both == parse_light(["left", PointLight(x=0.2, color="#ff0000")])
    assert both == parse_light(str(both)) == parse_light(f"(left + {LAMP})")
    assert len(parse_light(["top + left", "right"]).parts()) == 3  # flat
    assert not isinstance(parse_light(["top"]), Several)


def test_lamps_are_mixed_one_by_one():
    mixed = parse_light("left + point:x=0").mix(parse_light("left + point:x=1"), 0.25)
    assert mixed == parse_light("left + point:x=.25")


def test_different_lights_are_faded():
    one, two = parse_light("left"), parse_light("left + point:x=1")
    half = one.mix(two, 0.25).level_map(4, 6)
    expected = 0.75 * one.level_map(4, 6) + 0.25 * two.level_map(4, 6)
    np.testing.assert_allclose(half, expected, atol=1e-6)


@pytest.mark.parametrize(
    "light, message",
    [
        ("left + none", "none can't be added to another light"),
        ("left + sideways", "unknown light 'sideways'"),
        ("left + ", "unknown light ''"),
        ("(left + top", "lacks a closing"),
        ([], "a list of lights is empty"),
    ],
)
def test_what_is_wrong_is_named(light, message):
    with pytest.raises(InputError, match=message):
        parse_light(light)
