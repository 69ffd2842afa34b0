"""What a run would do, take and need, before any weight is loaded: `relight run --dry-run`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from relight.engine import estimates
from relight.engine.chunks import Chunk
from relight.engine.keyframes import EVERY_S, FEWEST
from relight.engine.output import checked
from relight.engine.pairs import LOOKED_AT, PAIRS
from relight.engine.prepare import frame_count, is_moving, refuse, upscale_job
from relight.engine.sizes import BYTES, GUIDED, target_size
from relight.engine.survey import sparse
from relight.jobs import Job, ModelRelightJob, ResolvedJob, ResolvedUpscaleJob
from relight.lights import parse_light
from relight.media import Frame, VideoInfo
from relight.types import Size

if TYPE_CHECKING:
    from relight.engine.resolve import Models
    from relight.models.entries import Entry, UpscaleEntry
    from relight.models.finding import Found
    from relight.models.loader import Model, Upscaler

LIGHT_BYTES, SMALL_BYTES, PICTURE_BYTES = 24, 3, 6
"""Bytes on disk per pixel, at most: of a light (six float32 planes), of a small frame (8 bits a
channel), and of a frame that a model drew (16 bits where two chunks are blended)."""
CARRIED_BYTES, FORM_BYTES = 20, 9
"""Per pixel of the light: carried from one keyframe (ten planes of 16 bits), and of the clip's
subject and its form (one of 8 bits, four of 16)."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: "key", "light", "upscale" or "guide". model, device: that compute it.
        weights_bytes: of its files.
        chunks: in order. width, height: of the frames the model works on.
        disk_bytes: of what is stored, at most.
    """

    name: str
    model: str
    device: str
    weights_bytes: int
    chunks: tuple[Chunk, ...]
    width: int
    height: int
    disk_bytes: int

    @property
    def passes(self) -> int:
        """Denoiser passes of all chunks."""
        return sum(chunk.passes for chunk in self.chunks)

    @property
    def cost(self) -> float:
        """Megapixels that are denoised in all passes."""
        return sum(chunk.cost for chunk in self.chunks)

    @property
    def together(self) -> int:
        """Frames of the largest chunk, or that a guide alone holds at a time."""
        most = max(len(chunk) for chunk in self.chunks)
        return min(most, GUIDED) if self.name == "guide" else most

    @property
    def frames(self) -> int:
        """Frames that its model sees."""
        return self.chunks[-1].last if self.chunks else 0

    def key(self, kind: str) -> str:
        """Of this stage's model in `relight.engine.estimates`."""
        return estimates.key(self.model, self.device, kind)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that has not begun.

    Attributes:
        job: with every setting decided. info: of its input. model: which is taken, and why.
        frames: of the output, as far as the file says. width, height: of the output.
        notes: on settings that have no effect.
    """

    job: ResolvedJob
    info: VideoInfo
    model: str
    frames: int
    width: int
    height: int
    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()

    @property
    def disk_bytes(self) -> int:
        """Of the work folder, at most."""
        return sum(stage.disk_bytes for stage in self.stages)

    def seconds(self, known: Mapping[str, float]) -> float | None:
        """How long the run may take, from what the last ones took; None where a stage is new.

        Args:
            known: see `relight.engine.estimates.known`.
        """
        parts = [_product(known.get(stage.key(stage.name)), stage.cost) for stage in self.stages]
        rest = self.frames * self.width * self.height / 1e6
        parts += [known.get(stage.key("load")) for stage in self.stages[:1]]
        parts += [_product(known.get(stage.key("rest")), rest) for stage in self.stages[:1]]
        return (
            None if not parts or None in parts else sum(part for part in parts if part is not None)
        )

    def memory_bytes(self, known: Mapping[str, float]) -> int:
        """Peak of the last run of the same model, or, without one, weights and frames."""
        peaks = [known.get(stage.key("memory")) for stage in self.stages]
        if peaks and None not in peaks:
            return int(max(peak for peak in peaks if peak is not None))
        weights = sum(stage.weights_bytes for stage in self.stages)
        at_once = [stage.width * stage.height * stage.together * BYTES for stage in self.stages]
        return weights + max(at_once, default=self.width * self.height * BYTES)


def plan(job: Job, new_folder: bool = False) -> Plan:
    """What a run of `job` would do.

    Args:
        new_folder: the output's folder will be made if it isn't there.

    Raises:
        RelightError: whatever would refuse the run before a weight is loaded.
    """
    info = checked(job, new_folder)
    refuse(job, info)
    return planned(job, info)


def planned(job: Job, info: VideoInfo) -> Plan:
    """What a run of `job`, which nothing speaks against, would do with that input."""
    from relight.engine.resolve import Loaders, resolve
    from relight.engine.without_effect import notes_without_effect
    from relight.methods.back_projection import larger
    from relight.models.finding import find_model, find_upscaler

    finding = Loaders(
        relighting=lambda name, compute, *, video: find_model(name, compute),
        upscaling=find_upscaler,
        guide=lambda *_: larger,
    )
    models = finding.load(job, is_moving(job, info))
    resolved = resolve(job, models, info)
    frames = frame_count(job, info)
    stages = tuple(_stages(resolved, models, info, frames))
    upscaled = bool(stages) and stages[-1].name in ("upscale", "guide")
    return Plan(
        job=resolved,
        info=info,
        model=models.described,
        frames=frames,
        width=stages[-1].width if upscaled else info.width,
        height=stages[-1].height if upscaled else info.height,
        stages=stages,
        notes=tuple(notes_without_effect(job, resolved, models, info)),
    )


def _stages(job: ResolvedJob, models: Models, info: VideoInfo, frames: int) -> Iterator[Stage]:
    upscaler = models.upscaling
    if isinstance(job, ResolvedUpscaleJob):
        assert upscaler is not None
        yield _upscaling(job, upscaler, info, frames)
        return
    if models.relighting is not None and isinstance(job, ModelRelightJob):
        yield from _relighting(job, models.relighting, info, frames)
    if upscaler is not None:
        from relight.engine.resolve import resolve_upscale

        second = upscale_job(job, upscaler.name)
        before = Size(info.height, info.width)
        yield _upscaling(resolve_upscale(second, upscaler, before), upscaler, info, frames)


def _relighting(
    job: ModelRelightJob, found: Model | Found[Entry], info: VideoInfo, frames: int
) -> Iterator[Stage]:
    """Keyframes, whose light is carried to all frames, and the windows of the video model."""
    from relight.engine.build import key_chunks, light_chunks
    from relight.engine.framed import anchors, framing_of, small_size

    seen = _seen(job, info, frames)
    framing = framing_of(job, found, info)
    size = framing.padded_width, framing.padded_height
    pixels = framing.width * framing.height
    if job.recipe == "fast" or anchors(job):
        chunks = key_chunks(job, found, info, _keyframes(job, info, frames, seen))
        stored = _carried_bytes(small_size(job, found, info), sum(map(len, chunks)), seen)
        yield _stage("key", found, chunks, size, stored + _pairs_bytes(info, seen))
    if job.recipe != "fast":
        chunks = light_chunks(job, found, info, seen)
        each = LIGHT_BYTES if job.transfer == "on" else PICTURE_BYTES
        stored = seen * SMALL_BYTES + sum(map(len, chunks)) * each
        yield _stage("light", found, chunks, size, stored * pixels)


def _carried_bytes(small: Size, keys: int, seen: int) -> int:
    """Of small frames, of the light of keyframes, carried both ways, and of the clip's form."""
    from relight.engine.lit_clip import light_size

    height, width = light_size(*small)
    each = 2 * CARRIED_BYTES + FORM_BYTES
    return (
        seen * SMALL_BYTES * small.height * small.width
        + (seen * each + keys * LIGHT_BYTES) * height * width
    )


