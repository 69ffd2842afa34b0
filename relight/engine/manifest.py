"""The manifest of a run: what was asked for, of which input and weights, and what is done.

Chunks of an earlier run are taken over only if nothing that decides their content has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from relight.engine.work import Work
from relight.errors import MediaError
from relight.jobs import Job
from relight.jobs.reading import json_of
from relight.media import Loss, Reading
from relight.media.formats import PICTURES
from relight.media.sequences import files_of, is_clip

SCHEMA = 1
"""Version of the manifest and of the chunk files."""
WHOLE = 64 * 2**20
"""Files up to this many bytes are hashed whole, larger ones in blocks spread over them."""
BLOCK, BLOCKS = 2**20, 64
FILE = "manifest.json"

DELIVERED = frozenset({"codec", "crf", "pix_fmt", "preset", "keep_metadata", "matte"})
"""Settings of the output file, which chunks know nothing of."""
MANNER = frozenset({"devices", "work", "keep_work", "resume"})
"""Settings that say how a job is run, and change nothing of its result."""
UNRELATED = MANNER | {"input", "output", "overwrite", "strict"} | DELIVERED
"""Settings in which two runs may differ that share chunks; the input is known by its content."""


@dataclass(kw_only=True)
class Manifest:
    """One run.

    Attributes:
        kind: "relight" or "upscale". version: of the project.
        asked: the settings as they were given. resolved: with every default filled in.
        files: fingerprints of the input and of other files that settings name.
        weights: what the weights were: component -> commit or hash.
        chunks: name -> "done" or "waiting", in the order of the plan.
        heard: what was noted of the input as it was looked at: (note, whether something is lost).
        tight: how much less memory its chunks had to do with (`relight.engine.guard`).
    """

    kind: str
    version: str
    asked: dict[str, Any]
    files: dict[str, str]
    resolved: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    chunks: dict[str, str] = field(default_factory=dict)
    heard: list[tuple[str, bool]] = field(default_factory=list)
    tight: int = 0
    schema: int = SCHEMA

    def keep(self, note: str, work: Work) -> str:
        """Write a note about the input down, for a run that resumes; it is returned."""
        self.heard.append((note, isinstance(note, Loss)))
        self.save(work)
        return note

    def save(self, work: Work) -> None:
        work.write(work.root / FILE, json_of(asdict(self), indent=1))


def read(work: Work) -> Manifest | None:
    """The manifest of an earlier run, if there is one that can be read."""
    try:
        stored = json.loads((work.root / FILE).read_text(encoding="utf-8"))
        known = {one.name for one in fields(Manifest)}
        return Manifest(**{key: value for key, value in stored.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def difference(old: Manifest, new: Manifest) -> str | None:
    """The first thing in which two runs differ, in words; None if chunks can be taken over.

    What one of them leaves empty (settings and weights are known only once a model is loaded) is
    not compared.
    """
    for name in ("schema", "version", "kind"):
        if getattr(old, name) != getattr(new, name):
            return f"{name} was {getattr(old, name)!r}, is {getattr(new, name)!r}"
    # Files first: with the content of one, a batch changes the seed, which nobody has asked for.
    if replaced := _replaced(old, new):
        return _described("files", replaced, None, None)
    for group in ("asked", "files", "resolved", "weights"):
        before, now = getattr(old, group), getattr(new, group)
        if not before or not now:
            continue
        for key in sorted((before.keys() | now.keys()) - _ignored(group)):
            if before.get(key) != now.get(key):
                return _described(group, key, before.get(key), now.get(key))
    return None


def _replaced(old: Manifest, new: Manifest) -> str | None:
    """The first setting whose file has another content, where the setting is the same."""
    for key in sorted(old.files.keys() & new.files.keys()):
        same = key in UNRELATED or old.asked.get(key) == new.asked.get(key)
        if same and old.files[key] != new.files[key]:
            return key
    return None


def _ignored(group: str) -> frozenset[str]:
    return UNRELATED if group in ("asked", "resolved") else frozenset()


def _described(group: str, key: str, before: Any, now: Any) -> str:
    if group == "files":
        return f"the file given as {key} has changed"
    if group == "weights":
        return f"the weights of {key} have changed"
    return f"{key} was {str(before)[:60]!r}, is {str(now)[:60]!r}"


def fingerprints(job: Job, whole: bool = False) -> dict[str, str]:
    """Name -> fingerprint, of the input and of all other files that a job reads.

    Args:
        whole: large files are read to their end, and their dates don't count.
    """
    found = {"input": fingerprint(Path(job.settings()["input"]), whole)}
    return found | {name: fingerprint(path, whole) for name, path in job.files().items()}


def fingerprint(path: Path, whole: bool = False) -> str:
    """A hash of a file's size and content: of all of it, or of blocks spread over a large one.

    A folder of pictures or of a network, or a pattern, has that of its files and their names.

    Args:
        whole: all of a large one is read too.

    Raises:
        MediaError: it can't be read.
    """
    digest = hashlib.sha256()
    if several := _several(path):
        for file in several:
            digest.update(os.fsencode(f"{file.name} {fingerprint(file, whole)}\n"))
        return digest.hexdigest()
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise MediaError(f"{path} is not a regular file", path=path)
        size = path.stat().st_size
        digest.update(str(size).encode())
        with path.open("rb") as file:
            if whole or size <= WHOLE:
                while block := file.read(BLOCK):
                    digest.update(block)
            else:
                digest.update(str(path.stat().st_mtime_ns).encode())
                for index in range(BLOCKS):
                    file.seek((size - BLOCK) * index // (BLOCKS - 1))
                    digest.update(file.read(BLOCK))
    except OSError as error:
        raise MediaError(f"{path} can't be read ({error.strerror})") from None
    return digest.hexdigest()


def _several(path: Path) -> list[Path]:
    """The files that a folder or a pattern stands for; none: it is a file."""
    if not is_clip(path, Reading(as_clip=True)):
        return []
    if path.is_dir() and any(path.glob("*.safetensors")):
        kinds = {".json", ".safetensors", *PICTURES}
        return sorted(file for file in path.iterdir() if file.suffix.lower() in kinds)
    return files_of(path)
