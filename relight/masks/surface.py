"""The surface that is always there: the subject's matte, found and inflated."""

from __future__ import annotations

import torch
from torch import Tensor

from relight.masks.cutting import Colours
from relight.masks.grabcut import find_subject
from relight.masks.steady import along_flow, motion_of
from relight.methods.surfaces import Surface, inflated, unit

REACH = 6
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
    subject = find_subject(frames, colours=colours)
    return inflated(subject.matte, frames.float().cpu(), subject.confidence)


def steady_surface(surface: Surface, frames: Tensor) -> Surface:
    """A clip's surface, averaged over neighbouring frames along their motion.

    Args:
        surface: of the frames, (frames, c, h, w).
        frames: (frames, 3, h, w) in [0, 1], in order, of that size.

    Returns:
        the same, steadier; nothing comes from the other side of a cut.

    >>> flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(5, 3, 16, 16)
    >>> jumps = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0]).view(5, 1, 1, 1).expand(5, 1, 16, 16)
    >>> steady = steady_surface(Surface(flat, jumps, torch.ones(5)), flat * 0 + 0.5)
    >>> bool(steady.weight[:, 0, 8, 8].diff().abs().max() < 0.2)
    True
    """
    motion = motion_of(frames, (frames.shape[-2], frames.shape[-1]))
    maps = torch.cat([surface.normals, surface.weight], dim=1)
    maps = along_flow(maps, motion, reach=REACH)
    return Surface(unit(maps[:, :3]), maps[:, 3:], surface.confidence)
