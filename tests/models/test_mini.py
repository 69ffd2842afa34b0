"""The embedded model really relights: on footage it never saw, through the library's own road."""

import hashlib

import numpy as np
import pytest
import torch

from relight import media, metrics
from relight.diffusion.framing import Framing
from relight.engine.run import relight_video
from relight.models.catalogue import MINI, MINI_SHA256
from relight.models.loader import load_model
from tests.conftest import CPU
from tests.samples import CLIP


@pytest.fixture(scope="module")
def mini():
    return load_model("mini", CPU)


@pytest.fixture(scope="module")
def frames(mini):
    """Three frames of the sample clip at the model's size: (3, 3, h, w) in [0, 1]."""
    framing = Framing.fit(640, 360, side=mini.side, multiple=mini.multiple)
    images = [framing.scale(f.image) for f in list(media.read(CLIP))[::36]]
    return torch.from_numpy(framing.pad(np.stack(images))).permute(0, 3, 1, 2).float() / 255


def _relit(mini, frames, prompt, light):
    return mini.relighter(
        frames,
        prompt,
        light=light,
        num_inference_steps=8,
        share_noise=True,
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    ).images


def _log_ratio(images, axis):
    """log2 of the mean brightness of the first half over that of the second, for each frame."""
    first, second = images.mean(1).chunk(2, dim=axis)
    return (first.mean((1, 2)) / second.mean((1, 2))).log2()


@pytest.mark.slow
@pytest.mark.parametrize("sides, axis", [(("left", "right"), 2), (("top", "bottom"), 1)])
def test_the_light_comes_from_the_named_side(mini, frames, sides, axis):
    prompt = "a bunny in a meadow, golden light"
    one, other = (_log_ratio(_relit(mini, frames, prompt, side), axis) for side in sides)
    assert (one - other).min() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("colour, strongest", [("red", 0), ("green", 1), ("blue", 2)])
def test_the_light_takes_the_colour_of_the_prompt(mini, frames, colour, strongest):
    relit = _relit(mini, frames, f"a bunny, {colour} light", "left").mean((0, 2, 3))
    gain = relit / frames.mean((0, 2, 3))
    assert gain.argmax() == strongest
    assert gain[strongest] > 1.3 * gain.sort().values[1]


def test_sampling_the_posterior_adds_no_noise(mini, frames):
    """Video pipelines sample the latents of their clip; training never gave them a spread."""
    assert mini.pipe.vae.encode(2 * frames - 1).latent_dist.std.max() < 1e-3


def test_the_scene_stays(mini, frames):
    """Edges of the relit frame lie where the source's do."""
    relit = _relit(mini, frames, "a bunny in a meadow, golden light", "left")
    edges = [x.clamp(0.02, 1).log().mean(1).diff(dim=-1).flatten() for x in (frames, relit)]
    assert torch.corrcoef(torch.stack(edges))[0, 1] > 0.5


def test_the_family_is_small_half_precision_and_safe():
    files = [path for path in MINI.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60e6
    kinds = {path.suffix for path in files}
    assert kinds <= {".safetensors", ".json", ".txt", ".md"}
    assert (MINI / "MODEL_CARD.md").exists()


@pytest.mark.slow
@pytest.mark.soak
def test_the_weights_are_those_the_card_was_measured_on():
    files = [*MINI.glob("*.safetensors"), *MINI.glob("*/*.safetensors")]
    names = {file: file.stem if file.parent == MINI else file.parent.name for file in files}
    found = {names[file]: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert found == MINI_SHA256


@pytest.mark.slow
def test_the_default_recipe_relights_a_clip_at_its_own_size(tmp_path):
    result = relight_video(
        CLIP, tmp_path / "out.mp4", prompt="a bunny, red light", light="left", seed=1, frames=24
    )
    assert result.settings["model"] == "mini" and result.settings["transfer"] == "on"
    out = np.stack([frame.image for frame in media.read(result.path)]).astype(float)
    source = np.stack([frame.image for frame in media.read(CLIP, frames=24)]).astype(float)
    assert out.shape == source.shape
    gain = out.mean((0, 1, 2)) / source.mean((0, 1, 2))
    assert gain[0] > 1.3 * max(gain[1:])  # red
    # The picture is the source's: its fine structure, not the small model's.
    assert metrics.structure(source, out) > 0.9
    # And it is steady: the light alone, over the same scene, changes little from frame to frame.
    light = out.mean((1, 2, 3)) / source.mean((1, 2, 3))
    assert np.abs(np.diff(np.log(light))).max() < 0.05
