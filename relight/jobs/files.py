"""Jobs in files: YAML, JSON, the sidecars beside outputs, and manifests with a job a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relight.errors import InputError, choices
from relight.jobs import KINDS, Job, RelightJob
from relight.jobs.reading import read_json, read_text, read_yaml, shown
from relight.lights import BackdropLight

JOB_FILES = {".yaml", ".yml", ".json"}
MANIFESTS = (".csv", ".jsonl", ".yaml", ".yml")
MOST_ROWS = 1_000_000
SIDECAR_SCHEMA = 2
"""Version of the sidecar; the first had no number."""
COMMANDS = {"relight": "relight run", "upscale": "relight upscale"}
"""What runs each of `KINDS`."""
PLACED = {"device", "dtype", "memory"}
"""Settings that a run decides by the machine and the model."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a job file or a sidecar holds.

    Attributes:
        kind: of `KINDS`, None where it names none.
        asked: the settings that were asked for, not decided by a run; None: it doesn't say.
    """

    settings: dict[str, Any]
    kind: str | None = None
    asked: frozenset[str] | None = None


def job_of(path: Path, kind: type[Job], given: dict[str, Any]) -> Job:
    """The job of a file, with settings given now before its own.

    Raises:
        InputError: as `read_job`, or a setting is wrong.
    """
    stored = read_stored(path, kind)
    job = kind.make(**overlaid(kind, stored.settings, given, stored.asked))
    if stored.asked is None:
        return job
    # What a run has decided stays so in the job, and isn't asked for in its sidecar either.
    return kind.model_construct(_fields_set={*stored.asked, *given}, **dict(job))


def asked_in(job: Job) -> list[str]:
    """The settings that a job asks for, of those that a run may decide: a sidecar notes them.

    >>> asked_in(RelightJob(input="a.mp4", output="b.mp4", prompt="red", recipe="auto", side=64))
    ['prompt', 'side']
    """
    kind = type(job)
    names = (_own(kind) | PLACED) & job.model_fields_set
    if isinstance(job, RelightJob) and job.behind is not None and job.behind.path is not None:
        names -= {"light"} if job.light == str(BackdropLight(job.behind.path)) else set()
    return sorted(n for n in names if getattr(job, n) != kind.model_fields[n].get_default())


def read_job(path: Path, kind: type[Job] = RelightJob) -> dict[str, Any]:
    """The settings in a YAML or JSON job file, or in the sidecar beside an earlier output.

    Keys are checked here, so that a typo is named together with its file; values when the job is
    made. Relative paths are meant from the current folder, as on the command line.

    Raises:
        InputError: unreadable, not a mapping, a sidecar of another kind, or an unknown key.
    """
    return read_stored(path, kind).settings


def read_stored(path: Path, kind: type[Job]) -> Stored:
    """As `read_job`, with all that the file says."""
    stored = read_settings(path)
    if stored.kind is not None and KINDS[stored.kind] is not kind:
        command = COMMANDS[stored.kind]
        raise InputError(f"{path} is a sidecar of {command}: run `{command} {path}`", path=path)
    check_keys(stored.settings, (kind,), path)
    return stored


def read_settings(path: Path) -> Stored:
    """What a job file or a sidecar holds.

    Raises:
        InputError: unreadable, not a mapping, or a sidecar that this version doesn't know.
    """
    text = read_text(path)
    data = read_json(text, path) if path.suffix.lower() == ".json" else read_yaml(text, path)
    kind = asked = None
    if isinstance(data, dict) and "settings" in data:
        kind, asked = _kind_of_sidecar(data, path), _asked_of_sidecar(data, path)
        data = data["settings"]
    if not isinstance(data, dict):
        raise InputError(f"the job file {path} holds no settings (key: value lines)", path=path)
    for key in data:
        if not isinstance(key, str):
            raise InputError(f"unknown key {shown(key)} in {path}: keys are words", path=path)
    return Stored(settings=data, kind=kind, asked=asked)


def _kind_of_sidecar(data: dict[str, Any], path: Path) -> str | None:
    """The kind of job that a sidecar is of; the first ones said neither that nor their schema."""
    schema = data.get("schema", 1)
    if type(schema) is not int or not 1 <= schema <= SIDECAR_SCHEMA:
        raise InputError(
            f"{path} has the unknown schema {shown(schema)}: this version reads sidecars up to "
            f"{SIDECAR_SCHEMA}, a newer Relight may read it",
            path=path,
        )
    kind = data.get("kind")
    if kind is not None and (not isinstance(kind, str) or kind not in KINDS):
        raise InputError(f"{path} has the unknown kind {shown(kind)}: {choices(str(kind), KINDS)}")
    return kind


def _asked_of_sidecar(data: dict[str, Any], path: Path) -> frozenset[str] | None:
    """The settings that were asked for, where a sidecar says it: older ones don't."""
    asked = data.get("asked")
    if asked is None:
        return None
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise InputError(f"{path}: asked should be a list of settings, not {shown(asked)}")
    return frozenset(asked)


