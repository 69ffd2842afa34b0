"""Upscaling, a file in and a file out: on real footage, with tiny and with embedded weights."""

import functools
import inspect
import json

import av
import cv2
import numpy as np
import pytest
from PIL import Image

import relight
from relight import media, metrics
from relight.engine import build_upscale, run, sizes
from relight.engine.manifest import MANNER
from relight.engine.output import sidecar_path
from relight.engine.prepare import refuse
from relight.engine.run import run_upscale
from relight.engine.sizes import check_memory, stage_sizes, target_size
from relight.errors import Cancelled, InputError, ModelError
from relight.jobs import UpscaleJob
from relight.jobs.files import read_job
from relight.methods.diffuse_high import IDENTITY
from relight.models.catalogue import UPSCALERS
from relight.models.guides import GUIDES
from relight.models.loader import load_upscaler
from tests.conftest import CPU, case_id
from tests.engine.test_run import CLIP

QUICK = {"steps": 1, "seed": 5, "identity": 0.8}


@pytest.fixture(scope="module")
def tiny(tiny_model):
    """Loads the tiny upscalers once, whatever is asked for."""

    @functools.cache
    def loaded(moving):
        return load_upscaler(str(tiny_model), CPU, moving=moving)

    return lambda name, compute, moving: loaded(moving)


@pytest.fixture(scope="module")
def mini():
    """The embedded upscaler of pictures."""
    upscaler = load_upscaler("mini", CPU, moving=False)
    return lambda *_, **__: upscaler


@pytest.fixture(scope="module")
def scene():
    """A frame of the sample clip, (360, 640, 3) uint8."""
    return next(media.read(CLIP)).image


@pytest.fixture
def picture(tmp_path, scene):
    """picture(width, height, name=...): a file that shows the scene, small."""

    def make(width=40, height=24, name="in.png"):
        path = tmp_path / name
        small = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(path)
        return path

    return make


@pytest.fixture
def clip(tmp_path):
    """clip(frames, width, height): the sample clip, small, with its sound."""

    def make(frames, width=32, height=18):
        path = tmp_path / "in.mp4"
        info = media.probe(CLIP)
        with media.write(path, info, size=(width, height), fps=info.fps) as out:
            for frame in media.read(CLIP, frames=frames):
                small = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
                out.add(small, frame.time)
        return path

    return make


def _run(load, source, output, on_progress=None, **settings):
    job = UpscaleJob.make(**{"input": source, "output": output, **QUICK, **settings})
    return run_upscale(job, load=load, on_progress=on_progress)


def _images(path):
    return np.stack([media.to_uint8(frame.image) for frame in media.read(path)])


def _sound(path):
    with av.open(path) as file:
        return [bytes(p) for p in file.demux(audio=0) if p.size] if file.streams.audio else []


def _never(*_):
    raise AssertionError("a model was loaded for a job that can't be run")


