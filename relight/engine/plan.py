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
from relight.engine.expected import Amounts, amounts_of, expected, held_bytes
from relight.engine.keyframes import EVERY_S
from relight.engine.output import checked
from relight.engine.prepare import frame_count, is_moving, refuse, upscale_job
from relight.engine.sizes import BYTES, GUIDED, target_size
from relight.engine.stored_bytes import (
    LIGHT_BYTES,
    PICTURE_BYTES,
    SMALL_BYTES,
    carried_bytes,
    pairs_bytes,
)
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that has not begun.

    Attributes:
        job: with every setting decided. info: of its input. model: which is taken, and why.
        frames: of the output, as far as the file says. width, height: of the output.
        named: name and device of its models, see `Models.named`. amounts: how much there is to do.
        notes: on settings that have no effect.
    """

    job: ResolvedJob
    info: VideoInfo
    model: str
    named: tuple[tuple[str, str], ...]
    frames: int
    width: int
    height: int
    stages: tuple[Stage, ...]
    amounts: Amounts
    notes: tuple[str, ...] = ()

    @property
    def disk_bytes(self) -> int:
        """Of the work folder, at most."""
        return sum(stage.disk_bytes for stage in self.stages)

    def seconds(
        self, known: Mapping[str, float], *, started: bool = False, steps: float = 1.0
    ) -> float | None:
        """How long the run may take, from what the last ones took; None where a stage is new.

        Args:
            known: see `relight.engine.estimates.known`. started: its models are loaded already.
            steps: so many times the steps that were planned.
        """
        rates = self._rates(known)
        if not {"start", *self.amounts.denoised} <= rates.keys():
            return None
        spent = expected(self.amounts, rates)
        denoising = sum(spent[stage] for stage in self.amounts.denoised)
        start = 0.0 if started else rates["start"]
        return start + sum(spent.values()) + (steps - 1) * denoising

    def memory_bytes(self, known: Mapping[str, float]) -> int:
        """Peak of the last run of the same model, or, without one, weights and frames."""
        peak = self._rates(known).get("memory")
        if peak is not None:
            return int(peak + held_bytes(self.amounts, self.named[0][1]))
        weights = sum(stage.weights_bytes for stage in self.stages)
        at_once = [stage.width * stage.height * stage.together * BYTES for stage in self.stages]
        return weights + max(at_once, default=self.width * self.height * BYTES)

    def _rates(self, known: Mapping[str, float]) -> dict[str, float]:
        kind = "upscale" if isinstance(self.job, ResolvedUpscaleJob) else "relight"
        return estimates.rates(known, self.named, kind)


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
    from relight.engine.prompts import notes_on_light
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
    width, height = info.width, info.height
    if upscaled:
        width, height = stages[-1].width, stages[-1].height
    return Plan(
        job=resolved,
        info=info,
        model=models.described,
        named=models.named,
        frames=frames,
        width=width,
        height=height,
        stages=stages,
        amounts=amounts_of(
            resolved,
            frames=frames,
            megapixels=width * height / 1e6,
            seen=_seen(resolved, info, frames),
            lit=_given(resolved) + sum(stage.frames for stage in stages if stage.name == "key"),
            passes={stage.name: stage.passes for stage in stages},
            denoised={stage.name: stage.cost for stage in stages},
        ),
        notes=(
            *notes_without_effect(job, resolved, models, info),
            *notes_on_light(resolved, models),
        ),
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
        stored = carried_bytes(small_size(job, found, info), sum(map(len, chunks)), seen)
        yield _stage("key", found, chunks, size, stored + pairs_bytes(info, seen))
    if job.recipe != "fast":
        chunks = light_chunks(job, found, info, seen)
        each = LIGHT_BYTES if job.transfer == "on" else PICTURE_BYTES
        stored = seen * SMALL_BYTES + sum(map(len, chunks)) * each
        yield _stage("light", found, chunks, size, stored * pixels)


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
    """How many keyframes a clip has that changes little; each further scene has some more."""
    if job.light_at or parse_light(job.light).moving:
        return seen
    return min(max(math.ceil(frames / info.fps / EVERY_S), 1), seen)


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


def _seen(job: ResolvedJob, info: VideoInfo, frames: int) -> int:
    """How many small frames are lit, if they are as evenly spaced as the header says."""
    if isinstance(job, ResolvedUpscaleJob):
        return 0
    if job.reference or job.transfer == "off" or job.drawn_background:
        return frames
    nothing = np.empty((0, 0, 3), np.uint8)
    shown = (Frame(image=nothing, time=Fraction(i) / info.fps) for i in range(frames))
    return sum(1 for _ in sparse(shown, job.light_fps))


def _given(job: ResolvedJob) -> int:
    """How many lit pictures a job is given."""
    return 0 if isinstance(job, ResolvedUpscaleJob) else len(job.reference)


def _bytes_of(paths: Sequence[Path]) -> int:
    files = [path for path in paths if path.suffix == ".safetensors"]
    files += [file for path in paths if path.is_dir() for file in path.glob("*.safetensors")]
    return sum(file.stat().st_size for file in files)
