"""Consistent Light Attention: the formula, the layers it acts on, chunks and backends."""

import threading

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_dispatch import attention_backend
from diffusers.models.attention_processor import AttnProcessor2_0, XFormersAttnProcessor

from relight.methods.consistent_light_attention import (
    ConsistentLightAttnProcessor,
    consistent_light_attention,
    light_layers,
)
from relight.patching import PatchOrderError

FRAMES = 5


def _noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def unet(relighter):
    before = dict(relighter.unet.attn_processors)
    yield relighter.unet
    assert relighter.unet.attn_processors == before  # whatever a test did, it is put back


@pytest.fixture
def run(unet):
    """run(halves, frames): the UNet's output for a fixed batch, (halves, frames, c, h, w)."""

    def call(halves=2, frames=FRAMES, equal=False):
        x = _noise(1 if equal else frames, 8, 8, 8)
        x = x.expand(frames, -1, -1, -1).repeat(halves, 1, 1, 1)
        text = _noise(halves, 1, 7, unet.config.cross_attention_dim, seed=1)
        text = text.expand(-1, frames, -1, -1).flatten(0, 1)
        return unet(x, 500, text).sample.unflatten(0, (halves, -1))

    with torch.no_grad():
        yield call


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
    x = _noise(halves * FRAMES, 6, layer.to_q.in_features)
    processor = ConsistentLightAttnProcessor(gamma, halves)
    with torch.no_grad():
        torch.testing.assert_close(
            processor(layer, x), _by_hand(layer, x, gamma, halves), rtol=1e-5, atol=1e-5
        )


def test_near_is_the_mean_of_a_frame_and_its_neighbours(unet):
    layer = light_layers(unet)[0]
    x = _noise(2 * FRAMES, 6, layer.to_q.in_features)
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


# --- chunks


@pytest.mark.parametrize("gamma", [0.0, 0.6])
@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 9])
def test_chunks_give_what_all_frames_at_once_give(unet, run, gamma, halves, chunk):
    with consistent_light_attention(unet, gamma, halves=halves):
        whole = run(halves)
    with consistent_light_attention(unet, gamma, halves=halves, chunk_size=chunk):
        for _ in range(2):
            torch.testing.assert_close(run(halves), whole, rtol=1e-5, atol=1e-5)


def test_chunks_give_the_same_under_autocast(unet, run):
    with torch.autocast("cpu", torch.bfloat16):
        with consistent_light_attention(unet, 0.6, halves=2):
            whole = run()
        with consistent_light_attention(unet, 0.6, halves=2, chunk_size=2):
            chunked = run()
    assert whole.dtype == torch.bfloat16  # autocast did reach the UNet
    torch.testing.assert_close(chunked, whole, rtol=0, atol=2e-3)


def test_chunks_stay_in_inference_mode(unet, run):
    with torch.inference_mode(), consistent_light_attention(unet, 0.6, halves=2, chunk_size=2):
        assert run().is_inference()


@pytest.mark.parametrize("chunk", [None, 2])
def test_gradients_pass_through_chunks(unet, chunk):
    x = _noise(FRAMES, 8, 8, 8).requires_grad_()
    text = torch.zeros(FRAMES, 1, unet.config.cross_attention_dim)
    with consistent_light_attention(unet, 0.6, halves=1, chunk_size=chunk):
        first = unet(x, 500, text).sample[0]
    [gradient] = torch.autograd.grad(first.sum(), x)
    assert (gradient.flatten(1).abs().amax(1) > 0).all()  # of every frame: the mean is of all


def test_no_part_of_the_unet_sees_more_than_a_chunk_but_the_light_layers(unet, run):
    """What is inside of a part that works in chunks sees a chunk, and a light layer every frame."""
    seen = {}

    def watch(module, inputs, output):
        out = output[0] if isinstance(output, tuple) else output
        seen.setdefault(module, set()).add(len(out))

    hooks = [module.register_forward_hook(watch) for module in unet.modules()]
    with consistent_light_attention(unet, 0.6, halves=2, chunk_size=2):
        run()
    for hook in hooks:
        hook.remove()
    layers, chunks = light_layers(unet), {4, 2}  # 2 frames, and then the 1 that is left
    assert all(seen[layer] == {2 * FRAMES} for layer in layers)
    blocks = [*unet.down_blocks, unet.mid_block, unet.up_blocks[0], unet.up_blocks[3]]
    inside = [m for block in blocks for m in [*block.modules()][1:]]
    inside += [m for up in unet.up_blocks[1:3] for r in up.resnets for m in [*r.modules()][1:]]
    inside += [layer.to_q for layer in layers]
    assert all(seen[module] == chunks for module in inside if module in seen)


