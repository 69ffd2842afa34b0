"""A header or a first frame never stands for the whole file."""

import builtins
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from relight.errors import MediaError
from relight.media import heif_in, probe, read

from .heif import auxiliary, heic, nclx, turned
from .making import clip, copy, encode, number_of, one_line


def picture(height=64, width=96):
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 2, y * 3, 128 + 0 * x]).astype(np.uint8)


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


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 2), (3, 1)])
def test_heic_is_read_whole(here, columns, rows):
    pytest.importorskip("pi_heif")
    image = picture(64 * rows, 64 * columns)
    heic("a.heic", image, columns, rows)
    info, (frame,) = probe("a.heic"), list(read("a.heic"))
    assert (info.width, info.height) == image.shape[1::-1]
    assert np.abs(frame.image.astype(int) - image).mean() < 4  # 4:2:0, but every tile in its place
    copy("a.heic", "b.png")
    assert next(read("b.png")).image.shape == image.shape


def test_heic_without_its_library_is_refused_by_name(here, monkeypatch):
    heic("a.mp4", picture(64, 128), 2, 1)  # the name lies: FFmpeg would give one tile of it
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name in ("pi_heif", "pillow_heif"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr(heif_in, "import_module", missing)
    with pytest.raises(MediaError, match=r"relight\[heif\]") as error:
        probe("a.mp4")
    one_line(error)


def test_a_heic_of_ten_bits_is_read_at_sixteen(here):
    pytest.importorskip("pi_heif")
    ramp = np.repeat(np.tile(np.linspace(0, 1, 512), (64, 1))[..., None], 3, 2)
    heic("a.heic", (ramp * 65535).astype(np.uint16))
    info, frame = probe("a.heic"), next(read("a.heic"))
    assert info.depth == 16 and frame.image.dtype == np.uint16
    line = frame.image[32, :, 1]
    assert len(np.unique(line)) > 400 and line[0] < 400 and line[-1] > 65000
    copy("a.heic", "b.png")
    assert probe("b.png").depth == 16


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 1)])
def test_a_turned_heic_stands_upright(here, columns, rows):
    pytest.importorskip("pi_heif")
    image = picture(64 * rows, 64 * columns)
    heic("a.heic", image, columns, rows, [turned(3)])
    info, frame = probe("a.heic"), next(read("a.heic"))
    assert (info.width, info.height) == frame.image.shape[1::-1] == image.shape[:2]
    assert np.abs(frame.image.astype(int) - np.rot90(image, 3)).mean() < 4


def test_a_motion_photo_says_that_its_video_goes(here):
    clip("v.mp4", 3)
    Image.fromarray(picture()).save("a.jpg")
    Path("b.jpg").write_bytes(Path("a.jpg").read_bytes() + Path("v.mp4").read_bytes())
    assert any("motion photo" in note for note in probe("b.jpg").notes)
    assert not any("motion photo" in note for note in probe("a.jpg").notes)


APPLE = "urn:com:apple:photo:2020:aux:"
TWO = [(b"thmb", [], np.full((64, 64, 3), 90, np.uint8)), (b"", [], None)]
SMALL = np.full((64, 64, 3), 90, np.uint8)
BESIDE = {
    "a depth map": (b"auxl", [auxiliary("urn:mpeg:hevc:2015:auxid:2")], SMALL),
    "a gain map": (b"auxl", [auxiliary(APPLE + "hdrgainmap")], SMALL),
    "a matte of hair": (b"auxl", [auxiliary(APPLE + "semantichairmatte")], SMALL),
    "an auxiliary picture": (b"auxl", [auxiliary("urn:example:heat")], SMALL),
    "a thumbnail": (b"thmb", [], SMALL),
    "another picture": (b"", [], SMALL),
}  # fmt: skip


