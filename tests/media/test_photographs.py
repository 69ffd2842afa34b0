"""What a picture says about itself (EXIF, XMP, IPTC, texts) is kept, or named."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from relight.media import probe

from .making import copy

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6" '
    b'exif:GPSLatitude="52,30N" dc:creator="me"/></rdf:RDF></x:xmpmeta>'
)


IPTC = b"\x1c\x02\x78\x00\x05Hello"


def photograph(path):
    """A JPEG from a phone: turned, placed, described, 300 dpi."""
    exif = Image.Exif()
    exif[0x010E], exif[0x8298], exif[0x0112] = "my picture", "(c) me", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif.get_ifd(0x8769).update({0xA002: 96, 0xA003: 48, 0x9003: "2024:05:06 07:08:09"})
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 3) + block + b"\0"
    pixels = np.random.default_rng(0).integers(0, 255, (48, 96, 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, xmp=XMP, dpi=(300, 300), extra=extra)


@pytest.mark.parametrize("target", ["b.jpg", "b.png", "b.webp", "b.tif", "b.avif"])
def test_what_a_photograph_says_about_itself(here, target, caplog):
    photograph("a.jpg")
    assert probe("a.jpg").height == 96
    copy("a.jpg", target)
    with Image.open(target) as image:
        exif, info = image.getexif(), image.info
        assert image.size == (48, 96)
        assert (exif[0x010E], exif[0x8298], exif.get(0x0112, 1)) == ("my picture", "(c) me", 1)
        assert not exif.get_ifd(0x8825)
        if target != "b.tif":
            inner = exif.get_ifd(0x8769)
            assert inner[0x9003] == "2024:05:06 07:08:09"
            assert (inner[0xA002], inner[0xA003]) == (48, 96)
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        assert b'creator="me"' in xmp and b'Orientation="1"' in xmp and b"GPS" not in xmp
        if target in ("b.webp", "b.avif"):
            assert "DPI left out" in caplog.text
        else:
            assert info["dpi"] == pytest.approx((300, 300), abs=0.01)
        if target in ("b.jpg", "b.tif"):
            tiff = target == "b.tif"
            assert (image.tag_v2[33723] if tiff else info["photoshop"][0x0404]) == IPTC
        else:
            assert "IPTC" in caplog.text
    assert "place where it was taken" in caplog.text


def test_the_place_is_kept_on_request_and_everything_goes_on_request(here):
    photograph("a.jpg")
    copy("a.jpg", "b.jpg", keep_metadata=True)
    with Image.open("b.jpg") as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N" and b"GPSLatitude" in image.info["xmp"]
    copy("a.jpg", "c.jpg", keep_metadata=False)
    with Image.open("c.jpg") as image:
        assert not image.getexif() and "xmp" not in image.info


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("place", [None, True])
def test_a_tiff_keeps_all_of_exif(here, depth, place):
    """The camera's directory and that of the place, in 8 and 16 bits, and back into a JPEG."""
    exif = Image.Exif()
    exif.update({0x010E: "my picture", 0x0112: 6, 0x4746: 4})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x829A: (1, 125), 0xA434: "50 mm"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    Image.new("RGB", (64, 48), (90, 120, 60)).save("a.jpg", exif=exif)
    copy("a.jpg", "b.tif", depth=depth, keep_metadata=place)
    copy("b.tif", "c.jpg", keep_metadata=place)
    with tifffile.TiffFile("b.tif") as file:
        page = file.pages[0]
        assert page.asarray().dtype.itemsize * 8 == depth
        inner = page.tags[34665].value
        assert inner["ExposureTime"] == (1, 125) and inner["LensModel"] == "50 mm"
        assert page.tags[0x4746].value == 4 and page.tags[274].value == 1
        assert (34853 in page.tags) == bool(place)
    with Image.open("c.jpg") as image:
        found = image.getexif()
        assert found[0x010E] == "my picture"
        assert found.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert bool(found.get_ifd(0x8825)) == bool(place)


def test_comments_and_texts_are_kept_or_named(here, caplog):
    texts = PngInfo()
    texts.add_text("Author", "me")
    texts.add_itxt("parameters", "a cät, steps: 20")
    image = Image.new("RGB", (16, 16), (9, 99, 9))
    image.save("a.png", pnginfo=texts)
    image.save("a.jpg", comment="shot by me")
    for source, target, wanted in (
        ("a.png", "b.png", {"Author": "me", "parameters": "a cät, steps: 20"}),
        ("a.png", "b.jpg", b"me\na c\xc3\xa4t, steps: 20"),
        ("a.jpg", "c.jpg", b"shot by me"),
        ("a.jpg", "c.png", {"Comment": "shot by me"}),
    ):
        copy(source, target)
        with Image.open(target) as found:
            got = found.text if target.endswith("png") else found.info["comment"]
        assert got == wanted, target
    caplog.clear()
    copy("a.jpg", "d.webp")
    assert "comments left out" in caplog.text


def test_places_go_from_every_kind_of_tag(here):
    """IPTC's city and XMP's location are places as much as GPS is."""
    city = b"\x1c\x02\x5a\x00\x06Berlin"
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC + city)) + IPTC + city + b"\0"
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 16) + b"Photoshop 3.0\0" + block
    xmp = XMP.replace(b'dc:creator="me"', b'dc:creator="me" photoshop:City="Berlin"')
    Image.new("RGB", (16, 16)).save("a.jpg", extra=extra, xmp=xmp)
    assert Path("a.jpg").read_bytes().count(b"Berlin") == 2
    copy("a.jpg", "b.jpg")
    assert b"Berlin" not in Path("b.jpg").read_bytes() and IPTC in Path("b.jpg").read_bytes()
    copy("a.jpg", "c.jpg", keep_metadata=True)
    assert Path("c.jpg").read_bytes().count(b"Berlin") == 2
