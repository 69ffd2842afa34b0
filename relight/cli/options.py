"""The options of `relight run` and `relight upscale`, from the fields of the job classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from relight.jobs import RelightJob, UpscaleJob


def _options(job: type[RelightJob | UpscaleJob], without: set[str]) -> type:
    """A dataclass with a job's fields, all optional: what was not given is left to the job file."""
    fields = []
    for name in job.in_order():
        if name in without:
            continue
        field = job.model_fields[name]
        default = field.get_default()
        help = field.description or ""
        if not field.is_required() and default not in (None, False, []):
            help += f" [default: {default}]"
        aliases = ["--overwrite", "-y"] if name == "overwrite" else None
        kind = Annotated[
            field.annotation | None, Parameter(name=aliases, help=help, negative_iterable=())
        ]
        fields.append((name, kind, dataclasses.field(default=None)))
    own = {"__module__": __name__}  # without it, cyclopts takes the class for a built-in
    return dataclasses.make_dataclass("Options", fields, kw_only=True, namespace=own)


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
        name=["--verbose", "-v"], negative=(), help="Tell what is done, and show tracebacks."
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
else:
    Options = _options(RelightJob, without={"input", "output"})
    UpscaleOptions = _options(UpscaleJob, without={"input", "output"})
