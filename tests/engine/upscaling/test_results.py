"""Upscaling, a file in and a file out: clips, what decides the result, progress, public names."""

import inspect
import json

import cv2
import numpy as np
import pytest
from PIL import Image

import relight
from relight import media
from relight.engine import run
from relight.engine.manifest import MANNER
from relight.engine.output import sidecar_path
from relight.engine.run import run_upscale
from relight.engine.sizes import target_size
from relight.errors import Cancelled, InputError
from relight.jobs import UpscaleJob
from relight.jobs.files import read_job
from relight.methods.diffuse_high import IDENTITY
from relight.models.catalogue import UPSCALERS
from relight.models.loader import load_upscaler
from tests.conftest import CPU
from tests.engine.upscaling.running import QUICK, images, never, refused, sound, upscaled

# --- clips


@pytest.mark.slow
def test_a_clip_keeps_its_frames_times_and_sound(tmp_path, clip, tiny):
    source = clip(20)  # more than the window of 16
    result = upscaled(tiny, source, tmp_path / "out.mp4", scale=1.5)
    before, after = list(media.read(source)), list(media.read(result.path))
    assert result.frames == len(before) == 20
    assert [f.time for f in after] == [f.time for f in before]
    assert {f.image.shape for f in after} == {(27, 48, 3)}
    assert len(sound(source)) > 5 and sound(result.path) == sound(source)


@pytest.mark.slow
def test_a_clip_longer_than_a_window_has_every_frame_in_its_place(tmp_path, clip, tiny):
    source = clip(21)
    out = images(upscaled(tiny, source, tmp_path / "out.mkv").path).astype(float)
    own = images(source)
    small = np.stack([cv2.resize(f, (32, 18), interpolation=cv2.INTER_AREA) for f in out])
    apart = np.abs(small[:, None] - own[None]).mean((2, 3, 4))
    # The random weights draw something over it, but each frame is like its own source, or next to.
    assert np.abs(apart.argmin(1) - np.arange(21)).max() <= 1
    assert apart.diagonal().max() < 25


def test_variable_time_stamps_are_kept(tmp_path, clip, tiny):
    times = [0, 0.04, 0.2, 0.24, 0.6]
    source = tmp_path / "vfr.mkv"
    with media.write(source, size=(32, 18), fps=25) as out:
        for frame, time in zip(media.read(clip(5)), times, strict=True):
            out.add(frame.image, time)
    result = upscaled(tiny, source, tmp_path / "out.mkv")
    assert [float(f.time) for f in media.read(result.path)] == pytest.approx(times, abs=1e-3)


def test_start_and_frames_cut_the_clip(tmp_path, clip, tiny):
    source = clip(12)
    result = upscaled(tiny, source, tmp_path / "out.mp4", start=0.2, frames=3)
    assert result.frames == 3 and next(media.read(result.path)).time == 0
    one = upscaled(tiny, source, tmp_path / "one.png", start=0.2, frames=1)
    assert images(one.path).shape == (1, 36, 64, 3)


def test_an_animation_comes_back_as_one(tmp_path, clip, tiny):
    source = tmp_path / "in.gif"
    frames = [Image.fromarray(f.image) for f in media.read(clip(3))]
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=[100, 200, 100])
    result = upscaled(tiny, source, tmp_path / "out.gif")
    assert images(result.path).shape == (3, 36, 64, 3)
    assert [float(f.time) for f in media.read(result.path)] == pytest.approx([0, 0.1, 0.3])


# --- what decides the result


@pytest.mark.parametrize("recipe", ["best", "paper"])
@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_a_sidecar_repeats_its_output_bit_for_bit(tmp_path, picture, clip, tiny, kind, recipe):
    source = picture(41, 23) if kind == "picture" else clip(2, 35, 22)
    ending = "png" if kind == "picture" else "mp4"
    # 1.1 makes another shape of the sides as they are rounded: the size alone would not repeat it.
    given = {"scale": 1.1, "seed": None, "recipe": recipe, "prompt": "a bunny", "guidance": 2.0}
    first = upscaled(tiny, source, tmp_path / f"a.{ending}", **given)
    settings = read_job(sidecar_path(first.path), UpscaleJob)
    second = upscaled(tiny, **{**settings, "source": source, "output": tmp_path / f"b.{ending}"})
    assert first.path.read_bytes() == second.path.read_bytes()
    assert second.settings == {**first.settings, "output": str(second.path)}
    assert isinstance(second.settings["seed"], int) and second.settings["steps"] > 0


def test_every_size_that_a_scale_gives_is_repeated_by_the_sidecar(tmp_path, picture, tiny):
    first = upscaled(tiny, picture(51, 37), tmp_path / "a.png", scale=1.5)
    settings = read_job(sidecar_path(first.path), UpscaleJob)
    repeated = UpscaleJob.make(**settings)
    for own in ((37, 51), (3, 100), (9, 9)):
        asked = UpscaleJob(input="a.png", output="b.png", scale=1.5)
        assert target_size(repeated, own) == target_size(asked, own)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"identity": 0.2},
        {"guide": "bicubic"},
        {"recipe": "paper"},
        {"steps": 2},
        {"guidance": 3.0},
        {"guidance": 3.0, "prompt": "fire"},
        {"tile": 128},
    ],
    ids=str,
)
def test_every_setting_counts(tmp_path, picture, tiny, change):
    source = picture(80, 80)
    base = images(upscaled(tiny, source, tmp_path / "a.png", guidance=2.0, tile=0).path)
    other = {"guidance": 2.0, "tile": 0, **change}
    assert not np.array_equal(
        base, images(upscaled(tiny, source, tmp_path / "b.png", **other).path)
    )


