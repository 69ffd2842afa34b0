"""Long clips: overlapping windows over a stream, blended where they overlap, in constant memory.

The idea of temporal co-denoising (MultiDiffusion arXiv:2302.08113 along time), applied to results:
each window is computed by itself, and a result in an overlap moves linearly from the older window's
value to the newer one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from torch import Tensor

Item = TypeVar("Item")


def windows(items: Iterable[Item], length: int, overlap: int) -> Iterator[tuple[int, list[Item]]]:
    """Cut a stream into windows of `length` items of which `overlap` are shared.

    The last window is moved back rather than cut short (a model is at its best at its own length),
    so its overlap may be larger. A stream shorter than `length` is one short window.

    Args:
        items: of any, also unknown, length; at most 2 `length` of them are held.
        length: at least 1.
        overlap: 0 to length - 1.

    Yields:
        (index of the first item, the items).
    """
    if not 0 <= overlap < length:
        raise ValueError(f"overlap lies in [0, {length - 1}], not {overlap}")
    stream = iter(items)
    window = list(islice(stream, length))
    start = 0
    while window:
        yield start, window
        fresh = list(islice(stream, length - overlap))
        start += len(fresh)
        window = (window + fresh)[-length:] if fresh else []


def blended(
    parts: Iterable[tuple[int, Tensor]], blend: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Iterator[Tensor]:
    """Join the results of overlapping windows into one stream.

    Args:
        parts: (index of the first frame, values (frames, ...)) in order, each overlapping or
            touching the one before.
        blend: blend(old, new, weight) with weight (frames, 1, ...) rising inside (0, 1) over the
            overlap, e.g. `torch.lerp`.

    Yields:
        one frame's value after the other, each exactly once.
    """
    begin, held = 0, None
    for start, values in parts:
        if held is None:
            begin, held = start, values
            continue
        yield from held[: start - begin]
        old = held[start - begin :]
        shared = len(old)
        if shared:
            ramp = values.new_tensor([(i + 1) / (shared + 1) for i in range(shared)])
            weight = ramp.reshape(-1, *[1] * (values.ndim - 1))
            values = values.clone()
            values[:shared] = blend(old, values[:shared], weight)
        begin, held = start, values
    if held is not None:
        yield from held
