"""The command line: `relight run`, `relight upscale`, `relight models`, from the job classes.

Exit codes: 0 done, 1 failed, 2 wrong usage; 130, 143 or 129 interrupted. Progress goes to stderr,
results to stdout.
"""

from __future__ import annotations

import functools
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import App, CycloptsError, Parameter

from relight import signals
from relight.cli.batch import batch
from relight.cli.bench import bench
from relight.cli.clean import clean
from relight.cli.doctor import doctor
from relight.cli.evaluate import evaluate
from relight.cli.frame import frame
from relight.cli.models import models
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
from relight.engine.failures import Outcome, explain, run_safely
from relight.engine.inputs import pair_up
from relight.engine.loading import Runner
from relight.engine.logs import logged
from relight.errors import Cancelled
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.jobs.files import JOB_FILES, overlaid, read_job

if TYPE_CHECKING:
    from relight.engine.progress import OnProgress, Progress

app = App(
    name="relight",
    help="Relight and upscale videos and pictures with diffusion models, without training.",
    version_flags=["--version"],
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `main` answers it
    default_parameter=Parameter(json_list=False, json_dict=False),  # a file may be named [1].png
)


class Shown(NamedTuple):
    """What a command line shows of its runs."""

    json: bool
    verbose: bool
    dry_run: bool
    log_file: Path | None
    anonymous: bool


@app.command
def run(
    inputs: list[Path],
    /,
    *,
    output: Output = None,
    settings: Annotated[Options, Parameter(name="*")] = Options(),  # noqa: B008 - never changed
    json_result: Json = False,
    verbose: Verbose = False,
    dry_run: DryRun = False,
    log_file: LogFile = None,
    anonymous: Anonymous = False,
) -> int:
    """Relight clips: relight run in.mp4 -o out.mp4 --prompt "a bear, red neon light" --light left

    Parameters
    ----------
    inputs
        Clips, folders of clips, or one job file (.yaml, .json; a sidecar is one).
    """
    jobs = _jobs(RelightJob, inputs, output, settings)
    return _run_all(jobs, Shown(json_result, verbose, dry_run, log_file, anonymous))


@app.command
def upscale(
    inputs: list[Path],
    /,
    *,
    output: Output = None,
    settings: Annotated[UpscaleOptions, Parameter(name="*")] = UpscaleOptions(),  # noqa: B008
    json_result: Json = False,
    verbose: Verbose = False,
    dry_run: DryRun = False,
    log_file: LogFile = None,
    anonymous: Anonymous = False,
) -> int:
    """Upscale pictures and clips: relight upscale in.jpg -o out.png --scale 2

    Parameters
    ----------
    inputs
        Pictures, clips, folders of them, or one job file (.yaml, .json; a sidecar is one).
    """
    jobs = _jobs(UpscaleJob, inputs, output, settings)
    return _run_all(jobs, Shown(json_result, verbose, dry_run, log_file, anonymous))


@app.command
def lights() -> int:
    """List the kinds of light: how each is written, and its settings."""
    from relight.lights import guide

    print(guide())  # noqa: T201
    return 0


@app.command
def ui(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: list[str] | None = None,
    share: Annotated[bool, Parameter(negative=())] = False,
    max_file_size: str = "2gb",
    outputs: Path = Path("out/studio"),
    quota_gb: float = 20.0,
) -> int:
    """Open the studio, an app in the browser: relight ui

    Parameters
    ----------
    host
        Address to listen at; 0.0.0.0 lets other machines in: give --auth then.
    port
        The port; default: the first free one from 7860.
    auth
        NAME:PASSWORD that is asked for; may be given several times.
    share
        Make a public link through Gradio's servers, for 72 hours.
    max_file_size
        Largest upload, e.g. 500mb.
    outputs
        Folder of the results.
    quota_gb
        Gigabytes of results that each visitor may keep; above it the oldest are removed.
    """
    from relight.ui.serve import Options as Serving
    from relight.ui.serve import serve

    serve(
        Serving(
            host=host,
            port=port,
            auth=tuple(auth or ()),
            share=share,
            max_file_size=max_file_size,
            outputs=outputs,
            quota_gb=quota_gb,
        )
    )
    return 0


def _jobs(kind: type[Job], inputs: list[Path], output: Path | None, settings: object) -> list[Job]:
    """The jobs meant by a command line; its own settings go before those of a job file."""
    given = {name: value for name, value in vars(settings).items() if value is not None}
    if len(inputs) == 1 and inputs[0].suffix.lower() in JOB_FILES:
        stored = overlaid(kind, read_job(inputs[0], kind), given)
        if output is not None:
            stored["output"] = output
        return [kind.make(**stored)]
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
            say(f"relight: {outcome.message}")
            return outcome.exit_code
        failures += 1
        say(f"relight: {job.input}: {outcome.message}")
    if failures:
        say(f"relight: {failures} of {len(jobs)} failed")
    return 1 if failures else 0


def _watched(bar: Bar) -> OnProgress:
    """Shows progress, and stops the run after a signal."""

    def update(progress: Progress) -> None:
        signals.check()
        bar.update(progress)

    return update


app.command(models)
app.command(evaluate, name="eval")
app.command(frame)
app.command(bench)
app.command(batch)
app.command(clean)
app.command(doctor)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # Threads that wait for each other sleep. Spinning, those of two runs on the same cores keep
    # each other from working: 60 s and more for what takes 2, measured. The results are the same.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with a file, we tell
    given = sys.argv[1:] if arguments is None else arguments
    with signals.interruptible() as got:
        try:
            call: Callable[..., Any] = app
            done = call(given, exit_on_error=False, print_error=False, result_action="return_value")
            return done or 0
        except CycloptsError as error:
            say(f"relight: {' '.join(str(error).split())}{_dashed(given)}")
            return 2
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            outcome = Outcome(error=explain(error))
            if got.number is None:
                say(f"relight: {outcome.message}")
                return outcome.exit_code
            say(f"relight: interrupted: {_to_resume(given)}")
            return 128 + got.number


def _dashed(arguments: list[str]) -> str:
    """What to do where the name of a file was taken for an option."""
    for name in arguments:
        if name == "-":
            return " (pipes are not read or written: give the name of a file)"
        if name.startswith("-") and os.path.exists(name):
            return f" (for the file of that name, write ./{name})"
    return ""


def _to_resume(arguments: list[str]) -> str:
    """What to do after an interruption: the same command takes finished chunks over."""
    command = shlex.join(["relight", *arguments])
    if arguments and arguments[0] == "batch":
        return f"finished jobs are kept; to go on where it stopped: {command}"
    if arguments and arguments[0] in ("run", "upscale"):
        return f"the output was not written; to go on where it stopped: {command}"
    return f"to begin again: {command}"
