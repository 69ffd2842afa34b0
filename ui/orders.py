"""What a user asks for: the values of the controls, as a checked order for one of the jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.ui import clips

QUALITY = {"Quick": 0.5, "Balanced": 1.0, "Fine": 1.5}
"""Steps of a run, in multiples of what the model's authors use."""

LONGEST_TEXT = 2000
"""Letters of a prompt."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the things the studio does.

    Attributes:
        job: its job class. made: what a result is called, also in file names.
    """

    job: type[Job]
    made: str


KINDS = {
    "relight": Kind(job=RelightJob, made="relit"),
    "upscale": Kind(job=UpscaleJob, made="upscaled"),
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """One clip or picture, and what is to become of it.

    Attributes:
        kind: a key of `KINDS`.
        clip: the uploaded file. name: what the user calls it.
        settings: fields of the job, those left open missing.
        quality: a key of `QUALITY`; numbers of steps among the settings go before it.
        light_image: an uploaded picture that is the light.
    """

    kind: str
    clip: Path
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    quality: str = "Balanced"
    light_image: Path | None = None

    @classmethod
    def read(cls, kind: str, given: dict[str, Any]) -> Order:
        """The order that the values of the controls mean.

        Raises:
            InputError: no clip, no words, no light picture, or a setting out of its range.
        """
        if not given.get("clip"):
            raise InputError("no clip yet: choose one, or take the example")
        clip = Path(given["clip"])
        known = KINDS[kind].job.model_fields
        settings = {k: v for k, v in given.items() if k in known and v not in (None, "")}
        for name, value in settings.items():
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise InputError(f"{name} is longer than {LONGEST_TEXT} letters: shorten it")
        if kind == "relight" and not str(settings.get("prompt", "")).strip():
            raise InputError("no words yet: say what is in the clip and in what light")
        image = None
        if settings.get("light") == "image":
            if not given.get("light_image"):
                raise InputError("no picture for the light yet: choose one, or take a side")
            image = Path(given["light_image"])
            settings["light"] = "none"  # its place is known once it is in the result's folder
        order = cls(
            kind=kind,
            clip=clip,
            name=clips.plain_name(clip.name),
            settings=settings,
            quality=given.get("quality") or "Balanced",
            light_image=image,
        )
        order.job(clip, clip.with_name("out.mp4"))  # a wrong setting is told now
        return order

    @property
    def start(self) -> float:
        """Where in the clip it begins, in seconds."""
        return float(self.settings.get("start") or 0.0)

    def job(self, source: Path, output: Path) -> Any:
        """The job that does it."""
        return KINDS[self.kind].job.make(**self.settings, input=source, output=output)
