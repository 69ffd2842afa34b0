"""Pictures that editors save: what is converted, and what is refused in one line."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from relight.errors import InputError
from relight.media.references import read_reference

SHADE = (200, 120, 40)


def picture(size=(96, 80), colour=SHADE):
    return Image.new("RGB", size, colour)


def profile(kind="sRGB"):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"])
def test_the_usual_formats(tmp_path, name):
    picture().save(tmp_path / name)
    image = read_reference(tmp_path / name)
    assert image.shape == (80, 96, 3) and image.dtype == np.uint8
    assert np.abs(image.reshape(-1, 3).mean(0) - SHADE).max() < 4


def test_alpha_that_hides_nothing_is_dropped_and_transparency_refused(tmp_path):
    opaque = picture().convert("RGBA")
    opaque.save(tmp_path / "opaque.png")
    assert np.array_equal(read_reference(tmp_path / "opaque.png")[0, 0], SHADE)
    opaque.paste((0, 0, 0, 0), (0, 0, 48, 80))
    opaque.save(tmp_path / "half.png")
    with pytest.raises(InputError, match="transparent over 50%.*flatten"):
        read_reference(tmp_path / "half.png")


def test_16_bits_and_real_numbers_become_8(tmp_path):
    Image.fromarray(np.full((80, 96), 257 * 90, np.uint16)).save(tmp_path / "deep.png")
    assert (read_reference(tmp_path / "deep.png") == 90).all()
    Image.fromarray(np.full((80, 96), 0.5, np.float32)).save(tmp_path / "real.tif")
    assert (read_reference(tmp_path / "real.tif") == 128).all()


@pytest.mark.parametrize(
    "value, words", [(np.nan, "no numbers"), (np.inf, "no numbers"), (7, "0 to 1")]
)
def test_values_that_mean_nothing_are_refused(tmp_path, value, words):
    values = np.full((80, 96), 0.5, np.float32)
    values[3, 4] = value
    Image.fromarray(values).save(tmp_path / "bad.tif")
    with pytest.raises(InputError, match=words):
        read_reference(tmp_path / "bad.tif")


def test_cmyk_needs_a_profile(tmp_path):
    picture().convert("CMYK").save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="CMYK without a profile: export it as sRGB"):
        read_reference(tmp_path / "a.tif")
    picture().convert("CMYK").save(tmp_path / "b.tif", icc_profile=profile())  # not one for CMYK
    with pytest.raises(InputError, match="CMYK"):
        read_reference(tmp_path / "b.tif")


def test_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "a.jpg", exif=exif)
    assert read_reference(tmp_path / "a.jpg").shape == (96, 80, 3)


def test_a_damaged_second_page_of_a_tiff_is_one_line(tmp_path):
    path = tmp_path / "a.tif"
    picture().save(path, save_all=True, append_images=[picture()])
    content = path.read_bytes()
    head, width, rest = content.rpartition(struct.pack("<HHI", 256, 4, 1))
    assert width  # the tag of the second page's
    path.write_bytes(head + struct.pack("<HHI", 60000, 4, 1) + rest)
    with pytest.raises(InputError, match="can't be read as a picture"):
        read_reference(path)


def test_small_missing_broken_and_moving_pictures_are_refused(tmp_path):
    picture((63, 200)).save(tmp_path / "thin.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    frames = [picture(colour=(i, 0, 0)) for i in (0, 99)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    cases = {
        "thin": "63x200",
        "text": "can't be read",
        "empty": "can't be read",
        "gone": "is not there",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words):
            read_reference(tmp_path / f"{name}.png")
    with pytest.raises(InputError, match="animation"):
        read_reference(tmp_path / "moving.webp")
