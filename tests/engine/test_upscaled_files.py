"""What a file holds beside its picture survives upscaling: profile, turn, alpha, depth, timing."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw

import relight
from relight import media, metrics
from relight.engine.plan_text import describe
from relight.jobs import UpscaleJob
from tests import samples
from tests.media.test_colours import wide_profile


@pytest.fixture(scope="module")
def scene():
    """A frame of the sample clip, small: (36, 64, 3) uint8."""
    return samples.shrunk(samples.scene(), 64, 36)


def _upscaled(source, name):
    return relight.upscale(source, source.parent / name, model="mini")


def _opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def test_wide_colours_are_brought_to_srgb(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "a.jpg", quality=98, icc_profile=wide_profile())
    result = _upscaled(tmp_path / "a.jpg", "b.png")
    assert "colours converted from Display P3 to sRGB" in result.notes
    small = np.asarray(_opened(result.path).resize((64, 36), Image.Resampling.BOX), float)
    source = next(media.read(tmp_path / "a.jpg")).image  # as it is converted when it is read
    assert np.abs(small - source).mean() < 1
    assert np.abs(small - scene).mean() > 2  # the numbers are others: it was converted


def test_a_turned_photo_comes_back_upright(tmp_path, scene):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(scene).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = _opened(_upscaled(tmp_path / "a.jpg", "b.jpg").path)
    assert image.size == (128, 72) and image.getexif().get(0x0112, 1) == 1


def test_soft_alpha_grows_along_without_a_halo(tmp_path):
    down, across = np.mgrid[:48, :48]
    alpha = np.clip((18 - np.hypot(down - 24, across - 24)) / 8 + 0.5, 0, 1)
    picture = np.zeros((48, 48, 4), np.uint8)
    picture[..., :3], picture[..., 3] = (250, 240, 60), alpha * 255
    picture[picture[..., 3] == 0] = 0  # black, as programs leave it
    Image.fromarray(picture).save(tmp_path / "a.png")
    result = np.asarray(_opened(_upscaled(tmp_path / "a.png", "b.png").path)).astype(int)
    assert result.shape == (96, 96, 4)
    seen = result[..., 3] > 8
    assert np.abs(result[seen][:, :3] - (250, 240, 60)).max() <= 2
    wanted = cv2.resize(alpha.astype(np.float32), (96, 96), interpolation=cv2.INTER_CUBIC)
    assert np.abs(result[..., 3] / 255 - wanted.clip(0, 1)).max() < 0.03


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_stay_sixteen_bits(tmp_path, extension):
    ramp = np.linspace(20000, 22000, 64).astype(np.uint16)[None].repeat(36, 0)
    picture = np.stack([ramp, ramp + 300, ramp + 900], axis=-1)
    source = tmp_path / f"a.{extension}"
    cv2.imwrite(str(source), picture[..., ::-1])
    path = _upscaled(source, f"b.{extension}").path
    result = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert result.dtype == np.uint16 and len(np.unique(result[..., 0])) > 100
    wanted = cv2.resize(picture, (128, 72), interpolation=cv2.INTER_CUBIC).astype(int)
    assert np.abs(result.astype(int) - wanted)[4:-4, 4:-4].max() < 128  # half a code of eight bits


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_grey_stays_grey(tmp_path, scene, deep):
    grey = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)
    Image.fromarray(grey.astype(np.uint16) * 257 if deep else grey).save(tmp_path / "a.png")
    image = _opened(_upscaled(tmp_path / "a.png", "b.png").path)
    assert image.mode == ("I;16" if deep else "L") and image.size == (128, 72)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_grey_with_transparency_stays_grey(tmp_path, scene, deep):
    grey = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)
    soft = np.linspace(0, 255, 64).astype(np.uint8)[None].repeat(36, 0)
    if deep:
        codes = np.stack([grey, soft], axis=-1).astype(">u2") * 257
        _write_png(tmp_path / "a.png", codes, colour=4)
    else:
        Image.merge("LA", [Image.fromarray(x) for x in (grey, soft)]).save(tmp_path / "a.png")
    path = _upscaled(tmp_path / "a.png", "b.png").path
    assert path.read_bytes()[24:26] == bytes([16 if deep else 8, 4])  # depth, grey with alpha
    made = np.asarray(_opened(path).convert("LA"))
    assert made.shape == (72, 128, 2)
    assert np.abs(made[..., 1].astype(int) - cv2.resize(soft, (128, 72))).max() <= 6


@pytest.mark.parametrize("deep", [False, True])
def test_a_grey_tiff_with_transparency_stays_grey(tmp_path, scene, deep):
    codes = np.dstack([cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), np.full((36, 64), 200, np.uint8)])
    codes = codes.astype(np.uint16) * 257 if deep else codes
    layout = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", codes, **layout)
    made = tifffile.imread(_upscaled(tmp_path / "a.tif", "b.tif").path)
    # At 16 bits in three equal channels: Pillow could not open it else.
    assert made.shape == (72, 128, 4 if deep else 2) and made.dtype == codes.dtype
    assert (made[..., :-1] == made[..., :1]).all()
    assert np.abs(made[..., -1].astype(int) - int(codes[0, 0, 1])).max() <= 1


def _write_png(path, codes, colour):
    """(h, w, channels) big-endian -> a PNG file, which Pillow can't write as deep."""
    height, width = codes.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in codes)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (120, 130, 110), (3, 250, 77)])