def _pairs_bytes(info: VideoInfo, seen: int) -> int:
    """Of frames at nearly their own size, see `Pairs`."""
    shrink = min(LOOKED_AT / min(info.width, info.height), 1.0)
    pixels = info.width * info.height * shrink**2
    return round(2 * min(max(seen - 1, 0), PAIRS) * SMALL_BYTES * pixels)


def _upscaling(
    job: ResolvedUpscaleJob, upscaler: Upscaler | Found[UpscaleEntry], info: VideoInfo, frames: int
) -> Stage:
    from relight.engine.build_upscale import upscale_chunks

    before = Size(info.height, info.width)
    height, width = target_size(job, before)
    chunks = upscale_chunks(job, upscaler, before, frames)
    stored = sum(map(len, chunks)) * width * height * PICTURE_BYTES
    name = chunks[0].stage if chunks else "upscale"
    return _stage(name, upscaler, chunks, (width, height), stored)


def _keyframes(job: ModelRelightJob, info: VideoInfo, frames: int, seen: int) -> int:
    """How many keyframes a clip of one scene has; each further scene brings a few more."""
    if job.light_at or parse_light(job.light).moving:
        return seen
    return min(max(math.ceil(frames / info.fps / EVERY_S), FEWEST), seen)


def _stage(
    name: str,
    found: Model | Upscaler | Found,
    chunks: tuple[Chunk, ...],
    size: tuple[int, int],
    disk: int,
) -> Stage:
    paths = getattr(found, "paths", {})  # of what is only found
    return Stage(
        name=name,
        model=found.name,
        device=found.compute.device,
        weights_bytes=_bytes_of(list(paths.values())),
        chunks=chunks,
        width=size[0],
        height=size[1],
        disk_bytes=disk,
    )


def _seen(job: ModelRelightJob, info: VideoInfo, frames: int) -> int:
    """How many frames the model sees, if they are as evenly spaced as the header says."""
    if job.transfer == "off" or job.drawn_background:
        return frames
    nothing = np.empty((0, 0, 3), np.uint8)
    shown = (Frame(image=nothing, time=Fraction(i) / info.fps) for i in range(frames))
    return sum(1 for _ in sparse(shown, job.light_fps))


def _bytes_of(paths: Sequence[Path]) -> int:
    files = [path for path in paths if path.suffix == ".safetensors"]
    files += [file for path in paths if path.is_dir() for file in path.glob("*.safetensors")]
    return sum(file.stat().st_size for file in files)


def _product(rate: float | None, amount: float) -> float | None:
    return None if rate is None else rate * amount