@pytest.mark.parametrize("kind", [b"hvc1", b"av01"])
def test_pictures_beside_the_picture_are_named(here, kind):
    """Depth maps, gain maps, mattes and thumbnails of phones."""
    name = "a.heic" if kind == b"hvc1" else "a.avif"
    if kind == b"hvc1":
        pytest.importorskip("pi_heif")
    heic(name, picture(64, 128), 2, 1, beside=list(BESIDE.values()), kind=kind)
    info = probe(name)
    assert f"its file also holds {', '.join(BESIDE)}, left out" in [
        note.replace(" and ", ", ") for note in info.notes
    ]
    assert np.abs(next(read(name)).image.astype(int) - picture(64, 128)).mean() < 4
    heic(name, picture(64, 128), 2, 1, kind=kind)
    assert not any("also holds" in note for note in probe(name).notes)


def test_equal_ones_are_counted(here):
    heic(
        "a.avif",
        picture(),
        beside=[(b"thmb", [], SMALL)] * 2 + [(b"", [], SMALL)] * 2,
        kind=b"av01",
    )
    assert any("2 thumbnails and 2 more pictures" in note for note in probe("a.avif").notes)


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


@pytest.mark.parametrize(("columns", "rows", "turn"), [(1, 1, 0), (2, 2, 0), (1, 2, 3)])
def test_an_avif_of_ten_bits_is_read_at_sixteen(here, columns, rows, turn):
    ramp = np.linspace(0, 1, 256 * columns)
    image = np.repeat(np.tile(ramp, (64 * rows, 1))[..., None], 3, 2)
    more = [turned(turn)] * bool(turn)
    heic("a.avif", (image * 65535).astype(np.uint16), columns, rows, more, kind=b"av01")
    info, frame = probe("a.avif"), next(read("a.avif"))
    assert info.depth == 16 and frame.image.dtype == np.uint16
    assert (info.width, info.height) == frame.image.shape[1::-1]
    upright = np.rot90(frame.image, -turn)
    assert np.abs(upright / 65535 - image).mean() < 0.003
    assert len(np.unique(upright[32, :, 1])) > 0.75 * 256 * columns
    copy("a.avif", "b.png")
    assert probe("b.png").depth == 16 and not any("-bit" in note for note in info.notes)


def test_an_avif_of_ten_bits_keeps_transparency_and_colours(here):
    """Transparency is an auxiliary picture; the colours of a wider space are converted."""
    image = np.full((64, 128, 3), (50000, 20000, 20000), np.uint16)
    mask = np.zeros((64, 128, 3), np.uint16)
    mask[:, 64:] = 65535
    alpha = (b"auxl", [auxiliary("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")], mask)
    for colours, name in (([], "a.avif"), ([nclx(12, 13, 6)], "p3.avif")):
        heic(name, image, 1, 1, colours, [alpha], b"av01")
    frame = next(read("a.avif"))
    assert frame.alpha is not None and frame.alpha[32, 20] < 600 and frame.alpha[32, 110] > 64900
    assert not any("also holds" in note for note in probe("a.avif").notes)
    notes = []
    wide = next(read("p3.avif", on_note=notes.append))
    assert any("Display P3" in note for note in notes)
    assert wide.image[32, 110, 0] > frame.image[32, 110, 0] + 1000  # P3's red is a redder sRGB
    assert np.abs(frame.image[32, 110].astype(int) - (50000, 20000, 20000)).max() < 700


def test_avif_is_read_whole(here):
    Image.fromarray(picture()).save("a.avif", quality=90)
    info = probe("a.avif")
    assert (info.kind, info.width, info.height) == ("picture", 96, 64)
    assert np.abs(next(read("a.avif")).image.astype(int) - picture()).mean() < 4


def test_avif_stored_as_a_grid_is_read_whole(here):
    """libavif's own encoder makes grids; Debian's ffmpeg reads one tile of such a file."""
    try:
        made = subprocess.run(["avifenc", "--help"], capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs avifenc (Debian's libavif-bin)")
    assert made.returncode == 0
    image = np.tile(picture(), (4, 4, 1))[:256, :384]
    Image.fromarray(image).save("a.png")
    grid = ["avifenc", "-q", "90", "--grid", "2x2", "a.png", "a.avif"]
    subprocess.run(grid, check=True, capture_output=True)
    assert np.abs(next(read("a.avif")).image.astype(int) - image).mean() < 6


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