def _refused(match, load, *arguments, error=InputError, **settings):
    with pytest.raises(error, match=match) as caught:
        _run(load, *arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- sizes


@pytest.mark.parametrize(
    "own, settings, expected",
    [
        ((40, 24), {}, (80, 48)),
        ((40, 24), {"scale": 1.5}, (60, 36)),
        ((41, 23), {"scale": 1.5}, (62, 34)),  # 61.5 and 34.5, to the even side as Python rounds
        ((37, 51), {"scale": 3}, (111, 153)),
        ((40, 24), {"size": "80x48"}, (80, 48)),
        ((40, 24), {"size": "100x100"}, (100, 60)),
        ((24, 40), {"size": "100x100"}, (60, 100)),
        ((40, 24), {"size": "500x30"}, (50, 30)),
        ((17, 17), {"size": "19x99"}, (19, 19)),
        ((1, 1), {}, (2, 2)),
        ((1, 30), {"scale": 2}, (2, 60)),
    ],
    ids=case_id,
)
def test_a_picture_gets_the_size_asked_for(tmp_path, picture, tiny, own, settings, expected):
    result = _run(tiny, picture(*own), tmp_path / "out.png", **settings)
    with Image.open(result.path) as image:
        assert image.size == expected and image.mode == "RGB"


def test_a_size_of_the_same_shape_but_for_rounding_is_met_exactly():
    job = UpscaleJob(input="a.mp4", output="b.mp4", size="1280x720")
    for width in (853, 854):
        assert target_size(job, (480, width)) == (720, 1280)
    assert target_size(job, (480, 852)) == (720, 1278)
    assert target_size(job, (480, 858)) == (716, 1280)


@pytest.mark.parametrize("own", [(7, 9), (360, 640), (1, 1), (999, 3)], ids=case_id)
@pytest.mark.parametrize("size", ["1000x1000", "1999x1001", "1x100000", "640x361"])
def test_a_size_is_fitted_inside_in_the_pictures_shape(own, size):
    across, down = map(int, size.split("x"))
    job = UpscaleJob(input="a.png", output="b.png", size=size)
    if across <= own[1] or down <= own[0]:
        with pytest.raises(InputError, match=f"not larger than the input, {own[1]}x{own[0]}"):
            target_size(job, own)
        return
    height, width = target_size(job, own)
    assert height <= down and width <= across and (height == down or width == across)
    scale = max(height / own[0], width / own[1])
    assert abs(height - own[0] * scale) <= 1 and abs(width - own[1] * scale) <= 1


@pytest.mark.parametrize("scale", [1.01, 1.5, 2, 2.1, 3, 4, 8, 16])
@pytest.mark.parametrize("own", [(1, 1), (37, 51), (360, 640), (64, 1000)], ids=case_id)
def test_each_stage_doubles_the_sides_at_most_and_the_last_is_the_target(own, scale):
    target = tuple(round(side * scale) for side in own)
    sizes = stage_sizes(own, target)
    assert sizes[-1] == target and len(sizes) <= max(np.ceil(np.log2(scale)), 1)
    before = own
    for size in sizes:
        assert all(a >= b for a, b in zip(size, before, strict=True))
        assert all(a <= 2**1.1 * b + 1 for a, b in zip(size, before, strict=True))
        before = size


def test_several_stages_are_run(tmp_path, picture, tiny):
    seen = []
    result = _run(tiny, picture(), tmp_path / "out.png", seen.append, scale=4)
    assert _images(result.path).shape == (1, 96, 160, 3)
    upscaled = sorted({p.fraction for p in seen if p.stage == "upscaling"})
    assert upscaled == pytest.approx([0.02, 0.435, 0.85])  # one step each


# --- clips


def test_a_clip_keeps_its_frames_times_and_sound(tmp_path, clip, tiny):
    source = clip(20)  # more than the window of 16
    result = _run(tiny, source, tmp_path / "out.mp4", scale=1.5)
    before, after = list(media.read(source)), list(media.read(result.path))
    assert result.frames == len(before) == 20
    assert [f.time for f in after] == [f.time for f in before]
    assert {f.image.shape for f in after} == {(27, 48, 3)}
    assert len(_sound(source)) > 5 and _sound(result.path) == _sound(source)


def test_a_clip_longer_than_a_window_has_every_frame_in_its_place(tmp_path, clip, tiny):
    source = clip(21)
    out = _images(_run(tiny, source, tmp_path / "out.mkv").path).astype(float)
    own = _images(source)
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
    result = _run(tiny, source, tmp_path / "out.mkv")
    assert [float(f.time) for f in media.read(result.path)] == pytest.approx(times, abs=1e-3)


def test_start_and_frames_cut_the_clip(tmp_path, clip, tiny):
    source = clip(12)
    result = _run(tiny, source, tmp_path / "out.mp4", start=0.2, frames=3)
    assert result.frames == 3 and next(media.read(result.path)).time == 0
    one = _run(tiny, source, tmp_path / "one.png", start=0.2, frames=1)
    assert _images(one.path).shape == (1, 36, 64, 3)


def test_an_animation_comes_back_as_one(tmp_path, clip, tiny):
    source = tmp_path / "in.gif"
    frames = [Image.fromarray(f.image) for f in media.read(clip(3))]
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=[100, 200, 100])
    result = _run(tiny, source, tmp_path / "out.gif")
    assert _images(result.path).shape == (3, 36, 64, 3)
    assert [float(f.time) for f in media.read(result.path)] == pytest.approx([0, 0.1, 0.3])


