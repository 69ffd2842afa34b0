"""Upscaling with the embedded weights: pictures of every kind, the dial, guides."""

import cv2
import numpy as np
import pytest
from PIL import Image

from relight import metrics
from relight.engine import build_upscale
from relight.errors import ModelError
from relight.models.guides import GUIDES
from tests.engine.upscaling.running import images, never, refused, upscaled
from tests.samples import scene, shrunk

# --- pictures of every kind


def _cmyk(image, path):
    image.convert("CMYK").save(path, quality=95)


def _deep(image, path):
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)


def _alpha(image, path):
    image.putalpha(255)
    image.save(path)


def _turned(image, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned right by a quarter
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


def _palette(image, path):
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(path)


KINDS = {
    "cmyk": (_cmyk, "in.jpg"),
    "16 bit": (_deep, "in.png"),
    "alpha": (_alpha, "in.png"),
    "rotated": (_turned, "in.jpg"),
    "palette": (_palette, "in.gif"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_every_kind_come_back_upright_and_alike(tmp_path, mini, kind):
    save, name = KINDS[kind]
    small = shrunk(scene(), 48, 32)
    save(Image.fromarray(small), tmp_path / name)
    out = images(upscaled(mini, tmp_path / name, tmp_path / "out.png", identity=1).path)[0]
    assert out.shape == (64, 96, 3)
    again = cv2.resize(out, (48, 32), interpolation=cv2.INTER_AREA).astype(float)
    expected = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[..., None] if kind == "16 bit" else small
    assert np.abs(again - expected).mean() < 8  # of 255; a picture the wrong way is above 40
    assert np.abs(again[::-1] - expected).mean() > 16


def test_a_single_frame_is_a_picture_whatever_its_name(tmp_path, picture, tiny):
    result = upscaled(tiny, picture(name="in.webp"), tmp_path / "out.jpg")
    assert result.frames == 1 and images(result.path).shape == (1, 48, 80, 3)


# --- quality, with the embedded weights


def _fidelity(path, small):
    height, width = small.shape[:2]
    again = cv2.resize(images(path)[0], (width, height), interpolation=cv2.INTER_AREA)
    return metrics.psnr([again], [small])


def test_the_dial_goes_from_keeping_to_reimagining(tmp_path, picture, mini):
    source = picture(64, 48)
    small = images(source)[0]
    kept, detail = [], []
    for identity in (1, 0.8, 0.5, 0.2, 0):
        out = tmp_path / f"{identity}.png"
        upscaled(mini, source, out, identity=identity, steps=None)
        kept.append(_fidelity(out, small))
        detail.append(metrics.sharpness([small], images(out)))
    assert kept == sorted(kept, reverse=True), kept
    assert kept[0] > 60 and kept[0] - kept[-1] > 8, kept
    assert detail[-1] > 1.1 * detail[0] and detail[1:] == sorted(detail[1:]), detail


def test_at_the_end_of_the_dial_nothing_is_denoised(tmp_path, picture):
    """No model is loaded for it, whatever its name; the guide decides."""
    source = picture(64, 48)
    made = {}
    for guide in ("mini", "restore", "bicubic"):
        out = tmp_path / f"{guide}.png"
        result = upscaled(never, source, out, identity=1, guide=guide, model="mini", steps=None)
        made[guide] = images(out)
        assert result.settings["steps"] is None and result.settings["guide"] == guide
        assert ("guide" in result.weights) == (guide != "bicubic")
    assert not np.array_equal(made["mini"], made["restore"])
    assert metrics.sharpness(made["bicubic"], made["mini"]) > 1.1


def test_the_embedded_model_stands_at_its_guide(tmp_path, picture):
    result = upscaled(never, picture(), tmp_path / "out.png", identity=None, model="mini")
    assert result.settings["identity"] == 1 and "no diffusion" in result.model
    assert result.settings["model"] == "mini"


def test_a_clip_by_the_guide_alone_is_the_same_in_any_chunks(tmp_path, clip, monkeypatch):
    """Its frames share detail with their neighbours, also across chunks."""
    source, made = clip(7, 48, 32), []
    for pictures in (8, 3):
        monkeypatch.setattr(build_upscale, "PICTURES", pictures)
        out = tmp_path / f"{pictures}.mkv"
        made.append(images(upscaled(never, source, out, identity=1, codec="ffv1").path))
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    "guide, named",
    [
        ("sharp", "unknown guide 'sharp': use bicubic, mini, restore, or a .safetensors file"),
        ("no.safetensors", "is not a file"),
        ("x.pth", "unknown guide"),
    ],
)
def test_a_wrong_guide_is_refused_in_one_line(tmp_path, picture, guide, named):
    refused(named, never, picture(), tmp_path / "out.png", error=ModelError, guide=guide)


def test_the_published_recipe_has_its_own_guide(tmp_path, picture, tiny):
    settings = {"recipe": "paper", "identity": None}
    refused("bicubic", never, picture(), tmp_path / "a.png", guide="mini", **settings)
    result = upscaled(tiny, picture(), tmp_path / "out.png", **settings)
    assert result.settings["guide"] == "bicubic"


def test_a_guide_of_ones_own_from_a_file(tmp_path, picture):
    path = tmp_path / "own.safetensors"
    path.write_bytes(GUIDES["mini"].read_bytes())
    result = upscaled(never, picture(), tmp_path / "a.png", guide=str(path), identity=1)
    embedded = upscaled(never, picture(), tmp_path / "b.png", identity=1)
    assert result.settings["guide"] == str(path)
    assert result.path.read_bytes() == embedded.path.read_bytes()


def test_a_flat_picture_stays_flat(tmp_path, mini):
    source = tmp_path / "in.png"
    Image.new("RGB", (64, 48), (120, 130, 110)).save(source)
    out = images(upscaled(mini, source, tmp_path / "out.png", steps=None).path)[0].astype(float)
    assert np.abs(out - (120, 130, 110)).max() < 12
