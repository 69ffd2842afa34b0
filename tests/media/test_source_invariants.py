"""What holds in the source holds in the result, whatever a model has drawn."""

import cv2
import numpy as np
import pytest

from relight.media.source_invariants import (
    FRINGE,
    at_depth,
    bars,
    finished,
    is_grey,
    keep_bars,
    keep_flat,
)


def noise(shape, seed=0):
    return np.random.default_rng(seed).random((*shape, 3), np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_stays_grey_at_every_depth(dtype):
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    grey = np.repeat((noise((20, 30))[..., :1] * top).astype(dtype), 3, axis=2)
    found = finished(noise((40, 60), 1), grey)
    assert found.dtype == dtype and found.shape == (40, 60, 3)
    assert np.ptp(found.astype(float), axis=2).max() == 0
    colourful = grey.copy()
    colourful[0, 0, 0] = 0.5 * top
    colourful[0, 0, 2] = 0
    assert not is_grey(colourful)
    found = finished(noise((40, 60), 1), colourful).astype(float) / top
    assert np.ptp(found, axis=2).max() > 0.5


def test_the_chroma_rounding_of_a_video_is_still_grey():
    almost = np.full((8, 8, 3), 100, np.uint8)
    almost[::2, ::2, 1] += 2
    assert is_grey(almost)
    almost[0, 0, 1] += 2
    assert not is_grey(almost)


def test_flat_areas_stay_flat_and_detail_stays_the_models():
    source = (noise((40, 60)) * 255).astype(np.uint8)
    source[:, 30:] = (90, 120, 60)
    drawn = noise((80, 120), 1)
    found = keep_flat(drawn, source)
    wall = found[20:60, 84:]
    assert np.abs(wall * 255 - (90, 120, 60)).max() < 0.51
    assert np.array_equal(found[:, :60], drawn[:, :60])


def test_nothing_is_flat_in_a_gentle_ramp():
    ramp = np.tile(np.arange(128, dtype=np.uint8)[:, None, None], (1, 64, 3))
    drawn = noise((256, 128), 1)
    assert np.array_equal(keep_flat(drawn, ramp), drawn)


def test_levels_between_the_codes_come_back():
    ramp = np.tile(np.linspace(2000, 6000, 256), (16, 1)).astype(np.uint16)
    source = np.dstack([ramp] * 3)
    coarse = np.round(source / 257).repeat(2, 0).repeat(2, 1).astype(np.float32) / 255
    found = at_depth(coarse, source)
    wanted = np.linspace(2000, 6000, 512)
    assert len(np.unique(found)) > 250
    assert np.abs(found[8, 8:-8, 0] - wanted[8:-8]).max() < 200  # a code of 8 bits is 257


@pytest.mark.parametrize("level", [0, 5])
def test_letterbox_and_pillarbox_bars_stay_black(level):
    film = np.full((40, 60, 3), level, np.uint8)
    film[6:34, 9:51] = 120
    assert bars(film) == (6, 6, 9, 9)
    lit = np.full((40, 60, 3), 77, np.uint8)
    found = keep_bars(lit, film)
    assert (found[:6] == level).all() and (found[:, :9] == level).all()
    assert (found[6:34, 9:51] == 77).all()


@pytest.mark.parametrize(
    ("edge", "kept"), [((16, 49), 8), ((16, 90), 7), ((70, 90), 6), ((3, 5), 8)]
)
def test_the_edge_that_compression_mixes_with_a_bar_is_not_lit(edge, kept):
    """Light would make a bright line of it."""
    film = np.full((40, 60, 3), 193, np.uint8)
    film[:6] = film[-6:] = 2
    film[6:8] = np.array(edge, np.uint8)[:, None, None]
    film[-8:-6] = film[6:8][::-1]
    lit = np.full((40, 60, 3), 220, np.uint8)
    for found in (keep_bars(lit, film, FRINGE), keep_bars(lit, film, FRINGE)[::-1]):
        assert np.array_equal(found[:kept], film[:kept]) and (found[kept:-kept] == 220).all()
    turned = keep_bars(lit.transpose(1, 0, 2), film.transpose(1, 0, 2), FRINGE)
    assert np.array_equal(turned, keep_bars(lit, film, FRINGE).transpose(1, 0, 2))


def test_a_dark_sky_is_no_bar():
    night = np.full((40, 60, 3), 100, np.uint8)
    night[:12] = 0  # black above only
    assert bars(night) == (0, 0, 0, 0)
    assert bars(np.zeros((40, 60, 3), np.uint8)) == (0, 0, 0, 0)
    lit = np.full((40, 60, 3), 77, np.uint8)
    assert np.array_equal(keep_bars(lit, night), lit)


@pytest.mark.parametrize("scale", [1, 2, 1.5])
def test_bars_stay_black_to_their_edge_when_enlarged(scale):
    film = np.full((60, 80, 3), 180, np.uint8)
    film[:8] = film[-8:] = 0
    size = round(80 * scale), round(60 * scale)
    ringing = cv2.resize(film, size, interpolation=cv2.INTER_LANCZOS4).astype(np.float32) / 255
    found = finished(ringing + 0.02, film)
    edge = int(8 * scale)
    assert found[:edge].max() == found[-edge:].max() == 0 and found[edge + 2].min() > 150
