"""Keyframes and references light a clip: with the embedded model, on real footage."""

import functools
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from relight import media, metrics
from relight.engine import lighting
from relight.engine.run import run_relight
from relight.engine.work import work_folder
from relight.errors import Cancelled, InputError
from relight.jobs import RelightJob
from relight.media import Encoding
from relight.methods import spread
from tests.engine.test_run import _images, _sound
from tests.samples import CLIP

FFV1 = Encoding(codec="ffv1")
LUMA = np.array([0.2126, 0.7152, 0.0722])  # BT.709


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A second of real footage at 160 x 120."""
    path = tmp_path_factory.mktemp("small") / "in.mp4"
    with media.write(path, size=(160, 120), fps=25) as out:
        for frame in media.read(CLIP, frames=20):
            image = np.asarray(
                Image.fromarray(frame.image).crop((60, 0, 540, 360)).resize((160, 120))
            )
            out.add(np.ascontiguousarray(image), frame.time)
    return path


def _job(source, out, **given):
    settings = {"prompt": "red neon light", "relight_steps": 3, "seed": 1, "model": "mini"}
    return RelightJob.make(**{"input": source, "output": out, **settings, **given})


@pytest.mark.slow
def test_keyframes_light_a_clip_from_the_named_side(tmp_path, small, mini):
    source = _images(small)
    for side in ("left", "right"):
        result = run_relight(_job(small, tmp_path / f"{side}.mp4", light=side), load=mini)
        assert result.settings["recipe"] == "fast" and result.settings["transfer"] == "on"
        scores = metrics.score(zip(source, _images(result.path), strict=True), light=side)
        assert scores["lean"] > 0.6 and scores["structure"] > 0.9, scores


@pytest.mark.slow
def test_intensity_0_gives_the_source_back_and_more_gives_more(tmp_path, small, mini):
    changes = []
    source = _images(small).astype(int)
    for intensity in (0, 0.5, 1, 1.8):
        folder = tmp_path / f"{intensity}"
        run_relight(_job(small, folder / "%02d.png", intensity=intensity), load=mini)
        out = np.stack([np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))])
        changes.append(np.abs(out.astype(int) - source).mean())
    assert changes[0] == 0
    assert changes == sorted(changes) and changes[2] > 5


@pytest.mark.slow
def test_what_no_light_reaches_is_encoded_as_it_was_stored(tmp_path, small, mini):
    out = tmp_path / "out.mp4"
    run_relight(_job(small, out, intensity=0, crf=0), load=mini)
    read = functools.partial(media.read, planar=True)
    for made, own in zip(read(out), read(small), strict=True):
        for plane, stored in zip(made.planes.all, own.planes.all, strict=True):
            assert np.array_equal(plane, stored)


@pytest.mark.slow
def test_frames_in_three_threads_come_out_as_in_one(tmp_path, small, mini, monkeypatch):
    found = []
    for name in ("one", "three"):
        out = tmp_path / f"{name}.mkv"
        run_relight(_job(small, out, light="left", codec="ffv1"), load=mini)
        found.append(_images(out))
        monkeypatch.setattr(spread, "threads", lambda: spread._here.frames or 3)
    assert (found[0] == found[1]).all()


@pytest.mark.slow
def test_what_a_moving_light_does_itself_is_no_shimmer_to_expose_for(
    tmp_path, small, mini, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        lighting, "steadied", lambda factor, changes: seen.append(changes) or factor
    )
    # At the first small frame the lamp is on the left, at the next on the right, and so on.
    keys = [f"{number / 8}={'left' if number % 2 == 0 else 'right'}" for number in range(7)]
    run_relight(_job(small, tmp_path / "out.mp4", light_at=keys), load=mini)
    lit, source = (sum(pair[i] for pair in seen[0]) for i in (0, 1))
    assert 0 < lit < 2 * source


@pytest.mark.slow
def test_a_reference_lights_the_clip_without_a_model(tmp_path, small):
    def never(*_):
        raise AssertionError("a model was loaded")

    frame = list(media.read(small))[7].image
    lit = (frame.astype(float) * np.linspace(1.3, 0.4, 160)[None, :, None]).clip(0, 255)
    still = tmp_path / "lit.png"
    Image.fromarray(lit.astype(np.uint8)).save(still)
    job = RelightJob.make(input=small, output=tmp_path / "out.mp4", reference=str(still))
    result = run_relight(job, load=never)
    out, source = _images(result.path), _images(small)
    assert np.abs(out[7].astype(int) - lit).mean() < 11
    assert metrics.lean(source, out, "left") > 1
    assert metrics.structure(source, out) > 0.9
    assert result.settings["recipe"] == "fast"
    assert _sound(result.path) == _sound(small)


@pytest.mark.slow
def test_a_reference_needs_no_package_of_models(tmp_path, small):
    frame = list(media.read(small))[7].image
    Image.fromarray(frame // 2).save(tmp_path / "lit.png")
    code = (
        "import sys; from relight.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code or any(m in sys.modules for m in ('diffusers', 'transformers')))"
    )
    given = ["run", small, "-o", tmp_path / "out.mp4", "--reference", tmp_path / "lit.png"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, given)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.soak
def test_windows_have_one_light_and_intensity_scales_it(tmp_path, mini):
    """A still scene in three windows of the video model, and the same without any light."""
    frame = np.asarray(Image.fromarray(next(media.read(CLIP)).image).resize((160, 120)))
    rng = np.random.default_rng(0)
    source = [(frame + rng.normal(0, 2, frame.shape)).clip(0, 255) for _ in range(30)]
    with media.write(tmp_path / "in.mkv", size=(160, 120), fps=8, encoding=FFV1) as out:
        for index, image in enumerate(source):
            out.add(image.round().astype(np.uint8), index / 8)
    shared = {"recipe": "best", "steps": 4, "relight_steps": 2, "light": "left", "codec": "ffv1"}
    job = _job(tmp_path / "in.mkv", tmp_path / "out.mkv", **shared)
    out = _images(run_relight(job, load=mini).path)
    assert metrics.lean(np.stack(source), out, "left") > 0.6
    grey = [(frame @ LUMA).astype(np.float32) for frame in out]
    areas = np.stack([cv2.resize(one, (8, 6), interpolation=cv2.INTER_AREA) for one in grey])
    assert np.ptp(areas, axis=0).max() < 4, np.ptp(areas, axis=0).max()
    none = _job(tmp_path / "in.mkv", tmp_path / "none.mkv", intensity=0, **shared)
    assert np.array_equal(_images(run_relight(none, load=mini).path), _images(tmp_path / "in.mkv"))


@pytest.mark.slow
def test_two_references_are_keyframes(tmp_path, small):
    frames = [frame.image for frame in media.read(small)]
    for name, frame, gain in (("dark.png", frames[0], 0.4), ("bright.png", frames[-1], 1.0)):
        Image.fromarray((frame * gain).astype(np.uint8)).save(tmp_path / name)
    references = [f"0={tmp_path / 'dark.png'}", f"0.76={tmp_path / 'bright.png'}"]
    job = RelightJob.make(input=small, output=tmp_path / "out.mkv", reference=references)
    levels = [
        f.mean() / s.mean() for f, s in zip(_images(run_relight(job).path), frames, strict=True)
    ]
    assert levels[0] == pytest.approx(0.4, abs=0.06) and levels[-1] == pytest.approx(1, abs=0.05)
    assert all(b > a - 0.02 for a, b in pairwise(levels))


def _save(tmp_path, name, image, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def _noise(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def _bad(tmp_path, small):
    frame = Image.fromarray(next(media.read(small)).image)
    see_through = frame.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(frame.size))
    yield "transparent", {"reference": [_save(tmp_path, "a.png", see_through)]}
    yield "64 pixels", {"reference": [_save(tmp_path, "b.png", frame.resize((80, 40)))]}
    other = Image.fromarray(_noise((40, 30))).resize((160, 120))
    yield "another scene", {"reference": [_save(tmp_path, "c.png", other)]}
    good = _save(tmp_path, "d.png", frame)
    yield "from 0.00 to", {"reference": [good], "reference_at": 60}
    yield "two references", {"reference": [f"0.2={good}", f"0.2={good}"]}
    yield "is not there", {"reference": [tmp_path / "missing.png"]}
    (tmp_path / "e.png").write_bytes(b"no picture")
    yield "can't be read", {"reference": [tmp_path / "e.png"]}
    values = np.full((120, 160), np.nan, np.float32)
    yield "no numbers", {"reference": [_save(tmp_path, "f.tiff", Image.fromarray(values))]}


@pytest.mark.slow
def test_a_wrong_reference_is_one_clear_line(tmp_path, small):
    for words, settings in _bad(tmp_path, small):
        out = tmp_path / "out.mp4"
        with pytest.raises(InputError, match=words) as caught:
            run_relight(RelightJob.make(input=small, output=out, **settings))
        assert "\n" not in str(caught.value)
        assert not out.exists() and not work_folder(out).exists()


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"reference": []}, "prompt is empty"),
        ({"reference": ["a.png", "b.png"], "reference_at": 1}, "reference_at is for one"),
        ({"reference": ["a.png"], "transfer": "off"}, "transfer can't be off"),
        ({"prompt": "x", "recipe": "fast", "transfer": "off"}, "take best"),
        ({"prompt": "x", "intensity": 0.5, "transfer": "off"}, "intensity scales"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        RelightJob.make(input="a.mp4", output="b.mp4", **settings)


@pytest.mark.slow
def test_a_lit_clip_is_resumed_chunk_by_chunk(tmp_path, small, mini):
    whole = _images(run_relight(_job(small, tmp_path / "a.mp4"), load=mini).path)
    job = _job(small, tmp_path / "b.mp4")
    folder = work_folder(job.output)

    def stop(progress):
        if list(folder.glob("carry-*")):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run_relight(job, load=mini, on_progress=stop)
    result = run_relight(job, load=mini)
    assert any(note.startswith("resumed") for note in result.notes)
    assert np.array_equal(_images(result.path), whole)


@pytest.mark.slow
def test_processes_light_alike(tmp_path, small):
    serial = run_relight(_job(small, tmp_path / "a.mp4"))
    spread = run_relight(_job(small, tmp_path / "b.mp4", devices="cpu,cpu"))
    assert serial.path.read_bytes() == spread.path.read_bytes()


@pytest.mark.slow
def test_keyframes_need_no_video_model(tmp_path, small, tiny_model):
    job = _job(small, tmp_path / "a.mp4", model=str(tiny_model), relight_steps=1, shape=0)
    fast = run_relight(job.model_copy(update={"recipe": "fast"})).weights
    best = {"recipe": "best", "steps": 1, "output": tmp_path / "b.mp4", "frames": 1}
    both = run_relight(job.model_copy(update=best)).weights
    assert "motion_adapter" in both and "motion_adapter" not in fast


@pytest.mark.slow
def test_a_moving_light_is_found_anew_in_every_frame(tmp_path, small, mini):
    light = ["0=left", "0.4=right"]
    job = _job(small, tmp_path / "out.mkv", light_at=light, light_fps=10)
    out, source = _images(run_relight(job, load=mini).path), _images(small)
    leans = [metrics.lean(source[i : i + 1], out[i : i + 1], "left") for i in (0, 19)]
    assert leans[0] > 0.4 and leans[1] < -0.4
