"""Runs of upscaling jobs, and what is read of their files."""

import av
import numpy as np
import pytest

from relight import media
from relight.engine.run import run_upscale
from relight.errors import InputError
from relight.jobs import UpscaleJob

QUICK = {"steps": 1, "seed": 5, "identity": 0.8}


def upscaled(load, source, output, on_progress=None, **settings):
    job = UpscaleJob.make(**{"input": source, "output": output, **QUICK, **settings})
    return run_upscale(job, load=load, on_progress=on_progress)


def images(path):
    return np.stack([media.to_uint8(frame.image) for frame in media.read(path)])


def sound(path):
    with av.open(path) as file:
        return [bytes(p) for p in file.demux(audio=0) if p.size] if file.streams.audio else []


def never(*_):
    raise AssertionError("a model was loaded for a job that can't be run")


def refused(match, load, *arguments, error=InputError, **settings):
    with pytest.raises(error, match=match) as caught:
        upscaled(load, *arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)
