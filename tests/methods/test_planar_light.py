"""Light on frames of video as they are stored, beside the same light on RGB."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from relight import media
from relight.engine.full_size import lit_frame
from relight.media import Frame, PlanarFrame
from relight.media.planes import Planes
from relight.methods.gain_and_glow import GainGlow

CLIP = Path(__file__).parents[2] / "examples" / "clips" / "big_buck_bunny.mp4"
SIZE = 288, 512


def _light(gain, glow):
    """One that falls off from the left, warm."""
    across = torch.linspace(gain, -gain, SIZE[1]).expand(3, *SIZE)
    tint = torch.tensor([0.15, 0.0, -0.2])[:, None, None]
    return GainGlow(across + tint, torch.full((3, *SIZE), glow))


def _small(image):
    small = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="module")
def frame():
    found = next(iter(media.read(CLIP, start=1.5, frames=1, planar=True)))
    assert isinstance(found, PlanarFrame)
    return found


@pytest.mark.parametrize(("gain", "glow"), [(0.9, 0.04), (0.4, -0.08), (1.5, 0.15)])
def test_it_is_the_light_of_rgb(frame, gain, glow):
    light, small = _light(gain, glow), _small(frame.image)
    lit = lit_frame(frame, light, small)
    assert isinstance(lit, PlanarFrame)
    wanted = lit_frame(Frame(frame.image, frame.time), light, small).image.astype(int)
    brightness = np.array([0.2126, 0.7152, 0.0722])
    off = np.abs((lit.image - wanted) @ brightness)
    assert np.abs(wanted - frame.image).mean() > 15  # a strong light
    assert off.mean() < 0.7 and np.quantile(off, 0.999) < 7


def test_no_light_leaves_every_value(frame):
    none = GainGlow(torch.zeros(3, *SIZE), torch.zeros(3, *SIZE))
    lit = lit_frame(frame, none, _small(frame.image))
    for made, own in zip(lit.planes.all, frame.planes.all, strict=True):
        assert np.array_equal(made, own)


def test_a_flat_grey_stays_flat_and_grey():
    planes = Planes.empty(64, 96)
    planes.y[:], planes.u[:], planes.v[:] = 120, 128, 128
    frame = PlanarFrame(planes, Fraction(0))
    light = GainGlow(torch.full((3, 16, 24), 0.3), torch.full((3, 16, 24), 0.02))
    lit = lit_frame(frame, light, torch.full((3, 16, 24), 121 / 255)).planes
    assert np.ptp(lit.y) <= 1 and lit.y.min() > 140
    assert (lit.u == 128).all() and (lit.v == 128).all()


def test_letterbox_bars_stay_black():
    planes = Planes.empty(64, 96)
    planes.y[:], planes.u[:], planes.v[:] = 120, 100, 150
    for end in (slice(0, 8), slice(-8, None)):
        planes.y[end] = 16
    for end in (slice(0, 4), slice(-4, None)):
        planes.u[end] = planes.v[end] = 128
    frame = PlanarFrame(planes, Fraction(0))
    light = GainGlow(torch.full((3, 16, 24), 0.3), torch.full((3, 16, 24), 0.1))
    lit = lit_frame(frame, light, torch.full((3, 16, 24), 0.4))
    assert (lit.image[:7] == 0).all() and (lit.image[-7:] == 0).all()
    assert lit.planes.y[8:-8].min() > 120
