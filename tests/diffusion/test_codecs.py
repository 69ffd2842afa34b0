"""Pixels <-> latents: chunks, precision, determinism; and pictures in any form -> pixels."""

import copy

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    AutoencoderTiny,
    LTXConditionPipeline,
)

from relight import media
from relight.diffusion.codecs import FrameCodec, video_codec
from relight.errors import InputError, ModelError
from relight.models.catalogue import MINI
from tests.conftest import TINY, tiny_ltx_vae
from tests.samples import CLIP


def _pixels(frames=5, height=16, width=24):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(frames, 3, height, width, generator=generator) * 2 - 1


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


@pytest.fixture
def half_vae(sd15):
    vae = copy.deepcopy(sd15["vae"]).to(torch.float16)
    vae.register_to_config(force_upcast=True)
    return vae


def test_encoding_is_the_scaled_mode(sd15):
    vae, x = sd15["vae"], _pixels()
    expected = vae.encode(x).latent_dist.mode() * vae.config.scaling_factor
    torch.testing.assert_close(FrameCodec(vae).encode(x), expected)


def test_decoding_undoes_the_scale_and_does_not_clamp(sd15):
    vae = sd15["vae"]
    z = 3 * torch.randn(2, 4, 2, 3, generator=torch.Generator().manual_seed(1))
    expected = vae.decode(z / vae.config.scaling_factor).sample
    torch.testing.assert_close(FrameCodec(vae).decode(z), expected)


def test_a_shifted_vae_is_undone_exactly():
    torch.manual_seed(0)
    vae = AutoencoderKL(norm_num_groups=4, block_out_channels=(8,), shift_factor=0.25).eval()
    x = _pixels(2)
    z = FrameCodec(vae).encode(x)
    mode = vae.encode(x).latent_dist.mode()
    torch.testing.assert_close(z, (mode - 0.25) * vae.config.scaling_factor)
    torch.testing.assert_close(FrameCodec(vae).decode(z), vae.decode(mode).sample)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 6])
def test_chunks_give_what_all_frames_at_once_give(sd15, chunk):
    x = _pixels()
    whole, chunked = FrameCodec(sd15["vae"], chunk=5), FrameCodec(sd15["vae"], chunk=chunk)
    z = whole.encode(x)
    torch.testing.assert_close(chunked.encode(x), z, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(chunked.decode(z), whole.decode(z), rtol=1e-5, atol=1e-5)


def test_shapes_and_dtype_of_a_round_trip(sd15):
    codec = FrameCodec(sd15["vae"])
    z = codec.encode(_pixels().double())
    assert z.shape == (5, 4, 2, 3) and z.dtype == torch.float32
    x = codec.decode(z.half())
    assert x.shape == (5, 3, 16, 24) and x.dtype == torch.float32


def test_the_video_codec_moves_the_frames_axis_only(sd15):
    video = video_codec(sd15["vae"])
    codec, x = FrameCodec(sd15["vae"]), _pixels()
    z = video.encode(x)
    assert z.shape == (1, 4, 5, 2, 3)
    assert torch.equal(z[0, :, 3], codec.encode(x)[3])
    assert torch.equal(video.decode(z), codec.decode(codec.encode(x)))


@pytest.mark.parametrize(
    "name, shape", [("wan", (1, 16, 3, 4, 6)), ("cog", (1, 3, 4, 4, 6))], ids=["wan", "cogvideox"]
)
def test_a_temporal_codec_keeps_shapes_and_draws_no_random_numbers(name, shape):
    kind = {"wan": AutoencoderKLWan, "cog": AutoencoderKLCogVideoX}[name]
    codec = video_codec(kind.from_pretrained(TINY / name / "vae").eval())
    x = torch.rand(9, 3, 32, 48, generator=torch.manual_seed(0)) * 2 - 1
    before = torch.get_rng_state()
    with torch.no_grad():
        z = codec.encode(x)
        assert z.shape == shape and z.dtype == torch.float32
        assert torch.equal(codec.encode(x), z)
        assert codec.decode(z).shape == x.shape
    assert torch.equal(torch.get_rng_state(), before)


def test_wan_latents_are_normalised_channel_by_channel():
    vae = AutoencoderKLWan.from_pretrained(TINY / "wan" / "vae").eval()
    x = torch.rand(1, 3, 1, 32, 32, generator=torch.manual_seed(0)) * 2 - 1
    with torch.no_grad():
        raw = vae.encode(x).latent_dist.mode()
        z = video_codec(vae).encode(x[0].transpose(0, 1))
    for channel, (mean, std) in enumerate(
        zip(vae.config.latents_mean, vae.config.latents_std, strict=True)
    ):
        torch.testing.assert_close(z[:, channel] * std + mean, raw[:, channel])


def test_a_vae_without_a_codec_is_named():
    with pytest.raises(ModelError, match="AutoencoderTiny"):
        video_codec(AutoencoderTiny())


def test_encoding_draws_no_random_numbers(sd15):
    state = torch.get_rng_state()
    codec = FrameCodec(sd15["vae"])
    first, second = codec.encode(_pixels()), codec.encode(_pixels())
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_half_precision_vae_that_overflows_runs_in_float32(sd15, half_vae):
    x, ran = _pixels(2), []
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs: ran.append(inputs[0].dtype))
        for module in (half_vae.encoder, half_vae.decoder)
    ]
    codec = FrameCodec(half_vae)
    z = codec.encode(x)
    out = codec.decode(z)
    for hook in hooks:
        hook.remove()
    assert ran == [torch.float32, torch.float32]
    assert half_vae.dtype == torch.float16
    full = FrameCodec(sd15["vae"])  # the same but for the rounding of the weights
    torch.testing.assert_close(z, full.encode(x), rtol=0, atol=5e-3)
    torch.testing.assert_close(out, full.decode(full.encode(x)), rtol=0, atol=2e-2)


