"""Settings of a relighting job that contradict each other: refused before anything is read.

What merely has no effect beside another setting is named in a note instead
(`relight.engine.without_effect`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.jobs.regions import MaskAuto, MaskFile
from relight.lights import MovingLight, parse_light

if TYPE_CHECKING:
    from relight.jobs.relight import RelightJob

LEFT = "left"
"""The light of a job that names none."""
MATTE_MODELS = (".tflite", ".onnx")
"""Suffixes of networks that find a subject."""


def refuse_regions(job: RelightJob) -> None:
    """Refuse masks, networks and backgrounds that don't go together.

    Raises:
        ValueError: what is wrong, and what to do; a job makes an InputError of it.

    >>> from relight.jobs import RelightJob
    >>> RelightJob.make(input="a.mp4", output="b.mp4", prompt="red", background="a beach",
    ...     recipe="fast")
    Traceback (most recent call last):
    relight.errors.InputError: background 'a beach' is not a file, so the video model has to draw \
it: take recipe best, or give a picture or a video
    """
    region = job.region
    if job.behind is not None and job.lit != "subject":
        raise ValueError(
            f"with a background the subject is relit: relight is subject, not {job.lit}"
        )
    if job.drawn_background and (job.recipe == "fast" or job.reference):
        raise ValueError(
            f"background {job.background!r} is not a file, so the video model has to draw it: "
            "take recipe best, or give a picture or a video"
        )
    if job.matte_model is None:
        return
    if isinstance(region, MaskFile):
        raise ValueError("matte_model finds the subject: a mask of a file needs none")
    suffix = job.matte_model.suffix.lower()
    if suffix in MATTE_MODELS and not isinstance(region, MaskAuto):
        raise ValueError(
            f"a {suffix} network finds the subject by itself: leave mask at auto, or give "
            "the folder of a SAM 2 as matte_model"
        )


def refuse_ways(job: RelightJob) -> None:
    """Refuse a way of lighting (reference, recipe, transfer) that lacks or excludes a setting.

    Raises:
        ValueError: as `refuse_regions`.

    >>> from relight.jobs import RelightJob
    >>> RelightJob.make(input="a.mp4", output="b.mp4", prompt="red", recipe="fast", transfer="off")
    Traceback (most recent call last):
    relight.errors.InputError: recipe fast carries light: for the model's own pixels take best
    """
    if not job.prompt.strip() and not job.reference:
        raise ValueError("prompt is empty: say what is lit and how, or give a reference")
    if job.reference_at is not None and len(job.reference) != 1:
        raise ValueError("reference_at is for one reference: write several as SECONDS=FILE")
    if job.reference and job.transfer == "off":
        raise ValueError("a reference gives light, and no pixels: transfer can't be off")
    if job.intensity != 1 and job.transfer == "off":
        raise ValueError("intensity scales transferred light: transfer can't be off")
    if job.depth_clip is not None and job.recipe == "paper":
        raise ValueError("a depth clip gives light its form, which recipe paper has none of")
    if job.recipe == "fast" and job.transfer == "off":
        raise ValueError("recipe fast carries light: for the model's own pixels take best")


def refuse_lights(job: RelightJob) -> None:
    """Refuse a light that can't be read, or two ways of saying one.

    Raises:
        ValueError, InputError: as `refuse_regions`.

    >>> from relight.jobs import RelightJob
    >>> RelightJob.make(input="a.mp4", output="b.mp4", prompt="red", light="top",
    ...     light_at=["0=left", "1=right"])
    Traceback (most recent call last):
    relight.errors.InputError: give a light, or a moving one by light_at, not both
    """
    if "\0" in job.light:
        raise ValueError("a path holds a zero byte")
    parse_light(job.light)
    if job.light_at:
        MovingLight.read(job.light_at)
        if job.light != LEFT:
            raise ValueError("give a light, or a moving one by light_at, not both")
