"""Pictures in any form: what they become, and how they are resized."""

import numpy as np
import pytest
import torch
from PIL import Image

from relight.diffusion.pictures import as_pictures, picture_size, resized
from relight.errors import InputError

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
FLOAT = torch.from_numpy(FRAMES).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize(
    "form",
    [
        [Image.fromarray(frame) for frame in FRAMES],
        [Image.fromarray(frame).convert("RGBA") for frame in FRAMES],
        FRAMES,
        list(FRAMES),
        FRAMES[None],
        torch.from_numpy(FRAMES).permute(0, 3, 1, 2),
        np.ascontiguousarray(FRAMES[..., ::-1])[..., ::-1],  # a view with a negative stride
    ],
    ids=["pil", "rgba", "uint8", "uint8 list", "uint8 batch", "uint8 tensor", "reversed"],
)
def test_eight_bit_pictures_become_rgb_images(form):
    images = as_pictures(form)
    assert all(image.mode == "RGB" for image in images)
    assert np.array_equal(np.stack([np.array(image) for image in images]), FRAMES)
    assert picture_size(images) == (4, 6)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_deep_grey_images_are_not_clipped(kind):
    top = 1 if kind is np.float32 else 65535
    [image] = as_pictures(Image.fromarray(np.full((4, 6), 0.4 * top).astype(kind)))
    assert image.mode == "RGB" and (np.asarray(image) == 102).all()


@pytest.mark.parametrize("wrong", [-0.5, 1.5, np.nan])
def test_images_of_real_numbers_hold_0_to_1(wrong):
    with pytest.raises(InputError, match="mode F holds"):
        as_pictures(Image.fromarray(np.full((4, 6), wrong, np.float32)))


@pytest.mark.parametrize(
    "form",
    [
        FLOAT,
        FLOAT[None],
        FLOAT.double(),
        list(FLOAT),
        FLOAT.permute(0, 2, 3, 1).numpy(),
        FLOAT.permute(0, 2, 3, 1).double().numpy(),
        list(FLOAT.permute(0, 2, 3, 1).numpy()),
    ],
    ids=["tensor", "batch", "float64", "list", "array", "float64 array", "array list"],
)
def test_float_pictures_become_one_tensor(form):
    pixels = as_pictures(form)
    assert pixels.dtype == torch.float32 and torch.equal(pixels, FLOAT)
    assert picture_size(pixels) == (4, 6)


def test_one_picture_is_a_clip_of_one_frame():
    assert len(as_pictures(Image.new("L", (6, 4)))) == 1
    assert as_pictures(FLOAT[0]).shape == (1, 3, 4, 6)
    assert len(as_pictures(FRAMES[0])) == 1


def test_overshoot_of_resampling_is_clamped():
    pixels = as_pictures(torch.tensor([-1e-5, 0.5, 1.00001]).reshape(1, 3, 1, 1))
    assert pixels.flatten().tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    "form, message",
    [
        ([], "no pictures"),
        (np.zeros((0, 4, 6, 3), np.uint8), "shape"),
        (FRAMES[0, :, :, 0], "shape"),
        (FRAMES.transpose(0, 3, 1, 2), "array"),
        (FLOAT.permute(0, 2, 3, 1), "tensor"),
        (torch.zeros(2, 4, 3, 8, 8), "shape"),
        (FLOAT * 255, r"\[0, 1\]"),
        (FLOAT - 0.5, r"\[0, 1\]"),
        (FLOAT * float("nan"), "nan"),
        (FRAMES.astype(np.uint16), r"\[0, 1\]"),
        ([FRAMES[0], FRAMES[1][:2]], "differ"),
        ([Image.new("RGB", (4, 4)), FRAMES[0]], "Image"),
        (None, "NoneType"),
        ("clip.mp4", "str"),
    ],
)
def test_other_pictures_are_refused_in_one_line(form, message):
    with pytest.raises(InputError, match=message) as error:
        as_pictures(form)
    assert "\n" not in str(error.value)


# --- resizing


def _stripes():
    """Fine stripes, which nearest neighbours would turn into moire: (1, 32, 48, 3) uint8."""
    y, x = np.mgrid[:32, :48]
    wave = 127.5 + 100 * np.sin(x * 2.7) * np.cos(y * 1.9)
    return np.repeat(wave.round().astype(np.uint8)[None, ..., None], 3, axis=-1)


def _floats(pictures):
    if isinstance(pictures, torch.Tensor):
        return pictures
    return torch.stack([torch.from_numpy(np.array(p)).permute(2, 0, 1) / 255 for p in pictures])


@pytest.mark.parametrize("size", [(16, 24), (20, 17), (64, 96), (32, 8)])
def test_all_kinds_are_resized_in_the_same_way(size):
    eight_bit = _stripes()
    tensor = torch.from_numpy(eight_bit).permute(0, 3, 1, 2) / 255
    forms = [[Image.fromarray(eight_bit[0])], eight_bit, eight_bit / 255, tensor]
    images = [_floats(resized(as_pictures(form), size)) for form in forms]
    assert all(picture.shape == (1, 3, *size) for picture in images)
    for picture in images:  # images pass through 8 bits twice, once an axis
        torch.testing.assert_close(picture, images[0], rtol=0, atol=2.5 / 255)


def test_shrinking_averages_where_nearest_neighbours_would_alias():
    tensor = torch.from_numpy(_stripes()).permute(0, 3, 1, 2) / 255
    small = resized(tensor, (8, 12))
    assert (small - tensor.mean()).abs().max() < 0.1
    nearest = torch.nn.functional.interpolate(tensor, (8, 12))
    assert (nearest - tensor.mean()).abs().max() > 0.3


def test_pictures_of_that_size_stay_as_they_are():
    assert resized(FLOAT, (4, 6)) is FLOAT
    [same, _] = resized(as_pictures(FRAMES), (4, 6))
    assert np.array_equal(np.array(same), FRAMES[0])


def test_resized_floats_stay_in_their_range():
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    large = resized(edge, (20, 20))
    assert large.min() == 0 and large.max() == 1  # Lanczos overshoots
