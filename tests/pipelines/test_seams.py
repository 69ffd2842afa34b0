"""Tiles leave no seams: the embedded model on a real picture, in tiles and whole."""

import pytest
import torch

from relight import media
from relight.methods.tiled_denoising import spans
from relight.models.loader import load_upscaler
from tests.conftest import CPU
from tests.samples import CLIP

TILE, SIZE, FACTOR = 128, 256, 4  # pixels; FACTOR of them to a latent pixel


@pytest.fixture(scope="module")
def mini():
    return load_upscaler("mini", CPU, moving=False).pipe


def _borders():
    """Where a tile of the UNet or of the VAE (whose tiles begin every 3/4) begins or ends."""
    unet = {
        edge * FACTOR
        for side in spans(SIZE // FACTOR, TILE // FACTOR, 4)
        for edge in (side.start, side.stop)
    }
    starts = range(0, SIZE, TILE * 3 // 4)
    vae = {edge for start in starts for edge in (start, start + TILE, start + TILE * 3 // 4)}
    return sorted(edge for edge in unet | vae if 0 < edge < SIZE)


def _steps(picture, dim):
    """Energy of the steps from each row (or column) to the next: (side - 1,)."""
    across = [axis for axis in range(4) if axis != dim]
    return picture.diff(dim=dim).square().sum(across)


@pytest.mark.slow
@pytest.mark.parametrize("recipe, least", [("best", 45), ("paper", 38)])
def test_tiles_leave_no_seams(mini, recipe, least):
    picture = next(iter(media.read(CLIP))).image[40:296:2, 100:356:2]

    def run(tile, seed=0):
        return mini(
            "a rabbit",
            image=picture.copy(),
            sizes=[(SIZE, SIZE)],
            recipe=recipe,
            num_inference_steps=20,
            noising_steps=3,
            dwt_steps=3,
            tile=tile,
            generator=torch.Generator().manual_seed(seed),
            output_type="pt",
        ).images

    whole, tiled = run(None), run(TILE)
    assert -10 * (tiled - whole).square().mean().log10() > least  # dB

    near = torch.zeros(SIZE - 1, dtype=torch.bool)
    for border in _borders():
        near[border - 2 : border + 2] = True
    for dim in (2, 3):
        gain = _steps(tiled, dim), _steps(whole, dim)
        at_borders, elsewhere = (
            (gain[0][where].sum() / gain[1][where].sum()).item() for where in (near, ~near)
        )
        assert at_borders < elsewhere + 0.03
