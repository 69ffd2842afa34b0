"""Depth Anything as a source of surfaces: the real class at tiny size; no weights, one line."""

import pytest
import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from relight.errors import ModelError
from relight.methods.surface_shading import shading_gain
from relight.models.depth_anything import DepthAnything
from relight.models.hub import depth_network


def tiny_network(path):
    """A folder of the real class with tiny random weights."""
    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_network(tmp_path_factory.mktemp("depth"))


def test_frames_of_any_size_get_a_surface(folder):
    frames = torch.rand(2, 3, 45, 80, generator=torch.Generator().manual_seed(0))
    source = DepthAnything.from_pretrained(folder)
    depth = source.depth(frames)
    assert depth.shape == (2, 1, 45, 80) and 0 <= depth.min() < depth.max() <= 1
    surface = source(frames)
    assert surface.normals.shape == (2, 3, 45, 80)
    assert torch.allclose(surface.normals.norm(dim=1), torch.ones(2, 45, 80), atol=1e-4)
    assert shading_gain(surface, torch.tensor([-0.8, 0.0, 0.6])).isfinite().all()


def test_chunks_of_a_clip_share_its_range(folder):
    frames = torch.rand(4, 3, 42, 56, generator=torch.Generator().manual_seed(0))
    source = DepthAnything.from_pretrained(folder)
    source.bounds = source.bounds_of(frames)
    whole, part = source.depth(frames), source.depth(frames[2:])
    assert torch.allclose(whole[2:], part, atol=1e-5)


def test_missing_weights_are_said_in_one_line(tmp_path):
    with pytest.raises(ModelError, match="get it with"):
        DepthAnything.from_pretrained(tmp_path)


def test_a_surface_is_looked_for_before_any_work(tmp_path, monkeypatch, folder):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert depth_network("subject") is None and depth_network("auto") is None
    assert depth_network(str(folder)) == str(folder)
    with pytest.raises(ModelError, match="hf download depth-anything"):
        depth_network("depth")
    with pytest.raises(ModelError, match="unknown surface"):
        depth_network(str(tmp_path / "nowhere"))
