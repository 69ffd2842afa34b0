"""De-lighting: shading goes, texture and colours stay."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.delight import delit
from tests.masks.scenes import texture


def _shaded(h=96, w=128):
    albedo = texture(h, w, (0.5, 0.42, 0.36), 4)[None]
    shading = torch.linspace(1.2, 0.25, w).expand(1, 1, h, w)
    return albedo, (albedo * shading).clamp(0, 1)


def _slope(frames):
    """Stops from one side to the other."""
    columns = frames.mean((0, 1, 2)).log2()
    return float(columns[:32].mean() - columns[-32:].mean())


def test_half_of_the_amount_takes_less_and_all_takes_nearly_all():
    albedo, shaded = _shaded()
    before, own = _slope(shaded), _slope(albedo)
    left = [abs(_slope(delit(shaded, amount)) - own) / (before - own) for amount in (0.5, 1.0)]
    assert left[1] < 0.3 < left[0] < 0.75, left


def test_texture_and_colours_stay():
    albedo, shaded = _shaded()
    out = delit(shaded, 1.0)
    fine = [x - torch.nn.functional.avg_pool2d(x, 9, 1, 4) for x in (albedo, out)]
    corner = torch.corrcoef(torch.stack([x[..., 8:-8, 8:-8].flatten() for x in fine]))[0, 1]
    assert corner > 0.9
    ratio = out[:, 0] / out[:, 2].clamp_min(0.02)
    assert torch.allclose(ratio, shaded[:, 0] / shaded[:, 2].clamp_min(0.02), rtol=0.05, atol=0.1)


def test_nothing_asked_for_is_nothing_done():
    _, shaded = _shaded()
    assert torch.equal(delit(shaded, 0.0), shaded)
    with pytest.raises(InputError, match="between 0 and 1"):
        delit(shaded, 1.5)
