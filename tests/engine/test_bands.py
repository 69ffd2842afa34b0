"""A large picture is made in bands: the result is that of the whole, the memory that of a band."""

import numpy as np
import pytest
import torch

from relight.engine.upscaling import reach_of
from relight.media.depth import like
from relight.media.source_invariants import _mended, finished, is_grey
from relight.methods.back_projection import larger
from relight.methods.diffuse_high import BEST
from relight.models.guides import load_enlargement
from relight.types import Size, bands

GUIDED = BEST.with_identity(1.0)


def _made(small, times, guide):
    size = Size(small.shape[-2] * times, small.shape[-1] * times)
    return GUIDED.finish(GUIDED.guide(small, size, guide), small)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini", "restore", "bicubic"])
@pytest.mark.parametrize("times", [2, 4])
def test_bands_of_a_guide_are_the_whole(name, times):
    guide = load_enlargement(name)
    small = torch.rand(1, 3, 150, 40, generator=torch.Generator().manual_seed(0))
    whole, found = _made(small, times, guide), torch.zeros(1, 3, 150 * times, 40 * times)
    reach = reach_of(guide, times)
    assert reach is not None
    for band in bands(150, 40, times, reach, length=40):
        found[..., band.rows, :] = _made(small[..., band.near, :], times, guide)[..., band.made, :]
    assert (found - whole).abs().max() < 1e-5


def test_a_guide_that_looks_everywhere_is_not_cut():
    assert reach_of(lambda image, size: image, 2) is None
    assert reach_of(larger, 2) is not None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("grey", [False, True])
def test_bands_of_what_holds_in_the_source_are_the_whole(kind, grey):
    source = np.random.default_rng(0).random((500, 30, 3), np.float32)
    source[180:300] = 0.4  # a flat area across the border of two bands
    if grey:
        source[...] = source[..., :1]
    top = 1.0 if kind == np.float32 else np.iinfo(kind).max
    source = (source * top).astype(kind)
    result = np.random.default_rng(1).random((1000, 60, 3), np.float32)
    wanted, found = _mended(result, source, is_grey(source)), finished(result, source)
    assert found.dtype == kind
    assert np.abs(found / top - wanted.clip(0, 1)).max() <= 0.51 / 255 or kind == np.float32
    if kind == np.float32:
        assert np.abs(found - wanted).max() < 1e-5


def test_codes_are_mended_in_place():
    """Rows that a band has mended are looked at by the next one, and don't count there."""
    source = np.random.default_rng(0).integers(0, 256, (500, 30, 3), np.uint8)
    source[150:420] = 90
    codes = np.random.default_rng(1).integers(0, 256, (1000, 60, 3), np.uint8)
    wanted = like(_mended(codes, source, False), source)
    found = finished(codes, source)
    assert found is codes and np.abs(found.astype(int) - wanted).max() <= 1
    assert (found[400:700] == 90).all()
