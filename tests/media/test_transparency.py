"""Transparency is kept where the format has it, else laid over a colour."""

import numpy as np
import pytest
from PIL import Image

from relight.media import probe, read, to_uint8

from .making import copy


def cut_out(path, count=1):
    """A red square on nothing; what is under nothing is black in the file."""
    image = np.zeros((64, 96, 4), np.uint8)
    image[20:40, 30:60] = (200, 30, 10, 255)
    frames = [Image.fromarray(np.roll(image, 6 * k, 1)) for k in range(count)]
    more = {"save_all": True, "append_images": frames[1:], "duration": 40} if count > 1 else {}
    frames[0].save(path, **more)


HOLDS = [
    ("b.webm", {}),
    ("b.mov", {}),
    ("b.mkv", {}),
    ("b.mkv", {"depth": 10}),
    ("b.mkv", {"codec": "ffv1"}),
    ("b.gif", {}),
    ("b.webp", {}),
    ("b.apng", {}),
    ("f/%d.png", {}),
    ("f/%d.tif", {"depth": 16}),
    ("f/%d.exr", {}),
]


@pytest.mark.parametrize(("target", "settings"), HOLDS, ids=[f"{n} {s}" for n, s in HOLDS])
def test_transparency_stays(here, target, settings):
    cut_out("a.png", 3)
    copy("a.png", target, **settings)
    frames = list(read(target))
    assert probe(target).alpha and len(frames) == 3
    for k, frame in enumerate(frames):
        image = to_uint8(frame.image).astype(int)
        alpha = to_uint8(frame.alpha)
        assert alpha[2, 2] == 0 and alpha[30, 45 + 6 * k] == 255
        assert np.abs(image[30, 45 + 6 * k] - (200, 30, 10)).max() <= 8
        assert np.abs(image[30, 28 + 6 * k] - (200, 30, 10)).max() <= 16  # no black drawn over it


def test_a_codec_that_keeps_transparency_is_said(here, caplog):
    cut_out("a.png", 2)
    copy("a.png", "b.mov")
    assert "transparent, so written as prores4444; --codec h264" in caplog.text


@pytest.mark.parametrize("target", ["b.mp4", "b.mov", "b.jpg"])
@pytest.mark.parametrize(("matte", "shown"), [(None, (0, 0, 0)), ("#00ff00", (0, 255, 0))])
def test_transparency_is_laid_over_a_colour_where_it_has_to(here, target, matte, shown, caplog):
    cut_out("a.png")
    copy("a.png", target, matte=matte, codec="h264" if target == "b.mov" and not matte else None)
    assert f"laid over {matte or 'black'}" in caplog.text
    found = next(read(target)).image[2, 2].astype(int)
    assert np.abs(found - shown).max() <= 4


@pytest.mark.parametrize("target", ["b.gif", "b.webp", "b.apng", "b.webm", "f/%d.png"])
def test_transparency_that_comes_later_is_kept(here, target):
    """The first frame is opaque; what it shows must not stay behind what follows."""
    frames = [np.full((32, 32, 4), 255, np.uint8) for _ in range(4)]
    for k, frame in enumerate(frames):
        frame[..., :3] = (200, 30, 10) if k % 2 else (10, 30, 200)
    frames[1][:, :16, 3] = frames[2][:, 16:, 3] = 0
    first, *rest = map(Image.fromarray, frames)
    first.save("a.png", save_all=True, append_images=rest, duration=100)
    copy("a.png", target)
    assert probe(target).alpha
    found = [f.alpha if f.alpha is not None else np.full((32, 32), 255) for f in read(target)]
    corners = [[bool(to_uint8(a)[16, x] > 127) for x in (4, 28)] for a in found]
    assert corners == [[True, True], [False, True], [True, False], [True, True]]