def test_a_half_precision_vae_that_is_safe_stays_in_half_precision(half_vae):
    half_vae.register_to_config(force_upcast=False)
    ran = []
    half_vae.encoder.register_forward_pre_hook(lambda _, inputs: ran.append(inputs[0].dtype))
    assert FrameCodec(half_vae).encode(_pixels(1)).dtype == torch.float32
    assert ran == [torch.float16]


@pytest.mark.parametrize("call", ["encode", "decode"])
def test_the_precision_is_restored_after_an_exception(half_vae, call):
    with pytest.raises(RuntimeError):
        getattr(FrameCodec(half_vae), call)(torch.zeros(1, 7, 8, 8))
    assert half_vae.dtype == torch.float16


# --- LTX: a sequence of tokens


@pytest.fixture
def ltx_vae():
    # 8 x 8 pixels and 2 frames a latent
    halvings = (True, False, False, False)
    return tiny_ltx_vae(6, halvings, timestep_conditioning=True, scaling_factor=2.0)


def test_ltx_latents_are_packed_and_normalised_as_its_pipeline_does(ltx_vae):
    x = _pixels(3, 32, 48)
    codec = video_codec(ltx_vae, clip=(3, 32, 48))
    z = codec.encode(x)
    assert z.shape == (1, 2 * 4 * 6, 6) and z.dtype == torch.float32
    stock = LTXConditionPipeline
    mean, std = ltx_vae.latents_mean, ltx_vae.latents_std
    mode = ltx_vae.encode(x.transpose(0, 1)[None]).latent_dist.mode()
    expected = stock._pack_latents(stock._normalize_latents(mode, mean, std, 2.0))
    torch.testing.assert_close(z, expected)
    raw = stock._denormalize_latents(stock._unpack_latents(z, 2, 4, 6), mean, std, 2.0)
    video = ltx_vae.decode(raw, torch.zeros(1)).sample
    torch.testing.assert_close(codec.decode(z), video[0].transpose(0, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip", [(3, 32, 32), (5, 32, 48)], ids=["size", "frames"])
def test_ltx_latents_of_another_clip_are_refused(ltx_vae, clip):
    z = video_codec(ltx_vae).encode(_pixels(3, 32, 48))
    with pytest.raises(InputError, match="48 latents are not a clip"):
        video_codec(ltx_vae, clip=clip).decode(z)


# --- slices and tiles: less memory, the same picture


def _vae_and_clip(name, sd15, ltx_vae):
    """A VAE with random weights of each family, and a clip it takes."""
    if name == "sd15":
        return copy.deepcopy(sd15["vae"]), _pixels(3, 64, 96)
    if name == "ltx":
        return ltx_vae, _pixels(3, 64, 96)
    kind = {"wan": AutoencoderKLWan, "cog": AutoencoderKLCogVideoX}[name]
    return kind.from_pretrained(TINY / name / "vae").eval(), _pixels(5, 64, 96)


@pytest.fixture(params=["sd15", "wan", "cog", "ltx"])
def coded(request, sd15, ltx_vae):
    """(VAE, codec, clip, its latents, those decoded) of each family."""
    vae, x = _vae_and_clip(request.param, sd15, ltx_vae)
    codec = video_codec(vae, clip=(len(x), *x.shape[2:]))
    z = codec.encode(x)
    return vae, codec, x, z, codec.decode(z)


def test_slices_change_nothing(coded):
    vae, codec, x, z, out = coded
    vae.enable_slicing()
    torch.testing.assert_close(codec.encode(x), z, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(codec.decode(z), out, rtol=1e-5, atol=1e-5)


def test_tiles_that_hold_the_whole_picture_change_nothing(coded):
    vae, codec, x, z, out = coded
    vae.enable_tiling()
    _tile(vae, 128, 96)
    assert torch.equal(codec.encode(x), z)
    assert torch.equal(codec.decode(z), out)


def test_small_tiles_keep_the_shapes(coded):
    vae, codec, x, z, whole = coded
    vae.enable_tiling()
    _tile(vae, 48, 32)
    assert codec.encode(x).shape == z.shape
    tiled = codec.decode(z)
    assert tiled.shape == whole.shape and not torch.equal(tiled, whole)  # tiles were used


def test_small_tiles_of_a_trained_vae_are_off_by_less_than_a_grey_level():
    # Random weights say nothing here: their normalisation over a tile is far from that over all.
    vae = AutoencoderKL.from_pretrained(MINI / "vae").eval()
    frames = np.stack([frame.image for frame in media.read(CLIP, frames=2)])
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    x = torch.nn.functional.interpolate(x, (256, 384), mode="area")
    codec = video_codec(vae)
    whole = codec.decode(codec.encode(x))
    vae.enable_tiling()
    _tile(vae, 128, 96)
    levels = (codec.decode(codec.encode(x)) - whole).abs() * 127.5
    assert 0 < levels.mean() < 1 and levels.max() < 16  # 0.66 and 9.9 of 255 when written


def _tile(vae, size, stride):
    """Tiles of `size` pixels every `stride`, in whichever terms a family has."""
    if hasattr(vae, "tile_sample_stride_height"):
        vae.tile_sample_min_height = vae.tile_sample_min_width = size
        vae.tile_sample_stride_height = vae.tile_sample_stride_width = stride
        return
    overlap = 1 - stride / size
    if hasattr(vae, "tile_sample_min_height"):
        vae.enable_tiling(size, size, overlap, overlap)
        return
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    vae.tile_sample_min_size, vae.tile_latent_min_size = size, size // factor
    vae.tile_overlap_factor = overlap


@pytest.mark.parametrize("name", ["sd15", "wan", "cog"])
def test_two_videos_at_once_are_refused(name):
    folder = TINY / name / "vae"
    kinds = {"sd15": AutoencoderKL, "wan": AutoencoderKLWan, "cog": AutoencoderKLCogVideoX}
    vae = kinds[name].from_pretrained(folder).eval()
    codec = video_codec(vae)
    with torch.no_grad():
        latents = codec.encode(torch.zeros(5, 3, 64, 64))
        with pytest.raises(InputError, match="2 videos in one call"):
            codec.decode(latents.repeat(2, 1, 1, 1, 1))
