"""Consistent Light Attention as a patch: what it changes, backends, and all as it was after it."""

import pytest
import torch
from diffusers.models.attention_dispatch import attention_backend
from diffusers.models.attention_processor import AttnProcessor2_0, XFormersAttnProcessor

from relight.methods.consistent_light_attention import (
    ConsistentLightAttnProcessor,
    consistent_light_attention,
    light_layers,
)
from relight.patching import PatchOrderError


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
