"""Frames come upright, square and in the right colours."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, VideoReformatter

from relight.errors import MediaError
from relight.media import Encoding, probe, read, to_uint8, write
from relight.media.look import EXACT, Looks
from relight.media.pixels import to_pixels

from .making import clip, copy, encode, number_of, one_line


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_and_mirroring(here, degrees, mirror):
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32], stored[:24, 32:], stored[24:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    # FFmpeg's convention: counter-clockwise by `degrees`, and what that gives is mirrored.
    encode("a.mp4", [stored] * 2, turn={"degrees": -degrees, "hflip": mirror})
    shown = np.rot90(stored, -degrees // 90)
    shown = shown[:, ::-1] if mirror else shown
    info, image = probe("a.mp4"), next(read("a.mp4")).image
    assert image.shape == shown.shape == (info.height, info.width, 3)
    assert np.abs(image.astype(int) - shown)[4:-4, 4:-4].mean() < 12
    assert bool(info.notes) == bool(degrees or mirror)
    copy("a.mp4", "b.mp4")
    assert probe("b.mp4").notes == ()
    assert next(read("b.mp4")).image.shape == shown.shape


def test_phone_rotation_tag(here):
    """Both conventions agree on a file written byte by byte as phones do: 90 degrees clockwise."""
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32] = 255  # top left is white: upright, that is the top right
    encode("a.mp4", [stored] * 2)
    data = bytearray(Path("a.mp4").read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    Path("a.mp4").write_bytes(data)
    image = next(read("a.mp4")).image
    assert image.shape == (64, 48, 3)
    assert image[8, 40].min() > 200 and image[8, 8].max() < 50
    assert probe("a.mp4").notes == ("rotated 90 degrees clockwise",)


@pytest.mark.parametrize(
    ("aspect", "size"), [("2", (128, 48)), ("1/2", (64, 96)), ("16/15", (68, 48)), ("1", (64, 48))]
)
def test_pixel_aspect(here, aspect, size):
    clip("a.mp4", 2, aspect=aspect)
    info = probe("a.mp4")
    assert (info.width, info.height) == size
    assert next(read("a.mp4")).image.shape == (size[1], size[0], 3)
    assert any("pixel aspect" in note for note in info.notes) == (size != (64, 48))


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (17, 17), (19, 27), (1, 9), (1, 1), (2, 2)])
def test_odd_sizes_are_exact(here, size):
    image = np.full((size[1], size[0], 3), (200, 80, 40), np.uint8)
    with write("a.mp4", size=size, fps=25, encoding=Encoding(crf=5)) as out:
        for i in range(3):
            out.add(image, Fraction(i, 25))
    info = probe("a.mp4")
    assert (info.width, info.height) == size
    assert np.abs(next(read("a.mp4")).image.astype(int) - image).max() <= 6


def test_size_change_midway_keeps_the_first(here):
    for name, size in (("a.ts", (64, 48)), ("b.ts", (96, 80))):
        clip(name, 10, size)
    Path("c.ts").write_bytes(Path("a.ts").read_bytes() + Path("b.ts").read_bytes())
    shapes = {f.image.shape for f in read("c.ts")}
    assert shapes == {(48, 64, 3)}


LEVELS = (0, 16, 64, 128, 192, 235, 255)


PATCHES = np.array([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS], np.uint8)


WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}


def chart(patch=8, columns=25):
    """(112, 200, 3): 343 colours in patches, each lying on whole chroma samples."""
    rows = -(-len(PATCHES) // columns)
    image = np.zeros((rows * patch, columns * patch, 3), np.uint8)
    for i, colour in enumerate(PATCHES):
        y, x = divmod(i, columns)
        image[y * patch : (y + 1) * patch, x * patch : (x + 1) * patch] = colour
    return image


def patches_of(image, patch=8, columns=25):
    """The centre of each patch, where no neighbour's chroma reaches."""
    places = (divmod(i, columns) for i in range(len(PATCHES)))
    return np.array([image[y * patch + patch // 2, x * patch + patch // 2] for y, x in places], int)


def to_yuv(rgb, weights, full):
    """The definition in ITU-R BT.601/709/2020, in floats, rounded once."""
    kr, kb = WEIGHTS[weights]
    r, g, b = np.moveaxis(rgb.astype(float) / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if full:
        planes = y * 255, u * 255 + 128, v * 255 + 128
    else:
        planes = y * 219 + 16, u * 224 + 128, v * 224 + 128
    return [np.clip(np.round(p), 0, 255).astype(np.uint8) for p in planes]


def encode_planes(path, planes, *, matrix=2, full=False, trc=2, primaries=2):
    """Lossless 4:4:4 H.264 of exactly these planes, with these tags."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_trc, context.color_primaries = trc, primaries
        for i in range(2):
            frame = av.VideoFrame.from_ndarray(np.stack(planes), "yuv444p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            frame.color_range, frame.colorspace = context.color_range, matrix
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("weights", "tag"), [("709", 1), ("601", 5), ("601", 6), ("2020", 9), ("601", 2)]
)
def test_colour_tags_are_honoured(here, weights, tag, full):
    encode_planes("a.mp4", to_yuv(chart(), weights, full), matrix=tag, full=full)
    error = np.abs(patches_of(next(read("a.mp4")).image) - PATCHES)
    assert error.max() <= 2 and error.mean() < 0.6


def test_untagged_hd_is_709(here):
    image = np.tile(chart(), (7, 1, 1))[:720]
    encode_planes("a.mp4", to_yuv(image, "709", False))
    assert np.abs(patches_of(next(read("a.mp4")).image) - PATCHES).max() <= 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_written_colours_are_709_and_tagged(here, name):
    with write(name, size=(200, 112), fps=25, encoding=Encoding(crf=0)) as out:
        for i in range(2):
            out.add(chart(), Fraction(i, 25))
    with av.open(name) as container:
        frame = next(container.decode(video=0))
        tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        assert tags == (1, 1, 1, 1)
        assert frame.format.name == "yuv420p"
        luma = frame.to_ndarray()[:112, :200]
    expected = to_yuv(chart(), "709", False)[0]
    assert np.abs(luma.astype(int) - expected).max() <= 1
    error = np.abs(patches_of(next(read(name)).image) - PATCHES)
    assert error.max() <= 2 and error.mean() < 0.9


def test_generations_do_not_drift(here):
    image = chart(patch=32)  # chroma bleeds over an edge by 2 pixels in each generation
    with write("0.mp4", size=image.shape[1::-1], fps=25, encoding=Encoding(crf=0)) as out:
        out.add(image, Fraction(0))
    for i in range(4):
        copy(f"{i}.mp4", f"{i + 1}.mp4", crf=0)
    assert np.abs(patches_of(next(read("4.mp4")).image, patch=32) - PATCHES).max() <= 3


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(here, trc, name):
    encode_planes("a.mp4", to_yuv(chart(), "2020", False), matrix=9, trc=trc, primaries=9)
    assert any("HDR" in note and name in note for note in probe("a.mp4").notes)
    with pytest.raises(MediaError) as error:
        next(read("a.mp4"))
    assert "HDR" in one_line(error) and "SDR" in one_line(error)


def test_ten_bit_is_read_at_sixteen(here):
    clip("a.mp4", 4, pix_fmt="yuv420p10le")
    info = probe("a.mp4")
    assert info.depth == 10 and info.notes == ()
    frames = list(read("a.mp4"))
    assert all(frame.image.dtype == np.uint16 for frame in frames)
    assert [number_of(to_uint8(f.image)) for f in frames] == [0, 1, 2, 3]


def test_interlaced_note(here):
    clip("a.mp4", 4, options={"x264-params": "interlaced=1:tff=1"})
    assert any("interlaced" in note for note in probe("a.mp4").notes)


@pytest.mark.parametrize(("codec", "pix_fmt"), [("png", "rgba"), ("qtrle", "argb")])
def test_video_with_alpha(here, codec, pix_fmt):
    image = np.zeros((48, 64, 4), np.uint8)
    image[..., 0], image[:24, :, 3] = 200, 255
    with av.open("a.mov", "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format=pix_fmt)))
        out.mux(stream.encode(None))
    found = next(read("a.mov"))
    assert probe("a.mov").alpha
    assert found.alpha[4, 4] == 255 and found.alpha[-4, 4] == 0
    assert found.image[4, 4].tolist() == found.image[-4, 4].tolist() == [200, 0, 0]
    assert found.flat()[-4, 4].tolist() == [0, 0, 0]
    assert found.flat((0, 255, 9))[-4, 4].tolist() == [0, 255, 9]


@pytest.mark.parametrize("size", [(64, 48), (96, 1280)])
def test_ffmpegs_own_conversion_is_offered_for_comparing(here, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    encode("a.mp4", [picture] * 2)
    with av.open("a.mp4") as container:
        theirs = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(next(read("a.mp4", conversion="ffmpeg")).image, theirs)
    assert not np.array_equal(next(read("a.mp4")).image, theirs)


@pytest.mark.parametrize("form", ["yuv420p", "nv12", "yuv444p", "yuva420p", "gray", "pal8", "bgr0"])
def test_planes_hold_the_codes_that_packed_pixels_would(form):
    picture, looks = _stored(form)
    look = looks.of(picture)
    image, alpha = to_pixels(picture, look, VideoReformatter())
    packed = _packed(picture, look, "rgba" if look.alpha else "rgb24")
    assert np.array_equal(image, packed[..., :3])
    assert alpha is None or np.array_equal(alpha, packed[..., 3])


def test_rgb_of_five_bits_reaches_white():
    picture, looks = _stored("rgb565le")
    picture.planes[0].update(np.full((48, 64), 0xFFFF, np.uint16).tobytes())
    image, _ = to_pixels(picture, looks.of(picture), VideoReformatter())
    assert image.min() == 255


def _stored(form):
    """A picture of strong colours in a pixel format, and the looks of a file that holds it."""
    colours = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    if form == "pal8":
        palette = np.random.default_rng(1).integers(0, 256, (256, 4)).astype(np.uint8)
        palette[:, 0] = 255
        picture = av.VideoFrame.from_ndarray((colours[..., 0].copy(), palette), "pal8")
    else:
        picture = av.VideoFrame.from_ndarray(colours, "rgb24").reformat(format=form)
    stream = av.open(io.BytesIO(), "w", format="mp4").add_stream("libx264")
    return picture, Looks(stream, stream.codec_context, Path("a.mp4"), "exact")


def _packed(picture, look, form):
    return (
        VideoReformatter()
        .reformat(
            picture,
            format=form,
            src_colorspace=look.matrix,
            src_color_range=ColorRange.JPEG if look.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=EXACT,
        )
        .to_ndarray()
    )
