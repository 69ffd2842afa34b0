"""`relight batch`: many videos and pictures, on many devices or machines, nothing lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from relight.cli.options import Anonymous, BatchOptions, LogFile, Verbose

Flag = Parameter(negative=())


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a batch is run."""

    manifest: Path | None = None
    "One row per job: .csv, .jsonl or .yaml with input and, if wanted, output, kind, any setting."
    job: Path | None = None
    "Settings for all jobs: a job file, or the sidecar of an output."
    kind: Literal["relight", "upscale"] | None = None
    "What is done; default: decided by the settings that are given."
    report: Path | None = None
    "File that gets a line of JSON for each event as it happens; default: in DIR/.relight-batch."
    retries: Annotated[int, Parameter(validator=Number(gte=0))] = 1
    "Further attempts at a job that has failed, except for a wrong setting."
    devices: str | None = None
    "One process per device, each with its own models, e.g. cuda:0,cuda:1."
    ray: str | None = None
    "Run on Ray: auto (the cluster here, or else this machine), or a cluster's address."
    workers: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    "How many workers Ray starts; default: as many as its GPUs hold."
    gpus_each: Annotated[float, Parameter(validator=Number(gt=0))] = 1.0
    "GPUs of each of Ray's workers; .5 lets two share one."
    shard: str | None = None
    "I/N: one of N shares, counted from 0/N, for N machines; they share DIR and nothing else."
    untrusted: Annotated[bool, Flag] = False
    "First read each input to its end in a process that is killed at limits of time and memory."
    dry_run: Annotated[bool, Flag] = False
    "Print what would be done, how long it may take and what it needs; do nothing."


def batch(
    inputs: Annotated[list[Path] | None, Parameter(negative_iterable=())] = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    manner: Annotated[Manner, Parameter(name="*")] = Manner(),
    settings: Annotated[BatchOptions, Parameter(name="*")] = BatchOptions(),  # noqa: B008
    verbose: Verbose = False,
    log_file: LogFile = None,
    anonymous: Anonymous = False,
) -> int:
    """Run many jobs: relight batch clips/ -o out/ --prompt "sunset" --light left

    Finished jobs are recognised by content and settings, and skipped when it is run again.

    Parameters
    ----------
    inputs
        Clips, pictures, folders of them to any depth, patterns in quotes ("clips/**/*.mp4"),
        numbered pictures (shots/%05d.png); with --as-clip, each folder of pictures is a clip.
    output
        The folder for the outputs, which keep the folder structure of the inputs.
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s")
    from relight.cli.batching import run  # the engine's parts bring NumPy and FFmpeg

    return run(inputs or [], output, manner, settings, log_file, anonymous)
