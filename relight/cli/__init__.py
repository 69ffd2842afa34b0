"""The command line: its commands, one module each, and `main`.

Exit codes: 0 done, 1 failed, 2 wrong usage; 130, 143 or 129 interrupted. Progress goes to stderr,
results to stdout.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable
from typing import Any

from cyclopts import (
    App,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    UnusedCliTokensError,
)

from relight import signals
from relight.cli.batch import batch
from relight.cli.bench import bench
from relight.cli.clean import clean
from relight.cli.doctor import doctor
from relight.cli.evaluate import evaluate
from relight.cli.frame import frame
from relight.cli.jobs import run, upscale
from relight.cli.models import models
from relight.cli.studio import ui
from relight.cli.terminal import drop_output, say, unread
from relight.engine.failures import Outcome, explain

app = App(
    name="relight",
    help="Relight and upscale videos and pictures with diffusion models, without training.",
    version_flags=["--version"],
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `main` answers it
    default_parameter=Parameter(json_list=False, json_dict=False),  # a file may be named [1].png
)


def lights() -> int:
    """List the kinds of light: how each is written, and its settings."""
    from relight.lights import guide

    print(guide())  # noqa: T201
    return 0


app.command(run)
app.command(upscale)
app.command(lights)
app.command(ui)
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
    warnings.filterwarnings("ignore", module=r"PIL\.")  # we say what is wrong with a file
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # names that aren't UTF-8; as stderr is
    given = sys.argv[1:] if arguments is None else arguments
    with signals.interruptible() as got:
        try:
            call: Callable[..., Any] = app
            done = call(given, exit_on_error=False, print_error=False, result_action="return_value")
            sys.stdout.flush()
            return done or 0
        except CycloptsError as error:
            say(f"relight: {_wrong_usage(error, given)}")
            return 2
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            if isinstance(error, BrokenPipeError) and unread():
                drop_output()
                return 0
            outcome = Outcome(error=explain(error))
            if got.number is None:
                say(f"relight: {outcome.message}")
                return outcome.exit_code
            say(f"relight: interrupted: {_to_resume(given)}")
            return 128 + got.number


_NO_NUMBER = re.compile(r"unable to convert (\".*\") into (?:float|int)\.")


def _wrong_usage(error: CycloptsError, arguments: list[str]) -> str:
    """What is wrong with a command line, and what to do."""
    text = " ".join(str(error).split())
    text = _NO_NUMBER.sub(r"\1 is not a number.", text)
    if isinstance(error, UnusedCliTokensError):
        text = f"not expected: {' '.join(error.unused_tokens or ())}"
    if hint := _dashed(arguments):
        return text + hint
    if isinstance(error, UnusedCliTokensError | MissingArgumentError):
        command = f"relight {arguments[0]}" if arguments else "relight"
        text = f"{text.removesuffix('.')}; {command} --help shows how it is used"
    return text


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
