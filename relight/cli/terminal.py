"""What a terminal shows of a run: the progress bar, notes, the result."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.engine.output import Result
    from relight.engine.progress import Progress
    from relight.models.loader import Model, Upscaler


def report(result: Result, as_json: bool) -> None:
    """Print what a job made: its notes on stderr, the rest on stdout."""
    for note in result.notes:
        say(f"note: {note}")
    if as_json:
        plain = dataclasses.asdict(result)
        print(json.dumps(plain, default=str, ensure_ascii=False))  # noqa: T201
    else:
        from relight.engine.plan_text import many

        frames, seconds = many(result.frames, "frame"), result.seconds["total"]
        print(f"{result.path} ({frames}, {seconds:.0f} s)")  # noqa: T201


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