def check_keys(settings: Mapping[str, Any], kinds: tuple[type[Job], ...], path: Path) -> None:
    """Refuse a key that none of those kinds of job has, with the name of its file."""
    known = dict.fromkeys(name for kind in kinds for name in kind.model_fields)
    for key in settings:
        if key not in known:
            raise InputError(f"unknown key {shown(key)} in {path}: {choices(key, known)}")


def overlaid(
    kind: type[Job],
    stored: dict[str, Any],
    given: dict[str, Any],
    asked: Collection[str] | None = None,
) -> dict[str, Any]:
    """Stored settings under those given now, which replace them, also where they exclude them.

    Args:
        asked: of a sidecar, what was asked for in it: where the given ones change what is done, a
            run decides the others anew. None: all.
    """
    dropped: set[str] = set()
    if given.keys() & set(kind.exclusive):
        dropped |= set(kind.exclusive)
    if asked is not None and given.keys() & _own(kind):
        dropped |= _own(kind) - {"model", *asked}  # it follows from the machine, not from others
    if asked is not None and given.keys() & {"model", "device"}:
        dropped |= PLACED - {*asked}
    return {**{name: value for name, value in stored.items() if name not in dropped}, **given}


def _own(kind: type[Job]) -> set[str]:
    """The settings that say what is done, not to which file and in which form."""
    return kind.model_fields.keys() - Job.model_fields.keys()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a manifest: .csv with names in its first line, .jsonl with an object a line, or
    .yaml with a list of mappings. What is left empty isn't given.

    Raises:
        InputError: unreadable, another format, no rows, a row without input, or an unknown key.
    """
    ending = path.suffix.lower()
    if ending not in MANIFESTS:
        raise InputError(f"{path}: a manifest is one of {', '.join(MANIFESTS)}", path=path)
    text = read_text(path, "manifest")
    if ending == ".csv":
        rows = _csv_rows(text, path)
    elif ending == ".jsonl":
        rows = _json_rows(text, path)
    else:
        rows = read_yaml(text, path, "manifest")
    if not isinstance(rows, list) or not rows:
        raise InputError(f"the manifest {path} holds no rows", path=path)
    if len(rows) > MOST_ROWS:
        raise InputError(f"the manifest {path} has {len(rows)} rows: {MOST_ROWS} at most")
    return [_checked(row, number, path) for number, row in enumerate(rows, 1)]


def _json_rows(text: str, path: Path) -> list[Any]:
    lines = enumerate(text.split("\n"), 1)
    return [
        read_json(line, path, f"line {number} of the manifest")
        for number, line in lines
        if line.strip()
    ]


def _csv_rows(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        if len(set(names)) < len(names):
            raise InputError(f"the manifest {path} has a column twice or without a name")
        reader.fieldnames = names
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"can't read the manifest {path}: {error}", path=path) from None
    for number, row in enumerate(rows, 1):
        if None in row:
            raise InputError(f"{path}, row {number}: more values than columns", path=path)
    return [{name: value for name, value in row.items() if value} for row in rows]


def _checked(row: Any, number: int, path: Path) -> dict[str, Any]:
    where = f"{path}, row {number}"
    if not isinstance(row, dict) or not all(isinstance(key, str) for key in row):
        raise InputError(f"{where}: not settings by name, but {shown(row)}", path=path)
    given = {key: value for key, value in row.items() if value is not None}
    if not isinstance(given.get("input"), str):
        raise InputError(f"{where}: input is missing, the name of a file", path=path)
    settings = {key: value for key, value in given.items() if key != "kind"}
    known = dict.fromkeys(name for kind in KINDS.values() for name in kind.model_fields)
    for key in settings:
        if key not in known:
            raise InputError(f"{where}: unknown key {shown(key)}: {choices(key, known)}")
    return given
