"""The catalogue: names, folders, the hub's cache without a network, and what is missing said so."""

import shutil

import huggingface_hub
import pytest
import torch

from relight.errors import ModelError
from relight.models.catalogue import CATALOGUE, locate
from relight.models.loader import load_model
from tests.conftest import TINY

COMMIT = "0" * 40


def _cache(root, repo, files):
    """A hub cache holding `files` {name in the repository: local file} of `repo`."""
    folder = root / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    for name, source in files.items():
        target = folder / "snapshots" / COMMIT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _files(folder, prefix=""):
    return {
        f"{prefix}{path.relative_to(folder)}": path for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The animatediff weights (tiny) as the hub's client leaves them in its cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    base, motion, light = CATALOGUE["animatediff"].sources
    _cache(tmp_path, base.repo, _files(TINY / "sd15"))
    _cache(tmp_path, motion.repo, _files(TINY / "motion_adapter"))
    _cache(tmp_path, light.repo, {light.parts[0]: TINY / "iclight_fc.safetensors"})
    return tmp_path


def test_a_name_loads_from_the_cache_without_a_network(cache):
    model = load_model("animatediff", "cpu")
    assert model.name == "animatediff" and model.side == 64 and model.multiple == 64
    assert model.relighter.unet.config.in_channels == 8
    assert model.pipe.scheduler.config.beta_schedule == "linear"
    assert model.pipe.dtype == torch.float32


def test_a_folder_of_the_same_layout_loads(tiny_model):
    assert load_model(str(tiny_model), "cpu").name == str(tiny_model)


@pytest.mark.parametrize("gone", range(3))
def test_missing_weights_name_repository_file_and_command(cache, gone):
    source = CATALOGUE["animatediff"].sources[gone]
    shutil.rmtree(cache / f"models--{source.repo.replace('/', '--')}")
    with pytest.raises(ModelError) as caught:
        load_model("animatediff", "cpu")
    line = str(caught.value)
    assert "\n" not in line and f"hf download {source.repo}" in line
    assert source.parts[0] in line


def test_a_half_downloaded_model_is_told_as_missing(cache):
    base = CATALOGUE["animatediff"].sources[0]
    snapshot = cache / f"models--{base.repo.replace('/', '--')}" / "snapshots" / COMMIT
    shutil.rmtree(snapshot / "unet")
    with pytest.raises(ModelError, match="unet"):
        locate(CATALOGUE["animatediff"])


def test_pickles_are_never_read(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match="unet") as caught:
        load_model(str(folder), "cpu")
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_line(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="vae") as caught:
        load_model(str(folder), "cpu")
    assert "\n" not in str(caught.value)


def test_auto_says_why_it_takes_the_embedded_model_on_a_cpu():
    model = load_model("auto", "cpu")
    assert model.name == "mini" and model.why == "no GPU here"


@pytest.mark.parametrize("name", ["huge", "", "no/such/folder"])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ModelError, match="mini") as caught:
        load_model(name, "cpu")
    assert "\n" not in str(caught.value)
