"""The command line: what it prints, its exit codes, and that bad input is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from relight.cli import main
from relight.cli.bench import _setting
from relight.jobs import RelightJob
from relight.jobs.files import asked_in, job_of
from relight.lights import kinds
from tests.samples import CLIP

PROMPT = ["--prompt", "a bunny, red light"]
QUICK = ["--steps", "2", "--relight-steps", "2", "--frames", "3", "--seed", "1"]


@pytest.fixture
def model(tiny_model):
    return ["--model", str(tiny_model), *QUICK]


def _fails(capsys, arguments, code=None):
    """Run, expect failure with exactly one line on stderr, and return that line."""
    got = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.strip()]
    assert got == code if code else got in (1, 2)
    assert out == "" and len(lines) == 1 and lines[0].startswith("relight: "), err
    return lines[0]


def test_a_clip_is_relit_and_the_result_printed_as_json(tmp_path, capsys, model):
    out = tmp_path / "out.mp4"
    assert main(["run", str(CLIP), "-o", str(out), *PROMPT, *model, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert Path(result["path"]) == out and out.exists() and result["frames"] == 3
    assert result["settings"]["seed"] == 1


@pytest.mark.slow
def test_a_folder_is_done_one_by_one_and_a_failure_does_not_stop_the_rest(tmp_path, capsys, model):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "a.mp4").symlink_to(CLIP)
    (clips / "broken.mp4").write_bytes(b"\0" * 3000)
    (clips / "z.mp4").symlink_to(CLIP)
    code = main(["run", str(clips), "-o", str(tmp_path / "out"), *PROMPT, *model])
    err = capsys.readouterr().err
    assert code == 1 and "broken.mp4" in err and "1 of 3 failed" in err
    assert err.count("model: ") == 1  # loaded once
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert made == ["a.mp4", "a.mp4.json", "z.mp4", "z.mp4.json"]


@pytest.mark.slow
def test_a_job_file_runs_and_the_command_line_goes_before_it(tmp_path, capsys, model, tiny_model):
    job = tmp_path / "job.yaml"
    job.write_text(
        f"input: {CLIP}\noutput: {tmp_path / 'a.mp4'}\nprompt: red light\nmodel: {tiny_model}\n"
        "frames: 2\nsteps: 2\nrelight_steps: 2\n"
    )
    assert main(["run", str(job)]) == 0
    assert (tmp_path / "a.mp4").exists()
    other = tmp_path / "b.mp4"
    assert main(["run", str(job), "-o", str(other), "--light", "top", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(printed)["settings"]["light"] == "top"


MINI = ["--model", "mini", "--side", "32", "--relight-steps", "1", "--shape", "0"]


def test_what_is_given_over_a_sidecar_decides_anew_what_was_not_asked_for(tmp_path):
    Image.effect_noise((48, 32), 50).convert("RGB").save(tmp_path / "in.png")
    Image.new("RGB", (48, 32), "navy").save(tmp_path / "sea.png")
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    assert main(["run", str(tmp_path / "in.png"), "-o", str(first), *PROMPT, *MINI]) == 0
    assert main(["run", f"{first}.json", "-o", str(again)]) == 0
    assert first.read_bytes() == again.read_bytes()
    asked = {"model", "prompt", "relight_steps", "shape", "side"}
    for made in (first, again):  # a repeated run asks for no more than the first
        assert set(json.loads(Path(f"{made}.json").read_text())["asked"]) == asked
    sidecar = Path(f"{again}.json")
    best = job_of(sidecar, RelightJob, {"recipe": "best"})
    assert (best.light_fps, best.strength, best.scene, best.relight) == (None,) * 4
    assert (best.model, best.side, best.relight_steps, best.shape) == ("mini", 32, 1, 0)
    before = job_of(sidecar, RelightJob, {})
    assert (before.recipe, before.light_fps, before.device) == ("fast", 4, "cpu")
    assert best.seed == before.seed and job_of(sidecar, RelightJob, {"depth": 8}).light_fps == 4
    assert job_of(sidecar, RelightJob, {"model": "wan"}).dtype == "auto"
    behind = job_of(sidecar, RelightJob, {"background": str(tmp_path / "sea.png")})
    assert (behind.lit, "light" in asked_in(behind)) == ("subject", False)


def _file(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


BAD = {
    "missing file": (lambda d: [d / "no.mp4"], "no.mp4"),
    "empty file": (lambda d: [_file(d, "e.mp4", b"")], "empty"),
    "random bytes": (lambda d: [_file(d, "r.mp4", bytes(range(256)) * 40)], "r.mp4"),
    "truncated": (lambda d: [_file(d, "t.mp4", CLIP.read_bytes()[:500])], "t.mp4"),
    "a folder without clips": (lambda d: [d], "holds no clips"),
    "steps 0": (lambda d: [CLIP, "--steps", "0"], "steps"),
    "strength 0": (lambda d: [CLIP, "--strength", "0"], "strength"),
    "strength above 1": (lambda d: [CLIP, "--strength", "1.2"], "strength"),
    "strength nan": (lambda d: [CLIP, "--strength", "nan"], "strength"),
    "steps that leave nothing": (lambda d: [CLIP, "--start", "99"], "99"),
    "unknown light": (lambda d: [CLIP, "--light", "sideways"], "sideways"),
    "radius 0": (lambda d: [CLIP, "--light", "point:radius=0"], "radius should be"),
    "unknown colour": (lambda d: [CLIP, "--light", "point:color=blurple"], "blurple"),
    "a light picture that isn't there": (lambda d: [CLIP, "--light", d / "no.png"], "no.png"),
    "keyframes out of order": (
        lambda d: [CLIP, "--light-at", "2=left", "--light-at", "1=top"],
        "in order of time",
    ),
    "unknown model": (lambda d: [CLIP, "--model", "huge"], "huge"),
    "unknown device": (lambda d: [CLIP, "--device", "cuda:77"], "cuda:77"),
    "unknown option": (lambda d: [CLIP, "--sparkle"], "sparkle"),
    "no number": (lambda d: [CLIP, "--seed", "many"], "seed"),
    "unknown key": (lambda d: [_file(d, "j.yaml", b"promt: x")], "promt"),
    "a model like another": (lambda d: [CLIP, "--model", "minni"], "did you mean 'mini'?"),
    "a key like another": (
        lambda d: [_file(d, "j.yaml", b"promt: x")],
        "unknown key 'promt' in {folder}/j.yaml: did you mean 'prompt'?",
    ),
    "a list for a path": (lambda d: [_file(d, "j.yaml", b"input: [1]")], "input should be text"),
    "a word for a number": (
        lambda d: [_file(d, "j.json", b'{"intensity": "high"}')],
        "intensity should be a number, not 'high'",
    ),
    "an address": (lambda d: ["http://example.com/a.mp4"], "a.mp4 is an address: download"),
    "a job file among clips": (
        lambda d: [_file(d, "j.yaml", b"prompt: x"), CLIP],
        "j.yaml is a job file: give it alone",
    ),
    "no extension": (lambda d: [CLIP, "-o", d / "out"], "its name has no extension"),
    "an extension that is only read": (
        lambda d: [CLIP, "-o", d / "out.avi"],
        ".avi can't be written",
    ),
    "a program in YAML": (lambda d: [_file(d, "j.yaml", b"!!python/name:os.system")], "j.yaml"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys, model, case):
    arguments, named = BAD[case]
    given = arguments(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    rest = [] if "--model" in given or "--steps" in given else model
    target = tmp_path / "out.mp4"
    output = [] if "-o" in given else ["-o", target]
    line = _fails(capsys, ["run", *given, *output, *PROMPT, *rest])
    assert named.replace("{folder}", str(tmp_path)) in line
    left = {p.name for p in tmp_path.iterdir()} - set(before)
    assert not left, left


def test_output_is_input_and_unwritable_places_are_refused(tmp_path, capsys, model):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(CLIP.read_bytes())
    assert "input itself" in _fails(capsys, ["run", clip, "-o", clip, *PROMPT, *model])
    there = tmp_path / "no" / "folder" / "out.mp4"
    assert "no folder" in _fails(capsys, ["run", clip, "-o", there, *PROMPT, *model])
    assert "extension" in _fails(capsys, ["run", clip, "-o", tmp_path / "x.doc", *PROMPT, *model])
    assert clip.read_bytes() == CLIP.read_bytes()


@pytest.mark.parametrize("name", ["[1].png", "[Group] A film.png", "{a}.png", "5%.png", "a b.png"])
def test_any_name_is_a_name(tmp_path, capsys, monkeypatch, name):
    """[1].png is no list in JSON."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48)).save(name)
    assert main(["upscale", name, "-o", "out.png", "--scale", "2", "--dry-run"]) == 0
    assert name in capsys.readouterr().out


