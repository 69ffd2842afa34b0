"""Consistent Light Attention in chunks of frames: the same result, in less memory."""

import threading

import pytest
import torch

from relight.methods.consistent_light_attention import (
    consistent_light_attention,
    light_layers,
)

from .conftest import FRAMES, noise


@pytest.mark.parametrize("gamma", [0.0, 0.6])
@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 9])
def test_chunks_give_what_all_frames_at_once_give(unet, run, gamma, halves, chunk):
    with consistent_light_attention(unet, gamma, halves=halves):
        whole = run(halves)
    with consistent_light_attention(unet, gamma, halves=halves, chunk_size=chunk):
        for _ in range(2):
            torch.testing.assert_close(run(halves), whole, rtol=1e-5, atol=1e-5)


def test_chunks_are_as_exact_as_all_frames_at_once_under_autocast(unet, run):
    """Some processors multiply in half precision in another order for another number of frames."""

    def lit(**chunks):
        with consistent_light_attention(unet, 0.6, halves=2, **chunks):
            return run()

    exact = lit()
    with torch.autocast("cpu", torch.bfloat16):
        whole, chunked = lit(), lit(chunk_size=2)
    assert whole.dtype == torch.bfloat16  # autocast did reach the UNet
    errors = [float((x.float() - exact).abs().mean()) for x in (whole, chunked)]
    assert 0 < errors[1] < 1.2 * errors[0]


def test_chunks_stay_in_inference_mode(unet, run):
    with torch.inference_mode(), consistent_light_attention(unet, 0.6, halves=2, chunk_size=2):
        assert run().is_inference()


@pytest.mark.parametrize("chunk", [None, 2])
def test_gradients_pass_through_chunks(unet, chunk):
    x = noise(FRAMES, 8, 8, 8).requires_grad_()
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
