"""The surface that is always there: the subject's matte, found and inflated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from relight.masks.cutting import Colours
from relight.masks.grabcut import EDGE, look_for
from relight.masks.steady import Motion, along_flow, guided, motion_of
from relight.methods.settled import settled, step_of
from relight.methods.spread import one_thread
from relight.methods.surfaces import Surface, inflated, unit

AVERAGED = 6
"""Frames on either side over which a surface is averaged: a matte that is cut anew in each takes in
a sleeve in some and leaves it out in others, and shading shows it."""


def subject_surface(frames: Tensor, colours: Colours | None = None) -> Surface:
    """A `SurfaceSource` without any network or depth.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order; see `find_subject` for how many neighbours a
            frame depends on.
        colours: of the clip's subject, if they are known.

    Returns:
        the surface of the clip's subject, its confidence 0 where there is no clear one.
    """
    found = look_for(frames, colours=colours)
    return cut_surface(found.cut, found.small, found.confidence, frames)


def cut_surface(cuts: Tensor, small: Tensor, confidence: Tensor, frames: Tensor) -> Surface:
    """The surface of a subject that was found coarsely.

    Args:
        cuts, small, confidence: see `Coarse`.
        frames: the same frames at the size that the surface is to have, (frames, 3, h, w).

    >>> half = (torch.arange(64) < 32).float().expand(2, 1, 48, 64)
    >>> grey = torch.full((2, 3, 48, 64), 0.5)
    >>> across, down, ahead = cut_surface(half, grey, torch.ones(2), grey).normals[0, :, 24, 28]
    >>> bool(across > 0.5), bool(down.abs() < 0.1), bool(ahead > 0.3)
    (True, True, True)
    """
    frames = frames.float().cpu()
    with one_thread():
        return inflated(guided(cuts, small, eps=EDGE, full=frames), frames, confidence)


def settled_subject(
    cuts: Tensor, confidence: Tensor, small: Tensor, numbers: Sequence[int], count: int
) -> tuple[Tensor, Tensor]:
    """Cuts and confidence, which don't jump where nothing in the frames does; see `settled`.

    Args:
        cuts, confidence, small: see `Coarse`; of the frames with `numbers` in a clip of `count`.

    >>> cuts, sure = torch.ones(7, 1, 16, 16), torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    >>> settled_subject(cuts, sure, torch.full((7, 3, 16, 16), 0.5), range(7), 7)[1].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    with one_thread():
        maps = torch.cat([cuts, confidence.view(-1, 1, 1, 1).expand_as(cuts)], dim=1)
        maps = settled(maps, small, numbers, step_of(count))
    return maps[:, :1], maps[:, 1].mean((1, 2))


def steady_surface(surface: Surface, frames: Tensor, motion: Motion | None = None) -> Surface:
    """A clip's surface, averaged over neighbouring frames along their motion.

    Args:
        surface: of the frames, (frames, c, h, w).
        frames: (frames, 3, h, w) in [0, 1], in order, of that size.
        motion: theirs, at that size; None: found here.

    Returns:
        the same, steadier; nothing comes from the other side of a cut.

    >>> flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(5, 3, 16, 16)
    >>> jumps = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0]).view(5, 1, 1, 1).expand(5, 1, 16, 16)
    >>> steady = steady_surface(Surface(flat, jumps, torch.ones(5)), flat * 0 + 0.5)
    >>> bool(steady.weight[:, 0, 8, 8].diff().abs().max() < 0.2)
    True
    """
    motion = motion or motion_of(frames, (frames.shape[-2], frames.shape[-1]))
    maps = torch.cat([surface.normals, surface.weight], dim=1)
    maps = along_flow(maps, motion, reach=AVERAGED)
    return Surface(unit(maps[:, :3]), maps[:, 3:], surface.confidence)
