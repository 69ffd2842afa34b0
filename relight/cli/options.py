"""The options of `relight run` and `relight upscale`, from the fields of the job classes."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from cyclopts import Parameter, Token
from pydantic import ValidationError

from relight.errors import InputError
from relight.jobs import RelightJob, UpscaleJob
from relight.jobs.base import Delivery
from relight.jobs.faults import one_line
from relight.media.options import Reading


def _options(*jobs: type[Delivery], without: set[str]) -> type:
    """A dataclass with the fields of jobs, all optional: what was not given is left to the job
    file."""
    fields = []
    found = {name: field for job in jobs for name, field in job.model_fields.items()}
    for name in dict.fromkeys(name for job in reversed(jobs) for name in job.in_order()):
        if name in without:
            continue
        field = found[name]
        alike = [job.model_fields[name] for job in jobs if name in job.model_fields]
        default = field.get_default()
        help = field.description or ""
        unlike = any(one.get_default() != default for one in alike)
        if not field.is_required() and default not in (None, False, []) and not unlike:
            help += f" [default: {default}]"
        aliases = ["--overwrite", "-y"] if name == "overwrite" else None
        # A word that is one of several in one job, and another of several in the other, is checked
        # by the job.
        types = {str(job.model_fields[name].annotation) for job in jobs if name in job.model_fields}
        given = str if len(types) > 1 else _plain(field.annotation)
        reads = _whole if given in (int, int | None) else None
        shown = Parameter(name=aliases, help=help, negative_iterable=(), converter=reads)
        kind = Annotated[given | None, shown]
        fields.append((name, kind, dataclasses.field(default=None)))
    own = {"__module__": __name__}  # without it, cyclopts takes the class for a built-in
    return dataclasses.make_dataclass("Options", fields, kw_only=True, namespace=own)


def _plain(kind: Any) -> Any:
    """A type without its range: the job checks that, and says what is wrong in its own words."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return functools.reduce(operator.or_, map(_plain, get_args(kind)))
    return kind


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number; 1.5 is none, and is not rounded."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a whole number") from None


Output = Annotated[
    Path | None,
    Parameter(name=["--output", "-o"], help="The file to write, or a folder for several inputs."),
]
Json = Annotated[
    bool,
    Parameter(
        name="--json",
        negative=(),
        help="Print the result as JSON on stdout, one line an output.",
    ),
]
Verbose = Annotated[
    bool,
    Parameter(
        name=["--verbose", "-v"], negative=(), help="Print what is done, and show tracebacks."
    ),
]
LogFile = Annotated[
    Path | None,
    Parameter(
        name="--log-file",
        help="Append what is done to a file, as JSON lines: jobs, chunks, seconds, memory.",
    ),
]
Anonymous = Annotated[
    bool,
    Parameter(
        name="--anonymous",
        negative=(),
        help="Keep paths, and the names of the user and the machine, out of the log file.",
    ),
]
DryRun = Annotated[
    bool,
    Parameter(
        name="--dry-run",
        negative=(),
        help="Print what would be done, how long it may take and what it needs; do nothing.",
    ),
]


if TYPE_CHECKING:

    class Options:
        """What was given of a relighting job's fields."""

    class UpscaleOptions:
        """What was given of an upscaling job's fields."""

    class BatchOptions:
        """What was given of the fields of all kinds of jobs."""

    class ReadingOptions:
        """What was given of how an input is read."""
else:
    Options = _options(RelightJob, without={"input", "output"})
    UpscaleOptions = _options(UpscaleJob, without={"input", "output"})
    BatchOptions = _options(UpscaleJob, RelightJob, without={"input", "output", "devices"})
    _read = {field.name for field in dataclasses.fields(Reading)}
    ReadingOptions = _options(Delivery, without={*Delivery.model_fields} - _read)


def reading_of(options: ReadingOptions) -> Reading:
    """How an input is read, as a job with these options would.

    Raises:
        InputError: a value out of its range.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    try:
        return Delivery(**given).reading
    except ValidationError as error:
        raise InputError(one_line(error, Delivery)) from None
