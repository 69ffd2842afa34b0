"""The whole road: a file in, a file out, on real footage with tiny real components."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

import relight
from relight import media
from relight.engine.output import sidecar_path
from relight.engine.run import run_relight
from relight.errors import Cancelled, InputError, ModelError
from relight.jobs import RelightJob
from relight.jobs.files import read_job
from relight.models.loader import load_model
from tests.conftest import CPU
from tests.samples import CLIP

QUICK = {"steps": 2, "relight_steps": 2, "seed": 5, "prompt": "a bunny, red light", "shape": 0}


@pytest.fixture(scope="module")
def load(tiny_model):
    """Loads the tiny model once, whatever is asked for."""
    model = load_model(str(tiny_model), CPU)
    return lambda *_: model


def _images(path):
    return np.stack([frame.image for frame in media.read(path)])


def _sound(path):
    with av.open(path) as file:
        return [bytes(p) for p in file.demux(audio=0) if p.size] if file.streams.audio else []


def _run(load, out, **settings):
    job = RelightJob.make(**{"input": CLIP, "output": out, **QUICK, **settings})
    return run_relight(job, load=load)


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["on", "off"])
def test_the_output_has_the_sources_size_frames_times_and_sound(tmp_path, load, transfer):
    result = _run(load, tmp_path / "out.mp4", transfer=transfer, frames=20)
    source = list(media.read(CLIP, frames=20))
    out = list(media.read(result.path))
    assert result.frames == len(out) == 20
    assert [f.time for f in out] == [f.time for f in source]
    assert out[0].image.shape == source[0].image.shape
    assert _sound(result.path)
    difference = np.abs(out[5].image.astype(int) - source[5].image).mean()
    assert difference > 1  # random weights light it somehow, but not at all would be a stub


@pytest.mark.slow
def test_a_whole_clip_keeps_every_packet_of_sound(tmp_path, load):
    result = _run(load, tmp_path / "out.mp4", light_fps=2)
    assert _sound(result.path) == _sound(CLIP)


@pytest.mark.slow
def test_a_sidecar_repeats_its_output_bit_for_bit(tmp_path, load):
    first = _run(load, tmp_path / "a.mp4", frames=10, seed=None, light="top")
    settings = read_job(sidecar_path(first.path))
    again = RelightJob.make(**{**settings, "output": tmp_path / "b.mp4"})
    second = run_relight(again, load=load)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert json.loads(second.sidecar.read_text())["made"]["frames"] == 10


@pytest.mark.slow
def test_the_seed_and_the_light_matter(tmp_path, load):
    base = _images(_run(load, tmp_path / "a.mp4", frames=6).path)
    assert not np.array_equal(base, _images(_run(load, tmp_path / "b.mp4", frames=6, seed=6).path))
    other = _run(load, tmp_path / "c.mp4", frames=6, light="right")
    assert not np.array_equal(base, _images(other.path))


def test_a_still_image_is_a_clip_of_one_frame(tmp_path, load):
    picture = tmp_path / "in.png"
    with media.write(picture, size=(50, 31), fps=1) as out:
        out.add(next(media.read(CLIP)).image[:31, :50], 0)
    result = _run(load, tmp_path / "out.png", input=picture)
    assert _images(result.path).shape == (1, 31, 50, 3)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["best", "fast"])
@pytest.mark.parametrize("size", [(1, 1), (2, 40), (17, 17)])
def test_tiny_and_odd_sizes_come_back_exactly(tmp_path, load, size, recipe):
    clip = tmp_path / "in.mkv"
    image = next(media.read(CLIP)).image
    with media.write(clip, size=size, fps=8) as out:
        for i in range(3):
            out.add(np.ascontiguousarray(image[: size[1], i : size[0] + i]), i / 8)
    result = _run(load, tmp_path / "out.mkv", input=clip, recipe=recipe, light="left")
    assert _images(result.path).shape == (3, size[1], size[0], 3)


def test_start_and_frames_cut_the_clip(tmp_path, load):
    result = _run(load, tmp_path / "out.mp4", start=1.0, frames=5)
    times = [frame.time for frame in media.read(result.path)]
    assert result.frames == 5 and times[0] == 0


@pytest.mark.slow
def test_progress_rises_to_the_end_and_can_stop_the_run(tmp_path, load):
    seen = []
    job = RelightJob.make(input=CLIP, output=tmp_path / "out.mp4", **QUICK, frames=30)
    run_relight(job, load=load, on_progress=seen.append)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert {p.stage for p in seen} == {"reading", "relighting", "writing"}

    def stop(progress):
        raise Cancelled("stopped")

    job = job.model_copy(update={"output": tmp_path / "stopped.mp4"})
    with pytest.raises(Cancelled):
        run_relight(job, load=load, on_progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "out.mp4.json"]


def test_nothing_is_overwritten_unasked(tmp_path, load):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists"):
        _run(load, out)
    assert out.read_bytes() == b"mine"
    _run(load, out, overwrite=True, frames=2)
    assert len(_images(out)) == 2


def test_a_light_image_is_read_and_a_wrong_one_named(tmp_path, load):
    light = tmp_path / "light.png"
    with media.write(light, size=(32, 32), fps=1) as out:
        out.add(np.full((32, 32, 3), 200, np.uint8), 0)
    assert _run(load, tmp_path / "out.mp4", light=str(light), frames=2).frames == 2
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    for wrong in (str(bad), "sideways"):
        with pytest.raises(InputError, match=Path(wrong).name) as caught:
            _run(load, tmp_path / "x.mp4", light=wrong)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_relight_video_is_the_same_road(tmp_path, tiny_model):
    result = relight.relight_video(
        CLIP, tmp_path / "out.mp4", **QUICK, model=str(tiny_model), frames=2, light="bottom"
    )
    assert result.path.exists() and result.frames == 2
    assert result.settings["light"] == "bottom" and result.seconds["total"] > 0
    with pytest.raises(InputError, match="lihgt"):
        relight.relight_video(CLIP, tmp_path / "x.mp4", prompt="x", lihgt="left")


def test_missing_models_are_one_line(tmp_path):
    for name, named in (("nomodel", "nomodel"), (str(tmp_path), "has no vae")):
        with pytest.raises(ModelError, match=named) as caught:
            load_model(name)
        assert "\n" not in str(caught.value)
