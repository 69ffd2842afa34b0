"""A batch in which everything goes wrong: nothing is lost, nothing is done twice."""

from pathlib import Path

import pytest

from examples.batch_trial import disk, inputs, trial
from tests.engine.batch.test_batch import QUICK, _clip


def _last(events):
    return {Path(event["input"]).name: event["status"] for event in events}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_batch_with_everything_wrong_is_finished_by_a_second_run(tmp_path, tiny_model):
    names = [f"{number}.mp4" for number in range(8)]
    for number, name in enumerate(names):
        _clip(tmp_path / "clips" / name, number, frames=24)
    source = inputs(tmp_path / "clips", tmp_path / "in")
    try:
        with disk(tmp_path / "disk") as target:
            settings = [*QUICK, "--model", str(tiny_model)]
            first, second = trial(source, target, tmp_path, settings)
            made = {path.name for path in target.rglob("*.mp4")}
            left = [path.name for path in target.rglob(".*") if path.name != ".relight-batch"]
    except OSError as error:
        pytest.skip(str(error))
    told = {event["message"] for event in first if event["status"] in ("failed", "retrying")}
    assert any("exit code -9" in line for line in told)  # the killed worker, tried again
    assert any("disk" in line and "full" in line for line in told)
    once, twice = _last(first), _last(second)
    assert set(once) == set(twice) == {*names, "damaged.mp4", "unreadable.mp4"}
    bad = {name for name, status in twice.items() if status == "failed"}
    assert bad == {"damaged.mp4", "unreadable.mp4"} == bad & {n for n in once if once[n] != "done"}
    done = {name for name in names if once[name] == "done"}
    assert 2 <= len(done) < len(names)  # the full disk stopped the others
    assert {name for name in names if twice[name] == "skipped"} == done
    assert made == set(names) and not left
