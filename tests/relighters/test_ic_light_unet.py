"""IC-Light's UNet: base weights plus offsets, widened for pictures."""

import copy

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from relight.errors import ModelError
from relight.relighters.ic_light import (
    ic_light_unet,
)

from .pictures import OFFSETS, one_line

SD15 = {  # the published configuration of Stable Diffusion 1.5
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}


@pytest.mark.parametrize("pictures, channels", [(1, 8), (2, 12)])
def test_zero_offsets_give_the_base_unet_whatever_the_pictures_show(
    sd15, offsets, pictures, channels
):
    zero = {key: torch.zeros_like(value) for key, value in offsets.items()}
    zero["conv_in.weight"] = torch.zeros(16, channels, 3, 3)
    base, unet = sd15["unet"], ic_light_unet(sd15["unet"], zero)
    assert unet.config.in_channels == channels and not unet.training
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 8, generator=generator)
    text = torch.randn(2, 7, 16, generator=generator)
    with torch.no_grad():
        expected = base(x, 300, text).sample
        for scale in (0, 5):
            shown = scale * torch.randn(2, 4 * pictures, 8, 8, generator=generator)
            out = unet(torch.cat([x, shown], 1), 300, text).sample
            torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_a_weight_is_base_plus_offset_and_the_base_is_not_changed(sd15, offsets):
    before = copy.deepcopy(sd15["unet"].state_dict())
    merged = ic_light_unet(sd15["unet"], OFFSETS).state_dict()
    after = sd15["unet"].state_dict()
    assert sd15["unet"].config.in_channels == 4
    assert all(torch.equal(after[key], before[key]) for key in before)
    conv = merged.pop("conv_in.weight")
    assert torch.equal(conv[:, :4], before["conv_in.weight"] + offsets["conv_in.weight"][:, :4])
    assert torch.equal(conv[:, 4:], offsets["conv_in.weight"][:, 4:])
    assert all(torch.equal(merged[key], before[key] + offsets[key]) for key in merged)
    shared = {value.data_ptr() for value in after.values()}
    assert not any(value.data_ptr() in shared for value in merged.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_base_decides_the_precision(sd15, offsets, dtype):
    base = copy.deepcopy(sd15["unet"]).to(dtype)
    merged = ic_light_unet(base, offsets).state_dict()
    assert {value.dtype for value in merged.values()} == {dtype}
    key = "conv_out.weight"
    exact = base.state_dict()[key].float() + offsets[key].float()  # added in float32
    assert torch.equal(merged[key], exact.to(dtype))


def _change(offsets, key, value):
    changed = {**offsets, key: value}
    return {key: tensor for key, tensor in changed.items() if tensor is not None}


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("conv_in.weight", None, "lack 1 keys, e.g. conv_in.weight"),
        ("conv_out.bias", None, "lack 1 keys, e.g. conv_out.bias"),
        ("more.weight", torch.zeros(1), "1 unknown keys, e.g. more.weight"),
        ("conv_out.bias", torch.zeros(5), "conv_out.bias"),
        ("conv_in.weight", torch.zeros(16, 4, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(16, 3, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(16, 9, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(320, 8, 3, 3), "conv_in.weight"),
        ("conv_in.weight", torch.zeros(8), "conv_in.weight"),
    ],
)
def test_offsets_of_another_layout_are_refused(sd15, offsets, key, value, message):
    with pytest.raises(ModelError, match=message) as error:
        ic_light_unet(sd15["unet"], _change(offsets, key, value))
    assert one_line(error)


@pytest.mark.parametrize(
    "name, content",
    [
        ("iclight.ckpt", b"anything"),
        ("iclight.safetensors", None),
        ("random.safetensors", np.random.default_rng(0).bytes(4096)),
        ("empty.safetensors", b""),
        ("cut.safetensors", "cut"),
        ("folder.safetensors", "folder"),
    ],
)
def test_files_that_are_not_safetensors_are_refused(sd15, tmp_path, name, content):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(OFFSETS.read_bytes()[:100_000] if content == "cut" else content)
    with pytest.raises(ModelError, match=name) as error:
        ic_light_unet(sd15["unet"], path)
    assert one_line(error)


def test_a_path_may_be_text_or_a_state_dict(sd15, offsets, tmp_path):
    save_file(offsets, tmp_path / "copy.safetensors")
    text = ic_light_unet(sd15["unet"], str(tmp_path / "copy.safetensors")).state_dict()
    given = ic_light_unet(sd15["unet"], offsets).state_dict()
    assert all(torch.equal(text[key], given[key]) for key in given)


@pytest.mark.parametrize("channels", [8, 12])
def test_a_full_size_unet_takes_every_key_of_the_published_layout(channels):
    with torch.device("meta"):
        base = UNet2DConditionModel(**SD15)
    layout = dict(base.state_dict())
    layout["conv_in.weight"] = torch.empty(320, channels, 3, 3, device="meta")
    assert len(layout) == 686
    shapes = {  # spot checks against the published file, by name
        "time_embedding.linear_1.weight": (1280, 320),
        "down_blocks.0.attentions.0.proj_in.weight": (320, 320, 1, 1),
        "down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight": (1280, 768),
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight": (10240, 1280),
        "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_out.0.bias": (320,),
        "conv_out.weight": (4, 320, 3, 3),
    }
    assert {key: tuple(layout[key].shape) for key in shapes} == shapes
    unet = ic_light_unet(base, layout)
    assert unet.config.in_channels == channels
    assert {key: value.shape for key, value in unet.state_dict().items()} == {
        key: value.shape for key, value in layout.items()
    }
    for key in list(layout)[::40]:  # no key is optional
        rest = {other: value for other, value in layout.items() if other != key}
        with pytest.raises(ModelError, match=f"lack 1 keys, e.g. {key}"):
            ic_light_unet(base, rest)
