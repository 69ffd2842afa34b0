"""What a dry run says is what a run does."""

import json
from dataclasses import replace

import pytest

from relight.cli import main
from relight.engine import costs, estimates
from relight.engine.expected import PACE, expected
from relight.engine.plan import plan
from relight.engine.plan_text import describe
from relight.engine.progress import Meter, Units
from relight.engine.run import run_relight
from relight.engine.running import Run
from relight.engine.work import work_folder
from relight.jobs import RelightJob, UpscaleJob
from relight.models.catalogue import CATALOGUE
from relight.models.finding import find_model
from relight.models.loader import load_model
from tests.conftest import CPU, case_id
from tests.samples import CLIP

QUICK = {"steps": 2, "relight_steps": 2, "seed": 5, "prompt": "a bunny, red light", "shape": 0}


def _job(out, **settings):
    return RelightJob.make(**{"input": CLIP, "output": out, **QUICK, **settings})


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["on", "off"])
def test_a_plan_has_the_chunks_and_frames_of_the_run(tmp_path, tiny_model, transfer):
    job = _job(tmp_path / "out.mp4", model=str(tiny_model), frames=24, light_fps=24)
    job = job.model_copy(update={"transfer": transfer, "recipe": "best", "keep_work": True})
    planned = plan(job)
    assert not list(tmp_path.iterdir())  # planning leaves nothing
    keys, stage = planned.stages
    model = load_model(str(tiny_model), CPU)
    passes = 0

    def count(progress):
        nonlocal passes
        passes += 1

    result = run_relight(job, load=lambda *_: model, on_progress=count)
    work = work_folder(job.output)
    made = json.loads((work / "manifest.json").read_text())
    assert [n for n in made["chunks"] if n.startswith("key")] == [c.name for c in keys.chunks]
    assert [n for n in made["chunks"] if n.startswith("light")] == [c.name for c in stage.chunks]
    assert result.frames == planned.frames == 24
    assert keys.passes + stage.passes <= passes
    stored = sum(file.stat().st_size for file in work.glob("*.safetensors"))
    assert stored <= planned.disk_bytes + 2**16
    for name, value in planned.job.settings().items():
        if name not in ("seed", "work"):
            assert made["resolved"][name] == value, name


@pytest.mark.parametrize("model", ["mini", "animatediff"])
@pytest.mark.parametrize("frames", [16, 200])
def test_best_denoises_at_most_half_of_what_the_paper_does(tmp_path, monkeypatch, model, frames):
    entry = CATALOGUE[model]
    found = replace(find_model("mini"), entry=entry)  # for its sizes: no weights are needed
    monkeypatch.setattr("relight.models.finding.find_model", lambda *_: found)
    job = RelightJob.make(
        input=CLIP, output=tmp_path / "out.mp4", prompt="red light", frames=frames, light_fps=24
    )
    costs = {}
    for recipe in ("fast", "best", "paper"):
        stages = plan(job.model_copy(update={"recipe": recipe, "transfer": "on"})).stages
        costs[recipe] = sum(stage.cost for stage in stages)
    assert costs["fast"] < costs["best"], costs
    assert costs["best"] < costs["paper"] / 2, costs


@pytest.mark.slow
def test_a_plan_of_keyframes_has_the_passes_of_the_run(tmp_path, tiny_model):
    job = _job(tmp_path / "out.mp4", model=str(tiny_model), frames=24, recipe="fast")
    (stage,) = plan(job).stages
    job = job.model_copy(update={"keep_work": True})
    model = load_model(str(tiny_model), CPU)
    run_relight(job, load=lambda *_: model)
    made = json.loads((work_folder(job.output) / "manifest.json").read_text())
    assert [n for n in made["chunks"] if n.startswith("key")] == [c.name for c in stage.chunks]
    assert stage.frames == 1 and stage.passes > 0


@pytest.mark.parametrize(
    ("settings", "lights"),
    [
        ({"recipe": "fast"}, 4),
        ({"recipe": "fast", "light": "pulse"}, 8),
        ({"recipe": "fast", "light_at": ["0=left", "1=right"]}, 8),
        ({"recipe": "fast", "mask": "box:.2,.2,.6,.9"}, 8),
        ({"recipe": "fast", "mask": "box:.2,.2,.6,.9", "relight": "all"}, 4),
        ({"recipe": "best"}, 8),
        ({"recipe": "fast", "light_fps": 12.0}, 12),
    ],
    ids=case_id,
)
def test_a_light_that_stands_still_over_the_frame_is_found_less_often(tmp_path, settings, lights):
    job = RelightJob.make(input=CLIP, output=tmp_path / "o.mp4", prompt="red light", **settings)
    assert plan(job.model_copy(update={"model": "mini"})).job.light_fps == lights


