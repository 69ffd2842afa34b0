"""Which upscaler a name or a folder gives, and what is missing said in one line."""

import shutil
from dataclasses import replace

import huggingface_hub
import pytest
import torch

from relight.errors import ModelError
from relight.jobs import Compute
from relight.models.catalogue import UPSCALERS
from relight.models.finding import _choose_upscaler
from relight.models.loader import load_upscaler
from relight.pipelines import (
    DiffuseHighSD15Pipeline,
    DiffuseHighSDXLPipeline,
    VideoUpscaleAnimateDiffPipeline,
)
from tests.conftest import CPU, TINY, case_id


@pytest.fixture(scope="module")
def tiny_sdxl(tmp_path_factory):
    """A folder laid out like SDXL's, made of the tiny random components."""
    folder = tmp_path_factory.mktemp("tiny_sdxl")
    for part in ("vae", "text_encoder", "text_encoder_2", "unet", "scheduler"):
        (folder / part).symlink_to(TINY / "sdxl" / part)
    for part in ("tokenizer", "tokenizer_2"):
        (folder / part).symlink_to(TINY / "sd15" / "tokenizer")
    return folder


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """A hub's cache that is empty."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def _refused(match, moving, name, **compute):
    with pytest.raises(ModelError, match=match) as caught:
        load_upscaler(name, replace(CPU, **compute), moving=moving)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini", "folder"])
def test_pictures_and_clips_get_the_pipeline_made_for_them(name, tiny_model):
    name = str(tiny_model) if name == "folder" else name
    still, moving = (load_upscaler(name, CPU, moving=clip) for clip in (False, True))
    assert isinstance(still.pipe, DiffuseHighSD15Pipeline) and still.window is None
    assert isinstance(moving.pipe, VideoUpscaleAnimateDiffPipeline) and moving.window == 16
    assert still.name == moving.name == name and still.why == "asked for"
    assert still.compute == Compute(device="cpu", dtype="float32", memory="high")
    assert moving.pipe.scheduler.config.beta_schedule == "linear"
    config = still.pipe.unet.config
    assert still.side == moving.side == config.sample_size * still.pipe.vae_scale_factor


def test_a_folder_like_sdxl_upscales_pictures_only(tiny_sdxl):
    loaded = load_upscaler(str(tiny_sdxl), CPU, moving=False)
    assert isinstance(loaded.pipe, DiffuseHighSDXLPipeline) and loaded.window is None
    assert loaded.entry.guidance == UPSCALERS["sdxl"].guidance
    image = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    settings = {"image": image, "sizes": [(48, 64)], "pad": True, "output_type": "pt"}
    out = loaded.pipe("", recipe="best", noising_steps=1, **settings).images
    assert out.shape == (1, 3, 48, 64) and out.isfinite().all()
    _refused("upscales pictures only: use mini, sd15 or auto", True, str(tiny_sdxl))


def test_a_clip_is_no_reason_to_download_sdxl(no_weights):
    _refused("sdxl upscales pictures only", True, "sdxl")


def test_weights_that_are_not_here_are_named_with_the_command(no_weights):
    for name in ("sd15", "sdxl"):
        repo = UPSCALERS[name].sources[0].repo
        _refused(f"{repo}.*relight models download {name}", False, name)


@pytest.mark.parametrize("moving", [False, True])
def test_auto_is_mini_without_a_gpu(moving):
    loaded = load_upscaler("auto", CPU, moving=moving)
    assert (loaded.name, loaded.why) == ("mini", "no GPU here")
    assert loaded.entry.guidance == 1.0 and loaded.entry.identity == 1.0


def _cached(cache, name):
    """Put the (tiny) files of an upscaler where the hub's client would."""
    entry, folder = UPSCALERS[name], TINY / name
    for source in entry.sources:
        root = cache / f"models--{source.repo.replace('/', '--')}"
        (root / "refs").mkdir(parents=True, exist_ok=True)
        (root / "refs" / "main").write_text("0" * 40)
        snapshot = root / "snapshots" / source.revision.replace("main", "0" * 40)
        for part in source.parts:
            # The tokenizers of both families are the same.
            own = folder / part if (folder / part).exists() else TINY / "sd15" / "tokenizer"
            own = TINY / part if source.whole else own
            shutil.copytree(own, snapshot if source.whole else snapshot / part, dirs_exist_ok=True)


def test_auto_takes_the_best_that_is_here_on_a_gpu(no_weights, tmp_path):
    def chosen(moving):
        return _choose_upscaler(torch.device("cuda"), moving)[0]

    assert (chosen(False), chosen(True)) == ("mini", "mini")
    assert "relight models download sd15" in _choose_upscaler(torch.device("cuda"), True)[1]
    _cached(tmp_path / "cache", "sdxl")
    assert (chosen(False), chosen(True)) == ("sdxl", "mini")
    _cached(tmp_path / "cache", "sd15")
    assert (chosen(False), chosen(True)) == ("sdxl", "sd15")
    assert load_upscaler("sd15", CPU, moving=True).window == 16
    assert isinstance(load_upscaler("sdxl", CPU, moving=False).pipe, DiffuseHighSDXLPipeline)


@pytest.mark.parametrize("name", ["", "huge", "no/such/folder", "animatediff"])
def test_an_unknown_name_lists_the_known(name):
    _refused(f"unknown model '{name}', and no folder of that name: use auto, mini, ", False, name)


@pytest.mark.parametrize("family, parts", [("sd15", 5), ("sdxl", 7)], ids=case_id)
def test_every_missing_part_of_a_folder_is_named(tmp_path, tiny_model, tiny_sdxl, family, parts):
    source = tiny_model if family == "sd15" else tiny_sdxl
    names = sorted(path.name for path in source.iterdir() if path.is_dir())
    names = [name for name in names if name != "motion_adapter"]
    assert len(names) == parts
    for gone in names:
        if gone == "text_encoder_2":
            continue  # without it a folder is like that of Stable Diffusion 1.5
        folder = tmp_path / f"without_{gone}"
        folder.mkdir()
        for path in source.iterdir():
            if path.name != gone:
                (folder / path.name).symlink_to(path)
        _refused(f"the model folder {folder} has no {gone}", False, str(folder))


def test_only_clips_need_a_motion_adapter(tmp_path, tiny_model):
    for path in tiny_model.iterdir():
        if path.name != "motion_adapter":
            (tmp_path / path.name).symlink_to(path)
    assert load_upscaler(str(tmp_path), CPU, moving=False).window is None
    _refused("has no motion_adapter", True, str(tmp_path))


def test_damaged_weights_of_an_upscaler_are_one_line(tmp_path, tiny_model):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:500])
    _refused("unet", False, str(folder))


def test_a_device_that_is_not_here_is_refused(tiny_model):
    _refused("the device 'cuda:77' can't be used", False, str(tiny_model), device="cuda:77")


def test_number_format_and_memory_are_as_asked_for(tiny_model):
    loaded = load_upscaler(str(tiny_model), replace(CPU, dtype="bfloat16"), moving=False)
    assert loaded.compute.dtype == "bfloat16" and loaded.pipe.unet.dtype == torch.bfloat16
    _refused("unknown dtype 'float8'", False, str(tiny_model), dtype="float8")
