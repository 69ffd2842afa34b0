"""Inputs of all kinds -> rows: a source, an output in the tree, settings. Torch-free."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relight.engine.batch.records import Records
from relight.engine.inputs import output_name
from relight.errors import InputError
from relight.jobs import KINDS, Job
from relight.jobs.files import JOB_FILES, Stored, overlaid
from relight.jobs.reading import shown
from relight.media.formats import PICTURES, READ

OWN = ".relight-batch"
"""Folder of a batch's own files, in its output folder."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job of a batch, not yet checked.

    Attributes:
        source: its input. target: its output, relative to the folder of outputs.
        kind: of `relight.jobs.KINDS`. settings: all but input and output.
    """

    source: Path
    target: Path
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def absolute(self) -> Row:
        """The same, for a process with another current folder."""
        return replace(self, source=self.source.absolute())

    def job(self, folder: Path, **given: Any) -> Job:
        """The job.

        Args:
            folder: of the outputs. given: settings that replace the row's.

        Raises:
            InputError: a setting is wrong.
        """
        output = folder / self.target
        return KINDS[self.kind].make(
            **{**self.settings, "input": self.source, "output": output, **given}
        )


def rows_of(
    inputs: Sequence[Path], folder: Path, settings: Mapping[str, Any], kind: str | None = None
) -> list[Row]:
    """A row for each clip, picture and sequence among the inputs, all with the same settings.

    Folders are searched to their depth, through links, without hidden files; what they hold keeps
    its place in the tree, also what a pattern (`clips/**/*.mp4`) finds.

    Args:
        inputs: files, folders, patterns in quotes, sequences (`shots/%05d.png`).
        folder: of the outputs; where it is within an input, it is passed over, and so are folders
            of outputs of other batches, and what this one has made beside its inputs.

    Raises:
        InputError: nothing is found for an input, or two would have one output.
    """
    as_clip = bool(settings.get("as_clip"))
    kind = kind or kind_of(settings)
    rows = []
    for given in inputs:
        found = list(_found(given, folder.resolve(), as_clip))
        if not found:
            raise InputError(f"{given}: no clips or pictures there")
        rows += [Row(source=one, target=to, kind=kind, settings=settings) for one, to in found]
    return _unlike(_not_made(rows, folder.resolve()))


def rows_of_manifest(
    stored: Sequence[Mapping[str, Any]],
    where: Path,
    shared: Stored,
) -> list[Row]:
    """A row for each of a manifest's, whose settings go before those given for all.

    A relative input is looked for from the current folder, then from the manifest's own. The output
    is `output`, within the folder of outputs, or else the input's own relative path.

    Raises:
        InputError: settings of no kind of job, an output outside, or two of one name.
    """
    return _unlike([_manifest_row(row, where, shared) for row in stored])


def kind_of(settings: Mapping[str, Any], named: object = None) -> str:
    """The kind of job that has these settings, the first of `KINDS` if several have.

    >>> kind_of({"prompt": "sunset", "upscale": 2}), kind_of({"scale": 2})
    ('relight', 'upscale')
    """
    if named is not None:
        if not isinstance(named, str) or named not in KINDS:
            raise InputError(f"unknown kind {shown(named)}: use {', '.join(KINDS)}")
        return named
    for name, kind in KINDS.items():
        if settings.keys() <= kind.model_fields.keys():
            return name
    names = ", ".join(settings)
    raise InputError(f"no kind of job has all these settings: {names}; relight or upscale")


def shard(rows: Sequence[Row], which: str | None) -> list[Row]:
    """The share of one of several machines, `"0/4"` to `"3/4"`; all rows for None.

    Raises:
        InputError: it isn't of that form.
    """
    if which is None:
        return list(rows)
    found = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", which)
    first, count = map(int, found.groups()) if found else (0, 0)
    if not first < count:
        raise InputError(
            f"shard {shown(which)} is not I/N: the shards of 4 are 0/4, 1/4, 2/4 and 3/4",
            field="shard",
            value=which,
        )
    return list(rows[first::count])


def _found(given: Path, outputs: Path, as_clip: bool) -> Iterator[tuple[Path, Path]]:
    """(source, target) of what an input means."""
    if given.is_dir():
        yield from _in_folder(given, outputs, as_clip)
    elif given.exists() or "%" in given.name or not glob.has_magic(str(given)):
        if given.suffix.lower() in JOB_FILES:
            raise InputError(f"{given} holds settings: give it as --job, or --manifest")
        yield given, Path(output_name(given))
    else:
        base = Path(*_plain_parts(given))
        names = sorted(glob.glob(str(given), recursive=True))
        for path in map(Path, names):
            within = list(path.parents)[: len(path.parts) - len(base.parts) - 1]
            if any(_of_outputs(one, outputs) for one in within):
                continue
            if path.is_file() and path.suffix.lower() in READ:
                yield path, path.relative_to(base).with_name(output_name(path))


def _plain_parts(pattern: Path) -> list[str]:
    """The parts of a pattern before the first that is one."""
    parts: list[str] = []
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _in_folder(root: Path, outputs: Path, as_clip: bool) -> Iterator[tuple[Path, Path]]:
    walked = {root.resolve()}
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        seen = [one for one in sorted(folders) if not one.startswith(".")]
        seen = [one for one in seen if not _of_outputs(folder / one, outputs)]
        places = {(folder / one).resolve(): one for one in reversed(seen)}  # a link may lead back
        folders[:] = sorted(one for place, one in places.items() if place not in walked)
        walked |= places.keys()
        pictures = False
        for path in (folder / file for file in sorted(files) if not file.startswith(".")):
            ending = path.suffix.lower()
            if ending not in READ:
                continue
            if as_clip and ending in PICTURES:
                pictures = True
                continue
            yield path, path.relative_to(root).with_name(output_name(path))
        if pictures:  # a folder of pictures is one clip
            whole = folder.relative_to(root)
            own = whole if whole.name else Path(root.resolve().name)
            yield folder, own.with_name(own.name + ".mp4")


def _of_outputs(folder: Path, outputs: Path) -> bool:
    """Whether a folder within an input holds what a batch has made."""
    return folder.resolve() == outputs or (folder / OWN).is_dir()


def _not_made(rows: list[Row], outputs: Path) -> list[Row]:
    """The rows, without those whose source this batch has made, beside its inputs."""
    records = Records(outputs / OWN)

    def made(source: Path) -> bool:
        place = source.resolve()
        return outputs in place.parents and records.owns(place.relative_to(outputs), place)

    return [row for row in rows if not made(row.source)]


def _manifest_row(row: Mapping[str, Any], where: Path, shared: Stored) -> Row:
    settings, kind = shared.settings, shared.kind
    own = {key: value for key, value in row.items() if key not in ("input", "output", "kind")}
    named = row.get("kind")
    if named is None and kind is None and own:
        kinds = [one for one in KINDS if own.keys() <= KINDS[one].model_fields.keys()]
        named = kinds[0] if len(kinds) == 1 else None  # the row's own settings decide
    if named is None:
        named = kind or kind_of({**settings, **own})
    name = kind_of({}, named)
    taken = {key: value for key, value in settings.items() if key in KINDS[name].model_fields}
    return Row(
        source=_source(Path(row["input"]), where),
        target=_target(row),
        kind=name,
        settings=overlaid(KINDS[name], taken, own, shared.asked),
    )


def _source(given: Path, where: Path) -> Path:
    beside = where.parent / given
    return beside if not given.exists() and beside.exists() else given


def _target(row: Mapping[str, Any]) -> Path:
    source = Path(row["input"])
    if row.get("output") is None:
        inside = not source.is_absolute() and ".." not in source.parts
        return source.with_name(output_name(source)) if inside else Path(output_name(source))
    target = Path(str(row["output"]))
    if target.is_absolute() or ".." in target.parts or not target.name:
        raise InputError(f"output {shown(str(target))}: give a path within the folder of outputs")
    return target


def _unlike(rows: list[Row]) -> list[Row]:
    """The rows, each once; refused if two would write one file."""
    taken: dict[Path, Row] = {}
    for row in rows:
        other = taken.setdefault(row.target, row)
        if other != row:
            raise InputError(
                f"{other.source} and {row.source} would both be written to {row.target}"
            )
    return list(taken.values())
