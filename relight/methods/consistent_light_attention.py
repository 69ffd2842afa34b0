"""Consistent Light Attention: one light for all frames (Light-A-Video, arXiv:2502.08590, eq. 4-5).

IC-Light relights each frame by itself, so the light it invents jumps from frame to frame. CLA mixes
into the self-attention of its decoder a second attention whose keys and values are the mean over
all frames:

    o = (1 - gamma) A(Q, K, V) + gamma A(Q, mean_F K, mean_F V)

with the means taken inside each half of the guidance batch. Only the middle of the decoder is
touched: every up block that has attention except the one at full latent resolution (`up_blocks.1`
and `up_blocks.2` of Stable Diffusion 1.5), where attention carries texture rather than light.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import Attention, XFormersAttnProcessor
from torch import Tensor


class FrameMean:
    """Means over frames, also when the frames pass through the UNet in several chunks.

    A layer of chunk 1 needs the keys of chunk 2 at that same layer, which exist only once chunk 2
    has come through the CLA layers before it. So the chunks advance in lock-step, one thread each,
    of which exactly one runs at a time: it stops at each CLA layer until all have brought their
    sums. Working memory is that of one chunk plus the hidden states of all.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._running, self._chunks, self._failed = 0, 1, False
        self._sums: Tensor | None = None
        self._frames = self._arrived = self._round = 0

    def __call__(self, x: Tensor, halves: int) -> Tensor:
        """Mean over frames: (halves * frames, tokens, channels) -> (halves, tokens, channels)."""
        part = x.unflatten(0, (halves, -1))
        if self._chunks == 1:
            return part.mean(1)
        return self._meet(part.sum(1, dtype=torch.float32), part.shape[1]).to(x.dtype)

    def _meet(self, total: Tensor, frames: int) -> Tensor:
        with self._turn:
            first = self._arrived == 0
            self._sums = total if first else self._sums + total
            self._frames = frames if first else self._frames + frames
            self._arrived += 1
            here = self._round
            if self._arrived == self._chunks:
                self._mean = self._sums / self._frames
                self._arrived, self._round = 0, here + 1
            self._pass_on()
            me = threading.current_thread().index
            self._turn.wait_for(
                lambda: self._failed or (self._round > here and self._running == me)
            )
            if self._failed:
                raise _AnotherChunkFailed
            return self._mean

    def _pass_on(self) -> None:
        self._running = (self._running + 1) % self._chunks
        self._turn.notify_all()

    def run(self, calls: Sequence[Callable[[], Tensor]]) -> list[Tensor]:
        """Run one call per chunk in lock-step; returns their results in order."""
        if len(calls) == 1:
            return [calls[0]()]
        self.__init__()
        self._chunks = len(calls)
        results: list[Tensor | BaseException | None] = [None] * len(calls)
        grad = torch.is_grad_enabled()
        threads = []
        for index, call in enumerate(calls):
            thread = threading.Thread(target=self._one, args=(index, call, results, grad))
            thread.index = index
            threads.append(thread)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C reaches this thread only: the others must not wait for ever
            with self._turn:
                self._failed = True
                self._turn.notify_all()
            for thread in threads:
                if thread.is_alive():  # the signal may come before all are started
                    thread.join()
            raise
        finally:
            self._chunks = 1
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, _AnotherChunkFailed):
                raise result
        return results

    def _one(self, index: int, call: Callable[[], Tensor], results: list, grad: bool) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._running == index or self._failed)
        try:
            if self._failed:
                raise _AnotherChunkFailed
            with torch.set_grad_enabled(grad):  # grad mode belongs to a thread
                results[index] = call()
        except BaseException as error:
            results[index] = error
            self._failed = True
        with self._turn:
            self._pass_on()


class _AnotherChunkFailed(Exception):
    """Ends the threads that wait for a chunk that will never arrive."""


class ConsistentLightAttnProcessor:
    """Attention processor of the formula above, for the self-attention of a `UNet2DConditionModel`.

    Args:
        gamma: share of the attention to the mean, 0 to 1 (published: 0.5 AnimateDiff, else 0.7).
        halves: parts of the guidance batch: 2 with classifier-free guidance, [uncond | cond],
            else 1.
        mean: shared by all layers of one UNet.
        backend: a diffusers attention backend ("native", "xformers", "flash" ...); None follows
            `diffusers.attention_backend(...)`. `unet.set_attention_backend` skips these UNets.
    """

    def __init__(
        self, gamma: float, halves: int, mean: FrameMean, backend: str | None = None
    ) -> None:
        self.gamma, self.halves, self.mean, self.backend = gamma, halves, mean, backend

    def __call__(self, attn: Attention, hidden_states: Tensor, **_: object) -> Tensor:
        q, k, v = (  # (batch, tokens, channels)
            project(hidden_states) for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        own = self._attend(attn, q, k, v)
        frames = q.shape[0] // self.halves
        shared_k, shared_v = (
            self.mean(x, self.halves).repeat_interleave(frames, dim=0) for x in (k, v)
        )
        shared = self._attend(attn, q, shared_k, shared_v)
        out = torch.lerp(own, shared, self.gamma)
        return attn.to_out[1](attn.to_out[0](out)) / attn.rescale_output_factor

    def _attend(self, attn: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (x.unflatten(-1, (attn.heads, -1)) for x in (q, k, v))
        # -> (batch, tokens, heads, channels / heads)
        return dispatch_attention_fn(q, k, v, backend=self.backend).flatten(-2)


@contextmanager
def consistent_light_attention(
    unet: UNet2DConditionModel, gamma: float, *, halves: int, backend: str | None = None
) -> Iterator[FrameMean]:
    """Within the block, the light layers of `unet` attend to the mean of all frames.

    Args:
        unet: its batch is frames, or `halves` times the frames; restored at the end.
        gamma: 0 to 1; 0 installs nothing, so the UNet stays the stock one bit for bit.
        halves: 2 with classifier-free guidance, else 1.
        backend: see `ConsistentLightAttnProcessor`; None also keeps xFormers where it was enabled.

    Yields:
        the `FrameMean`, whose `run` takes the frames through the UNet in chunks.
    """
    mean = FrameMean()
    if gamma == 0:
        yield mean
        return
    layers = light_layers(unet)
    original = {layer: layer.processor for layer in layers}
    try:
        for layer, stock in original.items():
            uses_xformers = isinstance(stock, XFormersAttnProcessor)
            chosen = backend or ("xformers" if uses_xformers else None)
            layer.processor = ConsistentLightAttnProcessor(gamma, halves, mean, chosen)
        yield mean
    finally:
        for layer, stock in original.items():
            layer.processor = stock


def light_layers(unet: UNet2DConditionModel) -> list[Attention]:
    """The self-attention layers CLA acts on, in the order of the forward pass."""
    return [
        block.attn1
        for up in unet.up_blocks[:-1]
        for transformer in getattr(up, "attentions", [])
        for block in transformer.transformer_blocks
    ]
