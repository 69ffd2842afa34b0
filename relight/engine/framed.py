"""How the frames of a clip are made small: for the flow and the light, and for a model.

Also what a survey is to keep of a clip, which follows from that.
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.diffusion.framing import Framing
from relight.engine.resolve import Models
from relight.engine.survey import Scale
from relight.jobs import ModelRelightJob, ResolvedRelightJob
from relight.media import VideoInfo
from relight.media.depth import to_uint8
from relight.methods.carried_light import SIDE
from relight.models.entries import Entry
from relight.models.finding import Found
from relight.models.loader import Model
from relight.types import Size

MARGIN = 1 / 16
"""Of the side, around the frame that a model sees. Two lights that `mini` draws for one place
differ, where it is at the border of one frame and in the middle of the other, 1.56 times as much as
in the middle of both; with the margin 1.05 times (`python -m examples.border_margin`)."""


def seen_by(
    job: ResolvedRelightJob, models: Models, info: VideoInfo
) -> tuple[float | None, Scale | None, bool]:
    """What a survey is to keep for a resolved job: small frames a second (None: all), how they are
    made (None: none are kept), and whether some pairs, too."""
    if job.recipe == "fast":
        fps = None if job.reference else job.light_fps
        scale = small_scale(small_size(job, models.relighting, info), info)
        return fps, scale, not job.reference
    framing = framing_of(job, models.to_relight, info)
    sparse = job.transfer == "on" and not job.drawn_background  # which is drawn for every frame
    return job.light_fps if sparse else None, framing.scale, anchors(of_model(job))


def framing_of(job: ResolvedRelightJob, model: Model | Found[Entry], info: VideoInfo) -> Framing:
    """How the frames of a resolved job are shown to its model.

    With a margin, which the published recipe has not, nor has a model that edits pictures: it would
    edit the margin too. Where the model's own pixels are wanted it is beside the frame's size.
    """
    side = of_model(job).side
    margin = 0 if job.recipe == "paper" or model.entry.edits else round(side * MARGIN)
    side += 2 * margin if job.transfer == "off" else 0
    multiple = model.multiple
    return Framing.fit(info.width, info.height, side=side, multiple=multiple, margin=margin)


def small_size(
    job: ResolvedRelightJob, model: Model | Found[Entry] | None, info: VideoInfo
) -> Size:
    """Of the small frames of a resolved job whose light is carried."""
    if job.recipe != "fast":
        assert model is not None, "only a light that is carried needs none"
        framing = framing_of(job, model, info)
        return Size(framing.height, framing.width)
    shrink = min(_small_side(job, model, info) / min(info.width, info.height), 1.0)
    return Size(max(round(info.height * shrink), 1), max(round(info.width * shrink), 1))


def _small_side(
    job: ResolvedRelightJob, model: Model | Found[Entry] | None, info: VideoInfo
) -> int:
    """Shorter side of the small frames: enough for the flow, and for the model."""
    if model is None:
        return SIDE
    framing = framing_of(job, model, info)
    return max(SIDE, framing.width, framing.height)


def small_scale(size: Size, info: VideoInfo) -> Scale:
    """Frames -> the same at a size of small frames, 8 bits."""

    def scale(image: np.ndarray) -> np.ndarray:
        h, w = image.shape[:2]
        if h % 2 == w % 2 == 0 and h >= 4 * size.height and w >= 4 * size.width:
            # Halved first, it takes half the time: means of 2 x 2 pixels are the quickest.
            image = cv2.resize(image, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
        if size.width < info.width or size.height < info.height:
            image = cv2.resize(image, (size.width, size.height), interpolation=cv2.INTER_AREA)
        return to_uint8(image)

    return scale


def anchors(job: ModelRelightJob) -> bool:
    """Whether the windows of a resolved job of the video model share the clip's one light.

    Not the paper's, nor those whose background and subject are drawn by the model as one picture.
    """
    return job.recipe == "best" and not (job.drawn_background and job.transfer == "off")


def of_model(job: ResolvedRelightJob) -> ModelRelightJob:
    """The job, which was resolved with a model, as what it is."""
    assert isinstance(job, ModelRelightJob), "only a job without a reference has a model"
    return job