def test_an_upscaling_plan_counts_every_stage(tmp_path, tiny_model):
    job = UpscaleJob.make(
        input=CLIP,
        output=tmp_path / "o.mp4",
        scale=4,
        steps=3,
        identity=0.5,
        model="mini",
        frames=20,
    )
    (stage,) = plan(job).stages
    assert (stage.width, stage.height) == (4 * plan(job).info.width, 4 * plan(job).info.height)
    assert [len(chunk) for chunk in stage.chunks] == [16, 16]
    assert stage.passes == 2 * 2 * 3  # chunks, stages, steps
    height, width = stage.height, stage.width
    mean = (height * width + height * width / 4) / 2
    assert stage.cost == pytest.approx(stage.passes * 16 * mean / 1e6)


def test_a_plan_without_diffusion_counts_the_frames_of_the_guide(tmp_path):
    given = {"scale": 4, "model": "mini", "frames": 20}
    (stage,) = plan(UpscaleJob.make(input=CLIP, output=tmp_path / "o.mp4", **given)).stages
    assert stage.name == "guide" and stage.passes == 20 and stage.frames == 20


def test_a_dry_run_says_where_a_default_was_never_compared(tmp_path, tiny_model):
    def said(**settings):
        job = UpscaleJob.make(input=CLIP, output=tmp_path / "o.mp4", frames=2, **settings)
        return any("were not at hand" in line for line in describe(job))

    folder = str(tiny_model)
    assert said(model=folder)
    assert not said(model=folder, identity=1) and not said(model=folder, recipe="paper")
    assert not said(model="mini") and not said(model="mini", identity=0.8)


def test_time_is_estimated_from_the_last_runs(tmp_path, monkeypatch, tiny_model):
    file = tmp_path / "cache" / "estimates.json"
    monkeypatch.setenv(estimates.VARIABLE, str(file))
    monkeypatch.setattr(costs, "TELLING_S", 0.0)
    job = _job(tmp_path / "out.mp4", model=str(tiny_model), frames=3)
    assert any("not known" in line for line in describe(job))
    model = load_model(str(tiny_model), CPU)
    result = run_relight(job, load=lambda *_: model)
    known = estimates.known()
    assert {name.split()[-1] for name in known} == {"key", "light", "start", "pace", "memory"}
    again = job.model_copy(update={"output": tmp_path / "again.mp4"})
    assert any("from the last runs" in line for line in describe(again))
    expected = plan(again).seconds(known)
    assert expected == pytest.approx(result.seconds["total"], rel=0.2, abs=0.1)


def test_an_estimate_counts_the_start_once_and_the_rest_by_frames_and_their_size(tmp_path):
    job = _job(tmp_path / "out.mp4", model="mini", recipe="fast", shape=1)
    known = {"mini cpu relight start": 10.0, "mini cpu key": 5.0, "mini cpu relight pace": 0.5}
    short, long = (plan(job.model_copy(update={"frames": frames})) for frames in (8, 72))
    a, b = short.seconds(known), long.seconds(known)
    assert short.seconds(known, started=True) == pytest.approx(a - 10)
    assert 10 < a < b < 10 + 9 * (a - 10)  # nor is a clip's exposure found nine times
    slower = long.seconds({**known, "mini cpu relight pace": 1.0})
    assert b < slower < 10 + 2 * (b - 10)  # the model's own time is not the processor's
    assert long.seconds(known, steps=2) == pytest.approx(b + 5 * long.amounts.denoised["key"])
    amounts = long.amounts
    larger = expected(replace(amounts, megapixels=4 * amounts.megapixels), {})
    more = larger["write"] - expected(amounts, {})["write"]
    assert more == pytest.approx(3 * 0.05 * PACE * 72 * amounts.megapixels)
    assert short.seconds({"mini cpu relight start": 10.0}) is None  # the model's speed is not known
    upscaling = {name.replace("relight", "upscale"): value for name, value in known.items()}
    assert short.seconds(upscaling) is None  # which starts without diffusers


def test_memory_grows_with_the_frames_of_the_result(tmp_path):
    known = {"mini cpu relight memory": 600e6}
    job = _job(tmp_path / "out.mp4", model="mini", recipe="fast")
    one = plan(job.model_copy(update={"frames": 1})).memory_bytes(known)
    all_of_it = plan(job)
    many = all_of_it.memory_bytes(known)
    assert 600e6 < one < many == int(600e6 + 230e6 * all_of_it.amounts.megapixels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": "fast", "frames": 75},
        {"recipe": "fast", "frames": 30, "light": "none"},
        {"recipe": "best", "frames": 3},
        {"recipe": "best", "frames": 24},
        {"recipe": "paper", "frames": 3},
    ],
)
def test_progress_is_measured_by_what_stages_take(tmp_path, monkeypatch, tiny_model, settings):
    monkeypatch.setenv(estimates.VARIABLE, "off")
    job = _job(tmp_path / "out.mp4", model=str(tiny_model), **{"shape": 1, **settings})
    planned, seen = plan(job), {}
    model = load_model(str(tiny_model), CPU)
    made = Run.remember

    def remember(run, result):
        seen["amounts"] = run.amounts
        made(run, result)

    monkeypatch.setattr(Run, "remember", remember)
    run_relight(job, load=lambda *_: model)
    thought, counted = expected(planned.amounts, {}), expected(seen["amounts"], {})
    assert thought.keys() == counted.keys()  # a plan knows all stages that a run has
    assert sum(thought.values()) == pytest.approx(sum(counted.values()), rel=0.1)


