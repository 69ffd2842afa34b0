"""Consistent Light Attention: one light for all frames (Light-A-Video, arXiv:2502.08590, eq. 4-5).

IC-Light relights each frame by itself, so the light it invents jumps from frame to frame. CLA mixes
into the self-attention of its decoder a second attention whose keys and values are the mean over
all frames:

    o = (1 - gamma) A(Q, K, V) + gamma A(Q, mean_F K, mean_F V)

with the means taken inside each half of the guidance batch. Where the light moves, the mean over
all frames would hold it back, so it is taken over a frame and its two neighbours instead (0.6, 0.2
and 0.2, as Light4D does). Only the middle of the decoder is touched: every up block that has
attention except the one at full latent resolution (`up_blocks.1` and `up_blocks.2` of Stable
Diffusion 1.5), where attention carries texture rather than light.

Long clips pass through the UNet in chunks of frames. A light layer of one chunk needs the keys of
all chunks at that same layer, so it is not the UNet's call that is cut into chunks, but the work of
its parts: every part that treats each frame by itself (whole blocks, where they hold no light
layer) takes a chunk at a time, and only a light layer sees all frames. Memory is then that of the
hidden states of all frames and the work on one chunk.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import Attention, XFormersAttnProcessor
from torch import Tensor, nn

from relight.patching import patched

BESIDE = 0.2
"""Weight of each neighbour in the mean of a light that moves."""


class ConsistentLightAttnProcessor:
    """Attention processor of the formula above, for the self-attention of a `UNet2DConditionModel`.

    Args:
        gamma: share of the attention to the mean, 0 to 1 (published: 0.5 AnimateDiff, else 0.7).
        halves: parts of the guidance batch: 2 with classifier-free guidance, [uncond | cond],
            else 1.
        rows: how many elements of the batch attend at a time; None: all.
        backend: a diffusers attention backend ("native", "xformers", "flash" ...); None follows
            `diffusers.attention_backend(...)`. `unet.set_attention_backend` skips these UNets.
        near: the second attention is to the frame and its two neighbours alone.

    >>> layer = Attention(query_dim=8, heads=2, dim_head=4)
    >>> frames = torch.randn(1, 5, 8).repeat(3, 1, 1)  # equal frames are left as they are
    >>> layer.set_processor(ConsistentLightAttnProcessor(0.0, halves=1))
    >>> own = layer(frames)
    >>> layer.set_processor(ConsistentLightAttnProcessor(0.7, halves=1))
    >>> torch.allclose(layer(frames), own, atol=1e-5)
    True
    """

    def __init__(
        self,
        gamma: float,
        halves: int,
        rows: int | None = None,
        backend: str | None = None,
        near: bool = False,
    ) -> None:
        self.gamma, self.halves, self.rows, self.backend = gamma, halves, rows, backend
        self.near = near

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: None = None,
        attention_mask: None = None,
    ) -> Tensor:
        """(halves * frames, tokens, channels) -> the same; it takes no other states and no mask."""
        assert attn.to_k is not None and attn.to_v is not None and attn.to_out is not None
        project, dropout = attn.to_out
        k, v = attn.to_k(hidden_states), attn.to_v(hidden_states)  # (batch, tokens, channels)
        mean_k, mean_v = self._common(k), self._common(v)
        batch = len(hidden_states)
        place = torch.arange(batch, device=k.device)
        half = place if self.near else place // (batch // self.halves)
        outs = []
        for part in _slices(batch, self.rows):
            q = attn.to_q(hidden_states[part])
            own = self._attend(attn, q, k[part], v[part])
            shared = self._attend(attn, q, mean_k[half[part]], mean_v[half[part]])
            out = torch.lerp(own, shared, self.gamma)
            outs.append(dropout(project(out)) / attn.rescale_output_factor)
        return _joined(outs)

    def _common(self, x: Tensor) -> Tensor:
        """(halves * frames, tokens, channels) -> the mean of each half, or that of neighbours."""
        frames = x.unflatten(0, (self.halves, -1))
        if not self.near:
            return frames.mean(1)
        before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        after = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)
        return ((1 - 2 * BESIDE) * frames + BESIDE * (before + after)).flatten(0, 1)

    def _attend(self, attn: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (x.unflatten(-1, (attn.heads, -1)) for x in (q, k, v))
        # -> (batch, tokens, heads, channels / heads)
        backend: Any = self.backend  # a name of diffusers, or of a newer one
        return dispatch_attention_fn(q, k, v, backend=backend).flatten(-2)


@contextmanager
def consistent_light_attention(
    unet: UNet2DConditionModel,
    gamma: float,
    *,
    halves: int,
    chunk_size: int | None = None,
    backend: str | None = None,
    near: bool = False,
) -> Iterator[None]:
    """Within the block, the light layers of `unet` attend to the mean of all frames.

    Args:
        unet: its batch is frames, or `halves` times the frames; restored at the end.
        gamma: 0 to 1; 0 leaves the attention alone, so the UNet stays the stock one bit for bit.
        halves: 2 with classifier-free guidance, else 1.
        chunk_size: frames that are computed at a time; None: all. The result is the same.
        backend: see `ConsistentLightAttnProcessor`; None also keeps xFormers where it was enabled.
        near: for a light that moves: the mean is over neighbours alone.

    >>> unet = UNet2DConditionModel(
    ...     block_out_channels=(8, 8),
    ...     down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ...     cross_attention_dim=8, attention_head_dim=4, norm_num_groups=4)
    >>> frames, text = torch.randn(3, 4, 8, 8), torch.zeros(3, 1, 8)
    >>> with torch.no_grad(), consistent_light_attention(unet, 0.5, halves=1):
    ...     whole = unet(frames, 500, text).sample
    >>> with torch.no_grad(), consistent_light_attention(unet, 0.5, halves=1, chunk_size=2):
    ...     chunked = unet(frames, 500, text).sample
    >>> torch.allclose(chunked, whole, atol=1e-5)
    True
    """
    layers = light_layers(unet) if gamma else []
    rows = chunk_size and chunk_size * halves
    with ExitStack() as patches:
        for layer in layers:
            uses_xformers = isinstance(layer.processor, XFormersAttnProcessor)
            chosen = backend or ("xformers" if uses_xformers else None)
            processor = ConsistentLightAttnProcessor(gamma, halves, rows, chosen, near)
            patches.enter_context(patched(layer, "processor", processor))
        if rows is None:
            yield
            return
        for part in _frame_by_frame(unet, layers):
            patches.enter_context(patched(part, "forward", _in_chunks(part.forward, rows)))
        yield


def light_layers(unet: UNet2DConditionModel) -> list[Attention]:
    """The self-attention layers CLA acts on, in the order of the forward pass.

    >>> with torch.device("meta"):
    ...     unet = UNet2DConditionModel()  # Stable Diffusion 1.5
    >>> len(light_layers(unet))
    6
    """
    return [
        block.attn1
        for up in unet.up_blocks[:-1]
        for transformer in getattr(up, "attentions", [])
        for block in transformer.transformer_blocks
    ]


def _frame_by_frame(module: nn.Module, layers: Collection[nn.Module]) -> Iterator[nn.Module]:
    """The largest parts of a model that hold no light layer, so treat each frame by itself."""
    if module in layers:
        return
    if not isinstance(module, nn.ModuleList) and not any(m in layers for m in module.modules()):
        yield module
        return
    for child in module.children():
        yield from _frame_by_frame(child, layers)


def _in_chunks(forward: Callable[..., Any], rows: int) -> Callable[..., Any]:
    """`forward` on `rows` elements of the batch (dimension 0 of the first tensor) at a time."""

    @functools.wraps(forward)
    def chunked(*args: Any, **kwargs: Any) -> Any:
        tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        batch = len(tensors[0])
        if batch <= rows:
            return forward(*args, **kwargs)
        return _joined(
            [
                forward(*_cut(args, batch, part), **_cut(kwargs, batch, part))
                for part in _slices(batch, rows)
            ]
        )

    return chunked


def _slices(batch: int, rows: int | None) -> list[slice]:
    return [slice(i, i + (rows or batch)) for i in range(0, batch, rows or batch)]


def _cut(value: Any, batch: int, part: slice) -> Any:
    """A part of every tensor of the batch in `value`; what isn't of the batch stays whole."""
    if isinstance(value, Tensor):
        return value[part] if value.ndim and len(value) == batch else value
    if isinstance(value, dict):
        return {name: _cut(one, batch, part) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_cut(one, batch, part) for one in value)
    return value


def _joined(parts: list[Any]) -> Any:
    """The inverse of `_cut`: tensors, or tuples and output records of tensors."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(parts)
    if isinstance(first, dict):
        return type(first)(**{name: _joined([part[name] for part in parts]) for name in first})
    return type(first)(_joined(list(ones)) for ones in zip(*parts, strict=True))
