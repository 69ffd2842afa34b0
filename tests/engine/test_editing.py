"""A clip lit by a model that edits pictures: keyframes edited, registered, their light carried.

The editor is the embedded IC-Light in InstructPix2Pix's pipeline: both UNets are shown the noisy
latents and those of the frame, which IC-Light scales and InstructPix2Pix does not.
"""

import json

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from relight import media, metrics
from relight.engine.plan_text import describe
from relight.engine.run import run_relight
from relight.errors import InputError, ModelError
from relight.jobs import RelightJob
from relight.models.catalogue import CATALOGUE, MINI
from relight.relighters.ic_light import ic_light_unet
from tests.engine.test_run import _images
from tests.relighters import editors
from tests.samples import CLIP


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("editor")
    index = {"_class_name": "StableDiffusionInstructPix2PixPipeline"}
    (root / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        (root / part).symlink_to(MINI / part)
    plain = UNet2DConditionModel.from_pretrained(MINI / "unet")
    unet = ic_light_unet(plain, MINI / "iclight_fc.safetensors")
    with torch.no_grad():
        unet.conv_in.weight[:, 4:] *= UNet2DConditionModel.load_config(MINI / "vae")[
            "scaling_factor"
        ]
    unet.save_pretrained(root / "unet")
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "in.mp4"
    with media.write(path, size=(160, 120), fps=25) as out:
        for frame in media.read(CLIP, frames=12):
            picture = Image.fromarray(frame.image).crop((60, 0, 540, 360)).resize((160, 120))
            out.add(np.asarray(picture), frame.time)
    return path


def _job(source, out, folder, **given):
    settings = {"prompt": "red neon light", "seed": 1, "relight_steps": 6, "model": str(folder)}
    return RelightJob.make(**{"input": source, "output": out, **settings, **given})


@pytest.mark.slow
def test_keyframes_are_edited_and_only_their_light_is_taken(tmp_path, small, folder):
    result = run_relight(_job(small, tmp_path / "out.mp4", folder))
    assert result.settings["recipe"] == "fast" and result.settings["transfer"] == "on"
    source, out = _images(small), _images(result.path)
    gain = out.mean((0, 1, 2)) / source.mean((0, 1, 2))
    assert gain[0] > 2 * max(gain[1:]), gain
    assert metrics.structure(source, out) > 0.85 and metrics.change(source, out) > 10
    assert result.settings["model"] == str(folder)


def test_a_plan_says_what_its_edits_cost(small, folder, tmp_path):
    lines = describe(_job(small, tmp_path / "out.mp4", folder))
    assert any("key: 1 frame" in line and "6 UNet passes" in line for line in lines), lines


def test_what_an_editor_cannot_do_is_refused(small, folder, tmp_path):
    out = tmp_path / "out.mp4"
    for given, named in (({"recipe": "best"}, "video model"), ({"transfer": "off"}, "be off")):
        with pytest.raises(InputError, match=named):
            run_relight(_job(small, out, folder, **given))
        with pytest.raises(InputError, match=named):
            run_relight(_job(small, out, "qwen-edit", **given))
    with pytest.raises(ModelError, match="relight models download flux-kontext"):
        run_relight(_job(small, out, "flux-kontext"))
    assert not out.exists()


def test_an_editor_that_draws_another_scene_is_named(small, tmp_path):
    random = editors.make("instruct-pix2pix", tmp_path)
    with pytest.raises(InputError, match="drew another scene for the keyframe at"):
        run_relight(_job(small, tmp_path / "out.mp4", random, relight_steps=1))


def test_every_editor_of_the_catalogue_says_size_and_licence():
    entries = [entry for entry in CATALOGUE.values() if entry.edits]
    assert {entry.name for entry in entries} == set(editors.KINDS)
    for entry in entries:
        assert entry.licence and entry.size.endswith("GB") and entry.sources
