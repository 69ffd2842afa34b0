"""What every run does at its two ends: look at its input and output, and say what it made."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relight import media
from relight.engine.versions import version_of
from relight.engine.work import LONGEST_NAME
from relight.errors import InputError, MediaError
from relight.jobs import Job
from relight.jobs.files import SIDECAR_SCHEMA
from relight.jobs.reading import json_of
from relight.media.reading import refuse_hdr


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run made.

    Attributes:
        path: the output; sidecar: the JSON beside it, itself a valid job file.
        frames: frames written.
        seconds: wall time by stage, and "total", their sum. "load" is all until the models are
            there: checks, imports and planning, too. "rest" is what no stage counts, mostly what
            was left to write after the last chunk.
        settings: every setting with its default filled in: given again, they give the same output.
        model: the model taken and why. notes: what the user should know about the source.
        weights: what the weights were: component -> commit or hash.
        asked: names of the settings that were asked for; the run has decided the others.
    """

    path: Path
    sidecar: Path
    frames: int
    seconds: dict[str, float]
    settings: dict[str, Any]
    model: str
    notes: tuple[str, ...] = ()
    kind: str = "relight"
    weights: dict[str, str] | None = None
    asked: tuple[str, ...] = ()


def checked(job: Job, new_folder: bool = False) -> media.VideoInfo:
    """What a job's input is, once nothing speaks against running it.

    Args:
        new_folder: the output's folder will be made if it isn't there.

    Raises:
        InputError: the output exists, or is the input; the start is past the end.
        MediaError: the input can't be read.
    """
    info = media.probe(job.input, job.reading)
    sidecar = sidecar_path(job.output)
    if len(os.fsencode(sidecar.name)) + len(".part") + 1 > LONGEST_NAME:
        length = len(os.fsencode(job.output.name))
        raise InputError(
            f"the output name has {length} bytes, and its sidecar needs 11 "
            f"more than the {LONGEST_NAME} a name can have: shorten it",
            field="output",
        )
    if not new_folder or job.output.parent.is_dir():
        media.check_output(job.output, job.input, job.overwrite, job.encoding)
    refuse_hdr(info)
    if sidecar.exists() and not job.overwrite:
        raise InputError(
            f"{sidecar} exists: remove it, or allow overwriting", field="overwrite", path=sidecar
        )
    if info.duration is not None and job.start >= max(info.duration, 1e-3):
        raise InputError(
            f"{job.input}: start {job.start:g} s is past the end, at {info.duration:.2f} s",
            field="start",
            value=job.start,
        )
    return info


def sidecar_path(output: Path) -> Path:
    """Where the settings of an output are written: `out.mp4` -> `out.mp4.json`.

    Those of a sequence are stored beside its first picture: `a/%05d.png` -> `a/00001.png.json`.
    """
    first = media.first_file(output)
    return first.with_name(first.name + ".json")


def hidden_sidecar(output: Path) -> Path:
    """What the sidecar is called until the output has its name."""
    sidecar = sidecar_path(output)
    folder = sidecar.parent  # of a sequence, it is there only when that is complete
    near = folder if folder.is_dir() else folder.parent
    return near / f".{sidecar.name}.part"


def has_sidecar(output: Path) -> bool:
    """Whether an output that is there was made by a run, were it killed at its very end."""
    return sidecar_path(output).exists() or hidden_sidecar(output).exists()


class Sidecar:
    """The sidecar of a result, written before the output gets its name and named after it.

    So a sidecar that can't be written fails the run while there is no output yet.
    """

    def __init__(self, result: Result) -> None:
        self._result = result
        self._part = hidden_sidecar(result.path)

    def write(self) -> None:
        """Write it under a hidden name.

        Raises:
            MediaError: it can't be written, or another has appeared meanwhile.
        """
        result = self._result
        content = {
            "kind": result.kind,
            "schema": SIDECAR_SCHEMA,
            "settings": result.settings,
            "asked": list(result.asked),
            "made": {
                "frames": result.frames,
                "seconds": result.seconds,
                "model": result.model,
                "weights": result.weights or {},
                "notes": list(result.notes),
                "versions": {"python": platform.python_version()}
                | {name: version_of(name) for name in _PACKAGES},
            },
        }
        if result.sidecar.exists() and not result.settings.get("overwrite"):
            raise InputError(f"{result.sidecar} has appeared meanwhile: it was not overwritten")
        try:
            self._part.write_bytes(json_of(content, indent=2) + b"\n")
        except OSError as error:
            self.remove()
            raise MediaError(
                f"the sidecar {result.sidecar} can't be written ({error.strerror}): free some "
                "space, or choose another folder"
            ) from None

    def move_in(self) -> None:
        """Give it its own name."""
        os.replace(self._part, self._result.sidecar)

    def remove(self) -> None:
        """Remove what was written, if it has no name yet."""
        self._part.unlink(missing_ok=True)


_PACKAGES = ("relight", "torch", "diffusers", "transformers", "av", "opencv-python-headless")
