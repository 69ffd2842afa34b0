"""Frames of a clip that agree on their detail along the source's motion."""

import pytest
import torch
import torch.nn.functional as F

from relight.methods.latent_propagation import LatentPropagation

T = torch.tensor(500)
SIDE, FRAMES = 24, 5


def _scene(seed=0, frames=FRAMES, shift=0):
    """A textured scene that moves right by `shift` latent pixels a frame: (frames, 3, 96, 96)."""
    generator = torch.Generator().manual_seed(seed)
    wide = 4 * (SIDE + shift * frames)
    coarse = torch.rand(1, 3, 14, wide // 8 + 2, generator=generator)
    drawn = F.interpolate(coarse, (4 * SIDE, wide), mode="bicubic").clamp(0, 1)[0]
    starts = [4 * shift * (frames - i) for i in range(frames)]
    return torch.stack([drawn[..., s : s + 4 * SIDE] for s in starts])


def _noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _clip(frames=FRAMES, seed=1):
    """Latents of a clip: (1, 4, frames, 24, 24)."""
    return _noise(1, 4, frames, SIDE, SIDE, seed=seed)


def test_without_weight_nothing_changes():
    x0, reference = _clip(), _clip(seed=2)
    out = LatentPropagation(reference, _scene(shift=1), 0.0)(x0, 0, T)
    torch.testing.assert_close(out, x0, atol=1e-5, rtol=0)


def test_what_is_the_guides_own_is_not_touched():
    reference = _clip(seed=2)
    out = LatentPropagation(reference, _scene(shift=2), 1.0)(reference.clone(), 0, T)
    assert torch.equal(out, reference)


def test_one_frame_has_no_neighbours():
    x0 = _clip(1)
    out = LatentPropagation(_clip(1, seed=2), _scene(frames=1), 1.0)(x0, 0, T)
    torch.testing.assert_close(out, x0, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", [0.3, 0.5, 0.8])
def test_the_noise_of_a_still_clip_is_averaged(weight):
    reference = torch.zeros(1, 4, FRAMES, SIDE, SIDE)
    x0 = _clip()
    propagate = LatentPropagation(reference, _scene(), weight)
    out = propagate(x0, 0, T)
    # An average of n frames of independent noise, with weights a_i, has variance sum(a_i ** 2):
    # forwards d_i <- (1 - w) d_i + w d_{i-1}, then the same backwards.
    shares = torch.eye(FRAMES)
    for i in range(1, FRAMES):
        shares[i] = torch.lerp(shares[i], shares[i - 1], weight)
    for i in reversed(range(FRAMES - 1)):
        shares[i] = torch.lerp(shares[i], shares[i + 1], weight)
    expected = shares.square().sum(1)
    found = out.var((0, 1, 3, 4)) / x0.var((0, 1, 3, 4))
    assert (found < 0.7).all()
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)
    apart = out.diff(dim=2).square().mean() / x0.diff(dim=2).square().mean()
    assert apart < 0.35


def _moving_detail(shift):
    """Detail that moves with the scene, (1, 4, frames, 24, 24), smooth over a few latents."""
    wide = SIDE + shift * FRAMES
    drawn = F.interpolate(_noise(1, 4, 8, wide // 3), (SIDE, wide), mode="bicubic")[0]
    starts = [shift * (FRAMES - i) for i in range(FRAMES)]
    return torch.stack([drawn[..., s : s + SIDE] for s in starts], dim=1)[None]


@pytest.mark.parametrize("shift", [1, 2])
def test_detail_that_moves_with_the_source_is_kept(shift):
    reference, detail = _clip(seed=2), _moving_detail(shift)
    source = _scene(shift=shift)
    out = LatentPropagation(reference, source, 0.5)(reference + detail, 0, T) - reference
    inner = (..., slice(4, -4), slice(8, -8))  # what came into view has no neighbour

    def error(found):
        return ((found - detail)[inner].square().mean() / detail[inner].square().mean()).item()

    assert error(out) < 0.05
    still = LatentPropagation(reference, _scene(), 0.5)(reference + detail, 0, T) - reference
    assert error(still) > 3 * error(out)  # the same frames, told that nothing moves


@pytest.mark.parametrize("shift", [1, 2])
def test_noise_is_averaged_along_the_motion_too(shift):
    reference = torch.zeros(1, 4, FRAMES, SIDE, SIDE)
    detail, noise = _moving_detail(shift), _clip(seed=3)
    propagate = LatentPropagation(reference, _scene(shift=shift), 0.5)
    out = propagate(detail + noise, 0, T)
    inner = (..., slice(4, -4), slice(8, -8))
    left = (out - detail)[inner].square().mean() / noise[inner].square().mean()
    assert left < 0.6


def test_nothing_crosses_a_cut():
    source = torch.cat([_scene(seed=0, frames=2), 1 - _scene(seed=7, frames=3)])
    reference = torch.zeros(1, 4, FRAMES, SIDE, SIDE)
    x0 = torch.zeros_like(reference)
    x0[:, :, 2:] = 1.0  # all the detail lies behind the cut
    out = LatentPropagation(reference, source, 1.0)(x0, 0, T)
    assert out[:, :, :2].abs().mean() < 0.1
    assert out[:, :, 2:].mean() > 0.9
    joined = LatentPropagation(reference, _scene(), 1.0)(x0, 0, T)
    assert joined.abs().mean() < 0.1  # without the cut the first frame's detail is everywhere


def test_the_clip_may_have_any_size_and_the_latents_another():
    reference, x0 = _noise(1, 4, 3, 5, 9), _noise(1, 4, 3, 5, 9, seed=2)
    for size in ((3, 5), (40, 72), (17, 400)):
        source = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0))
        out = LatentPropagation(reference, source, 0.5)(x0, 0, T)
        assert out.shape == x0.shape and out.isfinite().all()


def test_half_precision_latents_are_mixed_in_float32():
    reference, x0 = _clip(seed=2).half(), _clip()
    out = LatentPropagation(reference, _scene(shift=1), 0.5)(x0, 0, T)
    expected = LatentPropagation(reference.float(), _scene(shift=1), 0.5)(x0, 0, T)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, expected)
