"""A UNet in tiles: real, tiny UNets, with and without what looks beyond a tile's border."""

from itertools import pairwise

import pytest
import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel

from relight.methods.tiled_denoising import OVERLAP, spans, tiled_denoising
from tests.conftest import TINY, case_id

TILE, SIZE = 128, (32, 200)  # latent pixels: two tiles side by side, 56 of them shared


@pytest.fixture(scope="module")
def unet():
    """Convolutions only; its group norms still see the whole of a tile."""
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        mid_block_type=None,
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
    ).eval()


@pytest.fixture(scope="module")
def local(unet):
    """The same without group norms: a pixel of the result depends on its surroundings only."""
    twin = UNet2DConditionModel.from_config(unet.config).eval()
    twin.load_state_dict(unet.state_dict())
    for module in twin.modules():
        for name, part in module.named_children():
            if isinstance(part, torch.nn.GroupNorm):
                setattr(module, name, torch.nn.Identity())
    return twin


def _noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _call(unet, sample, **more):
    with torch.no_grad():
        return unet(sample, 500, torch.ones(len(sample), 3, 8), **more).sample


def _tiled(unet, sample, tile=TILE, multiple=2, **more):
    with tiled_denoising(unet, tile, multiple):
        return _call(unet, sample, **more)


def _reach(unet):
    """How far a pixel of the result sees to either side, in latent pixels."""
    sample = _noise(1, 4, 8, 129).requires_grad_()
    out = unet(sample, 500, torch.ones(1, 3, 8)).sample
    [seen] = torch.autograd.grad(out[..., 64].sum(), sample)
    columns = seen.abs().sum((0, 1, 2)).nonzero().flatten()
    return max(64 - columns.min().item(), columns.max().item() - 64)


def _away_from_borders(reach):
    """Columns whose surroundings lie inside of every tile that they are part of."""
    inner = {side.start for side in spans(SIZE[1], TILE)} | {
        side.stop for side in spans(SIZE[1], TILE)
    }
    inner -= {0, SIZE[1]}
    return [x for x in range(SIZE[1]) if all(abs(x - border) > reach for border in inner)]


def test_away_from_the_borders_of_tiles_nothing_changes(local):
    columns = _away_from_borders(_reach(local))
    assert len(columns) > SIZE[1] // 3
    sample = _noise(2, 4, *SIZE)
    whole, tiled = _call(local, sample), _tiled(local, sample)
    torch.testing.assert_close(tiled[..., columns], whole[..., columns], atol=1e-5, rtol=0)
    assert (tiled - whole).abs().max() < 0.3 * whole.std()  # and near them, little


@pytest.mark.parametrize("size", [(32, 200), (200, 32), (150, 180)], ids=case_id)
def test_group_norms_see_less_but_about_the_same(unet, size):
    sample = _noise(1, 4, *size)
    whole, tiled = _call(unet, sample), _tiled(unet, sample)
    assert tiled.shape == whole.shape and tiled.dtype == whole.dtype
    assert (tiled - whole).square().mean().sqrt() < 0.1 * whole.std()


def test_the_residuals_of_a_controlnet_are_cut_with_the_sample(local):
    height, width = SIZE
    residuals = {
        "down_block_additional_residuals": tuple(
            _noise(1, channels, height // shrink, width // shrink, seed=channels + shrink)
            for channels, shrink in ((8, 1), (8, 1), (8, 2), (16, 2))
        ),
        "mid_block_additional_residual": _noise(1, 16, height // 2, width // 2, seed=9),
    }
    sample, columns = _noise(1, 4, *SIZE), _away_from_borders(_reach(local))
    whole, tiled = _call(local, sample, **residuals), _tiled(local, sample, **residuals)
    torch.testing.assert_close(tiled[..., columns], whole[..., columns], atol=1e-5, rtol=0)
    assert (whole - _call(local, sample)).abs().mean() > 0.1 * whole.std()


@pytest.mark.parametrize("tile", [None, 200, 512])
def test_a_sample_that_fits_into_a_tile_is_left_alone(unet, tile):
    sample = _noise(1, 4, *SIZE)
    assert torch.equal(_tiled(unet, sample, tile), _call(unet, sample))


def test_both_forms_of_the_result(unet):
    sample, text = _noise(1, 4, *SIZE), torch.ones(1, 3, 8)
    with torch.no_grad(), tiled_denoising(unet, TILE, 2):
        [bare] = unet(sample, 500, text, return_dict=False)
        assert torch.equal(bare, unet(sample, 500, encoder_hidden_states=text).sample)


def test_a_video_model_is_tiled_in_space_only():
    motion = UNetMotionModel.from_unet2d(
        UNet2DConditionModel.from_pretrained(TINY / "sd15" / "unet"),
        MotionAdapter.from_pretrained(TINY / "motion_adapter"),
    ).eval()
    sample, text = _noise(1, 4, 3, 16, 40), _noise(3, 3, 16, seed=1)
    with torch.no_grad():
        whole = motion(sample, 500, text).sample
        with tiled_denoising(motion, 32, 8):
            tiled = motion(sample, 500, text).sample
            again = motion(sample.flip(2), 500, text).sample
    assert tiled.shape == whole.shape
    assert (tiled - whole).square().mean().sqrt() < 0.2 * whole.std()
    assert (again.flip(2) - tiled).abs().max() > 1e-4  # the frames still see each other


class Boom(Exception):
    pass


def test_the_forward_pass_is_restored_whatever_happens(unet):
    with pytest.raises(Boom), tiled_denoising(unet, TILE):
        assert "forward" in vars(unet)
        raise Boom
    assert "forward" not in vars(unet)

    own = unet.forward = lambda *args, **kwargs: type(unet).forward(unet, *args, **kwargs)
    try:  # as offloading does
        with pytest.raises(Boom), tiled_denoising(unet, TILE):
            raise Boom
        assert vars(unet)["forward"] is own
    finally:
        del unet.forward


@pytest.mark.parametrize("multiple", [1, 2, 8])
def test_tiles_cover_every_size_and_overlap(multiple):
    for tile in range(2 * multiple, 8 * multiple + 1, multiple):
        for size in range(multiple, 20 * multiple + 1, multiple):
            found = spans(size, tile, multiple)
            assert found[0].start == 0 and found[-1].stop == size
            assert all(side.stop - side.start == min(size, tile) for side in found)
            assert all(side.start % multiple == 0 for side in found)
            for one, other in pairwise(found):
                assert one.start < other.start <= one.stop - multiple
            fresh = max(tile * (1 - OVERLAP) - multiple, multiple)
            assert len(found) <= max(size - tile, 0) / fresh + 2


def test_a_size_that_is_no_multiple_is_covered_too():
    for size in range(1, 90):
        found = spans(size, 32, 8)
        assert found[0].start == 0 and found[-1].stop == size
        assert all(other.start < one.stop for one, other in pairwise(found))
