"""The options of `relight run` and `relight upscale`, from the fields of the job classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from relight.jobs import RelightJob, UpscaleJob
from relight.jobs.base import Delivery


def _options(job: type[RelightJob | UpscaleJob], without: set[str]) -> type:
    """A dataclass with a job's fields, all optional: what was not given is left to the job file."""
    fields = []
    # A job's own fields first, then those of reading and writing files.
    names = [name for name in job.model_fields if name not in without]
    for name in sorted(names, key=lambda name: name in Delivery.model_fields):
        field = job.model_fields[name]
        default = field.get_default()
        help = field.description
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


Options = _options(RelightJob, without={"input", "output"})
UpscaleOptions = _options(UpscaleJob, without={"input", "output"})
