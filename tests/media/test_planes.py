"""Frames of 4:2:0 video are read, kept and written as they are stored."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from relight.errors import InputError
from relight.media import Encoding, Frame, PlanarFrame, probe, read, to_uint16, write
from relight.media.encoders import takes_planes
from relight.media.planes import Planes
from tests.media.making import encode, picture
from tests.samples import CLIP

TAGGED = {"colorspace": 1, "color_range": 1}


def _noise(height, width):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


def _read(path, planar=True):
    return list(read(path, frames=3, planar=planar))


def test_the_rgb_of_a_frame_is_what_it_was():
    planar, plain = (_read(CLIP, planar=one) for one in (True, False))
    for a, b in zip(planar, plain, strict=True):
        assert isinstance(a, PlanarFrame) and not isinstance(b, PlanarFrame)
        assert np.array_equal(a.image, b.image) and a.time == b.time
        assert (a.alpha, a.duration) == (b.alpha, b.duration)


@pytest.mark.parametrize(("degrees", "hflip"), [(90, False), (180, False), (-90, True), (0, True)])
def test_a_turned_frame_is_upright(here, degrees, hflip):
    encode("a.mov", [picture(48, 64)] * 3, tags=TAGGED, turn={"degrees": degrees, "hflip": hflip})
    planar, plain = (_read("a.mov", planar=one)[0] for one in (True, False))
    assert np.array_equal(planar.image, plain.image)
    assert np.abs(planar.planes.rgb().astype(int) - plain.image).mean() < 1


def test_half_of_a_frame_is_there_sooner_where_it_is_large_enough():
    frame = _read(CLIP)[0]
    assert frame.at_least(90, 160).shape == (180, 320, 3)
    assert frame.at_least(91, 160) is frame.image
    whole = frame.image.reshape(180, 2, 320, 2, 3).mean((1, 3))
    assert np.abs(frame.at_least(90, 160) - whole).mean() < 1.5
    assert Frame(frame.image, frame.time).at_least(1, 1) is frame.image


@pytest.mark.parametrize("size", [(48, 64), (46, 62), (270, 480), (2, 2)])
def test_what_is_read_is_written_bit_for_bit(here, size):
    encode("a.mp4", [_noise(*size)] * 3, tags=TAGGED)
    frames = _read("a.mp4")
    encoding = Encoding(crf=0)
    with write("b.mp4", size=size[::-1], fps=25, encoding=encoding) as out:
        for frame in frames:
            out.put(frame)
    again = _read("b.mp4")
    for a, b in zip(frames, again, strict=True):
        for one, other in zip(a.planes.all, b.planes.all, strict=True):
            assert np.array_equal(one, other)


def test_a_frame_of_another_size_is_refused(here):
    with (
        pytest.raises(InputError, match=r"uint8 \(360, 640, 3\).*\(64, 64, 3\)"),
        write("b.mp4", size=(64, 64), fps=25) as out,
    ):
        out.put(_read(CLIP)[0])
    assert not list(here.iterdir())


def test_other_writers_and_depths_take_its_rgb(here):
    frame = _read(CLIP)[0]
    with write("b.png", size=(640, 360), fps=25) as out:
        out.put(frame)
    assert np.array_equal(next(read("b.png")).image, frame.image)
    with write("b.mp4", size=(640, 360), fps=25, encoding=Encoding(depth=10)) as out:
        out.put(frame)
    wanted, found = to_uint16(frame.image), next(read("b.mp4")).image
    assert found.dtype == np.uint16 and np.abs(found.astype(int) - wanted).mean() < 2500


@pytest.mark.parametrize(
    "other",
    [
        {"pix_fmt": "yuv444p", "tags": TAGGED},
        {"pix_fmt": "yuv420p10le", "tags": TAGGED},
        {"pix_fmt": "yuv420p", "tags": {"colorspace": 6}},
        {"pix_fmt": "yuv420p", "tags": {"colorspace": 1, "color_range": 2}},
        {"pix_fmt": "yuv420p", "tags": {"colorspace": 1, "color_primaries": 9}},
        {"pix_fmt": "yuv420p", "tags": TAGGED, "aspect": "4/3"},
        {"pix_fmt": "yuv420p"},
    ],
)
def test_what_is_stored_otherwise_comes_as_rgb(here, other):
    encode("a.mp4", [picture()] * 3, **other)
    frame = next(read("a.mp4", planar=True))
    assert type(frame) is Frame
    info = probe("a.mp4")
    assert frame.image.shape == (info.height, info.width, 3)


def test_a_frame_with_another_picture_is_an_ordinary_one():
    frame = _read(CLIP)[1]
    made = frame.with_image(frame.image[::2, ::2])
    assert type(made) is Frame and (made.time, made.duration) == (frame.time, frame.duration)
    dark = Planes.empty(4, 4)
    for plane, code in zip(dark.all, (16, 128, 128), strict=True):
        plane[:] = code
    other = frame.with_planes(dark)
    assert other.time == frame.time and other.nbytes == 24 and not other.image.any()
    assert PlanarFrame(dark, Fraction(1, 3)).duration is None


def test_planes_are_for_videos_of_8_bits_and_even_sides():
    info = probe(CLIP)

    def taken(name, size=(640, 360), **encoding):
        return takes_planes(Path(name), info, size, Encoding(**encoding))

    assert taken("a.mp4") and taken("a.webm") and taken("a.mov", codec="h265")
    assert not taken("a.mp4", depth=10) and not taken("a.mkv", codec="ffv1")
    assert not taken("a.mp4", (641, 360)) and not taken("a.png") and not taken("%d.png")
    assert not taken("a.gif")
