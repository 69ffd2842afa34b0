"""The light that a picture shows: its side and its colour are known."""

import numpy as np
import pytest
from PIL import Image

from relight.errors import InputError
from relight.lights import BackdropLight, parse_light
from relight.lights.lamps import has_place
from relight.methods.surface_shading import direction_of


def _picture(path, side, colour=(1.0, 0.6, 0.3)):
    """A dim picture with a bright patch on one side."""
    image = np.full((40, 60, 3), 25, np.uint8)
    at = {"left": np.s_[10:30, 4:16], "right": np.s_[10:30, 44:56], "top": np.s_[2:10, 24:36]}
    image[at[side]] = np.array(colour) * 255
    Image.fromarray(image).save(path)
    return path


@pytest.mark.parametrize("side, axis, sign", [("left", 0, -1), ("right", 0, 1), ("top", 1, -1)])
def test_the_light_comes_from_where_the_picture_is_bright(tmp_path, side, axis, sign):
    light = BackdropLight(_picture(tmp_path / "sky.png", side))
    direction, clear = direction_of(light.level_map(48, 64))
    assert sign * float(direction[axis]) > 0.8 and clear > 0.9
    red, green, blue = light.tint()
    assert red == 1 and 0.5 < green < 0.75 and 0.2 < blue < 0.5


def test_an_even_picture_has_no_side_and_is_read_again_from_its_text(tmp_path):
    Image.fromarray(np.full((8, 8, 3), 120, np.uint8)).save(tmp_path / "grey sky.png")
    light = parse_light(f"backdrop:{tmp_path / 'grey sky.png'}")
    levels = light.level_map(6, 9)
    assert levels.shape == (6, 9, 3) and np.ptp(levels) < 1e-3
    assert parse_light(str(light)) == light and not light.moving
    assert not has_place(light, [0.0])
    assert light.files() == (tmp_path / "grey sky.png",)


def test_one_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="there is no picture or video"):
        BackdropLight(tmp_path / "none.jpg").check()
