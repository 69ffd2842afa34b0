"""Images and animations are clips too."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from relight.errors import InputError
from relight.media import probe, read

from .making import copy, number_of, numbered


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.mp4"])
def test_an_image_is_a_clip_of_one_frame(here, name):
    kind = {"jpg": "jpeg", "mp4": "png"}.get(name[2:], name[2:])  # the name may well lie
    Image.new("RGB", (33, 21), (200, 30, 60)).save(name, format=kind)
    info, (frame,) = probe(name), list(read(name))
    assert (info.width, info.height, info.frames, info.has_audio) == (33, 21, 1, False)
    assert frame.time == 0 and frame.image.shape == (21, 33, 3)
    assert np.abs(frame.image.astype(int) - (200, 30, 60)).max() <= 3
    with pytest.raises(InputError):
        list(read(name, start=1.0))


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_animation_durations(here, kind):
    images = [Image.fromarray(numbered(i)) for i in range(0, 40, 10)]
    images[0].save(
        f"a.{kind}", save_all=True, append_images=images[1:], duration=[100, 40, 500, 200]
    )
    frames = list(read(f"a.{kind}"))
    assert [float(f.time) for f in frames] == pytest.approx([0, 0.1, 0.14, 0.64])
    assert [round(number_of(f.image) / 10) for f in frames] == [0, 1, 2, 3]
    info = probe(f"a.{kind}")
    assert info.frames == 4 and info.duration == pytest.approx(0.84)
    assert any("variable" in note for note in info.notes)
    copy(f"a.{kind}", "b.mp4")
    assert [float(f.time) for f in read("b.mp4")] == pytest.approx([0, 0.1, 0.14, 0.64])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(here, orientation):
    image = Image.new("RGB", (64, 48))
    image.paste((255, 255, 255), (0, 0, 32, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save("a.jpg", exif=exif, quality=95)
    found = next(read("a.jpg")).image
    assert found.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    info = probe("a.jpg")
    assert (info.width, info.height) == (found.shape[1], found.shape[0])
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1)} | {
        7: (-1, -1),
        8: (-1, 0),
    }
    assert found[corner[orientation]].min() > 250


def test_transparent_grey_deep_cmyk_and_profiled_stills(here):
    Image.new("RGBA", (8, 8), (200, 100, 0, 128)).save("alpha.png")
    found = next(read("alpha.png"))
    assert found.image[0, 0].tolist() == [200, 100, 0] and found.alpha[0, 0] == 128
    assert found.flat()[0, 0].tolist() == [100, 50, 0]
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save("deep.png")
    assert next(read("deep.png")).image[0, 0].tolist() == [0x8000] * 3
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save("cmyk.jpg", quality=100)
    assert next(read("cmyk.jpg")).image[0, 0, 0] > 200
    Image.new("L", (8, 8), 77).save("grey.png")
    assert next(read("grey.png")).image[0, 0].tolist() == [77, 77, 77]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (8, 8), (10, 200, 30)).save("srgb.png", icc_profile=profile)
    found = next(read("srgb.png")).image[0, 0].astype(int)
    assert np.abs(found - (10, 200, 30)).max() <= 1
    Image.new("RGB", (8, 8), (10, 200, 30)).save("broken.png", icc_profile=b"not a profile")
    assert next(read("broken.png")).image[0, 0].tolist() == [10, 200, 30]
