"""The light that a picture shows: its side and its colour are known."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
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
    with pytest.raises(InputError, match=r"the picture or video .*none\.jpg"):
        BackdropLight(tmp_path / "none.jpg").check()


def test_the_light_of_a_video_begins_again_where_the_video_does(tmp_path):
    path = tmp_path / "sky.mkv"
    with media.write(path, size=(32, 32), fps=4, encoding=media.Encoding(codec="ffv1")) as out:
        for i in range(4):
            image = np.full((32, 32, 3), (250, 40, 40) if i < 2 else (40, 40, 250), np.uint8)
            out.add(image, Fraction(i, 4))
    light = BackdropLight(path)
    assert light.moving
    for seconds in (0.1, 0.3, 1.1, 5.3):
        assert light.tint(seconds)[0] == 1, seconds
    for seconds in (0.6, 0.9, 1.6, 7.9):
        assert light.tint(seconds)[2] == 1, seconds


def test_a_folder_of_pictures_is_as_fast_as_the_clip(tmp_path):
    for i, side in enumerate(("left", "right")):
        _picture(tmp_path / f"{i}.png", side)
    light = BackdropLight(tmp_path).for_clip(2)
    across = [float(direction_of(light.level_map(24, 32, at))[0][0]) for at in (0.2, 0.7, 1.2)]
    assert across[0] < -0.8 and across[1] > 0.8 and across[2] < -0.8
