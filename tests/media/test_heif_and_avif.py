"""HEIC and AVIF: grids, ten bits, turns, and what is beside the picture."""

import builtins
import subprocess

import numpy as np
import pytest
from PIL import Image

from relight.errors import MediaError
from relight.media import heif_in, probe, read

from .heif import auxiliary, heic, nclx, turned
from .making import copy, one_line, picture


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


APPLE = "urn:com:apple:photo:2020:aux:"


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
    grid = ["avifenc", "--min", "0", "--max", "12", "--grid", "2x2", "a.png", "a.avif"]
    subprocess.run(grid, check=True, capture_output=True)
    assert np.abs(next(read("a.avif")).image.astype(int) - image).mean() < 6
