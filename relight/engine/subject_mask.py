"""The mattes of a clip's subject: what `--mask` means, for every small and every source frame.

A mask of a file is read anew wherever it is needed, so it keeps its own edges at full size. What is
found or followed is stored for the small frames, in chunks, and brought to full size along the
edges of each source frame."""

from __future__ import annotations

import bisect
import functools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from relight.engine.chunks import Chunk, pieces
from relight.engine.lit_clip import LEAST_SIDE, Clip, Load, Show
from relight.engine.stored import decoded, encoded
from relight.errors import InputError
from relight.jobs.regions import Mask, MaskAuto, MaskFile, MaskSeed
from relight.masks import CONTEXT, Box, Click, Known, Seed, Subject, resized
from relight.masks.edges import firm, sharpened
from relight.masks.files import fitted, is_still, picture_count, read_mattes
from relight.masks.fine import FINE_CONTEXT, SPREAD, fine_subject
from relight.masks.network import MatteNetwork, network_subject
from relight.media import Frame
from relight.media.depth import to_uint8
from relight.methods.optical_flow import between

if TYPE_CHECKING:
    from transformers import Sam2VideoModel

log = logging.getLogger(__name__)

PIECE = 64
"""Frames in a chunk of mattes."""

CLEAR = 0.3
"""Confidence from which a frame has a subject; see `Subject`."""


