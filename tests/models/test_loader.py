"""Names and folders -> models: what is missing, cut off or doesn't fit is said in one line."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from relight.errors import ModelError
from relight.jobs import Compute
from relight.models.catalogue import CATALOGUE, MINI_SHA256, UPSCALERS
from relight.models.entries import Source
from relight.models.finding import backbone, find_model, find_upscaler
from relight.models.hub import is_here, locate
from relight.models.loader import load_model, load_upscaler
from tests.conftest import CPU, TINY

COMMIT = "0" * 40
WEIGHTS = "diffusion_pytorch_model.safetensors"


def snapshot(root, source):
    """Where the hub's client puts a repository in its cache, at the revision we use."""
    commit = source.revision.replace("main", COMMIT)
    return root / f"models--{source.repo.replace('/', '--')}" / "snapshots" / commit


def _cache(root, source, files):
    """A hub cache holding `files` {name in the repository: local file} of a source."""
    folder = snapshot(root, source)
    refs = folder.parents[1] / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(COMMIT)
    for name, file in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def _files(folder):
    return {f"{path.relative_to(folder)}": path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The animatediff weights (tiny) as the hub's client leaves them in its cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    base, motion, light = CATALOGUE["animatediff"].sources
    _cache(tmp_path, base, _files(TINY / "sd15"))
    _cache(tmp_path, motion, _files(TINY / "motion_adapter"))
    _cache(tmp_path, light, {light.parts[0]: TINY / "iclight_fc.safetensors"})
    return tmp_path


@pytest.fixture
def own(tiny_model, tmp_path):
    """A copy of the tiny model's folder, to be damaged."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def _refused(match, name, load=load_model, **named):
    with pytest.raises(ModelError, match=match) as caught:
        load(str(name), CPU, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_name_loads_from_the_cache_without_a_network(cache):
    model = load_model("animatediff", CPU)
    assert model.name == "animatediff"
    assert model.relighter.unet.config.in_channels == 8
    assert model.pipe.scheduler.config.beta_schedule == "linear"
    assert model.pipe.dtype == torch.float32
    # The relighter and the video model share what they have in common.
    assert model.pipe.vae is model.relighter.vae
    assert model.pipe.text_encoder is model.relighter.text_encoder


def test_without_a_video_model_only_the_relighter_is_loaded(tiny_model):
    whole, lean = load_model(str(tiny_model), CPU), load_model(str(tiny_model), CPU, video=False)
    assert lean.pipe is None and lean.pipes == (lean.relighter,)
    assert whole.weights.keys() - lean.weights.keys() == {"motion_adapter"}
    assert lean.recipes == whole.recipes


@pytest.mark.slow
def test_what_is_used_is_named_by_commit_or_hash(cache, tiny_model):
    base, motion, light = CATALOGUE["animatediff"].sources
    assert load_model("animatediff", CPU).weights == {
        base.repo: base.revision,
        motion.repo: COMMIT,
        light.repo: light.revision,
    }
    used = load_upscaler("mini", CPU, moving=False).weights
    assert used == {part: f"sha256:{MINI_SHA256[part]}" for part in ("text_encoder", "unet", "vae")}
    assert load_model(str(tiny_model), CPU).weights.keys() == {
        "iclight_fc.safetensors",
        "motion_adapter",
        "text_encoder",
        "unet",
        "vae",
    }


def test_a_folder_of_the_same_layout_loads(tiny_model):
    model = load_model(str(tiny_model), CPU)
    assert model.name == str(tiny_model) and model.side == 64 and model.multiple == 64


@pytest.mark.parametrize("name", ["animatediff", "mini"])
def test_a_model_is_found_without_loading_anything(cache, name):
    found = find_model(name, replace(CPU, memory="low", dtype="bfloat16"))
    assert found.entry == CATALOGUE[name] and found.why == "asked for"
    assert found.compute == Compute(device="cpu", dtype="bfloat16", memory="low")
    assert backbone(found.backbone).pipeline.recipes["paper"].relit_steps(25) == 21


def test_what_the_catalogue_says_of_mini_is_what_its_files_say():
    for found in (
        find_model("mini", CPU),
        find_upscaler("mini", CPU, moving=True),
        find_upscaler("mini", CPU, moving=False),
    ):
        from relight.diffusion.parts import Parts

        native = backbone(found.backbone).native(Parts(found.paths, torch.float32))
        assert native == found.entry.native
    assert load_model("mini", CPU).pipe.size_multiple() == CATALOGUE["mini"].native.multiple


@pytest.mark.parametrize("gone", range(3))
def test_missing_weights_name_repository_file_and_command(cache, gone):
    source = CATALOGUE["animatediff"].sources[gone]
    shutil.rmtree(snapshot(cache, source).parents[1])
    line = _refused("relight models download animatediff", "animatediff")
    assert source.parts[0] in line and source.repo in line and "7.5 GB" in line


@pytest.mark.parametrize(
    "cut",
    [
        "unet",
        f"unet/{WEIGHTS}",
        "unet/config.json",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
        "text_encoder/model.safetensors",
    ],
)
def test_a_download_that_was_cut_off_is_not_complete(cache, cut):
    base = CATALOGUE["animatediff"].sources[0]
    path = snapshot(cache, base) / cut
    assert is_here(CATALOGUE["animatediff"])
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not is_here(CATALOGUE["animatediff"])
    with pytest.raises(ModelError, match=cut.split("/")[0]):
        locate(CATALOGUE["animatediff"])


def test_a_file_that_was_cut_off_is_not_complete(cache):
    motion = CATALOGUE["animatediff"].sources[1]
    file = snapshot(cache, motion) / WEIGHTS
    file.write_bytes(file.read_bytes()[:-1])
    _refused("is cut off", "animatediff")
    file.write_bytes(b"\0" * 4)
    _refused("is cut off", "animatediff")


def test_every_shard_that_an_index_names_is_needed(own):
    vae = own / "vae"
    tensors = sorted(load_file(vae / WEIGHTS).items())
    (vae / WEIGHTS).unlink()
    shards = {f"{WEIGHTS[:-12]}-0000{i + 1}-of-00002.safetensors": tensors[i::2] for i in (0, 1)}
    for name, part in shards.items():
        save_file(dict(part), vae / name, metadata={"format": "pt"})
    index = {key: name for name, part in shards.items() for key, _ in part}
    (vae / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    assert load_model(str(own), CPU).weights["vae"].startswith("sha256 of hashes:")
    (vae / max(shards)).unlink()
    _refused("vae/.*-00002-of-00002.safetensors is missing", own)


def test_weights_that_lack_a_layer_are_refused_and_not_made_up(own):
    file = own / "unet" / WEIGHTS
    tensors = load_file(file)
    tensors.pop("conv_out.bias")
    save_file(tensors, file, metadata={"format": "pt"})
    _refused("lacks 1 of the weights of a UNet2DConditionModel, e.g. conv_out.bias", own)
    _refused("conv_out.bias", own, load_upscaler, moving=False)


@pytest.mark.parametrize("load, moving", [(load_model, {}), (load_upscaler, {"moving": False})])
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_pickles_are_never_read(own, part, load, moving):
    weights = next((own / part).glob("*.safetensors"))
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    _refused(f"{part}/.*safetensors is missing", own, load, **moving)


def test_pickles_of_a_motion_adapter_are_never_read(own):
    weights = own / "motion_adapter" / WEIGHTS
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    for load, moving in ((load_model, {}), (load_upscaler, {"moving": True})):
        _refused("motion_adapter/.*safetensors is missing", own, load, **moving)


def test_damaged_weights_are_one_line(own):
    (own / "vae" / WEIGHTS).write_bytes(b"\xff" * 64)
    _refused("vae", own)


def _from_mini(own, part):
    from relight.models.catalogue import MINI

    shutil.rmtree(own / part)
    shutil.copytree(MINI / part, own / part)


@pytest.mark.parametrize(
    "part, named",
    [
        ("vae", "unet takes 4 latent channels, .*vae gives 16"),
        ("text_encoder", "unet takes .* numbers a token, .*text_encoder gives 96"),
        ("motion_adapter", "don't fit each other"),
    ],
)
def test_parts_of_two_models_are_refused_in_one_line(own, part, named):
    _from_mini(own, part)
    _refused(named, own)
    _refused(named, own, load_upscaler, moving=True)


def test_auto_says_why_it_takes_the_embedded_model_on_a_cpu():
    model = load_model("auto", CPU)
    assert model.name == "mini" and model.why == "no GPU here"


@pytest.mark.parametrize("name", ["huge", "", "no/such/folder"])
def test_an_unknown_name_lists_the_known_ones(name):
    _refused("mini", name)


def test_a_folder_of_another_kind_lists_the_known_ones(tmp_path):
    (tmp_path / "transformer").mkdir()
    config = tmp_path / "transformer" / "config.json"
    config.write_text('{"_class_name": "FluxTransformer2DModel"}')
    _refused("no model of a known kind: known are mini, animatediff, wan, cogvideox", tmp_path)
    for wrong in ("{", "[]", "3"):
        config.write_text(wrong)
        _refused("can't read", tmp_path)


def test_every_source_is_pinned_but_those_whose_commits_are_unknown():
    sources = {s for entry in (CATALOGUE | UPSCALERS).values() for s in entry.sources}
    unpinned = {source.repo for source in sources if len(source.revision) != 40}
    edits = {s.repo for entry in CATALOGUE.values() if entry.edits for s in entry.sources}
    assert unpinned == {"guoyww/animatediff-motion-adapter-v1-5-3", *edits}
    assert all(isinstance(source, Source) for source in sources)


@pytest.mark.slow
def test_a_backbone_is_found_without_notes_of_other_libraries():
    """In Python, too, where no command line has set their verbosity."""
    code = "from relight.models.finding import backbone; backbone('animatediff_relight')"
    env = {name: value for name, value in os.environ.items() if "VERBOSITY" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
