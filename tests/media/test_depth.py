"""Depth, transparency and wide colours: kept where the format has them, else named."""

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from relight.errors import MediaError
from relight.media import Encoding, Reading, probe, read, to_float, to_uint8, write
from relight.media.colour import linear_to_srgb, srgb_to_linear, to_bt709
from relight.media.png import Tags, _chunk, png
from relight.media.tonemap import eetf, tone_mapped

from .heif import heic, nclx
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


def wide_profile(red=(0.51512, 0.24120, -0.00105)):
    """A Display P3 profile (matrix and curve), as phones embed it."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(x * 65536)) for x in values)

    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    curve = b"para\0\0\0\0\0\x03\0\0" + b"".join(
        struct.pack(">i", round(x * 65536)) for x in numbers
    )
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 11) + b"Display P3\0" + bytes(78),
        b"wtpt": xyz((0.9642, 1, 0.8249)),
        b"rXYZ": xyz(red),
        b"gXYZ": xyz((0.29198, 0.69225, 0.04189)),
        b"bXYZ": xyz((0.15710, 0.06657, 0.78407)),
        **{name: curve for name in (b"rTRC", b"gTRC", b"bTRC")},
        b"cprt": b"text\0\0\0\0none\0",
    }
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + table + body


@pytest.mark.parametrize("kind", ["RGB", "P", "RGBA", "16 bit"])
def test_wide_colours_are_converted_whatever_else_the_picture_has(here, kind):
    profile = wide_profile()
    base = Image.new("RGB", (16, 16), (200, 100, 50))
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    wanted = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"))
    if kind == "16 bit":
        data = png(np.asarray(base).astype(np.uint16) * 257, None, False, Tags())
        chunk = _chunk(b"iCCP", b"P3\0\0" + zlib.compress(profile))
        (here / "a.png").write_bytes(data[:33] + chunk + data[33:])
    else:
        picture = base.convert(kind, palette=Image.Palette.ADAPTIVE)
        if kind == "RGBA":
            picture.putalpha(128)
        picture.save("a.png", icc_profile=profile)
    notes = []
    found = to_uint8(next(read("a.png", on_note=notes.append)).image).astype(int)
    assert np.abs(found - np.asarray(wanted)).max() <= 1
    assert notes == ["colours converted from Display P3 to sRGB"]


def test_grey_with_a_profile_stays_grey(here):
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save("a.png")
    copy("a.png", "b.png")
    with Image.open("b.png") as image:
        assert image.mode == "L"
    Image.new("RGB", (8, 8), (77, 77, 77)).save("c.png", icc_profile=wide_profile())
    found = next(read("c.png", on_note=lambda note: None)).image
    assert np.ptp(found.astype(int), axis=2).max() == 0


@pytest.mark.parametrize(("primaries", "matrix"), [(9, 9), (12, 1)])
def test_wide_video_is_converted(here, primaries, matrix):
    tags = {"color_primaries": primaries, "color_trc": 1, "colorspace": matrix}
    image = np.full((48, 64, 3), (180, 90, 60), np.uint8)
    encode("a.mp4", [image] * 2, pix_fmt="yuv444p", tags=tags, options={"crf": "1"})
    copy("a.mp4", "b.mkv", codec="ffv1")
    with av.open("a.mp4") as container:  # what its numbers mean, by the definition
        frame = next(container.decode(video=0))
        space = "bt2020" if matrix == 9 else "itu709"
        stored = frame.reformat(format="rgb48le", src_colorspace=space).to_ndarray()[24, 32] / 65535
    linear = to_bt709(primaries) @ stored**2.4
    wanted = linear.clip(0, 1) ** (1 / 2.4) * 255
    assert np.abs(next(read("b.mkv")).image[24, 32] - wanted).max() <= 1.5
    assert any("converted to BT.709" in note for note in probe("a.mp4").notes)


def hdr(path, trc):
    tags = {"color_primaries": 9, "color_trc": trc, "colorspace": 9}
    levels = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    images = [np.dstack([levels] * 3)] * 3
    encode(path, images, pix_fmt="yuv420p10le", codec="libx265", tags=tags,
           options={"x265-params": "log-level=none", "crf": "2"})  # fmt: skip


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_mapped_on_request_only(here, trc, name):
    hdr("a.mp4", trc)
    assert probe("a.mp4").hdr == name
    with pytest.raises(MediaError, match="--tonemap") as error:
        next(read("a.mp4"))
    one_line(error)
    how = Reading(tonemap=True)
    assert any("BT.2390" in note for note in probe("a.mp4", how).notes)
    frame = next(read("a.mp4", how=how))
    line = frame.image[24].astype(int)
    assert frame.image.dtype == np.uint16
    assert np.diff(line[:, 1]).min() >= -300 and line[-1].min() > 64000  # rises, to white
    assert np.ptp(line, axis=1).max() < 1500  # grey stays grey
    copy("a.mp4", "b.mp4", how=how, codec="h265")
    found = probed("b.mp4", "stream=pix_fmt,color_transfer,color_primaries")["streams"][0]
    assert found == {
        "pix_fmt": "yuv420p10le",
        "color_transfer": "bt709",
        "color_primaries": "bt709",
    }


def coded_picture(path, primaries, transfer, image):
    """A PNG with cICP, a HEIC of 10 bits or an AVIF of 8 with the same code points."""
    if path.endswith("png"):
        data = png(image, None, False, Tags(srgb=b"a profile that cICP outranks"))
        chunk = _chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
        Path(path).write_bytes(data[:33] + chunk + data[33:])
    elif path.endswith("heic"):
        pytest.importorskip("pi_heif")
        heic(path, image, more=[nclx(primaries, transfer, 6)])
    else:
        Image.fromarray(to_uint8(image)).save(path, quality=100, subsampling="4:4:4")
        data = Path(path).read_bytes()
        at = data.index(b"colrnclx") + 8
        points = struct.pack(">HH", primaries, transfer)
        Path(path).write_bytes(data[:at] + points + data[at + 4 :])


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("path", ["a.png", "a.heic", "a.avif"])
def test_hdr_pictures_are_mapped_on_request_only(here, path, trc, name):
    levels = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    coded_picture(path, 9, trc, np.dstack([levels] * 3))
    info = probe(path)
    assert info.hdr == name and any("--tonemap" in note for note in info.notes)
    with pytest.raises(MediaError, match=f"HDR .{name}. .*--tonemap") as error:
        next(read(path))
    one_line(error)
    how, notes = Reading(tonemap=True), []
    frame = next(read(path, how=how, on_note=notes.append))
    assert any("BT.2390" in note for note in notes)
    line = to_uint8(frame.image)[24].astype(int)
    assert np.diff(line[:, 1]).min() >= -3 and line[-1].min() > 250  # rises, to white
    assert np.ptp(line, axis=1).max() <= 8
    copy(path, "b.png", how=how)
    assert probe("b.png").hdr is None


@pytest.mark.parametrize("path", ["a.png", "a.heic", "a.avif"])
@pytest.mark.parametrize("primaries", [9, 12])
def test_wide_pictures_without_a_profile_are_converted(here, path, primaries):
    image = np.full((64, 64, 3), (180 * 257, 90 * 257, 60 * 257), np.uint16)
    coded_picture(path, primaries, 13, image)
    notes = []
    found = to_uint8(next(read(path, on_note=notes.append)).image)[32, 32].astype(int)
    linear = to_bt709(primaries) @ srgb_to_linear(np.array([180, 90, 60]) / 255)
    wanted = linear_to_srgb(linear.clip(0, 1)) * 255
    assert np.abs(found - wanted).max() <= 4 and any("converted from" in note for note in notes)


DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)  # white, red, green, blue
SRGB = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)


def png_with(path, image, *, gamma=None, points=None, more=b""):
    chunks = more
    if gamma:
        chunks += _chunk(b"gAMA", struct.pack(">I", round(gamma * 1e5)))
    if points:
        chunks += _chunk(b"cHRM", struct.pack(">8I", *(round(p * 1e5) for p in points)))
    data = png(image, None, False, Tags())
    Path(path).write_bytes(data[:33] + chunks + data[33:])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_png_told_by_gamma_and_primaries_is_converted(here, kind):
    """gAMA and cHRM, as renderers write them; those of sRGB change nothing."""
    image = (np.full((8, 8, 3), (180, 90, 60)) * (1 if kind == np.uint8 else 257)).astype(kind)
    stored = np.array([180, 90, 60]) / 255
    wide = to_bt709(12) @ srgb_to_linear(stored)
    wanted = {
        "linear.png": ({"gamma": 1.0}, linear_to_srgb(stored)),
        "mac.png": ({"gamma": 0.5556}, linear_to_srgb(stored**1.8)),
        "wide.png": ({"gamma": 0.45455, "points": DISPLAY_P3}, linear_to_srgb(wide)),
        "usual.png": ({"gamma": 0.45455, "points": SRGB}, stored),
        "broken.png": ({"gamma": 0.45455, "points": (0,) * 8}, stored),
        "outranked.png": ({"gamma": 1.0, "more": _chunk(b"sRGB", b"\0")}, stored),
    }
    for name, (told, colour) in wanted.items():
        png_with(name, image, **told)
        notes = []
        found = to_uint8(next(read(name, on_note=notes.append)).image)[4, 4]
        assert np.abs(found.astype(int) - colour.clip(0, 1) * 255).max() <= 1, name
        assert any("converted from" in n for n in notes) == (np.abs(colour - stored).max() > 0)


def test_grey_stays_grey_whatever_its_gamma_and_primaries(here):
    image = np.arange(192, dtype=np.uint8).reshape(8, 24, 1).repeat(3, 2)
    png_with("a.png", image, gamma=1.0, points=DISPLAY_P3)
    assert np.ptp(next(read("a.png")).image, axis=2).max() == 0


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


def test_a_sequence_is_as_deep_as_its_deepest_picture(here):
    Path("f").mkdir()
    cv2.imwrite("f/1.png", np.full((16, 16, 3), 9, np.uint8))
    cv2.imwrite("f/2.png", np.full((16, 16, 4), 20000, np.uint16))
    info = probe("f/%d.png")
    assert (info.depth, info.alpha) == (16, True)


def test_the_curve_keeps_what_a_screen_can_show():
    nits = np.array([0.0, 1, 10, 90, 203, 600, 1000, 4000])
    mapped = eetf(nits, 1000.0)
    assert np.allclose(mapped[:4], nits[:4], rtol=0.02)  # below the knee: as it is
    assert np.all(np.diff(mapped) >= -1e-6) and mapped[-2] == pytest.approx(203, rel=1e-3)
    white = np.full((1, 1, 3), round(0.5807 * 65535), np.uint16)  # PQ of 203 nits
    found = tone_mapped(white, "PQ")[0, 0] / 65535
    assert 0.75 < found.min() <= found.max() < 0.98


def test_srgb_curve_is_its_own_inverse():
    x = np.linspace(-0.5, 3, 1000)
    assert np.allclose(linear_to_srgb(srgb_to_linear(x)), x, atol=1e-9)


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
