"""What a terminal shows of a run: the progress bar, notes, the result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import sys
from typing import TYPE_CHECKING

from relight.jobs.reading import json_of

if TYPE_CHECKING:
    from relight.engine.output import Result
    from relight.engine.progress import Progress
    from relight.models.loader import Model, Upscaler


def report(result: Result, as_json: bool) -> None:
    """Print what a job made: its notes on stderr, the rest on stdout."""
    for note in result.notes:
        say(f"note: {note}")
    if as_json:
        show(json_of(dataclasses.asdict(result)).decode())
    else:
        from relight.engine.plan_text import many

        frames, seconds = many(result.frames, "frame"), result.seconds["total"]
        show(f"{result.path} ({frames}, {seconds:.0f} s)")


def show(text: str) -> None:
    """Print what was done: that it can't be printed makes no failure of it."""
    try:
        print(text, flush=True)  # noqa: T201
    except OSError as error:
        drop_output()
        if not isinstance(error, BrokenPipeError):
            say(f"note: what was done can't be printed ({error.strerror}): {text}")


def drop_output() -> None:
    """Let the rest of stdout go nowhere, also what Python would write at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def unread() -> bool:
    """Whether whoever read stdout has gone: `relight lights | head -1`."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # Windows has no poll
        watch = select.poll()
        watch.register(sys.stdout.fileno(), 0)  # errors are reported in any case
        return bool(watch.poll(0))
    return False


class Bar:
    """A progress bar on stderr: stage, part done, time left. It appears with the first report."""

    def __init__(self, name: str) -> None:
        self.name, self.bar = name, None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def update(self, progress: Progress) -> None:
        """Show where a run stands; fit to be its `on_progress`."""
        if self.bar is None:
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}%|{bar}|"
            self.bar = tqdm(
                total=1.0, desc=self.name, bar_format=form, file=sys.stderr, leave=False
            )
        when = "" if progress.seconds_left is None else f", {clock(progress.seconds_left)} left"
        # Not `set_postfix_str`: tqdm puts a comma before what that is given.
        self.bar.set_description_str(f"{self.name}: {progress.stage}{when}", refresh=False)
        self.bar.update(progress.fraction - self.bar.n)


def clock(seconds: float) -> str:
    """A duration as people write it.

    >>> clock(59.7), clock(61), clock(3661)
    ('1:00', '1:01', '1:01:01')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def say(text: str) -> None:
    """One line for people, on stderr."""
    print(text, file=sys.stderr)  # noqa: T201


def say_model(model: Model | Upscaler) -> None:
    """Which model was loaded, and why."""
    say(f"model: {model.name} ({model.why})")
