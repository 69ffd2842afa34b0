"""`relight upscale`, `relight run --upscale` and what `relight models` says of upscalers."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from relight import media
from relight.cli import main
from relight.engine.run import run_relight
from relight.errors import InputError
from relight.jobs import RelightJob
from relight.models.loader import load_model
from tests.cli.test_cli import _fails, _file
from tests.engine.test_run import _sound
from tests.samples import CLIP, small_clip, small_picture


@pytest.fixture
def quick(tiny_model):
    return ["--model", str(tiny_model), "--steps", "1", "--seed", "1", "--guidance", "1"]


@pytest.fixture
def small(tmp_path):
    """small(name): a picture of the scene."""

    def make(name="in.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        return small_picture(path)

    return make


@pytest.fixture
def clip(tmp_path):
    """Three small frames of the sample clip, with its sound."""
    return small_clip(tmp_path / "clip.mp4", 3)


def _images(path):
    return np.stack([frame.image for frame in media.read(path)])


def _call(*arguments):
    return main([str(argument) for argument in arguments])


# --- relight upscale


def test_a_picture_is_enlarged_and_the_result_printed(tmp_path, capsys, quick, small):
    out = tmp_path / "out.png"
    assert _call("upscale", small(), "-o", out, "--scale", "1.5", *quick) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{out} (1 frame, ") and "model: " in printed.err
    assert _images(out).shape == (1, 36, 60, 3)


def test_json_is_the_result_and_a_job_file_again(tmp_path, capsys, quick, small):
    first, second, third = (tmp_path / name for name in ("a.png", "b.png", "c.png"))
    assert _call("upscale", small(), "-o", first, "--size", "90x90", *quick, "--json") == 0
    [line] = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert Path(result["path"]) == first and result["frames"] == 1
    assert result["settings"]["size"] == "90x90" and result["settings"]["scale"] is None
    assert _images(first).shape == (1, 54, 90, 3)
    assert _call("upscale", result["sidecar"], "-o", second) == 0
    assert first.read_bytes() == second.read_bytes()
    assert _call("upscale", result["sidecar"], "-o", third, "--seed", "2") == 0
    assert first.read_bytes() != third.read_bytes()


@pytest.mark.parametrize(
    "stored, given, expected",
    [
        ("size: 90x90", ("--size", "60x60"), (36, 60)),
        ("size: 90x90", ("--scale", "2"), (48, 80)),
        ("scale: 3", ("--size", "60x60"), (36, 60)),
        ("scale: 3", ("--identity", "1"), (72, 120)),
    ],
    ids=str,
)
def test_the_size_of_a_job_file_gives_way(tmp_path, quick, small, stored, given, expected):
    job = tmp_path / "job.yaml"
    job.write_text(f"input: {small()}\noutput: {tmp_path / 'a.png'}\n{stored}\n")
    assert _call("upscale", job, *given, *quick) == 0
    assert _images(tmp_path / "a.png").shape == (1, *expected, 3)


@pytest.mark.slow
def test_a_folder_of_pictures_and_clips_is_done_with_two_models(
    tmp_path, capsys, quick, small, clip
):
    for name in ("media/a.png", "media/b.jpg", "media/d.png"):
        small(name)
    clip.rename(tmp_path / "media" / "c.mp4")
    (tmp_path / "media" / "e.png").write_bytes(b"\x89PNG but no more")
    (tmp_path / "media" / "notes.txt").write_text("not media")
    code = _call("upscale", tmp_path / "media", "-o", tmp_path / "out", *quick)
    err = capsys.readouterr().err
    assert code == 1 and "e.png" in err and "1 of 5 failed" in err
    made = sorted(p.name for p in (tmp_path / "out").iterdir() if p.suffix != ".json")
    assert made == ["a.png", "b.jpg", "c.mp4", "d.png"]
    for name in made:
        assert _images(tmp_path / "out" / name).shape[1:] in ((48, 80, 3), (36, 64, 3))


BAD = {
    "missing file": (lambda d: [d / "no.png"], "no.png", 2),
    "empty file": (lambda d: [_file(d, "e.png", b"")], "empty", 1),
    "broken file": (lambda d: [_file(d, "b.png", b"\x89PNG\r\n\x1a\n" * 9)], "b.png", 1),
    "an empty folder": (lambda d: [d], "holds no", 2),
    "scale 1": (lambda d: [CLIP, "--scale", "1"], "scale", 2),
    "scale 99": (lambda d: [CLIP, "--scale", "99"], "scale", 2),
    "scale nan": (lambda d: [CLIP, "--scale", "nan"], "scale", 2),
    "scale and size": (lambda d: [CLIP, "--scale", "2", "--size", "2000x2000"], "not both", 2),
    "a size that is smaller": (lambda d: [CLIP, "--size", "320x180"], "640x360", 2),
    "a size that is none": (lambda d: [CLIP, "--size", "large"], "size", 2),
    "a huge size": (lambda d: [CLIP, "--size", "999999x999999"], "GiB", 2),
    "identity 2": (lambda d: [CLIP, "--identity", "2"], "identity", 2),
    "unknown model": (lambda d: [CLIP, "--model", "huge"], "huge", 1),
    "sdxl for a clip": (lambda d: [CLIP, "--model", "sdxl"], "pictures only", 1),
    "unknown option": (lambda d: [CLIP, "--light", "left"], "light", 2),
    "unknown key": (lambda d: [_file(d, "j.yaml", b"light: left")], "light", 2),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys, case):
    arguments, named, code = BAD[case]
    given = arguments(tmp_path)
    before = sorted(tmp_path.iterdir())
    # A name that is not known to be here would be looked for; auto is the embedded model.
    line = _fails(
        capsys, ["upscale", *given, "-o", tmp_path / "out.mp4", "--device", "cpu"], code=code
    )
    assert named in line and sorted(tmp_path.iterdir()) == before


def test_without_an_output_the_line_says_what_to_add(capsys, small):
    assert "-o" in _fails(capsys, ["upscale", small()], code=2)


def test_help_lists_every_setting_without_loading_torch():
    code = (
        "import sys; from relight.cli import main; main(['upscale', '--help']); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'av', 'cv2', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for option in ("scale", "size", "prompt", "identity", "model", "seed", "recipe", "tile"):
        assert f"--{option}" in done.stdout


# --- relight run --upscale


@pytest.fixture
def relit(tiny_model):
    model = ["--model", str(tiny_model), "--steps", "1", "--relight-steps", "1", "--seed", "1"]
    return [*model, "--prompt", "a bunny, red light"]


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["on", "off"])
def test_relighting_and_upscaling_in_one_pass(tmp_path, capsys, relit, clip, transfer):
    out, again = tmp_path / "out.mp4", tmp_path / "again.mp4"
    given = [*relit, "--transfer", transfer]
    assert _call("run", clip, "-o", out, *given, "--upscale", "2", "--json") == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["settings"]["upscale"] == 2 and result["frames"] == 3
    assert printed.err.count("model: ") == 2  # one that relights and one that upscales
    assert _images(out).shape == (3, 36, 64, 3)
    assert [f.time for f in media.read(out)] == [f.time for f in media.read(clip)]
    assert _sound(clip) and _sound(out) == _sound(clip)
    if transfer == "on":
        assert _call("run", result["sidecar"], "-o", again) == 0
        assert out.read_bytes() == again.read_bytes()


@pytest.mark.slow
def test_what_is_upscaled_is_the_relit_clip(tmp_path, relit, clip):
    for name, more in (("plain.mp4", ()), ("large.mp4", ("--upscale", "2"))):
        assert (
            _call(
                "run",
                clip,
                "-o",
                tmp_path / name,
                *relit,
                "--transfer",
                "on",
                *more,
                "--frames",
                "1",
            )
            == 0
        )
    plain, large = (_images(tmp_path / name) for name in ("plain.mp4", "large.mp4"))
    small = np.stack([cv2.resize(f, (32, 18), interpolation=cv2.INTER_AREA) for f in large])
    source = _images(clip).astype(float)
    assert np.abs(small - plain.astype(float)).mean() < 0.5 * np.abs(small - source).mean()


def test_a_picture_that_is_enlarged_is_the_relit_one(tmp_path, small):
    """The embedded model's guide enlarges it alone: nothing is denoised."""
    picture = small()
    common = ("--prompt", "red light", "--light", "left", "--model", "mini", "--seed", "1")
    for name, more in (("plain.png", ()), ("large.png", ("--upscale", "2"))):
        assert _call("run", picture, "-o", tmp_path / name, *common, *more) == 0
    source, plain, large = (
        cv2.imread(str(path)).astype(float)
        for path in (picture, tmp_path / "plain.png", tmp_path / "large.png")
    )
    small = cv2.resize(large, plain.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(plain - source).mean() > 15
    assert np.abs(small - plain).mean() < 2


def test_progress_of_both_rises_to_the_end_and_the_times_add_up(tmp_path, tiny_model, clip):
    job = RelightJob.make(
        input=clip,
        output=tmp_path / "out.mp4",
        prompt="red light",
        model=str(tiny_model),
        steps=1,
        relight_steps=1,
        upscale=2,
    )
    seen = []
    result = run_relight(job, on_progress=seen.append)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    parts = {name: value for name, value in result.seconds.items() if name != "total"}
    assert min(parts.values()) >= 0 and parts["model"] > 0
    assert sum(parts.values()) == pytest.approx(result.seconds["total"], abs=0.05)  # rounding


@pytest.mark.parametrize("upscale", [1, 17, float("nan")])
def test_an_upscale_out_of_range_is_refused(tmp_path, capsys, relit, upscale):
    arguments = ["run", CLIP, "-o", tmp_path / "x.mp4", *relit, "--upscale", upscale]
    assert "upscale" in _fails(capsys, arguments, code=2)


def test_too_large_a_result_is_refused_before_a_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("relight.engine.sizes.available_memory", lambda: 2**20)

    def never(*_):
        raise AssertionError("a model was loaded")

    job = RelightJob.make(input=CLIP, output=tmp_path / "x.mp4", prompt="red light", upscale=16)
    with pytest.raises(InputError, match=r"10240x5760 would take about \d+ GiB") as caught:
        run_relight(job, load=never, load_upscaler=never)
    assert "\n" not in str(caught.value) and not (tmp_path / "x.mp4").exists()


def test_what_the_embedded_model_relights_is_upscaled_by_its_guide(tmp_path, clip):
    def never(*_, **__):
        raise AssertionError("a diffusion model was loaded to upscale")

    given = {"steps": 1, "relight_steps": 1, "light_fps": 1, "frames": 2, "upscale": 1.5}
    given |= {"prompt": "red light", "model": "mini", "device": "cpu"}
    job = RelightJob.make(input=clip, output=tmp_path / "out.mp4", **given)
    result = run_relight(job, load=load_model, load_upscaler=never)
    assert "guide" in result.weights and _images(result.path).shape == (2, 27, 48, 3)


@pytest.mark.slow
def test_the_guide_alone_starts_without_diffusers(small, tmp_path):
    program = (
        "import sys; from relight.cli import main; code = main(sys.argv[1:]); "
        "print([name for name in ('diffusers', 'transformers') if name in sys.modules]); "
        "sys.exit(code)"
    )
    arguments = ["upscale", str(small()), "-o", str(tmp_path / "out.png"), "--model", "mini"]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


# --- relight models


def test_models_lists_the_upscalers_with_their_sources(capsys):
    assert _call("models") == 0
    out = capsys.readouterr().out
    for text in ("sd15 ", "sdxl ", "stabilityai/stable-diffusion-xl-base-1.0", "OpenRAIL++-M"):
        assert text in out
    assert out.count("\nmini ") + out.startswith("mini ") == 1


def test_an_unknown_model_to_download_lists_all(capsys):
    line = _fails(capsys, ["models", "download", "huge"], code=2)
    for name in ("mini", "sd15", "sdxl", "animatediff", "wan", "cogvideox"):
        assert name in line
