"""The work of a job of any kind; what relights brings diffusers and is imported when asked for."""

from __future__ import annotations

from relight.engine.build_upscale import upscaling
from relight.engine.resolve import Models
from relight.engine.survey import Scale, Survey
from relight.engine.work import Work
from relight.engine.workflow import Workflow
from relight.jobs import Job, UpscaleJob
from relight.media import VideoInfo


def workflows(
    job: Job, models: Models, info: VideoInfo, survey: Survey, work: Work
) -> tuple[Workflow, ...]:
    """The work of a job that leaves nothing open: each workflow needs the chunks of the last.

    The frames of the last one are the result.
    """
    if isinstance(job, UpscaleJob):
        return (upscaling(job, models, info, survey),)
    from relight.engine import build

    return build.workflows(job, models, info, survey, work)


def seen_by(job: Job, models: Models, info: VideoInfo) -> tuple[float | None, Scale | None]:
    """What a survey is to keep for a resolved job: small frames a second (None: all), and how they
    are made (None: none are kept)."""
    if isinstance(job, UpscaleJob):
        return None, None
    from relight.engine import build

    return build.seen_by(job, models, info)
