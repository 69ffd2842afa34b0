"""Which size an upscaled result has, through which sizes it gets there, and whether it fits."""

from __future__ import annotations

import math

from relight.diffusion.memory import available_memory
from relight.errors import InputError
from relight.jobs import UpscaleJob
from relight.media.formats import written_format
from relight.types import Size

BYTES = 160
"""Memory per pixel of the result that a run needs besides the model's own, measured."""

EXACT = 1e-6
"""By how much a side in pixels may differ from a whole number and be one: 50 * 1.1 isn't 55."""

GUIDED = 2
"""Frames of a clip that a guide alone holds, counted in `BYTES`: five of them, as detail only."""


def possible_size(job: UpscaleJob, size: Size, frames: int) -> Size:
    """The size that a job asks for, of a source of `size`, if it can be made here.

    Args:
        frames: that are upscaled at a time.

    Raises:
        InputError: a size that is no larger than the input, or takes more memory than there is.
    """
    target = target_size(job, size)
    check_memory(target, frames)
    return target


def target_size(job: UpscaleJob, size: Size) -> Size:
    """The size that a job asks for, of a source of `size`.

    In a video, of even sides, what has to be rounded is even: most are written as 4:2:0.

    Raises:
        InputError: no larger than the source.
    """
    height, width = size
    if job.size is None:
        scale = job.scale or 2.0
    else:
        across, down = (int(side) for side in job.size.split("x"))
        scale = min(across / width, down / height)
        if scale <= 1:
            raise InputError(f"size {job.size} is not larger than the input, {width}x{height}")
        if max(down - height * scale, across - width * scale) < 1:
            return Size(down, across)  # the same shape, but for rounding: 1280x720 for 854x480
    even = written_format(job.output).kind == "video" and not (height % 2 or width % 2)
    return Size(_whole(height * scale, even), _whole(width * scale, even))


def _whole(side: float, even: bool) -> int:
    """A side in whole pixels; an even number of them where that is wanted and it is none."""
    exact = abs(side - round(side)) < EXACT
    return 2 * round(side / 2) if even and not exact else round(side)


def check_memory(size: Size, frames: int) -> None:
    """Refuse a result that can't fit, with an estimate, before any work.

    Raises:
        InputError: `frames` of it at once would take more than the memory that is free.
    """
    needed = size[0] * size[1] * frames * BYTES
    free = available_memory()
    if needed > free:
        raise InputError(
            f"{size[1]}x{size[0]} would take about {needed / 2**30:.0f} GiB of memory, and "
            f"{free / 2**30:.0f} GiB are free: choose a smaller scale or size"
        )


def stage_sizes(before: Size, target: Size) -> tuple[Size, ...]:
    """The sizes on the way: each stage about doubles the sides at most.

    >>> stage_sizes(Size(100, 200), Size(400, 800))
    (Size(height=200, width=400), Size(height=400, width=800))
    """
    scale = max(after / side for side, after in zip(before, target, strict=True))
    count = max(math.ceil(math.log2(scale) - 0.1), 1)
    between = [
        Size(
            round(before[0] * (target[0] / before[0]) ** (i / count)),
            round(before[1] * (target[1] / before[1]) ** (i / count)),
        )
        for i in range(1, count)
    ]
    return (*between, target)