def test_usage_errors_exit_with_2(capsys):
    assert "pipes are not read" in _fails(capsys, ["run", "-", "-o", "x.mp4", *PROMPT], code=2)
    assert "-o out.mp4" in _fails(capsys, ["run", CLIP, *PROMPT], code=2)
    assert "prompt" in _fails(capsys, ["run", CLIP, "-o", "x.mp4"], code=2)
    assert "relight run --help" in _fails(capsys, ["run"], code=2)
    assert "not expected: left; relight lights --help" in _fails(capsys, ["lights", "left"], code=2)
    assert '"high" is not a number' in _fails(capsys, ["run", CLIP, "--intensity", "high"], code=2)


def test_a_bench_refuses_a_setting_that_is_no_yaml(tmp_path, capsys):
    given = ["bench", CLIP, "-o", tmp_path / "b", "--set", "side=["]
    assert "its value is no YAML" in _fails(capsys, given, code=2)


def test_a_bench_reads_a_setting_as_a_job_file_does():
    given = ("transfer=off", "seed=3", "light-at=[0=left, 1:30]", "shape=0.5", "mask=")
    found = dict(_setting(one) for one in given)
    assert found == {
        "transfer": "off",
        "seed": 3,
        "light_at": ["0=left", "1:30"],
        "shape": 0.5,
        "mask": None,
    }


