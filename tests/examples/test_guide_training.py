"""Crops drawn on an accelerator, here on the CPU: the same as those of the CPU's own pipeline."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from examples.guide_network import pack, train_card
from examples.guide_network.card import CardCrops, JpegTables, jpeg
from examples.guide_network.data import KERNELS, halved
from examples.guide_network.lesson import ROUNDS, Projection
from examples.guide_network.losses import slope_energy, squared, traded
from examples.guide_network.shifted import EDGE, REACH, aligned
from relight.methods.back_projection import back_project

SIDE = 32


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
    return np.asarray(small.resize((160, 120), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def crops(picture):
    torch.manual_seed(0)
    pictures = {"photo0": picture, "frame0": picture[::-1]}
    return CardCrops(pictures, [picture[:48, :48]], SIDE, torch.device("cpu"), damage=0.5)


def test_small_and_sharp_crops_agree(crops):
    small, sharp = crops.batch(24)
    assert small.shape == (24, 3, SIDE // 2, SIDE // 2) and sharp.shape == (24, 3, SIDE, SIDE)
    assert sharp.min() >= 0 and sharp.max() <= 1 and torch.isfinite(small).all()
    crops.damage = 0.0
    small, sharp = crops.batch(24)
    assert (small - torch.nn.functional.avg_pool2d(sharp, 2)).abs().mean() < 0.02


def test_halving_is_pillows(crops, picture):
    sharp = np.ascontiguousarray(picture[20 : 20 + SIDE, 30 : 30 + SIDE])
    planes = torch.from_numpy(sharp).permute(2, 0, 1).float() / 255
    for matrix, kernel in zip(crops.kernels, KERNELS, strict=True):
        made = (matrix @ planes @ matrix.T).permute(1, 2, 0).numpy()
        assert np.abs(made.clip(0, 1) - halved(sharp, kernel)).max() < 1.5 / 255


@pytest.mark.parametrize("quality", [40, 75, 92])
@pytest.mark.parametrize("fine", [True, False])
def test_jpeg_is_libjpegs(picture, quality, fine):
    image = np.ascontiguousarray(picture[:96, :96])
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0 if fine else 2)
    wanted = np.asarray(Image.open(file)).astype(float)
    given = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    tables = JpegTables.on(torch.device("cpu"))
    made = jpeg(given, torch.tensor([float(quality)]), torch.tensor([fine]), tables)
    made = made[0].permute(1, 2, 0).numpy()
    lost = np.sqrt(np.mean((wanted - image) ** 2))
    assert np.sqrt(np.mean((made - wanted) ** 2)) < 0.35 * lost + 0.7


def test_a_pack_is_trained_on(tmp_path, picture, monkeypatch):
    cache = {f"photo{i:04d}": picture for i in range(2)}
    cache |= {"frame0000": picture, "dev0002": picture}
    np.savez(tmp_path / "sharp.npz", **cache)
    made = tmp_path / "pack.npz"
    _run(monkeypatch, pack.main, "--data", tmp_path / "sharp.npz", "--out", made)
    unpacked = pack.unpacked(made)
    assert np.abs(unpacked["photo0000"].astype(int) - picture).mean() < 3
    assert np.array_equal(unpacked["dev0000"], picture)  # unchanged
    few = ["--batch", 2, "--side", SIDE, "--width", 8, "--blocks", 3, "--drawings", 2]
    phases = ["--phase", "a", 1e-3, 0, 0, "none", "--phase", "b", 1e-3, 0.75, 0, "a"]
    phases += ["--phase", "c", 1e-3, 0, 0.5, "a"]
    known = ["--pack", made, "--out", tmp_path, "--device", "cpu", "--report", 0]
    _run(monkeypatch, train_card.main, *known, *few, *phases)
    first, second, third = (load_file(tmp_path / f"{name}.safetensors") for name in "abc")
    for other in (second, third):
        assert all(torch.isfinite(value).all() for value in other.values())
        assert any(not torch.equal(first[name], other[name]) for name in first)


def test_views_of_a_crop_lie_where_they_say(crops):
    crops.damage = 0.0
    small, sharp, top, left = crops.views(6)
    assert small.shape == (12, 3, SIDE // 2, SIDE // 2) and sharp.shape == (12, 3, SIDE, SIDE)
    assert min(top.min(), left.min()) >= 0 and max(top.max(), left.max()) <= REACH
    first, second = aligned(*sharp.chunk(2), top, left)
    assert first.shape[-1] == SIDE - REACH - 2 * EDGE
    assert torch.equal(first, second)
    assert not torch.equal(first, aligned(*sharp.chunk(2), (top + 1) % (REACH + 1), left)[1])


def test_the_matrices_are_back_projection():
    generator = torch.manual_seed(0)
    image = torch.rand(2, 3, SIDE, SIDE, generator=generator)
    small = torch.rand(2, 3, SIDE // 2, SIDE // 2, generator=generator)
    made = Projection(SIDE, "cpu")(image, small)
    assert (made - back_project(image, small, ROUNDS)).abs().max() < 1e-5


def test_less_error_and_more_detail_both_count():
    sharp = torch.rand(2, 3, SIDE, SIDE, generator=torch.manual_seed(0))
    soft = (sharp + sharp.roll(1, -1)) / 2
    assert traded(sharp, sharp, 0.0) < traded(soft, sharp, 0.0)
    assert squared(sharp, sharp).max() == 0
    result = soft.clone().requires_grad_()
    traded(result, sharp, 0.05).backward()
    plain = soft.clone().requires_grad_()
    traded(plain, sharp, 0.0).backward()
    step = 1e-3 * (result.grad - plain.grad).sign()  # what the energy alone asks for
    assert (slope_energy(soft - step) > slope_energy(soft)).all()


def _run(monkeypatch, main, *words):
    monkeypatch.setattr("sys.argv", ["x", *map(str, words)])
    main()
