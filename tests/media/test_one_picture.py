"""A header or a first frame never stands for the whole file."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from relight.errors import MediaError
from relight.media import probe, read

from .making import clip, copy, encode, number_of, one_line, picture


def test_a_jpeg_with_a_preview_is_one_photograph(here):
    image = Image.fromarray(picture())
    small = image.resize((48, 32))
    image.save("a.jpg", format="MPO", save_all=True, append_images=[small, image])
    info = probe("a.jpg")
    assert (info.kind, info.frames, info.width, info.height) == ("picture", 1, 96, 64)
    assert any("2 more pictures" in note for note in info.notes)
    (frame,) = read("a.jpg")
    assert np.abs(frame.image.astype(int) - picture()).mean() < 3


def test_a_gain_map_and_a_depth_map_of_a_jpeg_are_named(here):
    """As Android's Ultra HDR and its portraits say in XMP."""
    image = Image.fromarray(picture())
    told = {
        "a gain map": b'<x hdrgm:Version="1.0"/>',
        "a depth map": b'<x xmlns:D="http://ns.google.com/photos/1.0/depthmap/"/>',
    }
    for name, xmp in told.items():
        image.save("a.jpg", format="MPO", save_all=True, append_images=[image], xmp=xmp)
        (note,) = [note for note in probe("a.jpg").notes if "also holds" in note]
        assert name in note and ("another picture" in note) == ("gain" not in name)


def test_pages_of_a_tiff_are_no_film(here):
    image = Image.fromarray(picture())
    image.save("a.tif", save_all=True, append_images=[image.resize((9, 9))] * 3)
    info = probe("a.tif")
    assert info.frames == 1 and any("more pages, left out" in note for note in info.notes)
    (frame,) = read("a.tif")
    assert np.array_equal(frame.image, picture())


def test_a_motion_photo_says_that_its_video_goes(here):
    clip("v.mp4", 3)
    Image.fromarray(picture()).save("a.jpg")
    Path("b.jpg").write_bytes(Path("a.jpg").read_bytes() + Path("v.mp4").read_bytes())
    assert any("motion photo" in note for note in probe("b.jpg").notes)
    assert not any("motion photo" in note for note in probe("a.jpg").notes)


@pytest.mark.parametrize("name", ["camera.dng", "a.tif"])
def test_a_raw_file_of_a_camera_is_refused(here, name):
    """Its first page is a preview, and would be taken for the picture."""
    import tifffile

    with tifffile.TiffWriter(name) as out:
        out.write(picture(), subifds=1, subfiletype=1)
        out.write(np.zeros((200, 300), np.uint16))
    with pytest.raises(MediaError, match="raw file") as error:
        probe(name)
    one_line(error)


def test_layers_and_channels_beside_the_picture_are_named(here):
    import tifffile

    many = np.dstack([picture(), picture()])
    layers = (37724, 7, 8, b"8BIMLayr", True)
    tifffile.imwrite("a.tif", many, photometric="rgb", extratags=[layers])
    assert any("layers and 3 unshown channels" in note for note in probe("a.tif").notes)


def test_channels_of_an_exr_that_are_no_colour_are_named(here):
    copy_exr("a.exr", [b"B", b"G", b"R", b"Z", b"normal.X"])
    (note,) = [n for n in probe("a.exr").notes if "also holds" in n]
    assert "the channel Z and the channel normal.X" in note


def test_primaries_of_an_exr_are_converted(here):
    """(1, .2, .2) of BT.2020 is a redder red; a grey of any primaries stays one."""
    wide = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
    channels = [b"B", b"G", b"R"]
    copy_exr("a.exr", channels, {b"R": 1.0, b"G": 0.2, b"B": 0.2}, wide)
    notes = []
    red, green, _ = next(read("a.exr", on_note=notes.append)).image[8, 8]
    assert red > 1.1 and green < 0.4 and any("primaries" in note for note in notes)
    copy_exr("a.exr", channels, {}, wide)
    assert np.ptp(next(read("a.exr", on_note=notes.append)).image[8, 8]) < 1e-3


def copy_exr(name, channels, values={}, points=None):  # noqa: B006 - never changed
    """A picture of one colour (grey of .5), uncompressed, of channels of 32-bit floats."""
    import struct

    width, height = 64, 48

    def attribute(key, kind, data):
        return key + b"\0" + kind + b"\0" + struct.pack("<i", len(data)) + data

    listed = b"".join(c + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for c in channels) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    told = b""
    if points:
        data = struct.pack("<8f", *points)
        told = attribute(b"chromaticities", b"chromaticities", data)
    head = struct.pack("<II", 20000630, 2) + told + b"".join([
        attribute(b"channels", b"chlist", listed), attribute(b"compression", b"compression", b"\0"),
        attribute(b"dataWindow", b"box2i", window), attribute(b"displayWindow", b"box2i", window),
        attribute(b"lineOrder", b"lineOrder", b"\0"),
        attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        attribute(b"screenWindowCenter", b"v2f", struct.pack("<ff", 0, 0)),
        attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1)), b"\0"])  # fmt: skip
    line = b"".join(struct.pack("<f", values.get(c, 0.5)) * width for c in channels)
    at, places, lines = len(head) + 8 * height, b"", b""
    for y in range(height):
        places += struct.pack("<Q", at + len(lines))
        lines += struct.pack("<ii", y, len(line)) + line
    Path(name).write_bytes(head + places + lines)


def test_a_size_that_changes_midway_gets_bars(here):
    for name, size in (("a.ts", (64, 48)), ("b.ts", (96, 48))):
        clip(name, 10, size)
    Path("c.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    notes = []
    frames = list(read("c.ts", on_note=notes.append))
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    assert any("96x48" in note and "bars" in note for note in notes)
    wide = frames[-1].image  # 96x48 fits as 64x32: eight rows of black above and below
    assert wide[:7].max() < 3 and wide[-7:].max() < 3 and wide[10:38].min() > 10
    assert number_of(wide[:-8]) == 9


def test_colour_tags_that_change_midway_are_honoured(here):
    """The same grey-free colour, once in full and once in limited range."""
    image = np.full((48, 64, 3), (200, 60, 90), np.uint8)
    for name, range in (("a.ts", 1), ("b.ts", 2)):
        with av.open(name, "w") as out:
            stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
            stream.codec_context.color_range = range
            stream.codec_context.colorspace = 1
            for index in np.arange(6):
                frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
                    format="yuv444p",
                    src_color_range=2,
                    dst_color_range=range,
                    dst_colorspace="itu709",
                )
                frame.pts, frame.color_range, frame.colorspace = int(index), range, 1
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    Path("c.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    frames = list(read("c.ts", on_note=lambda note: None))
    assert len(frames) == 12
    assert all(np.abs(f.image.astype(int) - image).max() <= 3 for f in frames)


def test_notes_say_what_was_done(here):
    encode("a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 2, turn={"degrees": -90, "hflip": False})
    assert probe("a.mp4").notes == ("rotated 90 degrees clockwise",)
    copy("a.mp4", "b.mp4")
    assert probe("b.mp4").notes == ()