def test_a_frames_noise_depends_on_the_seed_and_its_place_in_the_clip(tmp_path, clip, tiny):
    pipe, sizes = tiny("", CPU, moving=True).pipe, [(64, 64), (100, 70)]
    whole, later = pipe.frame_noise(sizes, 4, 0, 7), pipe.frame_noise(sizes, 2, 2, 7)
    for one, two in zip(whole, later, strict=True):
        assert np.array_equal(one[:, :, 2:], two)  # windows agree where they overlap
    assert not np.array_equal(whole[0], pipe.frame_noise(sizes, 4, 0, 70)[0])
    source = clip(2)
    given = {"guidance": 1.0, "identity": 0.5}
    base = images(upscaled(tiny, source, tmp_path / "a.mkv", **given).path)
    assert not np.array_equal(
        base, images(upscaled(tiny, source, tmp_path / "b.mkv", seed=70, **given).path)
    )


def test_the_paper_has_its_own_steps(tmp_path, picture, tiny):
    given = {"recipe": "paper", "steps": None}
    result = upscaled(tiny, picture(), tmp_path / "out.png", **given)
    assert result.settings["steps"] == 15 and result.settings["recipe"] == "paper"
    best = upscaled(tiny, picture(), tmp_path / "best.png", steps=None)
    assert best.settings["steps"] < 15


def test_more_steps_than_the_paper_has_are_refused_and_else_run(tmp_path, picture, tiny, passes):
    match = "steps is at most 50 with the paper's recipe, not 51"
    refused(match, never, picture(), tmp_path / "out.png", recipe="paper", steps=51)
    upscaled(tiny, picture(), tmp_path / "out.png", steps=60, guidance=1.0)
    assert passes["upscale"] == [*[1] * 60, 0]


def test_the_sidecar_tells_what_was_made(tmp_path, picture, tiny, tiny_model):
    result = upscaled(tiny, picture(), tmp_path / "out.png")
    stored = json.loads(result.sidecar.read_text())
    assert stored["settings"] == result.settings and stored["made"]["frames"] == 1
    assert stored["settings"]["model"] == str(tiny_model) and stored["settings"]["device"] == "cpu"
    assert set(stored["settings"]) == set(UpscaleJob.model_fields) - MANNER


# --- progress and stopping


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_progress_rises_to_the_end(tmp_path, picture, clip, tiny, kind):
    source = picture() if kind == "picture" else clip(18)
    seen = []
    out = tmp_path / ("out.png" if kind == "picture" else "out.mp4")
    upscaled(tiny, source, out, seen.append, guidance=1.0)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert {p.stage for p in seen} == {"reading", "upscaling", "writing"}
    shape = images(out)[0].shape
    assert seen[-1].preview().shape == shape


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 2, 3])
def test_stopping_leaves_nothing_behind_and_the_model_as_it_was(tmp_path, picture, tiny, after):
    source = picture()
    first = images(upscaled(tiny, source, tmp_path / "a.png", steps=2).path)
    told = []

    def stop(progress):
        told.append(progress)
        if progress.stage == "upscaling" and len(told) > after:
            raise Cancelled("stopped")

    before = sorted(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        upscaled(tiny, source, tmp_path / "b.png", stop, steps=2)
    assert sorted(tmp_path.iterdir()) == before
    assert np.array_equal(first, images(upscaled(tiny, source, tmp_path / "c.png", steps=2).path))


# --- the public names


def test_upscale_is_the_same_road(tmp_path, picture, tiny_model):
    given = {"model": str(tiny_model), "scale": 1.5, **QUICK}
    result = relight.upscale(picture(), tmp_path / "out.png", **given)
    assert isinstance(result, relight.Result) and images(result.path).shape == (1, 36, 60, 3)
    assert result.seconds["total"] > 0 and result.settings["scale"] == 1.5
    with pytest.raises(InputError, match="unknown setting 'sclae'"):
        relight.upscale(picture(), tmp_path / "x.png", sclae=2)


def test_the_names_are_those_of_the_package():
    assert relight.upscale is run.upscale and relight.run_upscale is run_upscale
    assert relight.UpscaleJob is UpscaleJob and relight.load_upscaler is load_upscaler
    assert list(inspect.signature(relight.upscale).parameters) == ["input", "output", "settings"]


def test_the_dial_of_a_job_stands_where_its_models_does():
    assert UpscaleJob.model_fields["identity"].default is None
    assert {name: entry.identity for name, entry in UPSCALERS.items()} == {
        "mini": 1.0,
        "sd15": IDENTITY,
        "sdxl": IDENTITY,
    }