# --- what decides the result


@pytest.mark.parametrize("recipe", ["best", "paper"])
@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_a_sidecar_repeats_its_output_bit_for_bit(tmp_path, picture, clip, tiny, kind, recipe):
    source = picture(41, 23) if kind == "picture" else clip(2, 35, 22)
    ending = "png" if kind == "picture" else "mp4"
    # 1.1 makes another shape of the sides as they are rounded: the size alone would not repeat it.
    given = {"scale": 1.1, "seed": None, "recipe": recipe, "prompt": "a bunny", "guidance": 2.0}
    first = _run(tiny, source, tmp_path / f"a.{ending}", **given)
    settings = read_job(sidecar_path(first.path), UpscaleJob)
    second = _run(tiny, **{**settings, "source": source, "output": tmp_path / f"b.{ending}"})
    assert first.path.read_bytes() == second.path.read_bytes()
    assert second.settings == {**first.settings, "output": str(second.path)}
    assert isinstance(second.settings["seed"], int) and second.settings["steps"] > 0


def test_every_size_that_a_scale_gives_is_repeated_by_the_sidecar(tmp_path, picture, tiny):
    first = _run(tiny, picture(51, 37), tmp_path / "a.png", scale=1.5)
    settings = read_job(sidecar_path(first.path), UpscaleJob)
    repeated = UpscaleJob.make(**settings)
    for own in ((37, 51), (3, 100), (9, 9)):
        asked = UpscaleJob(input="a.png", output="b.png", scale=1.5)
        assert target_size(repeated, own) == target_size(asked, own)


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
    base = _images(_run(tiny, source, tmp_path / "a.png", guidance=2.0, tile=0).path)
    other = {"guidance": 2.0, "tile": 0, **change}
    assert not np.array_equal(base, _images(_run(tiny, source, tmp_path / "b.png", **other).path))


def test_a_frames_noise_depends_on_the_seed_and_its_place_in_the_clip(tmp_path, clip, tiny):
    pipe, sizes = tiny("", CPU, moving=True).pipe, [(64, 64), (100, 70)]
    whole, later = pipe.frame_noise(sizes, 4, 0, 7), pipe.frame_noise(sizes, 2, 2, 7)
    for one, two in zip(whole, later, strict=True):
        assert np.array_equal(one[:, :, 2:], two)  # windows agree where they overlap
    assert not np.array_equal(whole[0], pipe.frame_noise(sizes, 4, 0, 70)[0])
    source = clip(2)
    given = {"guidance": 1.0, "identity": 0.5}
    base = _images(_run(tiny, source, tmp_path / "a.mkv", **given).path)
    assert not np.array_equal(
        base, _images(_run(tiny, source, tmp_path / "b.mkv", seed=70, **given).path)
    )


def test_the_paper_has_its_own_steps(tmp_path, picture, tiny):
    given = {"recipe": "paper", "steps": None}
    result = _run(tiny, picture(), tmp_path / "out.png", **given)
    assert result.settings["steps"] == 15 and result.settings["recipe"] == "paper"
    best = _run(tiny, picture(), tmp_path / "best.png", steps=None)
    assert best.settings["steps"] < 15