def test_chunks_need_no_threads_and_leave_nothing_behind(unet, run):
    threads, before, seen = threading.active_count(), run(), []
    patches = [set(vars(module)) for module in unet.modules()]
    hook = light_layers(unet)[0].register_forward_hook(
        lambda *_: seen.append(threading.active_count())
    )
    with consistent_light_attention(unet, 0.6, halves=2, chunk_size=1):
        run()
    hook.remove()
    assert seen == [threads]
    assert [set(vars(module)) for module in unet.modules()] == patches
    assert torch.equal(run(), before)


def test_processors_are_restored_after_an_exception(unet):
    before = dict(unet.attn_processors)
    with pytest.raises(RuntimeError, match="boom"), consistent_light_attention(unet, 0.5, halves=2):
        assert unet.attn_processors != before
        raise RuntimeError("boom")
    assert unet.attn_processors == before


def test_two_attentions_left_in_another_order_are_an_error(unet):
    before = dict(unet.attn_processors)
    first = consistent_light_attention(unet, 0.3, halves=2, chunk_size=2)
    second = consistent_light_attention(unet, 0.6, halves=2)
    first.__enter__(), second.__enter__()
    with pytest.raises(PatchOrderError, match="Attention.processor"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert unet.attn_processors == before
    assert not any("forward" in vars(module) for module in unet.modules())


def _seen_backends(monkeypatch):
    """Which backends attention really ran on, by the registry's own functions."""
    from diffusers.models import attention_dispatch

    seen = []
    backends = attention_dispatch._AttentionBackendRegistry._backends
    for name, function in dict(backends).items():

        def spy(*args, _name=name, _function=function, **kwargs):
            seen.append(_name.value)
            return _function(*args, **kwargs)

        monkeypatch.setitem(backends, name, spy)
    return seen


@pytest.mark.parametrize("how", ["context", "argument"])
@pytest.mark.parametrize("backend", ["native", "_native_math"])
def test_the_chosen_backend_computes_the_same(unet, run, monkeypatch, backend, how):
    with consistent_light_attention(unet, 0.5, halves=2):
        expected = run()
    seen = _seen_backends(monkeypatch)
    if how == "context":
        with attention_backend(backend), consistent_light_attention(unet, 0.5, halves=2):
            out = run()
    else:
        with consistent_light_attention(unet, 0.5, halves=2, backend=backend):
            out = run()
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert seen == [backend] * 2 * len(light_layers(unet))


def test_an_unknown_backend_is_an_error(unet, run):
    with (
        pytest.raises(ValueError, match="no_such"),
        consistent_light_attention(unet, 0.5, halves=2, backend="no_such"),
    ):
        run()


@pytest.mark.parametrize("explicit, expected", [(None, "xformers"), ("native", "native")])
def test_xformers_stays_chosen_where_it_was_enabled(unet, explicit, expected):
    before = dict(unet.attn_processors)
    enabled = XFormersAttnProcessor()
    unet.set_attn_processor(enabled)
    try:
        with consistent_light_attention(unet, 0.5, halves=2, backend=explicit):
            backends = {layer.processor.backend for layer in light_layers(unet)}
        assert backends == {expected}
        assert set(unet.attn_processors.values()) == {enabled}
    finally:
        unet.set_attn_processor(before)


def test_only_the_light_layers_are_changed(unet):
    before = dict(unet.attn_processors)
    with consistent_light_attention(unet, 0.5, halves=2):
        inside = unet.attn_processors
        changed = {name for name, processor in inside.items() if processor is not before[name]}
        assert len(changed) == len(light_layers(unet)) == 4
        assert all(name.startswith(("up_blocks.1.", "up_blocks.2.")) for name in changed)
        assert all(isinstance(inside[n], ConsistentLightAttnProcessor) for n in changed)
        kept = [inside[n] for n in inside if n not in changed]
        assert all(isinstance(processor, AttnProcessor2_0) for processor in kept)
