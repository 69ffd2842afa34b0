"""`relight run` and `relight upscale`: jobs from a command line, run one after another."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from relight import signals
from relight.cli.options import (
    Anonymous,
    DryRun,
    Json,
    LogFile,
    Options,
    Output,
    UpscaleOptions,
    Verbose,
)
from relight.cli.terminal import Bar, report, say, say_model
from relight.engine.failures import Outcome, run_safely
from relight.engine.inputs import pair_up
from relight.engine.loading import Runner
from relight.engine.logs import logged
from relight.errors import Cancelled, InputError, RelightError
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.jobs.files import JOB_FILES, job_of

if TYPE_CHECKING:
    from relight.engine.progress import OnProgress, Progress


@dataclass(frozen=True)
class Shown:
    """What a command line shows of its runs."""

    json: Json = False
    verbose: Verbose = False
    dry_run: DryRun = False
    log_file: LogFile = None
    anonymous: Anonymous = False


def run(
    inputs: list[Path],
    /,
    *,
    output: Output = None,
    settings: Annotated[Options, Parameter(name="*")] = Options(),  # noqa: B008 - never changed
    shown: Annotated[Shown, Parameter(name="*")] = Shown(),
) -> int:
    """Relight clips: relight run in.mp4 -o out.mp4 --prompt "a bear, red neon light" --light left

    Parameters
    ----------
    inputs
        Clips, folders of clips, or one job file (.yaml, .json; a sidecar is one).
    """
    return _run_all(_jobs(RelightJob, inputs, output, settings), shown)


def upscale(
    inputs: list[Path],
    /,
    *,
    output: Output = None,
    settings: Annotated[UpscaleOptions, Parameter(name="*")] = UpscaleOptions(),  # noqa: B008
    shown: Annotated[Shown, Parameter(name="*")] = Shown(),
) -> int:
    """Upscale pictures and clips: relight upscale in.jpg -o out.png --scale 2

    Parameters
    ----------
    inputs
        Pictures, clips, folders of them, or one job file (.yaml, .json; a sidecar is one).
    """
    return _run_all(_jobs(UpscaleJob, inputs, output, settings), shown)


def _jobs(kind: type[Job], inputs: list[Path], output: Path | None, settings: object) -> list[Job]:
    """The jobs meant by a command line; its own settings go before those of a job file."""
    given = {name: value for name, value in vars(settings).items() if value is not None}
    if len(inputs) == 1 and inputs[0].suffix.lower() in JOB_FILES:
        return [job_of(inputs[0], kind, given | ({"output": output} if output else {}))]
    files = [path for path in inputs if path.suffix.lower() in JOB_FILES and path.is_file()]
    if files:
        raise InputError(f"{files[0]} is a job file: give it alone, without other inputs")
    as_clip = bool(given.get("as_clip"))
    pairs = pair_up(
        inputs,
        output,
        as_clip=as_clip,
        fps=given.get("fps"),
        on_note=lambda note: say(f"note: {note}"),
    )
    if not given.get("overwrite") and len(pairs) > 1:
        pairs = _not_done(pairs)
    return [kind.make(input=source, output=target, **given) for source, target in pairs]


def _not_done(pairs: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Those of many whose output is not there yet: a run that was stopped goes on."""
    done = [target for _, target in pairs if target.exists()]
    if done:
        names = ", ".join(target.name for target in done[:5])
        more = f" and {len(done) - 5} more" if len(done) > 5 else ""
        count = f"{len(done)} of {len(pairs)}"
        say(f"note: {count} skipped, they exist ({names}{more}); -y makes them again")
    return [pair for pair in pairs if pair[1] not in done]


def _run_all(jobs: list[Job], shown: Shown) -> int:
    """One after another with the model loaded once; a failure is reported and the rest is done."""
    level = logging.INFO if shown.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s")
    if shown.dry_run:
        from relight.engine.plan_text import describe

        idle = ["--json"] * shown.json + ["--log-file"] * (shown.log_file is not None)
        if idle:
            say(f"note: no effect with --dry-run: {', '.join(idle)}")
        for job in jobs:
            print("\n".join(describe(job)))  # noqa: T201
        return 0
    with logged(shown.log_file, shown.anonymous):
        return _run_each(jobs, shown)


def _run_each(jobs: list[Job], shown: Shown) -> int:
    run, failures = Runner(say_model), 0
    for job in jobs:
        with Bar(job.input.name) as bar:
            outcome = run_safely(functools.partial(run, job, on_progress=_watched(bar)))
        if outcome.result is not None:
            report(outcome.result, shown.json)
            continue
        if isinstance(outcome.error, Cancelled):
            raise outcome.error
        if len(jobs) == 1:
            say(f"relight: {_told(outcome)}")
            return outcome.exit_code
        failures += 1
        say(f"relight: {job.input}: {_told(outcome)}")
    if failures:
        say(f"relight: {failures} of {len(jobs)} failed")
    return 1 if failures else 0


def _told(outcome: Outcome) -> str:
    """Why a run failed, with the option that allows it."""
    may = isinstance(outcome.error, RelightError) and outcome.error.field == "overwrite"
    return outcome.message + " (-y, --overwrite)" * may


def _watched(bar: Bar) -> OnProgress:
    """Shows progress, and stops the run after a signal."""

    def update(progress: Progress) -> None:
        signals.check()
        bar.update(progress)

    return update