def test_more_steps_than_the_paper_has_are_refused_and_else_run(tmp_path, picture, tiny):
    match = "steps is at most 50 with the paper's recipe, not 51"
    _refused(match, _never, picture(), tmp_path / "out.png", recipe="paper", steps=51)
    seen = []
    _run(tiny, picture(), tmp_path / "out.png", seen.append, steps=60, guidance=1.0)
    assert len({p.fraction for p in seen if p.stage == "upscaling"}) == 61


def test_the_sidecar_tells_what_was_made(tmp_path, picture, tiny, tiny_model):
    result = _run(tiny, picture(), tmp_path / "out.png")
    stored = json.loads(result.sidecar.read_text())
    assert stored["settings"] == result.settings and stored["made"]["frames"] == 1
    assert stored["settings"]["model"] == str(tiny_model) and stored["settings"]["device"] == "cpu"
    assert set(stored["settings"]) == set(UpscaleJob.model_fields) - MANNER


# --- progress and stopping


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_progress_rises_to_the_end(tmp_path, picture, clip, tiny, kind):
    source = picture() if kind == "picture" else clip(18)
    seen = []
    out = tmp_path / ("out.png" if kind == "picture" else "out.mp4")
    _run(tiny, source, out, seen.append, guidance=1.0)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert {p.stage for p in seen} == {"reading", "upscaling", "writing"}
    shape = _images(out)[0].shape
    assert seen[-1].preview().shape == shape


@pytest.mark.parametrize("after", [1, 2, 3])
def test_stopping_leaves_nothing_behind_and_the_model_as_it_was(tmp_path, picture, tiny, after):
    source = picture()
    first = _images(_run(tiny, source, tmp_path / "a.png", steps=2).path)
    told = []

    def stop(progress):
        told.append(progress)
        if progress.stage == "upscaling" and len(told) > after:
            raise Cancelled("stopped")

    before = sorted(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        _run(tiny, source, tmp_path / "b.png", stop, steps=2)
    assert sorted(tmp_path.iterdir()) == before
    assert np.array_equal(first, _images(_run(tiny, source, tmp_path / "c.png", steps=2).path))


# --- what is refused, before a model is loaded


@pytest.mark.parametrize("size", ["40x24", "39x100", "100x24", "1x1"])
def test_a_size_that_is_not_larger_is_refused(tmp_path, picture, size):
    match = f"size {size} is not larger than the input, 40x24"
    _refused(match, _never, picture(), tmp_path / "out.png", size=size)


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"scale": 2, "size": "80x80"}, "a scale or a size, not both"),
        ({"scale": 1}, "scale should be greater than 1"),
        ({"scale": 17}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"size": "80"}, "size"),
        ({"size": "80x0"}, "size"),
        ({"size": "-80x90"}, "size"),
        ({"identity": 1.1}, "identity"),
        ({"identity": -0.1}, "identity"),
        ({"steps": 0}, "steps"),
        ({"tile": -64}, "tile"),
        ({"recipe": "fast"}, "recipe"),
        ({"sise": "80x80"}, "unknown setting 'sise'"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path, picture, wrong, named):
    _refused(named, _never, picture(), tmp_path / "out.png", **wrong)


def test_every_field_tells_what_it_is():
    assert all(field.description for field in UpscaleJob.model_fields.values())


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_a_huge_target_is_refused_with_an_estimate(tmp_path, picture, clip, kind):
    source = picture() if kind == "picture" else clip(2)
    ending = "png" if kind == "picture" else "mp4"
    out = tmp_path / f"out.{ending}"
    line = _refused("GiB of memory", _never, source, out, size="900000x900000")
    assert "choose a smaller scale or size" in line
    assert not out.exists()


def test_the_estimate_grows_with_pixels_and_frames(monkeypatch):
    monkeypatch.setattr(sizes, "available_memory", lambda: 2**30)
    check_memory((1000, 1000), 1)
    for size, frames in (((4000, 4000), 1), ((1000, 1000), 16)):
        with pytest.raises(InputError, match="about 2 GiB of memory, and 1 GiB are free"):
            check_memory(size, frames)


