"""`relight bench` end to end on tiny models, and its parts on known answers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from relight.cli import main
from relight.engine.bench import enlarged, growth, relit, variants
from relight.engine.bench.cluster import Cluster, simulated
from relight.engine.bench.cost import denoisers, measured
from relight.engine.resolve import Models
from relight.errors import InputError
from relight.models.loader import load_model
from relight.pipelines.light_a_video import LightAVideo
from tests.cli.test_evaluate import save, scene
from tests.conftest import CPU

TINY = ["--set", "side=32", "--set", "steps=2", "--set", "relight_steps=2"]


@pytest.fixture
def clip(tmp_path):
    return save(tmp_path / "pan.mp4", scene(6))


def bench(*words):
    return main(["bench", *map(str, words)])


def read(out, name):
    return json.loads((out / f"{name}.json").read_text())["rows"]


@pytest.mark.slow
def test_recipes_side_by_side(tmp_path, clip, tiny_model, capsys):
    out = tmp_path / "out"
    assert bench(clip, "-o", out, "--model", tiny_model, "--frames", 6, *TINY) == 0
    rows = {row["variant"]: row for row in read(out, "recipes") if row["clip"] == "pan"}
    assert list(rows) == ["fast", "best", "paper", "frames"]
    for row in rows.values():
        assert row["frames"] == 6 and row["cpu_seconds"] > 0 and row["peak_mb"] > 0
        assert row["megapixels"] > 0 and row["change"] is not None
    assert rows["fast"]["passes"] < rows["paper"]["passes"]
    assert rows["fast"]["megapixels"] < rows["paper"]["megapixels"]
    made = {path.name for path in out.iterdir()}
    assert {"recipes.md", "recipes.json", "recipes.png", "pan_fast.mp4"} <= made
    assert str(tmp_path) not in (out / "recipes.md").read_text()
    assert str(tiny_model.parent) not in (out / "recipes.md").read_text()
    assert "| fast | pan |" in capsys.readouterr().out
    assert bench(clip, "-o", out) == 2
    assert "not empty" in capsys.readouterr().err


def test_frames_by_themselves_can_have_a_light_that_moves(tmp_path, clip, tiny_model, capsys):
    words = [clip, "--recipes", "frames", "--model", tiny_model, "--frames", 2, *TINY]
    assert bench(*words, "-o", tmp_path / "out", "--light", "pulse") == 0
    [row] = [row for row in read(tmp_path / "out", "recipes") if row["clip"] == "pan"]
    assert row["frames"] == 2 and row["passes"] > 0
    capsys.readouterr()


@pytest.mark.slow
def test_each_ablation_changes_one_thing_and_is_put_back(tmp_path, clip, tiny_model):
    out = tmp_path / "out"
    words = ["--ablate", "--recipes", "fast", "--model", tiny_model, "--frames", 4, *TINY]
    words += ["--set", "relight_steps=4"]  # three passes, as published
    assert bench(clip, "-o", out, *words) == 0
    rows = read(out, "ablation")
    names = [row["variant"] for row in rows if row["clip"] == "pan"]
    assert names == [one.name for one in variants.ablations("fast")] and len(set(names)) > 5
    assert "no form: no shading" in (out / "ablation.md").read_text()
    passes = {row["variant"]: row["passes"] for row in rows if row["clip"] == "pan"}
    assert passes["fast"] == 3 and passes["half the steps"] == 1


def test_ablations_of_two_recipes_are_told_apart():
    both = variants.ablations("fast, best")
    names = [one.name for one in both]
    assert len(set(names)) == len(names) and {"fast, own noise", "best, own noise"} <= set(names)
    recipes = {one.settings["recipe"] for one in both if one.name.startswith("best")}
    assert recipes == {"best"}
    task = relit.Task(clips=(), folder=Path("out"), prompt="red light")
    made = [task.job(Path("a.mp4"), one).output.name for one in both]
    assert len(set(made)) == len(made) and "a_best_own_noise.mp4" in made


def test_a_recipe_may_be_compared_at_another_intensity():
    plain, weaker = variants.recipes("best, best@0.66")
    task = relit.Task(clips=(), folder=Path("out"), prompt="red light")
    jobs = [task.job(Path("a.mp4"), one) for one in (plain, weaker)]
    assert [job.intensity for job in jobs] == [1, 0.66] and jobs[1].recipe == "best"
    assert jobs[0].output != jobs[1].output


@pytest.mark.parametrize("name", ["best@", "best@half", "frames@0.5", "worst@0.5"])
def test_what_is_no_recipe_or_no_intensity_is_refused(name):
    with pytest.raises(InputError, match=name.partition("@")[0]):
        variants.recipes(name)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fast", "best"])
def test_ablations_leave_nothing_behind(tiny_model, recipe):
    model = load_model(str(tiny_model), CPU)
    before = dict(vars(model.pipe))
    for one in variants.ablations(recipe):
        with one.applied(model):
            if one.recipe:
                changed = model.pipe.recipes["best"]
                assert all(getattr(changed, key) == value for key, value in one.recipe.items())
        assert vars(model.pipe) == before and isinstance(model.pipe, LightAVideo)
        for path, value in one.swaps:
            module, _, name = path.rpartition(".")
            assert getattr(sys.modules[module], name) is not value


def test_passes_and_pixels_are_counted(tiny_model):
    model = load_model(str(tiny_model), CPU)
    counted = denoisers(Models(relighting=model))
    assert len(counted) == 2  # the video model's and the relighter's
    unet, scale = model.relighter.unet, model.relighter.vae_scale_factor
    import torch

    latents = torch.zeros(2, unet.config.in_channels, 4, 6)
    text = torch.zeros(2, 77, unet.config.cross_attention_dim)
    with measured(counted) as cost, torch.inference_mode():
        unet(latents, 1, encoder_hidden_states=text)
    assert cost.passes == 1 and np.isclose(cost.megapixels, 2 * 4 * 6 * scale**2 / 1e6)
    with torch.inference_mode():
        unet(latents, 1, encoder_hidden_states=text)
    assert cost.passes == 1


def test_upscalers_side_by_side_with_a_peer(tmp_path, capsys):
    from PIL import Image

    picture, out = tmp_path / "p.png", tmp_path / "out"
    Image.fromarray(scene(1, size=(64, 96))[0]).save(picture)
    nearest = (
        "import sys; from PIL import Image; i = Image.open(sys.argv[1]); "
        "i.resize((i.width * 2, i.height * 2), 0).save(sys.argv[2])"
    )
    peer = f"nearest={sys.executable} -c '{nearest}' {{in}} {{out}}"
    task = enlarged.Task(sources=(picture,), folder=out)
    ways = [*enlarged.WAYS[:2], enlarged.Peer.parse(peer)]
    rows = {row["variant"]: row for row in enlarged.compare(task, ways)}
    assert rows["bicubic, back-projected"]["psnr"] > rows["bicubic"]["psnr"] > 30
    assert rows["bicubic, back-projected"]["psnr"] > rows["nearest"]["psnr"]
    assert rows["bicubic, back-projected"]["down"] > rows["bicubic"]["down"]
    (sheet,) = enlarged.sheet(task, ways).values()
    assert [image.shape for image in sheet] == [(64, 96, 3)] * 4


def test_a_clip_goes_to_a_peer_frame_by_frame(tmp_path):
    source = save(tmp_path / "c.mp4", scene(3, size=(32, 48)))
    peer = (
        f"same={sys.executable} -c 'import shutil, sys; shutil.copy(*sys.argv[1:])' {{in}} {{out}}"
    )
    task = enlarged.Task(sources=(source,), folder=tmp_path / "out", frames=3)
    (row,) = enlarged.compare(task, [enlarged.Peer.parse(peer)])
    assert row["clip"] == "c" and row["flicker"] > 0
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".mkv", ".mkv"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no clip"),
        (["CLIP", "--recipes", "quick"], "recipes is 'quick'"),
        (["CLIP", "--ablate", "--recipes", "paper"], "no ablations"),
        (["CLIP", "--ablate", "--upscale"], "give one of"),
        (["CLIP", "--upscale", "--peer", "x=cp {in}"], "'name=command {in} {out}'"),
        (["CLIP", "--peer", "x=cp {in} {out}"], "--upscale"),
        (["CLIP", "--factor", "3"], "--factor has no effect with the comparison of recipes"),
        (["CLIP", "--ablate", "--factor", "3"], "--factor has no effect with --ablate"),
        (["CLIP", "--upscale", "--recipes", "fast"], "--recipes has no effect with --upscale"),
        (["CLIP", "--upscale", "--light", "top"], "--light has no effect with --upscale"),
        (["CLIP", "--published", "."], "clips have no effect with --published"),
        (["--published", ".", "--set", "side=64"], "--set has no effect with --published"),
        (["CLIP", "--scale", "--frames", "8"], "--frames has no effect with --scale"),
        (["CLIP", "CLIP", "--scale"], "one clip, not 2"),
        (["x/a.mp4", "y/a.mp4"], "x/a.mp4 and y/a.mp4 would be called a: rename one"),
        (["x/a.png", "y/a.jpg", "--upscale"], "would be called a: rename one"),
        (["CLIP", "--set", "side"], "NAME=VALUE"),
        (["CLIP", "--set", "sides=3"], "sides"),
        (["missing.mp4"], "missing.mp4"),
    ],
)
def test_bad_input_is_one_line(tmp_path, clip, capsys, words, said):
    words = [clip if word == "CLIP" else word for word in words]
    assert bench(*words, "-o", tmp_path / "out") in (1, 2)
    line = capsys.readouterr().err.strip()
    assert said in line and len(line.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*.md"))


def test_a_peer_that_fails_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    for command, said in (("false", "made no"), ("no-such-tool", "No such file")):
        peer = enlarged.Peer.parse(f"x={command} {{in}} {{out}}")
        with pytest.raises(Exception, match=said):
            peer.run(tmp_path / "a.png", tmp_path / "b.png")


@pytest.mark.slow
def test_growth_is_measured_in_a_process_of_its_own(tmp_path, clip, tiny_model):
    job = {"prompt": "a light", "model": str(tiny_model), "side": 32, "relight_steps": 2, "seed": 1}
    found = growth.measure(clip, tmp_path, 8, (64, 48), recipe="fast", **job)
    assert found["frames"] == 8 and found["seconds"] > 0 and found["peak_mb"] > 100
    assert [path.name for path in tmp_path.iterdir() if path != clip] == []


def test_more_workers_are_never_slower():
    chunks = [30.0] * 200
    times = [simulated(chunks, Cluster(workers=n, failures=0.01)) for n in (1, 4, 16, 64)]
    assert times == sorted(times, reverse=True) and times[0] > 200 * 30 * 0.9


def test_the_mean_leaves_out_nothing():
    rows = [
        {"variant": "a", "clip": name, "lean": value} for name, value in (("x", 1.0), ("y", 3.0))
    ]
    assert list(relit.means(rows)) == [{"variant": "a", "clip": "2 clips", "lean": 2.0}]
