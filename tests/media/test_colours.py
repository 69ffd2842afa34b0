"""Wide colours and HDR are converted to what a screen shows (sRGB, BT.709)."""

import io
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from relight.errors import MediaError
from relight.media import Reading, probe, read, to_uint8
from relight.media.colour import linear_to_srgb, srgb_to_linear, to_bt709
from relight.media.png import Tags, _chunk, png
from relight.media.tonemap import eetf, tone_mapped

from .heif import heic, nclx
from .making import copy, encode, one_line, probed


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


DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)  # white, red, green, blue
