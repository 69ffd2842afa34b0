"""What is said about a source: which ones show blocks of compression."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from relight import media
from relight.engine.source import blocky
from tests.samples import CLIP


def _scene():
    frame = next(media.read(CLIP)).image
    return cv2.resize(frame, (320, 180), interpolation=cv2.INTER_AREA)


def _jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def _pixel_art(times):
    art = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    return art.repeat(times, 0).repeat(times, 1)


def _table():
    page = Image.new("RGB", (320, 240), "white")
    draw = ImageDraw.Draw(page)
    for row in range(15):
        draw.line((0, 16 * row, 320, 16 * row), fill=(200, 200, 200))
        for column in range(5):
            draw.line((64 * column, 0, 64 * column, 240), fill=(200, 200, 200))
            draw.text((64 * column + 3, 16 * row + 2), f"{37 * row * column}", fill="black")
    return np.array(page)


def _side_by_side():
    scene = _scene()[:64, :64]
    turned = [scene, scene[::-1], 255 - scene, scene[:, ::-1]] * 2
    return np.vstack([np.hstack(turned), np.hstack(turned[::-1])])


@pytest.mark.parametrize("quality", [20, 30, 40])
def test_strong_compression_is_seen(quality):
    assert blocky(_jpeg(_scene(), quality))


@pytest.mark.parametrize(
    "image",
    [
        *(pytest.param(_pixel_art(times), id=f"pixel art, {times}") for times in (2, 4, 8, 16)),
        pytest.param(_table(), id="table"),
        pytest.param(_side_by_side(), id="side by side"),
        pytest.param(_scene(), id="clean"),
        pytest.param(_jpeg(_scene(), 95), id="good JPEG"),
        pytest.param(np.zeros((3, 5, 3), np.uint8), id="tiny"),
        pytest.param(np.zeros((64, 64, 3), np.uint8), id="black"),
    ],
)
def test_lines_on_the_grid_are_no_compression(image):
    assert not blocky(image)
