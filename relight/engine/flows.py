"""The work of a job of any kind; what relights brings diffusers and is imported when asked for."""

from __future__ import annotations

from relight.engine.build_upscale import upscaling
from relight.engine.resolve import Models
from relight.engine.survey import Scale, Survey
from relight.engine.work import Work
from relight.engine.workflow import Workflows
from relight.jobs import ResolvedJob, ResolvedUpscaleJob
from relight.media import VideoInfo


def workflows(
    job: ResolvedJob, models: Models, info: VideoInfo, survey: Survey, work: Work
) -> Workflows:
    """The work of a job that leaves nothing open: each workflow needs the chunks of the last.

    The frames of the last one are the result.
    """
    if isinstance(job, ResolvedUpscaleJob):
        return (upscaling(job, models, info, survey),)
    from relight.engine import build

    return build.workflows(job, models, info, survey, work)


def seen_by(
    job: ResolvedJob, models: Models, info: VideoInfo
) -> tuple[float | None, Scale | None, bool]:
    """What a survey is to keep for a resolved job: small frames a second (None: all), how they are
    made (None: none are kept), and whether some pairs, too."""
    if isinstance(job, ResolvedUpscaleJob):
        return None, None, False
    from relight.engine import framed

    return framed.seen_by(job, models, info)
