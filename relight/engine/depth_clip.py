"""A clip of depth beside the clip that is lit: checked before any work, read by time. Torch-free.

Brighter is nearer, as depth networks and depth passes of renderers in this convention have it. The
whole range of the file's values counts, so that one depth stays one depth in all frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np

from relight import media
from relight.errors import InputError
from relight.jobs import RelightJob
from relight.media import VideoInfo
from relight.media.depth import to_float
from relight.media.sequences import beside

SQUASHED = 0.02
"""By how much the shape of a depth clip may differ from that of the clip, as a share."""
SLACK_S = 0.25
"""How much sooner it may end."""
FLAT = 1 / 255
"""Range of values, of the full one, below which a depth clip shows nothing."""


def check_depth(job: RelightJob, info: VideoInfo) -> None:
    """Refuse a depth clip that does not belong to a job's input.

    Raises:
        InputError, MediaError: it is missing, flat, can't be read, or has another shape or length.
    """
    if job.depth_clip is None:
        return
    if job.reference:
        raise _error(job, "gives a light its form, and a reference has its own: leave one out")
    found = media.probe(job.depth_clip, beside(job.depth_clip, info.fps))
    if found.hdr:
        raise _error(job, f"is HDR ({found.hdr}), whose levels are no depth: export it as SDR")
    own, wanted = found.width / found.height, info.width / info.height
    if abs(own / wanted - 1) > SQUASHED:
        shapes = f"is {found.width}x{found.height}, the clip {info.width}x{info.height}"
        raise _error(job, f"{shapes}: give one of the clip's own shape")
    if not _still(found):
        _check_length(job, info, found)
    begin = 0.0 if _still(found) else job.start
    frame = next(media.read(job.depth_clip, start=begin, how=found.reading))
    _grey(job, frame.image, (16, 16))


def _check_length(job: RelightJob, info: VideoInfo, found: VideoInfo) -> None:
    end = _length(info)
    if job.frames is not None and info.fps:
        end = min(end, job.start + job.frames / float(info.fps))
    length = _length(found)
    if length and end and length < end - SLACK_S:
        raise _error(job, f"ends at {length:.2f} s, the clip at {end:.2f} s: give one as long")


def read_depth(
    job: RelightJob,
    fps: Fraction,
    shown: Sequence[tuple[int, Fraction]],
    size: tuple[int, int],
) -> np.ndarray:
    """The depth of some frames of the clip.

    Args:
        fps: of the clip, which a sequence of pictures has too. shown: index in the clip's file and
            time, in seconds from its first frame, of each frame, rising; numbered pictures are
            one for each frame. size: (width, height) of what is wanted.

    Returns:
        (times, height, width) float32 in [0, 1]; of a picture, that picture.

    Raises:
        InputError: values that are not numbers or outside of [0, 1], or a depth that is flat.
    """
    path = job.depth_clip
    assert path is not None, "only a job with a depth clip has depth"
    how = beside(path, fps)
    known = media.probe(path, how)
    still = _still(known)
    numbered = known.kind == "sequence"
    times = [index / known.fps if numbered else time for index, time in shown]
    begin = 0.0 if still else max(float(times[0]) - SLACK_S, 0.0)
    frames = media.read(path, start=begin, how=how, on_note=lambda note: None)
    found = [_grey(job, image, size) for image in _nearest(frames, times)]
    return np.stack(found)


def _nearest(frames: Iterator[media.Frame], times: Sequence[Fraction]) -> Iterator[np.ndarray]:
    """Of a stream, the frame nearest to each of some rising times."""
    now = next(frames)
    then = next(frames, None)
    for time in times:
        while then is not None and abs(then.time - time) <= abs(now.time - time):
            now, then = then, next(frames, None)
        yield now.image


def _grey(job: RelightJob, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    values = to_float(image)[..., :3].mean(-1, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and low >= 0 and high <= 1 + 1e-3):
        raise _error(job, f"holds values from {low:g} to {high:g}: scale them to 0 to 1")
    if high - low < FLAT:
        raise _error(job, f"is flat, {low:.3f} everywhere: brighter has to be nearer")
    return cv2.resize(values.clip(0, 1), size, interpolation=cv2.INTER_AREA)


def _still(info: VideoInfo) -> bool:
    return info.frames == 1


def _length(info: VideoInfo) -> float:
    if info.duration:
        return float(info.duration)
    return float(info.frames / info.fps) if info.frames and info.fps else 0.0


def _error(job: RelightJob, fault: str) -> InputError:
    return InputError(f"the depth clip {job.depth_clip} {fault}", field="depth_clip")
