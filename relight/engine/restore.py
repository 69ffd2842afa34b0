"""The work of a run that another process began, from its work folder alone."""

from __future__ import annotations

from relight import media
from relight.engine import manifest
from relight.engine.flows import workflows
from relight.engine.resolve import Loaders
from relight.engine.survey import Survey
from relight.engine.work import Work
from relight.engine.workflow import Workflows
from relight.errors import MediaError
from relight.jobs import resolved


def restore(work: Work, device: str) -> Workflows:
    """The workflows of the run in a work folder, with models loaded on a device.

    Raises:
        MediaError: there is no run in it. ModelError: a model can't be loaded.
    """
    stored, survey = manifest.read(work), Survey.load(work)
    if stored is None or survey is None:
        raise MediaError(f"{work.root} holds no run")
    job = resolved(stored.kind, stored.resolved)
    models = Loaders().load(job.model_copy(update={"device": device}), len(survey.times) > 1)
    return workflows(job, models, media.probe(job.input, job.reading), survey, work)
