"""A found matte is the same wherever nothing in the frames changes, whatever chunk it is in."""

import numpy as np
import pytest
import torch

from relight.engine.chunks import pieces
from relight.engine.settled_mask import SettledMask, steps_of
from relight.engine.stored import encoded
from relight.engine.subject_mask import SubjectMask
from relight.jobs.regions import MaskAuto, MaskFile
from tests.engine.test_found_subject import clip_of
from tests.masks.scenes import moving_disc

COUNT = 60


def _found(clip, mattes):
    """Mattes (COUNT, h, w) of 0 and 1 as if they had been found, in chunks."""
    chunks = pieces(COUNT, 17, stage="matte")
    for chunk in chunks:
        codes = {f"{n:07d}": encoded(255 * mattes[n]) for n in range(chunk.first, chunk.last)}
        clip.work.save(chunk.name, codes)
    return SubjectMask(clip=clip, asked=MaskAuto(), chunks=chunks)


def _settled(found, length):
    """(COUNT, h, w) in [0, 1], computed in chunks of some length."""
    clip, chunks = found.clip, pieces(COUNT, length, stage="mask")
    mask = SettledMask(clip=clip, asked=found.asked, chunks=chunks, found=found)
    for chunk in chunks:
        clip.work.save(chunk.name, mask.compute(chunk))
    return torch.cat([mask.small(number, clip.work.load) for number in range(COUNT)]).numpy()


@pytest.fixture
def still(tmp_path):
    """Of a still scene, whose matte has lost a part in some frames, and its true matte."""
    images, mattes = moving_disc(frames=1, size=64, radius=18, pan=0)
    grain = torch.randn(COUNT, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 1.5 / 255
    clip = clip_of(tmp_path, (images + grain).clamp(0, 1))
    truth = mattes[0, 0].byte().numpy()
    found = np.repeat(truth[None], COUNT, 0)
    found[np.random.default_rng(1).random(COUNT) < 0.25, :, :24] = 0
    return _found(clip, found), truth


def test_in_a_still_scene_the_matte_is_still(still):
    found, truth = still
    settled = _settled(found, COUNT)
    np.testing.assert_array_equal(settled, np.repeat(truth[None], COUNT, 0))


def test_no_border_of_a_chunk_shows(still):
    found, _ = still
    np.testing.assert_array_equal(_settled(found, 13), _settled(found, COUNT))


def test_where_something_moves_the_matte_is_the_frames_own(tmp_path):
    images, mattes = moving_disc(frames=COUNT, size=64, radius=9, step=0.5, pan=0)
    truth = mattes[:, 0].byte().numpy()
    settled = _settled(_found(clip_of(tmp_path, images), truth), COUNT)
    assert np.abs(settled - truth).mean() < 0.002


def test_a_matte_of_a_file_is_as_it_is(tmp_path):
    images, _ = moving_disc(frames=1, size=64)
    clip = clip_of(tmp_path, images)
    given = SubjectMask(clip=clip, asked=MaskFile(tmp_path), chunks=pieces(1, 1, stage="mask"))
    assert steps_of(given) == (given,)
    found = SubjectMask.automatic(clip)
    assert [step.chunks[0].stage for step in steps_of(found, "subject")] == ["matte", "subject"]
