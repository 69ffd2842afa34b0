"""A picture file as the light."""

import numpy as np
import pytest
from PIL import Image

from relight.errors import InputError
from relight.lights import ImageLight, parse_light, resolve
from tests.media.odd_pictures import COLOURS, ODD, moves

GRADIENT = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(GRADIENT),
        Image.fromarray(GRADIENT).convert("RGBA"),
        Image.fromarray(GRADIENT).convert("RGB").quantize(6),
        Image.fromarray(GRADIENT.astype(np.uint16) * 257),
    ],
    ids=["L", "RGBA", "P", "16 bits"],
)
def test_its_levels_are_the_light(tmp_path, picture):
    path = tmp_path / "light.png"
    picture.save(path)
    levels = ImageLight(path).level_map(2, 3)
    assert levels.dtype == np.float32
    np.testing.assert_allclose(levels, np.dstack([GRADIENT] * 3) / 255, atol=1e-6)


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_are_lights_as_they_are_shown(tmp_path, name):
    make, shown = ODD[name]
    make(tmp_path / name)
    light = parse_light(str(tmp_path / name))
    assert isinstance(light, ImageLight) and not light.moving
    wanted = shown if shown.ndim == 3 else np.dstack([shown] * 3)
    assert np.abs(light.level_map(12, 18) - wanted / 255).max() < (0.1 if "jpg" in name else 0.01)


@pytest.mark.parametrize("name", ["moves.gif", "moves.webp", "moves.png"])
def test_a_picture_that_moves_is_a_light_that_moves(tmp_path, name):
    light = parse_light(str(moves(tmp_path / name)))
    assert light.moving and parse_light(str(light)) == light
    for i in range(3):
        shown = np.roll(COLOURS, 6 * i, 1) / 255
        assert np.abs(light.level_map(12, 18, 0.5 * i + 0.1) - shown).max() < 0.02
    Image.fromarray(COLOURS).save(tmp_path / "still.webp", lossless=True)
    assert not parse_light(str(tmp_path / "still.webp")).moving


def test_it_is_stretched_to_the_frame_and_keeps_its_colour(tmp_path):
    path = tmp_path / "light.png"
    Image.fromarray(np.array([[(200, 20, 0), (100, 10, 0)]], np.uint8)).save(path)
    levels = 255 * ImageLight(path).level_map(6, 8)
    line = levels[0, :, 0]
    assert (line[:-1] >= line[1:]).all() and 195 < line[0] <= 200.1 and 99.9 <= line[-1] < 105
    np.testing.assert_allclose(levels[..., 1] * 10, levels[..., 0], atol=1e-3)
    assert not levels[..., 2].any()


@pytest.mark.parametrize(
    "name, written",
    [
        ("sky.png", "sky.png"),
        ("a/b c.JPG", "a/b c.JPG"),
        ("photo (1).png", '"photo (1).png"'),
        ("left + right.png", '"left + right.png"'),
        ('say "hi".png', '"say \\"hi\\".png"'),
        ("noending", "image:noending"),
        ("left:x.png", "image:left:x.png"),
        ("left", "image:left"),
    ],
)
def test_a_path_survives_its_text(name, written):
    light = ImageLight(name)
    assert str(light) == written and parse_light(written) == light
    both = f"top + {light}"
    assert str(parse_light(both)) == both and parse_light(both).parts()[1] == light


def test_a_file_that_is_there_needs_no_quotes_and_no_suffix(tmp_path):
    for name in ("picture", "odd (name + that.png"):
        path = tmp_path / name
        Image.fromarray(GRADIENT).save(path, "PNG")
        assert resolve(str(path)) == ImageLight(path)


def test_its_text_can_be_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    light = parse_light("left + sky.png").absolute()
    assert light.files() == (tmp_path / "sky.png",)
    assert str(light) == f"left + {tmp_path / 'sky.png'}"


def test_what_is_wrong_is_named(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"no light picture .*missing.png"):
        resolve(str(tmp_path / "missing.png"))
    with pytest.raises(InputError, match=r"broken.png can't be read: give a PNG"):
        resolve(f"left + {broken}")
    with pytest.raises(InputError, match="give the path of a file"):
        parse_light("image:")
