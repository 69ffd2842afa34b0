"""How the embedded model is trained: every stage runs and hands on to the next, and the data is
what the recipe says it is."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from examples.mini_model import smoke
from examples.mini_model.block_start import LATENT, widen
from examples.mini_model.carry import carried
from examples.mini_model.data import Pictures
from examples.mini_model.footage import clip_pixels, sharp_and_soft
from examples.mini_model.relight import Schedule, build_unet
from examples.mini_model.samples import LOWEST_SOFT, noised_pair
from examples.mini_model.vae import build, views
from relight.models.loader import load_model
from tests.conftest import CPU


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "photos.npz"
    smoke.made_up_pictures(path)
    return Pictures(path, seed=3)


def _energy(image):
    return float(np.square(np.diff(image.astype(float), axis=1)).mean())


def test_the_soft_crop_is_the_sharp_one_with_less_detail(pictures):
    lost = []
    for _ in range(30):
        sharp, soft = (x.astype(float) for x in sharp_and_soft(pictures, 64))
        assert sharp.shape == soft.shape == (64, 64, 3)
        assert np.abs(sharp - soft).mean() < 12  # one picture
        lost.append(_energy(soft) / _energy(sharp))
    assert np.mean(lost) < 0.95


def test_footage_is_a_clip_of_the_size_asked_for(pictures):
    for _ in range(12):
        video, caption = clip_pixels(pictures, 8, 48, 64)
        assert video.shape == (8, 3, 48, 64) and caption
        assert video.min() >= 0 and video.max() <= 1
        steps = (video[1:] - video[:-1]).abs().mean((1, 2, 3))
        assert steps.max() < 0.25  # no cut


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_v_leads_from_the_noised_soft_picture_to_the_sharp_one(share):
    """x0 = a x - s v is the sharp latent, whatever x_t was drawn from."""
    torch.manual_seed(0)
    pair, t = torch.randn(16, 2, 12, 4, 4), torch.arange(5, 645, 40)
    schedule = Schedule()
    x, v, is_soft = noised_pair(pair, t, share, schedule)
    a, s = schedule.at(t, x)
    assert torch.allclose(a * x - s * v, pair[:, 0], atol=1e-4)
    assert is_soft.tolist() == [share == 1 and time >= LOWEST_SOFT for time in t.tolist()]


def test_a_widened_autoencoder_decodes_what_the_narrow_one_did(pictures):
    torch.manual_seed(0)
    narrow = AutoencoderKL.from_config({**build().config, "latent_channels": 6})
    wide = build()
    widen(narrow, wide, views(pictures, 8, 32))
    few = torch.randn(2, 6, 8, 8)
    many = torch.cat([few, torch.zeros(2, LATENT - 6, 8, 8)], 1)
    with torch.no_grad():
        assert torch.allclose(wide.decode(many).sample, narrow.decode(few).sample, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [1, 2], ids=["base", "relight"])
def test_a_unet_is_carried_over_to_turned_latents(pictures, tmp_path, inputs):
    """Turn the latents by a rotation: the carried UNet turns its answer by the same."""
    torch.manual_seed(0)
    vae = build()
    turn, _ = torch.linalg.qr(torch.randn(LATENT, LATENT))
    vae.save_pretrained(tmp_path / "old")
    with torch.no_grad():
        for part in (vae.quant_conv.weight[:LATENT], vae.quant_conv.bias[:LATENT]):
            part.copy_((turn @ part.flatten(1 if part.ndim > 1 else 0)).view_as(part))
    vae.save_pretrained(tmp_path / "new")
    unet, text = build_unet(inputs * LATENT, LATENT), torch.randn(1, 5, 96)
    x = torch.randn(1, inputs, LATENT, 8, 8)
    with torch.no_grad():
        wanted = torch.einsum("kc,bchw->bkhw", turn, unet(x.flatten(1, 2), 300, text).sample)
        unet.load_state_dict(
            carried(unet.state_dict(), tmp_path / "old", tmp_path / "new", pictures)
        )
        turned = torch.einsum("kc,bnchw->bnkhw", turn, x).flatten(1, 2)
        assert torch.allclose(unet(turned, 300, text).sample, wanted, atol=1e-3)


@pytest.mark.slow
@pytest.mark.soak
def test_all_stages_run_and_the_result_relights(tmp_path):
    folder = smoke.run(tmp_path)
    model = load_model(str(folder), CPU)
    frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    out = model.pipe(
        frames,
        "red light",
        relighter=model.relighter,
        light="left",
        relight_steps=2,
        strength=0.5,
        num_inference_steps=2,
        output_type="pt",
    ).frames[0]
    assert out.shape == frames.shape
    assert torch.isfinite(out).all()
