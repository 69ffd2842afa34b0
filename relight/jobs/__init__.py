"""What a user asks for, defined once: for Python, command line, YAML files, app and sidecar."""

from relight.jobs.base import Compute, Job
from relight.jobs.relight import RelightJob
from relight.jobs.upscale import UpscaleJob

__all__ = ["Compute", "Job", "RelightJob", "UpscaleJob"]
