"""Chunks that come after another are computed after it, also where several processes share them."""

import numpy as np
import pytest
import torch
from PIL import Image

from relight.engine.chunks import pieces, ready
from relight.engine.manifest import read
from relight.engine.run import run_relight
from relight.engine.work import Work, work_folder
from relight.jobs import RelightJob
from tests.masks.scenes import moving_disc


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    """72 pictures of a red disc that moves slowly, and the first one brighter."""
    folder = tmp_path_factory.mktemp("disc")
    frames, _ = moving_disc(frames=72, size=64, radius=15, colour=(0.8, 0.2, 0.2), step=0.25)
    codes = (frames * 255).byte().permute(0, 2, 3, 1).numpy()
    (folder / "clip").mkdir()
    for i, image in enumerate(codes):
        Image.fromarray(image).save(folder / "clip" / f"{i:02d}.png")
    Image.fromarray((codes[0] * 1.2).clip(0, 255).astype(np.uint8)).save(folder / "still.png")
    return folder


@pytest.mark.slow
def test_processes_keep_the_order_of_chunks_that_build_on_each_other(tmp_path, disc):
    """Light carried from frame 0, and the subject followed from a click in the middle."""
    given = {"reference": f"0={disc / 'still.png'}", "mask": "click:.54,.55@1.5", "seed": 1}
    files = []
    for name, devices in (("a", None), ("b", "cpu,cpu")):
        made = {"input": disc / "clip", "as_clip": True, "devices": devices, "keep_work": True}
        job = RelightJob.make(output=tmp_path / f"{name}.mp4", **made, **given)
        files.append(run_relight(job).path.read_bytes())
        manifest = read(Work(work_folder(job.output)))
        for stage, count in (("carry", 5), ("matte", 3)):
            assert sum(chunk.startswith(stage) for chunk in manifest.chunks) == count
    assert files[0] == files[1]


@pytest.mark.slow
def test_threads_compute_the_same_as_one(tmp_path, disc):
    """Two ways of light at once, and several frames: the work folders and the files are equal."""
    files, stored = [], []
    before = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            made = {"input": disc / "clip", "as_clip": True, "keep_work": True, "mask": "auto"}
            still = f"1={disc / 'still.png'}"
            job = RelightJob.make(output=tmp_path / f"{count}.mp4", reference=still, **made)
            files.append(run_relight(job).path.read_bytes())
            chunks = work_folder(job.output).glob("carry-*")
            stored.append({path.name: path.read_bytes() for path in chunks})
    finally:
        torch.set_num_threads(before)
    assert len(stored[0]) > 2
    assert stored[0] == stored[1] and files[0] == files[1]


def test_a_chunk_is_ready_once_the_one_it_comes_after_is_stored():
    from dataclasses import replace

    first, second, third = pieces(3, 1, stage="carry")
    second = replace(second, after=first.name)
    assert ready([first, second, third], []) == [first, third]
    assert ready([second], [first]) == []
    assert ready([second], []) == [second]
