"""How the embedded model is trained: every stage runs and hands on to the next, and the data is
what the recipe says it is."""

import numpy as np
import pytest
import torch

from examples.mini_model import smoke
from examples.mini_model.data import Pictures
from examples.mini_model.footage import clip_pixels, sharp_and_soft
from examples.mini_model.motion import LOWEST_SOFT, noised_pair
from examples.mini_model.relight import Schedule
from relight.models import load_model


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


@pytest.mark.slow
def test_all_stages_run_and_the_result_relights(tmp_path):
    folder = smoke.run(tmp_path)
    model = load_model(str(folder), "cpu")
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
