"""The wavelet transform against PyWavelets, and the guidance that is made of it."""

import itertools
import warnings

import numpy as np
import pytest
import pywt
import torch

from relight.errors import InputError
from relight.methods.wavelet_structure_guidance import (
    MODES,
    WaveletStructureGuidance,
    dwt,
    idwt,
)
from tests.conftest import case_id

WAVELETS = ("haar", "db2", "db4", "db8", "sym4", "bior2.2")
SIZES = ((16, 16), (17, 24), (24, 17), (33, 31), (5, 6), (3, 2), (1, 7))  # some below the filter's
CASES = list(itertools.product(WAVELETS, MODES, (1, 2, 3)))


def _pictures(*shape, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("wavelet, mode, level", CASES, ids=case_id)
def test_the_bands_are_those_of_pywavelets(wavelet, mode, level):
    for size in SIZES:
        x = _pictures(2, 3, *size)
        bands = dwt(x, wavelet, level, mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the picture is small for so many levels
            low, *high = pywt.wavedec2(x.numpy(), wavelet, mode=mode, level=level)
        np.testing.assert_allclose(bands.low, low, atol=1e-12, err_msg=str(size))
        for mine, theirs in zip(bands.high, reversed(high), strict=True):
            np.testing.assert_allclose(
                mine, np.stack(theirs, axis=1), atol=1e-12, err_msg=str(size)
            )


@pytest.mark.parametrize("wavelet, mode, level", CASES, ids=case_id)
def test_the_inverse_gives_the_picture_back_at_its_own_size(wavelet, mode, level):
    for size in SIZES:
        x = _pictures(1, 3, *size)
        torch.testing.assert_close(
            idwt(dwt(x, wavelet, level, mode), wavelet, mode), x, atol=1e-10, rtol=0
        )


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(7, 6), (3, 4)], ids=case_id)
def test_gradients_are_right_at_the_borders_too(mode, size):
    x = _pictures(1, 1, *size).requires_grad_()

    def there(x):
        bands = dwt(x, "db4", 2, mode)
        return bands.low, *bands.high

    def and_back(x):
        return idwt(dwt(x, "db4", 2, mode), "db4", mode)

    assert torch.autograd.gradcheck(there, x)
    assert torch.autograd.gradcheck(and_back, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    x = _pictures(1, 3, 31, 32).to(dtype)
    bands = dwt(x)
    assert bands.low.dtype == bands.high[0].dtype == torch.float32
    assert torch.equal(bands.low, dwt(x.float()).low)
    back = idwt(bands)
    assert back.dtype == torch.float32
    torch.testing.assert_close(back, x.float(), atol=1e-5, rtol=0)


def test_double_precision_stays():
    assert dwt(_pictures(1, 1, 8, 8)).low.dtype == torch.float64


@pytest.mark.parametrize(
    "given, message",
    [
        ({"wavelet": "db99"}, "unknown wavelet 'db99'"),
        ({"wavelet": "morl"}, "unknown wavelet 'morl'"),  # continuous: has no taps
        ({"mode": "reflect"}, "unknown border mode 'reflect'"),
        ({"level": 0}, "at least 1, not 0"),
    ],
    ids=case_id,
)
def test_what_it_cannot_do_is_said_in_one_line(given, message):
    with pytest.raises(InputError, match=message) as caught:
        dwt(_pictures(1, 1, 8, 8), **given)
    assert "\n" not in str(caught.value)


# --- the guidance, with pixels standing for latents: decode and encode then are the identity


def _guidance(guide, **given):
    settings = {"steps": 2, "mode": "periodization", **given}
    return WaveletStructureGuidance(guide, lambda z: z, lambda x: x, **settings)


def test_the_guides_low_band_meets_the_high_band_that_was_drawn():
    guide, drawn = _pictures(2, 1, 3, 32, 24, dtype=torch.float32)
    edited = _guidance(guide)(drawn * 2 - 1, 0, torch.tensor(500)) / 2 + 0.5
    mine, low, high = (dwt(x, mode="periodization") for x in (edited, guide, drawn))
    torch.testing.assert_close(mine.low, low.low, atol=1e-5, rtol=0)
    torch.testing.assert_close(mine.high[0], high.high[0], atol=1e-5, rtol=0)


def test_what_leaves_the_range_is_clamped_before_and_not_after():
    guide = torch.full((1, 3, 16, 16), 1.2)
    edited = _guidance(guide)(torch.full_like(guide, 9.0), 0, torch.tensor(500))
    torch.testing.assert_close(edited, guide * 2 - 1, atol=1e-5, rtol=0)


def test_only_the_first_steps_are_guided():
    x = torch.zeros(1, 3, 16, 16)
    guidance = _guidance(x)
    assert guidance(x, 1, torch.tensor(500)) is not None
    assert guidance(x, 2, torch.tensor(480)) is None
    assert _guidance(x, steps=0)(x, 0, torch.tensor(500)) is None


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_guide_that_was_drawn_itself_changes_nothing(level):
    x = _pictures(1, 3, 33, 40, dtype=torch.float32)
    edited = _guidance(x, level=level, mode="symmetric")(x * 2 - 1, 0, torch.tensor(500))
    torch.testing.assert_close(edited, x * 2 - 1, atol=1e-5, rtol=0)