def test_a_run_that_goes_on_with_another_tells_no_pace(tmp_path, monkeypatch, tiny_model):
    file = tmp_path / "estimates.json"
    monkeypatch.setenv(estimates.VARIABLE, str(file))
    monkeypatch.setattr(costs, "TELLING_S", 0.0)
    job = _job(tmp_path / "out.mp4", model=str(tiny_model), frames=3, keep_work=True)
    model = load_model(str(tiny_model), CPU)
    run_relight(job, load=lambda *_: model)
    first = json.loads(file.read_text())
    (tmp_path / "out.mp4").unlink()
    (tmp_path / "out.mp4.json").unlink()
    run_relight(job, load=lambda *_: model)
    again = json.loads(file.read_text())
    paces = [name for name in again if name.endswith("pace")]
    assert paces and all(again[name] == first[name] for name in paces)


def test_estimates_can_be_turned_off_and_never_fail(tmp_path, monkeypatch):
    monkeypatch.setenv(estimates.VARIABLE, "off")
    assert estimates.place() is None
    estimates.record("mini", "cpu", {"light": 1.0})
    broken = tmp_path / "estimates.json"
    broken.write_text("{no json")
    monkeypatch.setenv(estimates.VARIABLE, str(broken))
    assert estimates.known() == {}
    for seconds in (9.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        estimates.record("mini", "cpu", {"light": seconds})
    assert estimates.known() == {"mini cpu light": 3.0}  # of the last five
    monkeypatch.setenv(estimates.VARIABLE, str(broken / "no" / "folder.json"))
    estimates.record("mini", "cpu", {"light": 1.0})
    assert estimates.known() == {}


def test_what_a_large_run_tells_of_a_model_outweighs_what_small_ones_do(tmp_path, monkeypatch):
    """A model's first pass takes it a second, however small its frames: 200 s a megapixel."""
    monkeypatch.setenv(estimates.VARIABLE, str(tmp_path / "estimates.json"))
    for seconds, megapixels in ((200.0, 0.01), (180.0, 0.01), (5.0, 0.5)):
        estimates.record("mini", "cpu", {"key": seconds}, {"key": megapixels})
    assert estimates.known() == {"mini cpu key": 5.0}
    broken = {"a": [[1.0]], "b": ["no", [2.0, 1.0]], "c": [], "d": [3, [4.0, 0.5]]}
    (tmp_path / "estimates.json").write_text(json.dumps(broken))
    assert estimates.known() == {"d": 3.0}


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "out.mp4"
    arguments = ["run", str(CLIP), "-o", str(out), "--prompt", "red", "--upscale", "2"]
    assert main([*arguments, "--frames", "20", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    for word in ("source: 20 frames", "key: ", "guide: ", "UNet passes", "disk:", "memory:"):
        assert word in printed
    assert not list(tmp_path.iterdir())


def test_a_dry_run_names_what_it_leaves_out(tmp_path, capsys):
    arguments = ["upscale", str(CLIP), "-o", str(tmp_path / "x.mp4"), "--dry-run", "--json"]
    assert main([*arguments, "--recipe", "paper", "--identity", "0.3"]) == 0
    printed = capsys.readouterr()
    assert "no effect with --dry-run: --json" in printed.err
    assert "identity 0.3 has no effect: recipe paper has no such setting" in printed.out


def test_a_dry_run_refuses_what_a_run_refuses(tmp_path, capsys):
    arguments = ["run", str(tmp_path / "no.mp4"), "-o", str(tmp_path / "x.mp4"), "--prompt", "red"]
    assert main([*arguments, "--dry-run"]) == 2
    assert "no.mp4" in capsys.readouterr().err


def test_time_left_runs_down_while_a_long_step_tells_nothing(monkeypatch):
    told, now = [], [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    units = {"long": Units(total=10, cost=1.0)}
    meter = Meter(units, lambda p: told.append(p.seconds_left), seconds={}, begun=0.0)
    meter.tell()
    now[0] = 10.0
    meter.add("long", 5)
    for now[0] in (13.0, 14.0, 18.0, 30.0):
        meter.tell()
    assert told == [None, 10.0, 7.0, 6.0, 8.0, 20.0]  # overdue, it may take as long again
    meter.add("long", 5)
    now[0] = 31.0
    meter.tell()
    assert told[-1] == 0.0
