"""What a visitor asks for: the values of the controls, as a checked order for one of the jobs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.lights.text import quoted
from relight.media.formats import WRITTEN
from relight.ui import clips
from relight.ui.controls import GUIDE_CHOICES, LONGEST_TEXT
from relight.ui.files import clean_name, place

QUALITY = {"Quick": 0.5, "Balanced": 1.0, "Fine": 1.5}
"""Steps of a run, in multiples of what the model's authors use."""
SAME = "same"
"""The output format that follows the source: mp4 for clips, png for pictures."""


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
        clip: the file. name: what the visitor calls it.
        settings: fields of the job, those left open missing.
        quality: a key of `QUALITY`; numbers of steps among the settings take precedence.
        files: further files that settings name by their paths.
        names: what the visitor calls these; set once they are moved.
        format: extension of the output, or `SAME`.
    """

    kind: str
    clip: Path
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    quality: str = "Balanced"
    files: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    format: str = SAME

    @classmethod
    def read(cls, kind: str, given: dict[str, Any]) -> Order:
        """The order that the values of the controls mean.

        Raises:
            InputError: no clip, no light described, no light picture, or a setting out of its
                range; its `field` is the control it is about.
        """
        if not given.get("clip"):
            raise InputError("no clip yet: choose one, or take the example", field="clip")
        clip = Path(given["clip"])
        settings = _settings(KINDS[kind].job, given)
        files = tuple(Path(file) for file in given.get("files") or ())
        if kind == "relight":
            if not str(settings.get("prompt", "")).strip() and not settings.get("reference"):
                raise InputError(
                    "no light described yet: say what is in the clip and in what light",
                    field="prompt",
                )
            settings, files = _light_picture(settings, files, given.get("light_image"))
        if settings.get("guide") not in (None, *(value for _, value in GUIDE_CHOICES)):
            raise InputError("guide is mini, restore or bicubic, or left open", field="guide")
        wanted = given.get("format") or SAME
        if wanted not in (SAME, *WRITTEN):
            raise InputError(f"format is {SAME} or one of {', '.join(WRITTEN)}", field="format")
        order = cls(
            kind=kind,
            clip=clip,
            name=clean_name(given.get("name") or clip.name),
            settings=settings,
            quality=given.get("quality") or "Balanced",
            files=files,
            format=wanted,
        )
        order.job(clip, clip.with_name(f"out{order.suffix}"))  # a wrong setting is reported now
        return order

    @property
    def start(self) -> float:
        """Where in the clip it begins, in seconds."""
        return float(self.settings.get("start") or 0.0)

    @property
    def suffix(self) -> str:
        """Extension of the output."""
        if self.format != SAME:
            return self.format
        return ".png" if clips.is_still(self.clip) else ".mp4"

    @property
    def result_name(self) -> str:
        """What the result is called: `toy.mov` -> `toy-relit.mp4`."""
        return f"{Path(self.name).stem}-{KINDS[self.kind].made}{self.suffix}"

    def job(self, source: Path, output: Path) -> Any:
        """The job that does it."""
        return KINDS[self.kind].job.make(**self.settings, input=source, output=output)

    def moved(self, folder: Path) -> Order:
        """The order with its files in another folder, under plain names."""
        source = folder / f"source{self.clip.suffix.lower()}"
        place(self.clip, source)
        settings, files = dict(self.settings), []
        for number, file in enumerate(self.files):
            new = folder / f"file{number}{file.suffix.lower()}"
            place(file, new)
            files.append(new)
            settings = {k: _renamed(v, str(file), str(new)) for k, v in settings.items()}
        names = tuple(file.name for file in self.files)
        return replace(self, clip=source, settings=settings, files=tuple(files), names=names)

    def plain(self) -> dict[str, Any]:
        """As JSON; `from_plain` is the way back."""
        return {**asdict(self), "clip": str(self.clip), "files": [str(f) for f in self.files]}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Order:
        files = tuple(Path(file) for file in plain["files"])
        names = tuple(plain.get("names", ()))
        return cls(**{**plain, "clip": Path(plain["clip"]), "files": files, "names": names})


def _settings(job: type[Job], given: dict[str, Any]) -> dict[str, Any]:
    """The fields of the job among the values of the controls; empty controls leave them open."""
    known = job.model_fields
    settings = {k: v for k, v in given.items() if k in known and v not in (None, "", [])}
    for name, value in settings.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise InputError(
                f"{name} is longer than {LONGEST_TEXT} letters: shorten it", field=name
            )
    return settings


def _light_picture(
    settings: dict[str, Any], files: tuple[Path, ...], picture: Any
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Light "image" as the path of the picture that was given with it."""
    if settings.get("light") != "image":
        return settings, files
    if not picture:
        raise InputError(
            "no picture for the light yet: choose one, or take a side", field="light_image"
        )
    return {**settings, "light": f"image:{quoted(str(picture))}"}, (*files, Path(picture))


def _renamed(value: Any, old: str, new: str) -> Any:
    """A setting that names a file by its path, with the file's new one."""
    if isinstance(value, list):
        return [_renamed(one, old, new) for one in value]
    if not isinstance(value, str):
        return value
    return value.replace(quoted(old), quoted(new)).replace(old, new)
