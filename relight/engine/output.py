"""What every job does at its two ends: look at its input and output, and tell what it made."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from relight import media
from relight.engine.progress import Meter, timed
from relight.errors import InputError
from relight.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run made.

    Attributes:
        path: the output; sidecar: the JSON beside it, itself a valid job file.
        frames: frames written. seconds: wall time by stage, and "total".
        settings: every setting with its default filled in: given again, they give the same output.
        model: the model taken and why. notes: what the user should know about the source.
    """

    path: Path
    sidecar: Path
    frames: int
    seconds: dict[str, float]
    settings: dict[str, Any]
    model: str
    notes: tuple[str, ...] = ()


def checked(job: Job) -> media.VideoInfo:
    """What a job's input is, once nothing speaks against running it.

    Raises:
        InputError: the output exists, or is the input; the start lies past the end.
        MediaError: the input can't be read.
    """
    info = media.probe(job.input)
    media.check_output(job.output, job.input, job.overwrite)
    sidecar = sidecar_path(job.output)
    if sidecar.exists() and not job.overwrite:
        raise InputError(f"{sidecar} exists: remove it, or allow overwriting")
    if info.duration is not None and job.start >= max(info.duration, 1e-3):
        raise InputError(
            f"{job.input}: start {job.start:g} s lies past the end, at {info.duration:.2f} s"
        )
    return info


def deliver(
    job: Job,
    info: media.VideoInfo,
    size: tuple[int, int],
    frames: Iterable[media.Frame],
    meter: Meter,
    model: str,
) -> Result:
    """Write a job's frames, with the sound of its input, and the sidecar beside them.

    Args:
        job: with every setting decided. size: (width, height) of the frames.
        frames: made while they are asked for. model: which one makes them, and why.
    """
    with media.write(
        job.output, info, size=size, fps=info.fps, start=job.start, overwrite=job.overwrite
    ) as writer:
        for frame in frames:
            with timed(meter.seconds, "encode"):
                writer.add(frame.image, frame.time)
            meter.frame(frame.image)
    total = time.perf_counter() - meter.begun + meter.seconds["load"]  # it began after loading
    other = total - sum(meter.seconds.values())
    seconds = {**meter.seconds, "decode and transfer": other, "total": total}
    result = Result(
        path=job.output,
        sidecar=sidecar_path(job.output),
        frames=meter.frames,
        seconds={stage: round(value, 2) for stage, value in seconds.items()},
        settings=job.settings(),
        model=model,
        notes=info.notes,
    )
    _write_sidecar(result)
    return result


def sidecar_path(output: Path) -> Path:
    """Where the settings of an output are written: `out.mp4` -> `out.mp4.json`.

    Those of a sequence lie beside its first picture: `a/%05d.png` -> `a/00001.png.json`.
    """
    first = media.first_file(output)
    return first.with_name(first.name + ".json")


def _write_sidecar(result: Result) -> None:
    """Write the sidecar of a result, as a whole or not at all."""
    packages = ("relight", "torch", "diffusers", "transformers", "av", "opencv-python-headless")
    content = {
        "settings": result.settings,
        "made": {
            "frames": result.frames,
            "seconds": result.seconds,
            "model": result.model,
            "notes": list(result.notes),
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in packages},
        },
    }
    part = result.sidecar.with_name(f".{result.sidecar.name}.part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(result.sidecar)
