"""The embedded guides beat bicubic on footage they never saw, and are those that were measured."""

import hashlib
import io
import struct
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from relight import media
from relight.errors import ModelError
from relight.methods.back_projection import back_project, larger, smaller
from relight.methods.compact_super_resolution import CompactSuperResolution
from relight.methods.network_enlargement import NetworkEnlargement
from relight.models.guides import FOLDER, GUIDE_SHA256, GUIDES, load_enlargement, load_guide
from relight.models.spandrel_guides import _torchvision
from relight.types import Size
from tests.samples import CLIP

MARGIN_DB = 0.3
"""By which the guide is truer than back-projected bicubic at least; on held frames it is 1.3."""


@pytest.fixture(scope="module")
def guides():
    return {name: load_guide(name) for name in GUIDES}


@pytest.fixture(scope="module")
def truth():
    """Two frames of the sample clip, halved by area so that they are sharp: (2, 3, 160, 256)."""
    images = [frame.image for frame in media.read(CLIP)][:60:48]
    frames = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    height, width = (n // 2 for n in frames.shape[-2:])
    frames = smaller(frames, (height, width))
    top, left = (height - 160) // 2, (width - 256) // 2
    return frames[..., top : top + 160, left : left + 256]


def _decibels(a, b):
    return -10 * (a - b).square().mean().log10().item()


def _energy(x):
    grey = x.mean(1)
    return (grey.diff(dim=-1).square().mean() + grey.diff(dim=-2).square().mean()).item()


def test_clean_is_truer_and_sharper_than_bicubic(guides, truth):
    small = smaller(truth, (80, 128))
    bicubic = back_project(larger(small, (160, 256)), small, 3)
    ours = back_project(guides["mini"](small), small, 3)
    assert _decibels(ours, truth) > _decibels(bicubic, truth) + MARGIN_DB
    assert _energy(ours) > 1.2 * _energy(bicubic)
    assert _decibels(smaller(ours, (80, 128)), small) > 60


def test_restore_undoes_compression(guides, truth):
    """Of a picture saved as JPEG it makes a truer one than `clean` and bicubic do."""
    small = (smaller(truth, (80, 128)) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    read = []
    for image in small:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=50)
        read.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255)
    small = torch.stack(read)
    restored = _decibels(guides["restore"](small), truth)
    assert restored > _decibels(larger(small, (160, 256)), truth) + 0.2
    assert restored > _decibels(guides["mini"](small), truth) + 0.2


def test_grey_and_flat_survive_the_embedded_weights(guides):
    ramp = torch.linspace(0, 1, 40).expand(1, 3, 30, 40)
    flat = torch.tensor([0.9, 0.3, 0.05]).view(1, 3, 1, 1).expand(1, 3, 12, 12)
    for network in guides.values():
        grey = network(ramp)
        assert (grey.amax(1) - grey.amin(1)).max() < 1e-6
        assert (network(flat) - flat[..., :1, :1]).abs().max() < 1e-5


def test_an_edge_gets_no_halo(guides):
    """A soft step: what overshoots is less than 4 % of it, after two passes 8 %."""
    step = torch.zeros(1, 3, 24, 24)
    step[..., 12:] = 0.6
    step[..., 11], step[..., 12] = 0.2, 0.4
    step = step + 0.2
    for times, most in ((2, 0.04), (4, 0.08)):
        result = NetworkEnlargement(network=guides["mini"], project=False)(
            step, Size(24 * times, 24 * times)
        )
        assert result.max() < 0.8 + 0.6 * most and result.min() > 0.2 - 0.6 * most


def test_the_guides_are_small_and_half_precision():
    for path in GUIDES.values():
        assert path.stat().st_size < 1.2e6
        header = path.read_bytes()[8 : 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]]
        assert b'"F16"' in header and b'"F32"' not in header
    assert (FOLDER / "MODEL_CARD.md").exists()


def test_the_weights_are_those_the_card_was_measured_on():
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in GUIDES.items()}
    assert found == GUIDE_SHA256


def test_a_file_of_the_same_layout_loads(tmp_path):
    made = CompactSuperResolution(width=8, blocks=3)
    save_file(made.state_dict(), tmp_path / "own.safetensors")
    loaded = load_guide(tmp_path / "own.safetensors")
    image = torch.rand(1, 3, 7, 5)
    assert torch.equal(loaded(image), made(image))
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_what_is_no_guide_is_refused(tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    for source, words in {
        "blurry": "unknown guide 'blurry': use bicubic, mini,",
        tmp_path / "missing.safetensors": "is not a file",
        tmp_path / "text.safetensors": "not a whole safetensors file",
        tmp_path / "other.safetensors": "no compact super-resolution network",
    }.items():
        with pytest.raises(ModelError, match=words):
            load_guide(source)


def test_a_guide_enlarges_to_any_size_in_tiles(truth):
    small = smaller(truth, (80, 128))[:1]
    enlarge = load_enlargement("mini")
    whole = load_guide("mini")(small)
    in_tiles = replace(enlarge, tile=32)(small, Size(160, 256))
    inner = (..., slice(48, -48), slice(48, -48))  # what no border decides
    torch.testing.assert_close(in_tiles[inner], whole[inner], atol=1e-5, rtol=0)
    assert tuple(enlarge(small, Size(130, 201)).shape[-2:]) == (130, 201)


def test_bicubic_is_a_guide_too(truth):
    size = Size(100, 100)
    assert torch.equal(load_enlargement("bicubic")(truth, size), larger(truth, size))


needs_spandrel = pytest.mark.skipif(not find_spec("spandrel"), reason="the extra guides is missing")


@needs_spandrel
@pytest.mark.parametrize("scale", [2, 4])
def test_a_network_that_spandrel_knows_is_a_guide(tmp_path, scale):
    """A small one of random weights, of the compact class that people have in files."""
    with _torchvision():
        from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
    torch.manual_seed(0)
    made = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=scale).eval()
    save_file(made.state_dict(), tmp_path / "other.safetensors")
    enlarge = load_enlargement(str(tmp_path / "other.safetensors"))
    image = torch.rand(1, 3, 40, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = made(image).clamp(0, 1)
    result = enlarge(image, Size(40 * scale, 24 * scale))
    inner = (..., slice(6 * scale, -6 * scale), slice(6 * scale, -6 * scale))
    torch.testing.assert_close(result[inner], expected[inner], atol=1e-5, rtol=0)
    assert enlarge.factor == scale
    cut = replace(enlarge, tile=16)(image, Size(40 * scale, 24 * scale))
    torch.testing.assert_close(cut, result, atol=1e-5, rtol=0)


@needs_spandrel
def test_a_file_of_no_known_network_is_refused_in_one_line(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="no network that spandrel knows") as caught:
        load_enlargement(str(tmp_path / "other.safetensors"))
    assert "\n" not in str(caught.value)


@needs_spandrel
def test_a_restoring_network_that_does_not_enlarge_is_no_guide(tmp_path):
    with _torchvision():
        from spandrel.architectures.DnCNN.__arch.network_dncnn import DnCNN
    save_file(DnCNN(in_nc=3, out_nc=3, nc=8, nb=4).state_dict(), tmp_path / "one.safetensors")
    with pytest.raises(ModelError, match="doesn't enlarge"):
        load_enlargement(str(tmp_path / "one.safetensors"))


def test_the_placeholders_for_torchvision_do_not_stay():
    with _torchvision():
        pass
    assert "torchvision" not in sys.modules or find_spec("torchvision") is not None
