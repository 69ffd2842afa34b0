"""Inputs that are cut short, or change during a run: said, or refused, never hidden."""

import json
import shutil

import numpy as np
import pytest

from relight import media
from relight.cli import main
from relight.engine.failures import run_safely
from relight.engine.run import run_relight
from relight.errors import MediaError
from relight.jobs import RelightJob
from relight.models.loader import load_model
from tests.conftest import CPU
from tests.engine.test_run import QUICK
from tests.samples import CLIP


@pytest.fixture(scope="module")
def load(tiny_model):
    model = load_model(str(tiny_model), CPU)
    return lambda *_: model


@pytest.fixture
def cut(tmp_path):
    """A clip whose index says more than it holds."""
    path = tmp_path / "cut.mp4"
    whole = CLIP.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    return path


def _job(source, output, **given):
    small = {"light_fps": 2, "side": 64, "steps": 1, "relight_steps": 1}
    return RelightJob.make(input=source, output=output, **{**QUICK, **small, **given})


def _kept(source, output, load):
    """A second run that finds all that the first has kept."""
    for _ in range(2):
        result = run_relight(_job(source, output, keep_work=True, overwrite=True), load=load)
    return result


@pytest.mark.slow
def test_a_clip_cut_short_is_noted_wherever_the_run_is_told_and_refused_if_strict(
    tmp_path, load, cut, tiny_model, capsys
):
    result = run_relight(_job(cut, tmp_path / "a.mp4"), load=load)
    said = [note for note in result.notes if "cut short" in note]
    assert said and said[0] in json.loads(result.sidecar.read_text())["made"]["notes"]

    outcome = run_safely(lambda: run_relight(_job(cut, tmp_path / "b.mp4", strict=True), load=load))
    assert isinstance(outcome.error, MediaError) and "cut short" in outcome.message
    assert not list(tmp_path.glob("*b.mp4*"))

    told = _kept(cut, tmp_path / "c.mp4", load)
    assert said[0] in told.notes and any("resumed" in note for note in told.notes)
    outcome = run_safely(
        lambda: run_relight(_job(cut, tmp_path / "c.mp4", strict=True, overwrite=True), load=load)
    )
    assert isinstance(outcome.error, MediaError) and "cut short" in outcome.message

    report = tmp_path / "r.jsonl"
    options = ["--prompt", "x", "--steps", "1", "--relight-steps", "1", "--model", str(tiny_model)]
    batch = ["batch", str(cut), "-o", str(tmp_path / "out"), "--report", str(report), *options]
    batch += ["--light-fps", "2", "--side", "64"]
    assert main(batch) == 0
    assert "cut short" in str(json.loads(report.read_text())["notes"])
    assert "cut short" in capsys.readouterr().out
    assert main([*batch, "--strict", "--retries", "0"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["cut", "gone", "replaced"])
def test_an_input_that_changes_during_the_run_gives_no_output(tmp_path, load, what):
    source = tmp_path / "in.mp4"
    shutil.copy(CLIP, source)

    def change(progress):
        if progress.stage == "relighting" and not change.done:
            change.done = True
            if what == "gone":
                source.unlink()
            elif what == "cut":
                with source.open("r+b") as file:
                    file.truncate(file.seek(0, 2) // 2)
            else:
                source.with_suffix(".new").write_bytes(CLIP.read_bytes() + b"\0")
                source.with_suffix(".new").replace(source)

    change.done = False
    outcome = run_safely(
        lambda: run_relight(_job(source, tmp_path / "a.mp4"), load=load, on_progress=change)
    )
    assert change.done and outcome.error is not None and "in.mp4" in outcome.message
    assert not (tmp_path / "a.mp4").exists() and not (tmp_path / "a.mp4.json").exists()


@pytest.mark.parametrize(
    ("level", "transfer", "said"),
    [(255, "on", "one even area"), (120, "on", "one even area"), (0, "off", "invention")],
)
def test_a_clip_with_nothing_to_light_says_so(tmp_path, load, level, transfer, said):
    source = tmp_path / "even.mp4"
    with media.write(source, size=(32, 24), fps=8) as out:
        for i in range(3):
            out.add(np.full((24, 32, 3), level, np.uint8), i / 8)
    result = run_relight(_job(source, tmp_path / "a.mp4", transfer=transfer), load=load)
    assert any(said in note for note in result.notes), result.notes
