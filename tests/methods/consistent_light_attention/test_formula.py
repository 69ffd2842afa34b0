"""Consistent Light Attention: the formula, and the layers it acts on."""

import pytest
import torch
from diffusers import UNet2DConditionModel

from relight.methods.consistent_light_attention import (
    ConsistentLightAttnProcessor,
    consistent_light_attention,
    light_layers,
)

from .conftest import FRAMES, noise


def _by_hand(layer, x, gamma, halves):
    """The paper's formula with an explicit softmax, one frame and one head at a time."""
    q, k, v = layer.to_q(x), layer.to_k(x), layer.to_v(x)
    frames, width = len(x) // halves, q.shape[-1] // layer.heads
    out = torch.zeros_like(q)

    def attend(q, k, v):
        return torch.softmax(q @ k.T / width**0.5, dim=-1) @ v

    for i in range(len(x)):
        half = slice(i // frames * frames, i // frames * frames + frames)
        for h in range(layer.heads):
            c = slice(h * width, h * width + width)
            own = attend(q[i, :, c], k[i, :, c], v[i, :, c])
            shared = attend(q[i, :, c], k[half, :, c].mean(0), v[half, :, c].mean(0))
            out[i, :, c] = (1 - gamma) * own + gamma * shared
    return layer.to_out[0](out)


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_the_processor_computes_the_formula(unet, halves, gamma):
    layer = light_layers(unet)[0]
    x = noise(halves * FRAMES, 6, layer.to_q.in_features)
    processor = ConsistentLightAttnProcessor(gamma, halves)
    with torch.no_grad():
        torch.testing.assert_close(
            processor(layer, x), _by_hand(layer, x, gamma, halves), rtol=1e-5, atol=1e-5
        )


def test_near_is_the_mean_of_a_frame_and_its_neighbours(unet):
    layer = light_layers(unet)[0]
    x = noise(2 * FRAMES, 6, layer.to_q.in_features)
    near = ConsistentLightAttnProcessor(1.0, 2, near=True)
    halves = x.unflatten(0, (2, FRAMES))
    before = torch.cat([halves[:, :1], halves[:, :-1]], 1)
    after = torch.cat([halves[:, 1:], halves[:, -1:]], 1)
    mean = (0.6 * halves + 0.2 * before + 0.2 * after).flatten(0, 1)
    with torch.no_grad():
        q = layer.to_q(x)
        k, v = layer.to_k(mean), layer.to_v(mean)
        attended = near._attend(layer, q, k, v)
        torch.testing.assert_close(near(layer, x), layer.to_out[0](attended), rtol=1e-4, atol=1e-5)


def test_the_layers_of_stable_diffusion_are_the_self_attention_of_up_blocks_1_and_2(unet):
    named = {id(module): name for name, module in unet.named_modules()}
    names = [named[id(layer)] for layer in light_layers(unet)]
    # layers_per_block is 1 here, so a decoder block has two transformers.
    assert names == [
        f"up_blocks.{block}.attentions.{i}.transformer_blocks.0.attn1"
        for block in (1, 2)
        for i in (0, 1)
    ]


def test_the_layers_of_a_three_block_unet_are_in_both_attention_blocks():
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    named = {id(module): name for name, module in unet.named_modules()}
    names = {named[id(layer)] for layer in light_layers(unet)}
    assert names == {
        f"up_blocks.{block}.attentions.{i}.transformer_blocks.0.attn1"
        for block in (0, 1)
        for i in (0, 1)
    }


def test_gamma_zero_installs_nothing_and_keeps_every_bit(unet, run):
    stock, before = run(), dict(unet.attn_processors)
    with consistent_light_attention(unet, 0.0, halves=2):
        assert unet.attn_processors == before
        assert torch.equal(run(), stock)


def test_gamma_changes_the_output_and_leaving_the_block_restores_it(unet, run):
    stock = run()
    with consistent_light_attention(unet, 0.5, halves=2):
        inside = run()
    assert (inside - stock).abs().max() > 1e-3
    assert torch.equal(run(), stock)


@pytest.mark.parametrize("halves", [1, 2])
def test_equal_frames_are_left_as_they_are(unet, run, halves):
    stock = run(halves, equal=True)
    with consistent_light_attention(unet, 0.7, halves=halves):
        torch.testing.assert_close(run(halves, equal=True), stock, rtol=1e-5, atol=1e-5)


def test_one_frame_is_left_as_it_is(unet, run):
    stock = run(frames=1)
    with consistent_light_attention(unet, 0.7, halves=2):
        torch.testing.assert_close(run(frames=1), stock, rtol=1e-5, atol=1e-5)


def test_each_half_of_the_guidance_batch_has_its_own_mean(unet, run):
    with consistent_light_attention(unet, 0.5, halves=2):
        both = run(2)
    with consistent_light_attention(unet, 0.5, halves=1):
        alone = run(1)  # the first text is the same
    torch.testing.assert_close(both[0], alone[0], rtol=1e-5, atol=1e-5)
