"""What a user asks for, defined once: for Python, command line, YAML files, app and sidecar."""

from relight.jobs.base import Compute, Job
from relight.jobs.relight import RelightJob
from relight.jobs.resolved import (
    ModelRelightJob,
    ResolvedJob,
    ResolvedRelightJob,
    ResolvedUpscaleJob,
    resolved,
)
from relight.jobs.upscale import UpscaleJob

KINDS: dict[str, type[Job]] = {"relight": RelightJob, "upscale": UpscaleJob}
"""Kinds of jobs by the name that sidecars and manifests give them."""

__all__ = [
    "KINDS",
    "Compute",
    "Job",
    "ModelRelightJob",
    "RelightJob",
    "ResolvedJob",
    "ResolvedRelightJob",
    "ResolvedUpscaleJob",
    "UpscaleJob",
    "resolved",
]
