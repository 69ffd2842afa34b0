"""The surface that is always there: the subject's matte, found and inflated."""

from __future__ import annotations

from torch import Tensor

from relight.masks.grabcut import find_subject
from relight.methods.surfaces import Surface, inflated


def subject_surface(frames: Tensor) -> Surface:
    """A `SurfaceSource` without any network or depth.

    Args:
        frames: (frames, 3, h, w) in [0, 1], in order; see `find_subject` for how many neighbours a
            frame depends on.

    Returns:
        the surface of the clip's subject, its confidence 0 where there is no clear one.
    """
    subject = find_subject(frames)
    return inflated(subject.matte, frames.float().cpu(), subject.confidence)
