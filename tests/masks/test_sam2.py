"""SAM 2 follows what is pointed out: transformers' own class, tiny and random."""

import pytest
import torch
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

from relight.errors import InputError, ModelError
from relight.masks import Box, Click, Known
from relight.masks.sam2 import followed, load_sam2
from tests.masks.scenes import moving_disc


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[128, 128],
        blocks_per_stage=[1, 2, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[8, 4, 4, 4],
        global_attention_blocks=[4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=128,
    )
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": 128},
        mask_decoder_config={"hidden_size": 128, "mlp_dim": 32, "iou_head_hidden_dim": 32},
        image_size=128,
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
    )
    path = tmp_path_factory.mktemp("sam2")
    Sam2VideoModel(config).save_pretrained(path)
    return path


@pytest.mark.parametrize("seed", ["click", "box", "known"])
def test_what_is_pointed_out_is_followed_both_ways(folder, seed):
    clip, mattes = moving_disc(frames=5, size=64, radius=14)
    at = 2
    seeds = {
        "click": Click(0.5, 0.55, at),
        "box": Box(0.2, 0.3, 0.8, 0.8, at),
        "known": Known(mattes[at], at),
    }
    found = followed(clip, load_sam2(folder), seeds[seed])
    assert found.matte.shape == mattes.shape
    assert float(found.matte.min()) >= 0 and float(found.matte.max()) <= 1
    assert found.confidence.shape == (5,)
    if seed == "known":  # the frame that is given comes back, whatever the weights
        inside = found.matte[at] > 0.5
        known = mattes[at] > 0.5
        assert float((inside & known).sum() / (inside | known).sum()) > 0.8


def test_a_seed_outside_and_a_folder_without_a_model_are_one_line(folder, tmp_path):
    clip, _ = moving_disc(frames=2, size=64, radius=14)
    with pytest.raises(InputError, match="frame 7"):
        followed(clip, load_sam2(folder), Click(0.5, 0.5, 7))
    with pytest.raises(ModelError, match="holds no SAM 2") as caught:
        load_sam2(tmp_path)
    assert "\n" not in str(caught.value)