@pytest.mark.parametrize("factor", [-1, 0, 1, 17])
def test_a_bench_refuses_a_factor_that_makes_nothing_smaller(tmp_path, capsys, factor):
    given = ["bench", CLIP, "-o", tmp_path / "b", "--upscale", "--factor", factor]
    assert f"factor should be 2 to 16, not {factor}" in _fails(capsys, given, code=2)
    assert not (tmp_path / "b").exists()


def test_help_lists_every_setting_without_loading_torch():
    code = (
        "import sys; from relight.cli import main; main(['run', '--help']); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'av', 'cv2', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for option in (
        "--prompt",
        "--light",
        "--model",
        "--seed",
        "--frames",
        "--start",
        "--overwrite",
    ):
        assert option in done.stdout


@pytest.mark.parametrize("command", [["lights"], ["models"]])
def test_a_list_that_is_read_in_part_is_no_failure(command):
    code = f"import sys; from relight.cli import main; sys.exit(main({command!r}))"
    ask = [sys.executable, "-c", code]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(ask, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_result_that_cannot_be_printed_is_there(tmp_path):
    Image.new("RGB", (48, 32), "grey").save(tmp_path / "in.png")
    words = ["run", str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), *PROMPT, *MINI]
    code = f"import sys; from relight.cli import main; sys.exit(main({words!r}))"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0 and (tmp_path / "out.png").exists()
    assert "note: what was done can't be printed (No space left on device)" in done.stderr
    assert "run the same command again" not in done.stderr


def test_the_kinds_of_light_are_listed(capsys):
    assert main(["lights"]) == 0
    listed = capsys.readouterr().out
    for kind in kinds():
        assert kind.usage in listed