def test_a_guide_alone_needs_few_frames_at_a_time(tmp_path, monkeypatch):
    """A clip is enlarged to 4K where a model's window of it would not fit."""
    monkeypatch.setattr(sizes, "available_memory", lambda: 8 * 2**30)
    given = {"input": CLIP, "output": tmp_path / "out.mp4", "scale": 6, "model": "mini"}
    refuse(UpscaleJob.make(**given), media.probe(CLIP))
    with pytest.raises(InputError, match="GiB of memory"):
        refuse(UpscaleJob.make(**given, identity=0.8), media.probe(CLIP))


def test_nothing_is_overwritten_unasked(tmp_path, picture, tiny):
    out = tmp_path / "out.png"
    out.write_bytes(b"mine")
    _refused("exists", _never, picture(), out)
    assert out.read_bytes() == b"mine"
    _run(tiny, picture(), out, overwrite=True)
    assert _images(out).shape == (1, 48, 80, 3)
    out.unlink()
    _refused("out.png.json exists", _never, picture(), out)


def test_the_input_itself_is_no_output(tmp_path, picture):
    source = picture()
    before = source.read_bytes()
    _refused("is the input itself", _never, source, source, overwrite=True)
    assert source.read_bytes() == before


def test_sdxl_takes_no_clips(tmp_path, clip):
    arguments = (clip(2), tmp_path / "out.mp4")
    _refused(
        "sdxl upscales pictures only", load_upscaler, *arguments, error=ModelError, model="sdxl"
    )
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("tile", [63, 64, 100])
def test_a_tile_the_model_cannot_work_in_is_refused(tmp_path, picture, tiny, tile):
    said = "tile (should|must) be a multiple of 64"  # at once; 64 alone is too small
    _refused(said, tiny, picture(), tmp_path / "out.png", tile=tile)
    assert not (tmp_path / "out.png").exists()


# --- pictures of every kind


def _cmyk(image, path):
    image.convert("CMYK").save(path, quality=95)


def _deep(image, path):
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)


def _alpha(image, path):
    image.putalpha(255)
    image.save(path)


