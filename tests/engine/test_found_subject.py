"""A clip's subject is found in chunks, and its form made in others: no border of either shows."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from relight.engine.chunks import pieces
from relight.engine.form import Form
from relight.engine.found_subject import FoundSubject
from relight.engine.lit_clip import Clip
from relight.engine.survey import survey
from relight.engine.work import Work
from relight.jobs import RelightJob
from relight.lights import parse_light
from relight.masks import CONTEXT
from relight.masks.grabcut import look_for
from relight.media import Frame, Moment
from tests.masks.scenes import moving_disc

FPS = Fraction(8)


def clip_of(tmp_path, images):
    """Of (frames, 3, h, w) in [0, 1], as a run has it."""
    work = Work(tmp_path / "work")
    work.root.mkdir()
    codes = (255 * images).round().byte().permute(0, 2, 3, 1).numpy()
    frames = [Frame(image=image, time=i / FPS) for i, image in enumerate(codes)]
    seen = survey(map(Moment.of, frames), work, fps=None, scale=lambda image: image)
    paths = {"input": tmp_path / "in.mp4", "output": tmp_path / "out.mp4"}
    job = RelightJob.make(**paths, prompt="red light", model="mini", shape=0.8)
    size = (codes.shape[2], codes.shape[1])
    return Clip(job=job, survey=seen, work=work, size=size, scale=lambda image: image)


def _computed(clip, step):
    for chunk in step.chunks:
        clip.work.save(chunk.name, step.compute(chunk))


@pytest.mark.slow
def test_chunks_are_what_is_found_in_the_whole_clip(tmp_path):
    images, _ = moving_disc(frames=CONTEXT + 10, size=64, radius=14, step=1)
    clip = clip_of(tmp_path, images)
    subject = FoundSubject(clip=clip, chunks=pieces(len(images), 7, stage="subject"))
    _computed(clip, subject)
    cuts, sure = subject.of(range(5, 20), clip.work.load)
    motion = clip.neighbours.motion(range(len(images)), (64, 64))
    whole = look_for(clip.tensors(range(len(images))), None, clip.subject_colours, motion)
    assert float(whole.confidence.max()) > 0.5  # there is one
    torch.testing.assert_close(cuts, whole.cut[5:20], atol=1 / 255, rtol=0)
    torch.testing.assert_close(sure, whole.confidence[5:20], atol=1e-4, rtol=0)


@pytest.fixture
def still(tmp_path):
    """A still scene of 60 frames whose subject is found in the wrong place in every fourth."""
    images, mattes = moving_disc(frames=1, size=64, radius=18, pan=0)
    clip = clip_of(tmp_path, images.expand(60, -1, -1, -1))
    right, wrong = mattes[0, 0], mattes[0, 0].roll(30, dims=1)
    wrong_in = np.random.default_rng(1).random(60) < 0.25
    for chunk in pieces(60, 17, stage="subject"):
        own = wrong_in[chunk.first : chunk.last]
        cut = torch.stack([wrong if one else right for one in own])
        stored = {"cut": (255 * cut).byte().numpy(), "sure": np.ones(len(chunk), np.float32)}
        clip.work.save(chunk.name, stored)
    return clip


def _gains(clip, length):
    subject = FoundSubject(clip=clip, chunks=pieces(60, 17, stage="subject"))
    chunks = pieces(60, length, stage="form")
    light = parse_light("left")
    form = Form(clip=clip, light=light, fps=FPS, chunks=chunks, subject=subject)
    return np.concatenate([form.compute(chunk)["form"] for chunk in chunks]).astype(np.float32)


@pytest.mark.slow
def test_the_form_of_a_still_scene_is_still(still):
    gains = _gains(still, 60)
    assert gains.std(axis=0).max() < 1e-3 < np.ptp(gains[0])


@pytest.mark.slow
def test_no_border_of_a_chunk_shows(still):
    np.testing.assert_allclose(_gains(still, 13), _gains(still, 60), atol=2e-3)
