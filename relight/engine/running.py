"""The steps of one run: take over what is there, load, survey, compute, apply and encode."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight import __version__, media
from relight.diffusion.memory import peak_memory
from relight.engine import estimates, manifest
from relight.engine.ahead import ahead
from relight.engine.chunks import passes_of
from relight.engine.costs import Costs
from relight.engine.executors import Processes
from relight.engine.expected import Amounts, counted
from relight.engine.lanes import Lanes
from relight.engine.logs import fields
from relight.engine.manifest import Manifest
from relight.engine.output import Result, sidecar_path
from relight.engine.prepare import is_moving, refuse_region
from relight.engine.progress import Meter, OnProgress, timed
from relight.engine.source import marks_of, notes_on_blocks, notes_on_plain
from relight.engine.stages import units_of
from relight.engine.survey import Survey, survey
from relight.engine.without_effect import notes_without_effect
from relight.engine.work import Work
from relight.engine.writing import Writing
from relight.errors import Damaged, MediaError
from relight.jobs import KINDS, Job, RelightJob, ResolvedJob
from relight.jobs.files import asked_in

if TYPE_CHECKING:
    from relight.engine.chunks import Chunk
    from relight.engine.guard import Guard
    from relight.engine.plan import Plan
    from relight.engine.resolve import Loaders, Models
    from relight.engine.workflow import Workflows

log = logging.getLogger(__name__)

Workers = Callable[[Path], AbstractContextManager[Any]]


@dataclass(kw_only=True)
class Run:
    """The steps of one run, in order: take over, load, finish.

    Attributes:
        asked: the job as it was given. job: with every setting decided, once models are loaded.
        plan: what it was thought to be before. amounts: what there is to do, once it is known.
        resumed: whether some of it was done by an earlier run.
    """

    asked: Job
    info: media.VideoInfo
    work: Work
    on_progress: OnProgress | None
    begun: float
    plan: Plan = field(init=False)
    workers: Workers | None = None
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    marks: tuple[tuple[int, ...], ...] = field(init=False)
    manifest: Manifest = field(init=False)
    models: Models = field(init=False)
    job: ResolvedJob = field(init=False)
    rates: dict[str, float] = field(init=False)
    amounts: Amounts = field(init=False)
    resumed: bool = False

    def take_over(self) -> None:
        """Keep what an earlier run has left, if nothing that matters has changed."""
        self.marks = marks_of(self.asked.input)
        kind = next(name for name, one in KINDS.items() if isinstance(self.asked, one))
        self.manifest = Manifest(
            kind=kind,
            version=__version__,
            asked=self.asked.settings(),
            files=manifest.fingerprints(self.asked),
        )
        earlier = manifest.read(self.work) if self.asked.resume else None
        if earlier is None:
            self.work.clear()
            return
        if self._afresh(earlier):
            return
        if self.asked.seed is None and "seed" in earlier.resolved:
            self.asked = self.asked.model_copy(update={"seed": earlier.resolved["seed"]})

    def _afresh(self, earlier: Manifest) -> bool:
        """Whether the run must start afresh; it then says why, and the folder is emptied."""
        changed = manifest.difference(earlier, self.manifest)
        if changed is None:
            return False
        note = f"starting afresh: {changed} since the run that was interrupted"
        log.info(note)
        self.notes.append(note)
        self.work.clear()
        return True

    def load(self, loaders: Loaders) -> None:
        """Load the models and decide every open setting."""
        from relight.engine.prompts import notes_on_light
        from relight.engine.resolve import resolve

        self.models = loaders.load(self.asked, is_moving(self.asked, self.info))
        self.seconds["load"] = time.perf_counter() - self.begun
        self.rates = estimates.rates(estimates.known(), self.models.named, self.manifest.kind)
        self.job = resolve(self.asked, self.models, self.info)
        self.manifest.resolved = self.job.settings()
        self.manifest.weights = self.models.weights
        earlier = manifest.read(self.work) if self.job.resume else None
        if earlier is not None and not self._afresh(earlier):
            self.manifest.tight, self.manifest.heard = earlier.tight, earlier.heard
        self.manifest.save(self.work)
        notes = notes_without_effect(self.asked, self.job, self.models, self.info)
        for note in [*notes, *notes_on_light(self.job, self.models)]:
            log.info(note)
            self.notes.append(note)

    def finish(self) -> Result:
        """Survey, compute, apply and encode."""
        from relight.engine.flows import workflows

        units = units_of(self.plan.amounts, self.rates)
        meter = Meter(units=units, report=self.on_progress, seconds=self.seconds)
        found = self._survey(meter)
        flows = workflows(self.job, self.models, self.info, found, self.work)
        self._plan(meter, found, flows)
        if isinstance(self.job, RelightJob):
            self.notes += refuse_region(self.job, self.info)
            self.notes += [note for flow in flows for note in getattr(flow, "notes", ())]
        writing = Writing(
            job=self.job,
            info=self.info,
            work=self.work,
            flow=flows[-1],
            meter=meter,
            outcome=self.outcome,
        )
        meter.check = writing.check
        with writing:
            self._compute(flows, meter)
            meter.stage = "writing"
            writing.wait(meter.tell)
            meter.tell()
        return writing.result

    def _survey(self, meter: Meter) -> Survey:
        """When each frame is shown, from an earlier run or by looking at all of them."""
        from relight.engine.flows import seen_by

        found = Survey.load(self.work)
        if found is None:
            job = self.job
            fps, scale, pairs = seen_by(job, self.models, self.info)
            frames = ahead(
                media.moments(
                    job.input,
                    start=job.start,
                    frames=job.frames,
                    how=job.reading,
                    on_note=lambda note: self._heard(self.manifest.keep(note, self.work)),
                )
            )
            with timed(self.seconds, "survey"):
                found = survey(
                    frames,
                    self.work,
                    fps=fps,
                    scale=scale,
                    pairs=pairs,
                    on_frame=lambda: meter.add("survey"),
                )
        else:
            for note, lost in self.manifest.heard:
                self._heard(media.Loss(note) if lost else note)
        self.notes += [*notes_on_plain(self.job, found.thumbs), *notes_on_blocks(self.asked)]
        return found

    def _heard(self, note: str) -> None:
        """Keep a note about the input; a strict job has no input that isn't whole."""
        if self.job.strict and isinstance(note, media.Loss):
            raise Damaged(f"{self.job.input}: {note}, and the job is strict")
        self.notes.append(note)

    def _plan(self, meter: Meter, found: Survey, flows: Workflows) -> None:
        """Write down what there is to do, and count what is done already."""
        chunks = [chunk for flow in flows for chunk in flow.chunks]
        there = [chunk for chunk in chunks if self.work.has(chunk.name)]
        self.manifest.chunks = {
            chunk.name: "done" if chunk in there else "waiting" for chunk in chunks
        }
        self.manifest.save(self.work)
        self.amounts = counted(self.plan.amounts, chunks, found, flows[-1].size)
        done = {"survey": len(found.times), **passes_of(there)}
        meter.units = units_of(self.amounts, self.rates, done)
        self.resumed = bool(there)
        if there:
            self.notes.append(f"resumed: {len(there)} of {len(chunks)} chunks were there")
        meter.stage = "relighting" if isinstance(self.job, RelightJob) else "upscaling"

    def _compute(self, flows: Workflows, meter: Meter) -> None:
        def done(chunk: Chunk, seconds: float, peak: int) -> None:
            self.manifest.chunks[chunk.name] = "done"
            self.manifest.save(self.work)
            of = {"job": str(self.job.output), "chunk": chunk.name, "seconds": round(seconds, 3)}
            log.info("%s: done", chunk.name, extra=fields(**of, peak_memory_bytes=peak))

        waiting = [[c for c in flow.chunks if not self.work.has(c.name)] for flow in flows]
        log.info("computing %d chunks with %s", sum(map(len, waiting)), self.models.described)
        if not any(waiting):
            return
        if self._alone:

            def noted(chunk: Chunk, seconds: float, peak: int) -> None:
                done(chunk, seconds, peak)
                self.costs.note(chunk, seconds)

            with self._guard(flows) as guard:
                Lanes(guard, flows, waiting, self.work, meter, noted).run()
            return
        with (self.workers or self._processes)(self.work.root) as workers:
            for stage, chunks in enumerate(waiting):
                workers.run(stage, chunks, meter, done, self.notes.append)

    @property
    def _alone(self) -> bool:
        """Whether no process beside this one computes."""
        return self.job.devices is None and self.workers is None

    def _processes(self, root: Path) -> Processes:
        import torch

        devices = [name.strip() for name in (self.job.devices or "").split(",")]
        return Processes(root, devices, torch.get_num_threads())

    def _guard(self, flows: Workflows) -> Guard:
        from relight.engine.guard import Guard

        def note(text: str) -> None:
            self.notes.append(text)
            self.manifest.tight = guard.tight
            self.manifest.save(self.work)

        guard = Guard(flows, self.models, note, self.manifest.tight)
        return guard

    def remember(self, result: Result) -> None:
        """Keep what the run has cost, so that the next one's time can be estimated."""
        if self._alone:
            whole = not self.resumed
            self.costs.keep(result, self.models, self.amounts, self.job.device, whole=whole)

    def check_input(self) -> None:
        """Refuse an output of an input that was changed while it was read.

        Raises:
            MediaError: it has changed, or gone.
        """
        if marks_of(self.job.input) != self.marks:
            raise MediaError(
                f"{self.job.input} has changed during the run, so that nothing was written: run "
                "the same command again once it is complete"
            )

    def outcome(self, frames: int, notes: list[str]) -> Result:
        """What was made, for the sidecar and the caller.

        Args:
            frames: that were written. notes: of the writer.

        Raises:
            MediaError: the input has changed meanwhile.
        """
        self.check_input()
        self.notes += notes
        total = time.perf_counter() - self.begun
        of = {"job": str(self.job.output), "seconds": round(total, 3), "frames": frames}
        of["peak_memory_bytes"] = peak_memory(self.job.device)
        log.info("%s: done", self.job.output, extra=fields(**of))
        seconds = self.seconds | {"rest": max(total - sum(self.seconds.values()), 0.0)}
        return Result(
            path=self.job.output,
            sidecar=sidecar_path(self.job.output),
            frames=frames,
            seconds={name: round(value, 2) for name, value in (seconds | {"total": total}).items()},
            settings={k: v for k, v in self.job.settings().items() if k not in manifest.MANNER},
            model=self.models.described,
            notes=tuple(dict.fromkeys([*self.info.notes, *self.notes])),
            kind=self.manifest.kind,
            weights=self.manifest.weights,
            asked=tuple(asked_in(self.asked)),
        )