def _turned(image, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned right by a quarter
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


def _palette(image, path):
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(path)


KINDS = {
    "cmyk": (_cmyk, "in.jpg"),
    "16 bit": (_deep, "in.png"),
    "alpha": (_alpha, "in.png"),
    "rotated": (_turned, "in.jpg"),
    "palette": (_palette, "in.gif"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_every_kind_come_back_upright_and_alike(tmp_path, scene, mini, kind):
    save, name = KINDS[kind]
    small = cv2.resize(scene, (48, 32), interpolation=cv2.INTER_AREA)
    save(Image.fromarray(small), tmp_path / name)
    out = _images(_run(mini, tmp_path / name, tmp_path / "out.png", identity=1).path)[0]
    assert out.shape == (64, 96, 3)
    again = cv2.resize(out, (48, 32), interpolation=cv2.INTER_AREA).astype(float)
    expected = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[..., None] if kind == "16 bit" else small
    assert np.abs(again - expected).mean() < 8  # of 255; a picture the wrong way is above 40
    assert np.abs(again[::-1] - expected).mean() > 16


def test_a_single_frame_is_a_picture_whatever_its_name(tmp_path, picture, tiny):
    result = _run(tiny, picture(name="in.webp"), tmp_path / "out.jpg")
    assert result.frames == 1 and _images(result.path).shape == (1, 48, 80, 3)


# --- quality, with the embedded weights


def _fidelity(path, small):
    height, width = small.shape[:2]
    again = cv2.resize(_images(path)[0], (width, height), interpolation=cv2.INTER_AREA)
    return metrics.psnr([again], [small])


def test_the_dial_goes_from_keeping_to_reimagining(tmp_path, picture, mini):
    source = picture(64, 48)
    small = _images(source)[0]
    kept, detail = [], []
    for identity in (1, 0.8, 0.5, 0.2, 0):
        out = tmp_path / f"{identity}.png"
        _run(mini, source, out, identity=identity, steps=None)
        kept.append(_fidelity(out, small))
        detail.append(metrics.sharpness([small], _images(out)))
    assert kept == sorted(kept, reverse=True), kept
    assert kept[0] > 60 and kept[0] - kept[-1] > 8, kept
    assert detail[-1] > 1.1 * detail[0] and detail[1:] == sorted(detail[1:]), detail


def test_at_the_end_of_the_dial_nothing_is_denoised(tmp_path, picture):
    """No model is loaded for it, whatever its name; the guide decides."""
    source = picture(64, 48)
    made = {}
    for guide in ("mini", "restore", "bicubic"):
        out = tmp_path / f"{guide}.png"
        result = _run(_never, source, out, identity=1, guide=guide, model="mini", steps=None)
        made[guide] = _images(out)
        assert result.settings["steps"] is None and result.settings["guide"] == guide
        assert ("guide" in result.weights) == (guide != "bicubic")
    assert not np.array_equal(made["mini"], made["restore"])
    assert metrics.sharpness(made["bicubic"], made["mini"]) > 1.1


def test_the_embedded_model_stands_at_its_guide(tmp_path, picture):
    result = _run(_never, picture(), tmp_path / "out.png", identity=None, model="mini")
    assert result.settings["identity"] == 1 and "no diffusion" in result.model
    assert result.settings["model"] == "mini"


def test_a_clip_by_the_guide_alone_is_the_same_in_any_chunks(tmp_path, clip, monkeypatch):
    """Its frames share detail with their neighbours, also across chunks."""
    source, made = clip(7, 48, 32), []
    for pictures in (8, 3):
        monkeypatch.setattr(build_upscale, "PICTURES", pictures)
        out = tmp_path / f"{pictures}.mkv"
        made.append(_images(_run(_never, source, out, identity=1, codec="ffv1").path))
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    "guide, named",
    [
        ("sharp", "unknown guide 'sharp': use bicubic, mini, restore, or a .safetensors file"),
        ("no.safetensors", "is no file"),
        ("x.pth", "unknown guide"),
    ],
)
def test_a_wrong_guide_is_refused_in_one_line(tmp_path, picture, guide, named):
    _refused(named, _never, picture(), tmp_path / "out.png", error=ModelError, guide=guide)


def test_the_published_recipe_has_its_own_guide(tmp_path, picture, tiny):
    settings = {"recipe": "paper", "identity": None}
    _refused("bicubic", _never, picture(), tmp_path / "a.png", guide="mini", **settings)
    result = _run(tiny, picture(), tmp_path / "out.png", **settings)
    assert result.settings["guide"] == "bicubic"


def test_a_guide_of_ones_own_from_a_file(tmp_path, picture):
    path = tmp_path / "own.safetensors"
    path.write_bytes(GUIDES["mini"].read_bytes())
    result = _run(_never, picture(), tmp_path / "a.png", guide=str(path), identity=1)
    embedded = _run(_never, picture(), tmp_path / "b.png", identity=1)
    assert result.settings["guide"] == str(path)
    assert result.path.read_bytes() == embedded.path.read_bytes()


def test_a_flat_picture_stays_flat(tmp_path, mini):
    source = tmp_path / "in.png"
    Image.new("RGB", (64, 48), (120, 130, 110)).save(source)
    out = _images(_run(mini, source, tmp_path / "out.png", steps=None).path)[0].astype(float)
    assert np.abs(out - (120, 130, 110)).max() < 12


# --- the public names


def test_upscale_is_the_same_road(tmp_path, picture, tiny_model):
    given = {"model": str(tiny_model), "scale": 1.5, **QUICK}
    result = relight.upscale(picture(), tmp_path / "out.png", **given)
    assert isinstance(result, relight.Result) and _images(result.path).shape == (1, 36, 60, 3)
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
