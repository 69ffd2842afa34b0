"""Depth, transparency and wide colours: kept where the format has them, else named."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from relight.errors import MediaError
from relight.media import Encoding, probe, read, to_float, to_uint8, write
from relight.media.colour import srgb_to_linear

from .making import clip, copy, encode, numbered, one_line, probed


def ramp(shape=(64, 96)):
    """16 bits: three channels that differ, in steps far finer than 8 bits have."""
    red = np.tile(np.linspace(2000, 6000, shape[1]), (shape[0], 1)).astype(np.uint16)
    return np.dstack([red, red // 2, 65535 - red])


@pytest.mark.parametrize("source", ["a.png", "a.tif", "a.jp2"])
@pytest.mark.parametrize("target", ["b.png", "b.tif", "b.exr"])
def test_sixteen_bits_in_and_out(here, source, target):
    cv2.imwrite(source, ramp()[..., ::-1])
    assert probe(source).depth == 16
    assert np.array_equal(next(read(source)).image, ramp())
    copy(source, target)
    back = next(read(target)).image
    if target == "b.exr":
        assert back.dtype == np.float32 and np.abs(back * 65535 - ramp()).max() < 0.1
        found = probed(target, "stream=codec_name,pix_fmt")["streams"]
        assert found == [{"codec_name": "exr", "pix_fmt": "gbrpf32le"}]
    else:
        assert np.array_equal(back, ramp())


def test_sixteen_bits_into_eight_are_named(here, caplog):
    cv2.imwrite("a.png", ramp()[..., ::-1])
    copy("a.png", "b.jpg")
    assert "16-bit, written as 8-bit" in caplog.text
    copy("a.png", "c.png", depth=8)
    assert np.array_equal(next(read("c.png")).image, to_uint8(ramp()))


def test_exr_keeps_highlights_and_straight_alpha(here):
    image = np.full((8, 8, 3), 1.7, np.float32)
    alpha = np.full((8, 8), 0.25, np.float32)
    with write("a.exr", size=(8, 8), fps=25) as out:
        out.add(image, Fraction(0), alpha=alpha)
    info, frame = probe("a.exr"), next(read("a.exr"))
    assert (info.depth, info.alpha) == (32, True)
    assert np.allclose(frame.image, image, atol=1e-4) and np.allclose(frame.alpha, alpha)
    with av.open("a.exr") as container:  # linear and premultiplied, as the format wants it
        stored = next(container.decode(video=0)).to_ndarray()
    assert stored[0, 0, 0] == pytest.approx(float(srgb_to_linear(np.float64(1.7))) / 4, rel=1e-4)


@pytest.mark.parametrize(
    ("target", "settings", "form"),
    [
        ("b.mp4", {"codec": "h265"}, "yuv420p10le"),
        ("b.mp4", {}, "yuv420p10le"),
        ("b.mp4", {"codec": "av1"}, "yuv420p10le"),
        ("b.mp4", {"depth": 8}, "yuv420p"),
        ("b.mov", {"codec": "prores"}, "yuv422p10le"),
        ("b.mkv", {"codec": "ffv1"}, "gbrp10le"),
        ("b.webm", {}, "yuv420p"),
    ],
)
def test_ten_bits_in_and_out(here, target, settings, form, caplog):
    clip("a.mp4", 4, pix_fmt="yuv420p10le")
    copy("a.mp4", target, **settings)
    assert probed(target, "stream=pix_fmt")["streams"] == [{"pix_fmt": form}]
    assert ("10-bit, written as 8-bit" in caplog.text) == (form == "yuv420p")
    pairs = zip(read("a.mp4"), read(target), strict=True)
    assert (
        max(np.abs(to_uint8(a.image).astype(int) - to_uint8(b.image)).mean() for a, b in pairs) < 3
    )


_STORED = {  # pixel format, bits: a codec that holds it
    "yuv420p10le": "libx264",
    "yuv422p10le": "libx264",
    "yuv444p10le": "libx264",
    "yuv420p12le": "libx265",
    "yuv422p12le": "libx265",
    "yuva444p10le": "prores_ks",
    "yuv420p": "libx264",
    "yuv444p": "libx264",
}


@pytest.mark.parametrize("form", _STORED)
def test_strong_colours_are_exact_in_every_layout(here, form):
    """Against the matrix of BT.601 by hand; FFmpeg's way to packed RGB errs by 246 of 255."""
    chance = np.random.default_rng(3)
    patches = chance.integers(0, 65536, (6, 8, 3)).astype(np.uint16)
    image = patches.repeat(16, 0).repeat(16, 1)
    settings = {"libx265": {"x265-params": "log-level=none:lossless=1"}}
    options = settings.get(_STORED[form], {"crf": "1"} if "libx" in _STORED[form] else {})
    with av.open("a.mkv", "w") as out:
        stream = out.add_stream(_STORED[form], rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, form
        frame = av.VideoFrame(128, 96, form)
        bits, red, blue = frame.format.components[0].bits, 0.299, 0.114
        light = image / 65535 @ (red, 1 - red - blue, blue)
        planes = [
            16 + 219 * light,
            128 + 224 * (image[..., 2] / 65535 - light) / (2 * (1 - blue)),
            128 + 224 * (image[..., 0] / 65535 - light) / (2 * (1 - red)),
        ]
        for plane, values in zip(frame.planes, [*planes, 255 + 0 * light], strict=False):
            step = image.shape[0] // plane.height, image.shape[1] // plane.width
            stored = (values[:: step[0], :: step[1]] * 2 ** (bits - 8)).round()
            kind = np.uint8 if bits == 8 else np.uint16
            line = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
            line[:, : plane.width] = stored.clip(0, 2**bits - 1)
            plane.update(line.tobytes())
        frame.pts = 0
        out.mux(stream.encode(frame) + stream.encode(None))
    middle = to_uint8(next(read("a.mkv")).image)[8::16, 8::16].astype(int)
    assert np.abs(middle - to_uint8(patches)).max() <= 3


def test_eight_bits_in_ten_out(here):
    clip("a.mp4", 3)
    copy("a.mp4", "b.mp4", codec="h265", depth=10)
    assert probed("b.mp4", "stream=pix_fmt")["streams"] == [{"pix_fmt": "yuv420p10le"}]


def layouts():
    """Names and arguments of TIFF files that Pillow does not read, or reads as something else."""
    rng = np.random.default_rng(0)
    rgb = (rng.random((24, 32, 3)) * 65535).astype(np.uint16)
    grey, alpha = rgb[..., 0], rgb[..., 1] | 0x8000
    fine = rgb / 65535
    one, half = "minisblack", (fine * 2**-1).astype(np.float16)
    clear = {"extrasamples": ["unassalpha"]}
    return {
        "planes": (
            rgb.transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate"},
            fine,
        ),
        "big": (rgb, {"photometric": "rgb", "bigtiff": True, "byteorder": ">"}, fine),
        "float": (fine.astype(np.float32), {"photometric": "rgb"}, fine),
        "half": (half, {"photometric": "rgb"}, half),
        "32 bit": (rgb.astype(np.uint32) * 65537, {"photometric": "rgb"}, fine),
        "white is zero": (grey, {"photometric": "miniswhite"}, 1 - fine[..., :1]),
        "grey and alpha": (np.dstack([grey, alpha]), {"photometric": one, **clear}, fine[..., :1]),
        "premultiplied": (
            np.dstack([rgb * (alpha / 65535)[..., None], alpha]).round().astype(np.uint16),
            {"photometric": "rgb", "extrasamples": ["assocalpha"]},
            fine,
        ),
    }


@pytest.mark.parametrize("name", layouts())
def test_tiff_of_any_layout(here, name):
    array, settings, wanted = layouts()[name]
    said = {"resolution": (300, 300), "description": "mine", "metadata": None}
    tifffile.imwrite("a.tif", array, **settings, **said)
    info, frame = probe("a.tif"), next(read("a.tif"))
    assert (info.width, info.height) == (32, 24) and info.depth in (16, 32)
    assert info.alpha == ("alpha" in name or name == "premultiplied") == (frame.alpha is not None)
    assert np.abs(to_float(frame.image) - wanted).max() < 1e-3
    copy("a.tif", "b.tif")
    with Image.open("b.tif") as image:
        assert image.info["dpi"] == (300, 300) and image.tag_v2[270] == "mine"
    assert np.abs(to_float(next(read("b.tif")).image) - wanted).max() < 1e-3


def test_signed_tiff_is_refused_by_name(here):
    tifffile.imwrite("a.tif", np.full((8, 8), -3, np.int16))
    with pytest.raises(MediaError, match="signed") as error:
        probe("a.tif")
    one_line(error)


def test_a_sequence_is_as_deep_as_its_deepest_picture(here):
    Path("f").mkdir()
    cv2.imwrite("f/1.png", np.full((16, 16, 3), 9, np.uint8))
    cv2.imwrite("f/2.png", np.full((16, 16, 4), 20000, np.uint16))
    info = probe("f/%d.png")
    assert (info.depth, info.alpha) == (16, True)


def test_encoding_is_frozen():
    with pytest.raises(AttributeError):
        Encoding().crf = 3


@pytest.mark.parametrize(
    ("form", "settings", "said"),
    [
        ("yuv444p", {}, "4:4:4, written as 4:2:0; --pix-fmt yuv444p keeps it"),
        ("yuv422p", {}, "4:2:2, written as 4:2:0; --pix-fmt yuv444p keeps it"),
        ("yuv444p", {"pix_fmt": "yuv444p"}, None),
        ("yuv444p", {"codec": "ffv1"}, None),
        ("yuv444p", {"codec": "prores"}, "4:4:4, written as 4:2:2"),
        ("yuv420p", {}, None),
        ("gray", {}, None),
    ],
)
def test_colour_at_less_than_every_pixel_is_named(here, form, settings, said, caplog):
    codec = "ffv1" if form == "gray" else "libx264"
    encode("a.mkv", [numbered(0)], pix_fmt=form, codec=codec)
    copy("a.mkv", "b.mkv", **settings)
    notes = [r.getMessage() for r in caplog.records if "colour at" in r.getMessage()]
    assert len(notes) == (said is not None) and all(said in note for note in notes)