@dataclass(kw_only=True)
class SubjectMask:
    """The mattes of a clip's subject.

    Attributes:
        asked: what the job's mask is. chunks: of small frames, in the order they are computed in.
        skip: pictures of a mask file before that of the first frame that is lit.
    """

    clip: Clip
    asked: Mask
    chunks: tuple[Chunk, ...]
    skip: int = 0

    @classmethod
    def plan(cls, clip: Clip, asked: Mask) -> SubjectMask:
        """Cut the small frames into chunks: those of a click or a box go outwards from it.

        Raises:
            InputError: a click or a box outside of the frame or past the last one.
        """
        count = len(clip.survey.seen)
        if isinstance(asked, MaskFile):
            chunks = pieces(count, count, stage="mask")
            return cls(clip=clip, asked=asked, chunks=chunks, skip=_skip(clip, asked))
        if isinstance(asked, MaskAuto):
            return cls(clip=clip, asked=asked, chunks=pieces(count, PIECE, stage="matte"))
        return cls(clip=clip, asked=asked, chunks=_followed(_number_at(clip, asked), count))

    @classmethod
    def automatic(cls, clip: Clip) -> SubjectMask:
        """Of a job that asks for no mask, but whose light needs the subject's outline."""
        chunks = pieces(len(clip.survey.seen), PIECE, stage="matte")
        return cls(clip=clip, asked=MaskAuto(), chunks=chunks)

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: the mattes of its small frames, 8 bits each, by number."""
        if isinstance(self.asked, MaskFile):
            mattes = self._read(chunk, self.asked)
        else:
            mattes = self._found(chunk)
        if on_step is not None:
            on_step()
        return {f"{chunk.first + i:07d}": encoded(matte) for i, matte in enumerate(mattes)}

    def small(self, number: int, load: Load) -> Tensor:
        """The matte of a small frame, (1, h, w) in [0, 1], at its size."""
        chunk = next(chunk for chunk in self.chunks if chunk.first <= number < chunk.last)
        codes = decoded(load(chunk.name)[f"{number:07d}"])
        return torch.from_numpy(codes)[None].float() / 255

    def full(
        self, frames: Iterable[Frame], load: Load, first: int = 0
    ) -> Iterator[tuple[Frame, np.ndarray]]:
        """Source frames from index `first` on, each with its matte (H, W) in [0, 1]."""
        if isinstance(self.asked, MaskFile):
            count = len(self.clip.survey.times)
            mattes = read_mattes(self.asked.path, first, count, skip=self.skip)
            for frame, matte in zip(frames, mattes, strict=False):
                yield frame, sharpened(matte, frame.image)
            return
        load = functools.lru_cache(maxsize=3)(load)
        for frame in frames:
            yield frame, self._at(frame, load)

    def _read(self, chunk: Chunk, asked: MaskFile) -> Iterator[np.ndarray]:
        height, width = self.clip.small.size
        wanted = set(self.clip.survey.seen)
        count = len(self.clip.survey.times)
        for index, matte in enumerate(read_mattes(asked.path, 0, count, skip=self.skip)):
            if index in wanted:
                yield to_uint8(fitted(matte, width, height))

    def _found(self, chunk: Chunk) -> list[np.ndarray]:
        count = len(self.clip.survey.seen)
        if isinstance(self.asked, MaskSeed):
            first, last, seed = self._seeded(chunk, self.asked)
        else:
            first, seed = max(chunk.first - FINE_CONTEXT, 0), None
            last = min(chunk.last + FINE_CONTEXT, count)
        subject = self._subject(self.clip.tensors(range(first, last), large_enough), seed)
        mattes = subject.matte * (subject.confidence >= CLEAR).float().view(-1, 1, 1, 1)
        own = mattes[chunk.first - first : chunk.last - first]
        height, width = self.clip.small[first].shape[:2]
        own = resized(own, (height, width))
        return [to_uint8(self.clip.letterbox.clear(matte[0].numpy())) for matte in own]

    def _subject(self, frames: Tensor, seed: Seed | None) -> Subject:
        network = self.clip.job.matte_model
        if network is None:
            return fine_subject(frames, seed, self.clip.subject_colours)
        if network.is_dir():
            from relight.masks.sam2 import followed

            return followed(frames, _sam2(network), seed)
        return network_subject(frames, _network(network))

    def _seeded(self, chunk: Chunk, asked: MaskSeed) -> tuple[int, int, Seed]:
        """(first, last, seed) of the frames that a chunk needs."""
        count = len(self.clip.survey.seen)
        at = _number_at(self.clip, asked)
        first, last = max(chunk.first - SPREAD, 0), min(chunk.last + SPREAD, count)
        if chunk.after is None:
            near = max(at - CONTEXT, 0), min(at + CONTEXT + 1, count)
            first, last = min(first, near[0]), max(last, near[1])
            width, height = self.clip.size
            numbers = asked.fractions(width, height)
            kind = Click if len(numbers) == 2 else Box
            return first, last, kind(*numbers, at=at - first)
        beside = chunk.first - 1 if chunk.first > at else chunk.last
        stored = self.clip.work.load(chunk.after)
        matte = torch.from_numpy(decoded(stored[f"{beside:07d}"]))[None].float() / 255
        return (
            min(first, beside),
            max(last, beside + 1),
            Known(matte, at=beside - min(first, beside)),
        )

    def _at(self, frame: Frame, load: Load) -> np.ndarray:
        """The matte of one source frame, between those of the small frames around it."""
        times, seen = self.clip.survey.times, self.clip.survey.seen
        after = bisect.bisect_right(seen, frame.time, key=lambda index: times[index])
        a, b = max(after - 1, 0), min(after, len(seen) - 1)
        here = torch.from_numpy(self.clip.small_of(frame.image)).permute(2, 0, 1).float() / 255
        ends = times[seen[a]], times[seen[b]]
        part = float((frame.time - ends[0]) / (ends[1] - ends[0])) if a != b else 0.0
        mattes = self.small(a, load), self.small(b, load)
        images = self.clip.small[a], self.clip.small[b]
        matte = between(*mattes, images[0], here, images[1], part) if part > 0 else mattes[0]
        return firm(sharpened(matte[0].numpy(), frame.image))


@functools.lru_cache(maxsize=1)
def _network(path: Path) -> MatteNetwork:
    return MatteNetwork(path)


@functools.lru_cache(maxsize=1)
def _sam2(folder: Path) -> Sam2VideoModel:
    from relight.masks.sam2 import load_sam2

    return load_sam2(folder)


def require_subject(mask: SubjectMask, load: Load) -> None:
    """Look at all mattes once; that frames have no subject is logged.

    Raises:
        InputError: none has, and it was to be found.
    """
    count, load = len(mask.clip.survey.seen), functools.lru_cache(maxsize=1)(load)
    least = 0.0 if isinstance(mask.asked, MaskFile) else 0.5  # a grey mask is one
    there = sum(bool(mask.small(number, load).max() > least) for number in range(count))
    if isinstance(mask.asked, MaskFile):
        if not there:
            log.warning("the mask %s is black everywhere: it shows no subject", mask.asked)
        return
    if there == count:
        return
    if not there:
        raise InputError(
            f"the mask {str(mask.asked)!r} finds no clear subject: point it out with click:x,y or "
            "box:left,top,right,bottom, or give a mask",
            field="mask",
        )
    log.warning(
        "no clear subject in %d of %d frames: nothing is masked there", count - there, count
    )


def large_enough(height: int, width: int) -> tuple[int, int]:
    """(height, width) at which a subject is looked for in small frames of that size.

    >>> large_enough(1, 300), large_enough(90, 160)
    ((16, 300), (90, 160))
    """
    return max(height, LEAST_SIDE), max(width, LEAST_SIDE)


def _number_at(clip: Clip, asked: MaskSeed) -> int:
    """The small frame of a click or a box."""
    shown = clip.seconds(range(len(clip.survey.seen)))
    asked.check(*clip.size, float(clip.survey.times[-1] - clip.survey.times[0]))
    return int(np.argmin([abs(seconds - asked.seconds) for seconds in shown]))


def _followed(at: int, count: int) -> tuple[Chunk, ...]:
    """The chunks of a subject that is followed from frame `at`, each from the one beside it.

    >>> [(chunk.first, chunk.after) for chunk in _followed(50, 120)]
    [(18, None), (82, 'matte-00000'), (0, 'matte-00000')]
    """
    chunks: list[Chunk] = []
    for i, (first, last) in enumerate(_outwards(at, count)):
        beside = first - 1 if first > at else last  # the frame whose matte this chunk goes on from
        after = next((one.name for one in chunks if one.first <= beside < one.last), None)
        passes = last - first
        one = Chunk(stage="matte", index=i, first=first, last=last, passes=passes, after=after)
        chunks.append(one)
    return tuple(chunks)


def _outwards(at: int, count: int) -> list[tuple[int, int]]:
    """Spans of `PIECE` frames: the one around `at`, then those after it, then those before it.

    >>> _outwards(50, 160)
    [(18, 82), (82, 146), (146, 160), (0, 18)]
    """
    begin = max(at - PIECE // 2, 0)
    end = min(begin + PIECE, count)
    after = [(first, min(first + PIECE, count)) for first in range(end, count, PIECE)]
    before = [(max(last - PIECE, 0), last) for last in range(begin, 0, -PIECE)]
    return [(begin, end), *after, *before]


def _skip(clip: Clip, asked: MaskFile) -> int:
    """Pictures of a mask that belong to frames before the first that is lit."""
    if not clip.survey.times[0] or is_still(asked.path):
        return 0
    return 0 if picture_count(asked.path) == len(clip.survey.times) else clip.first_index
