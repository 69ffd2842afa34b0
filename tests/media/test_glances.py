"""What a frame looks like at a glance, by its pixels and before they are converted."""

import av
import cv2
import numpy as np
import pytest

from relight.media.glances import glance, glance_of


def picture(h=90, w=160):
    ys, xs = np.mgrid[0:h, 0:w]
    image = np.stack([200 * xs / w, 200 * ys / h, np.full((h, w), 90)], -1)
    return image.astype(np.uint8)


@pytest.mark.parametrize("size", [(90, 160), (8, 8), (3, 200), (1, 1), (500, 7)])
def test_the_grid_is_the_mean_of_each_field(size):
    image = picture(*size)
    seen = glance(image)
    assert seen.shape == (8, 8) and seen.dtype == np.float32
    whole = cv2.resize(image.mean(2, dtype=np.float32) / 255, (8, 8), interpolation=cv2.INTER_AREA)
    if min(size) >= 8:
        assert np.abs(seen - whole).max() < 0.06
    assert abs(float(seen.mean() - image.mean() / 255)) < 0.01


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_depths_look_the_same(kind):
    top = 1 if kind is np.float32 else np.iinfo(kind).max
    image = (picture() / 255 * top).astype(kind)
    assert np.abs(glance(image) - glance(picture())).max() < 0.01


FORMS = ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p12le", "gray", "gray16le", "nv12", "gbrp"]


@pytest.mark.parametrize("form", [*FORMS, "rgb24", "rgba", "rgb48le", "gray10be"])
def test_every_format_tells_a_cut_from_grain(form):
    rng = np.random.default_rng(0)
    other = picture()[::-1, ::-1]
    grainy = (picture() + rng.normal(0, 6, (90, 160, 1))).clip(0, 255).astype(np.uint8)
    one, same, cut = (
        glance_of(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(x), "rgb24").reformat(format=form)
        )
        for x in (picture(), grainy, other)
    )
    assert np.abs(one - same).mean() < 0.01 and np.abs(one - cut).mean() > 0.1


@pytest.mark.parametrize("form", ["gbrpf32le", "monow", "yuyv422"])
def test_other_formats_are_not_told(form):
    frame = av.VideoFrame.from_ndarray(picture(), "rgb24")
    assert glance_of(frame.reformat(format=form)) is None