def test_flat_colours_stay_exactly_flat(tmp_path, colour):
    Image.new("RGB", (40, 30), colour).save(tmp_path / "a.png")
    result = np.asarray(_opened(_upscaled(tmp_path / "a.png", "b.png").path))
    assert np.unique(result.reshape(-1, 3), axis=0).tolist() == [list(colour)]


def test_line_art_stays_clean(tmp_path):
    """White paper stays white a few pixels beside a stroke, and the strokes stay dark."""
    page = Image.new("L", (96, 64), 255)
    draw = ImageDraw.Draw(page)
    draw.rectangle((20, 16, 70, 48), outline=0, width=2)
    draw.ellipse((34, 22, 56, 42), outline=0, width=2)
    page.save(tmp_path / "a.png")
    result = np.asarray(_opened(_upscaled(tmp_path / "a.png", "b.png").path))
    ink = cv2.resize(np.asarray(page), (192, 128), interpolation=cv2.INTER_NEAREST) < 128
    paper = ~cv2.dilate(ink.astype(np.uint8), np.ones((13, 13))).astype(bool)
    assert result[paper].min() >= 252  # three codes, which nobody sees
    assert np.percentile(result[ink], 90) < 90


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
def test_an_animation_keeps_its_timing(tmp_path, extension):
    frames = [
        Image.fromarray(cv2.resize(frame.image, (32, 18), interpolation=cv2.INTER_AREA))
        for frame in media.read(samples.CLIP, frames=4)
    ]
    shown = [100, 200, 50, 300]
    source = tmp_path / f"a.{extension}"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=shown, loop=2)
    found = []
    with Image.open(_upscaled(source, f"b.{extension}").path) as image:
        assert image.size == (64, 36) and image.n_frames == 4
        for index in range(4):
            image.seek(index)
            image.load()
            found.append(image.info["duration"])
    assert found == shown


@pytest.mark.slow
@pytest.mark.parametrize("quality, blocky", [(95, False), (30, True)])
def test_blocks_of_compression_are_said_and_taken_away_unless_a_guide_is_named(
    tmp_path, quality, blocky
):
    true = next(media.read(samples.CLIP)).image[:, :480]
    frame = cv2.resize(true, (240, 180), interpolation=cv2.INTER_AREA)
    source = tmp_path / "a.jpg"
    Image.fromarray(frame).save(source, quality=quality)
    made = {}
    for guide in (None, "mini", "restore"):
        made[guide] = relight.upscale(source, tmp_path / f"{guide}.png", guide=guide)
        said = [note for note in made[guide].notes if "blocks of compression" in note]
        assert len(said) == (blocky and guide != "restore")
    planned = describe(UpscaleJob.make(input=source, output=tmp_path / "planned.png"))
    assert any("blocks of compression" in line for line in planned) == blocky
    chosen = "restore" if blocky else "mini"
    assert made[None].settings["guide"] == chosen
    assert made[None].path.read_bytes() == made[chosen].path.read_bytes()
    again = relight.upscale(**{**made[None].settings, "output": tmp_path / "again.png"})
    assert again.path.read_bytes() == made[None].path.read_bytes()
    if blocky:
        kept, clean = (np.asarray(_opened(made[key].path)) for key in ("mini", None))
        assert metrics.psnr([true], [clean]) > metrics.psnr([true], [kept]) + 0.3
