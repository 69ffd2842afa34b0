"""Every job file of the examples runs, with the embedded model, small."""

from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.engine.prepare import refuse
from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.jobs.files import read_job
from relight.jobs.regions import MaskAuto, MaskFile, MaskSeed
from relight.lights import MovingLight, Several, kinds, parse_light

ROOT = Path(__file__).parents[2]
JOBS = sorted((ROOT / "examples" / "jobs").glob("*.yaml"))
SHOWN = (27, 30, 33)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Frames of the example in which its subject is all to be seen, half of its size."""
    path = tmp_path_factory.mktemp("small") / "in.mkv"
    with media.write(path, size=(320, 180), fps=1, encoding=media.Encoding(codec="ffv1")) as out:
        for i, frame in enumerate(media.read(ROOT / "examples/clips/big_buck_bunny.mp4")):
            if i in SHOWN:
                time = media.Frame(frame.image, SHOWN.index(i)).time
                out.add(np.ascontiguousarray(frame.image[::2, ::2]), time)
    return path


def test_every_light_and_every_region_has_a_job():
    jobs = [RelightJob.make(**read_job(file)) for file in JOBS]
    used = set()
    for job in jobs:
        lights = [MovingLight.read(job.light_at)] if job.light_at else [parse_light(job.light)]
        used |= {type(one) for light in lights for one in (light, *light.parts())}
    assert set(kinds()) | {Several} <= used
    masks = {type(job.region) for job in jobs} | {getattr(job.region, "word", "") for job in jobs}
    assert {MaskAuto, MaskFile, MaskSeed, "click", "box"} <= masks
    behind = {Path(job.background).suffix for job in jobs if job.background}
    assert {".png", ".mp4", ""} <= behind and any(job.drawn_background for job in jobs)
    assert any((ROOT / (job.background or "none")).is_dir() for job in jobs)
    assert {"subject", "background", "all"} == {job.lit for job in jobs}
    assert any(job.delight for job in jobs) and any(job.recipe == "best" for job in jobs)
    assert {bool(job.mask) for job in jobs if job.reference} == {True}


@pytest.mark.parametrize("file", JOBS, ids=lambda file: file.stem)
def test_nothing_in_a_job_of_the_examples_is_refused(file, monkeypatch):
    monkeypatch.chdir(ROOT)
    job = RelightJob.make(**read_job(file))
    refuse(job, media.probe(job.input))


@pytest.mark.slow
@pytest.mark.parametrize("file", JOBS, ids=lambda file: file.stem)
def test_a_job_of_the_examples_runs(file, small, mini, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = read_job(file)
    assert Path(settings["input"]).is_file()
    settings |= {"input": small, "output": tmp_path / "out.mkv", "codec": "ffv1", "start": 0}
    if "reference" not in settings:  # which needs no model
        assert settings["model"] == "mini"
        side = 64 if "light" in settings or "light_at" in settings else None
        settings |= {"relight_steps": 2, "steps": 2, "side": side}
    result = run_relight(RelightJob.make(**settings), load=mini)
    source, out = (
        np.stack([frame.image for frame in media.read(path)]).astype(int)
        for path in (small, result.path)
    )
    assert out.shape == source.shape
    assert np.abs(out - source).mean() > 1.5
