"""The start picture of IC-Light: the ramps number by number, and every form of a light."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from relight.diffusion.light_maps import light_map
from relight.errors import InputError
from relight.lights import DirectionLight, ImageLight, Light, NoLight, PointLight

RAMP_5 = [0, 63, 127, 191, 255]  # 0, 63.75, 127.5, 191.25, 255 cut to whole numbers
GRADIENT = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)


def _levels(light, height=2, width=3):
    """What the map stands for, in levels 0 to 255."""
    return (light_map(light, height, width) + 1) * 127


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_ramp_is_white_on_its_side(side):
    levels = _levels(side, 5, 5)
    line = levels[0, 0, 2] if side in ("left", "right") else levels[0, 0, :, 2]
    assert line.tolist() == (RAMP_5[::-1] if side in ("left", "top") else RAMP_5)
    across = levels if side in ("left", "right") else levels.transpose(-1, -2)
    assert torch.equal(across, across[:1, :1, :1].expand_as(across))  # grey, and equal lines


@pytest.mark.parametrize("height, width", [(64, 128), (512, 512), (1, 7), (7, 1), (480, 832)])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_ramp_holds_the_published_numbers_at_any_size(height, width, side):
    along = width if side in ("left", "right") else height
    ends = (255, 0) if side in ("left", "top") else (0, 255)
    line = np.linspace(*ends, along).astype(np.uint8).astype(np.float32) / 127 - 1
    pixels = light_map(side, height, width)
    assert pixels.shape == (1, 3, height, width)
    got = pixels[0, 1, -1] if side in ("left", "right") else pixels[0, 1, :, -1]
    assert got.tolist() == line.tolist()  # bit for bit


def test_the_map_takes_127_to_zero():
    pixels = light_map("right", 2, 5)
    assert pixels.dtype == torch.float32
    expected = [-1, 63 / 127 - 1, 0, 191 / 127 - 1, 255 / 127 - 1]
    torch.testing.assert_close(pixels[0, 0, 0], torch.tensor(expected))


def test_none_is_no_map():
    assert light_map("none", 8, 8) is None
    assert light_map(NoLight(), 8, 8) is None


def test_a_light_object_is_its_text():
    for light in (DirectionLight(angle=135), PointLight(x=0.2, color="#ffb060")):
        assert torch.equal(light_map(light, 8, 12), light_map(str(light), 8, 12))
        expected = torch.from_numpy(light.level_map(8, 12)).permute(2, 0, 1)[None]
        torch.testing.assert_close(_levels(light, 8, 12), expected * 255, rtol=0, atol=1e-3)


def test_a_picture_file_is_the_same_light_as_the_picture(tmp_path):
    path = tmp_path / "light.png"
    Image.fromarray(np.dstack([GRADIENT] * 3)).save(path)
    wanted = light_map(Image.open(path), 7, 11)
    torch.testing.assert_close(light_map(ImageLight(path), 7, 11), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(light_map(str(path), 7, 11), wanted, rtol=0, atol=1e-5)


class Blink(Light):
    """Dark, then bright from the second 1 on."""

    words = ("blink",)
    moving = True

    def level_map(self, height, width, seconds=0.0):
        return np.full((height, width, 3), float(seconds >= 1), np.float32)


def test_a_moving_light_has_a_map_for_each_time():
    maps = light_map(Blink(), 4, 6, seconds=[0, 0.5, 1.0, 2.0])
    assert maps.shape == (4, 3, 4, 6)
    expected = torch.tensor([0.0, 0.0, 255.0, 255.0]) / 127 - 1
    assert torch.equal(maps[:, 0, 0, 0], expected)
    assert light_map("left", 4, 6, seconds=[0, 1]).shape == (1, 3, 4, 6)
    with pytest.raises(InputError, match="'blink' moves: give the seconds"):
        light_map(Blink(), 4, 6)


def _sixteen_bit():
    return Image.fromarray(GRADIENT.astype(np.uint16) * 257)


@pytest.mark.parametrize(
    "light",
    [
        Image.fromarray(GRADIENT),
        Image.fromarray(GRADIENT).convert("RGBA"),
        Image.fromarray(GRADIENT).convert("LA"),
        Image.fromarray(GRADIENT).convert("RGB").quantize(6),
        _sixteen_bit(),
        Image.fromarray(GRADIENT.astype(np.int32) * 257),
        Image.fromarray(GRADIENT.astype(np.float32) / 255),
        GRADIENT,
        GRADIENT / 255,
        np.dstack([GRADIENT] * 3),
        np.dstack([GRADIENT] * 3)[:, :, ::-1],
        torch.from_numpy(GRADIENT / 255).expand(3, 2, 3),
        torch.from_numpy(GRADIENT / 255).expand(1, 3, 2, 3).float(),
    ],
    ids=["L", "RGBA", "LA", "P", "I;16", "I", "F", "gray", "float", "rgb", "view", "3d", "4d"],
)
def test_a_grey_picture_is_the_same_light_in_every_form(light):
    expected = torch.from_numpy(GRADIENT).float().expand(1, 3, 2, 3)
    torch.testing.assert_close(_levels(light), expected, rtol=0, atol=1e-2)


def test_transparency_does_not_darken_a_light():
    picture = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    assert _levels(picture)[0, :, 0, 0].round().tolist() == [255, 0, 0]


def test_a_print_picture_keeps_its_colour():
    red = Image.new("RGB", (3, 2), (255, 0, 0)).convert("CMYK")
    assert _levels(red)[0, :, 1, 2].round().tolist() == [255, 0, 0]


def test_a_rotated_photo_is_turned_upright():
    photo = Image.fromarray(np.array([[255, 0], [255, 0]], np.uint8))
    exif = photo.getexif()
    exif[0x0112] = 6  # shown turned clockwise by 90 degrees: its left side comes to the top
    file = io.BytesIO()
    photo.save(file, "PNG", exif=exif)
    levels = _levels(Image.open(file), 2, 2)
    assert levels[0, 0].round().tolist() == [[255, 255], [0, 0]]


def test_a_picture_is_stretched_to_the_frame():
    levels = _levels(Image.fromarray(np.array([[200, 100]], np.uint8)), 6, 8)
    assert levels.shape == (1, 3, 6, 8)
    line = levels[0, 0, 0]
    assert (line[:-1] >= line[1:]).all() and 195 < line[0] <= 200.1 and 99.9 <= line[-1] < 105
    assert torch.equal(levels[0, 0, 0], levels[0, 0, 5])


def test_a_tensor_may_hold_a_map_for_each_frame():
    maps = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_levels(maps, 5, 5), maps * 255, rtol=0, atol=1e-3)
    assert light_map(maps, 10, 15).shape == (4, 3, 10, 15)
    torch.testing.assert_close(light_map(maps, 10, 15)[2:3], light_map(maps[2], 10, 15))


def test_colours_stay_in_order():
    levels = _levels(np.full((2, 3, 3), (10, 20, 30), np.uint8))
    assert levels[0, :, 0, 0].round().tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    "light, message",
    [
        ("side", "unknown light 'side'"),
        ("Left", "unknown light 'Left'"),
        ("", "unknown light ''"),
        (None, "NoneType"),
        (7, "int"),
        (torch.rand(5, 5), r"\(5, 5\)"),
        (torch.rand(1, 4, 5, 5), r"\(1, 4, 5, 5\)"),
        (torch.rand(0, 3, 5, 5), r"\(0, 3, 5, 5\)"),
        (torch.rand(3, 5, 5) - 1, r"\[0, 1\]"),
        (torch.rand(3, 5, 5) + 1, r"\[0, 1\]"),
        (torch.full((3, 5, 5), float("nan")), "nan"),
        (torch.full((3, 5, 5), float("inf")), "inf"),
        (torch.full((3, 5, 5), 200, dtype=torch.uint8), "200"),
        (np.full((5, 5), -0.1), r"\[0, 1\]"),
        (np.full((5, 5), np.nan), "nan"),
        (np.full((5, 5), 300, np.uint16), "300"),
        (np.zeros((5, 5, 2), np.uint8), r"\(5, 5, 2\)"),
        (np.zeros((2, 5, 5, 3)), r"\(2, 5, 5, 3\)"),
        (np.zeros((0, 5), np.uint8), r"\(0, 5"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_light_is_refused_in_one_line(light, message):
    with pytest.raises(InputError, match=message) as error:
        light_map(light, 8, 8)
    assert "\n" not in str(error.value)
