"""Upscaling: what is refused, before a model is loaded."""

import pytest

from relight import media
from relight.engine import sizes
from relight.engine.prepare import refuse
from relight.engine.sizes import check_memory
from relight.errors import InputError, ModelError
from relight.jobs import UpscaleJob
from relight.models.loader import load_upscaler
from tests.engine.upscaling.running import images, never, refused, upscaled
from tests.samples import CLIP


@pytest.mark.parametrize("size", ["40x24", "39x100", "100x24", "1x1"])
def test_a_size_that_is_not_larger_is_refused(tmp_path, picture, size):
    match = f"size {size} is not larger than the input, 40x24"
    refused(match, never, picture(), tmp_path / "out.png", size=size)


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
    refused(named, never, picture(), tmp_path / "out.png", **wrong)


def test_every_field_tells_what_it_is():
    assert all(field.description for field in UpscaleJob.model_fields.values())


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_a_huge_target_is_refused_with_an_estimate(tmp_path, picture, clip, kind):
    source = picture() if kind == "picture" else clip(2)
    ending = "png" if kind == "picture" else "mp4"
    out = tmp_path / f"out.{ending}"
    line = refused("GiB of memory", never, source, out, size="900000x900000")
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
    refused("exists", never, picture(), out)
    assert out.read_bytes() == b"mine"
    upscaled(tiny, picture(), out, overwrite=True)
    assert images(out).shape == (1, 48, 80, 3)
    out.unlink()
    refused("out.png.json exists", never, picture(), out)


def test_the_input_itself_is_no_output(tmp_path, picture):
    source = picture()
    before = source.read_bytes()
    refused("is the input itself", never, source, source, overwrite=True)
    assert source.read_bytes() == before


def test_sdxl_takes_no_clips(tmp_path, clip):
    arguments = (clip(2), tmp_path / "out.mp4")
    refused(
        "sdxl upscales pictures only", load_upscaler, *arguments, error=ModelError, model="sdxl"
    )
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("tile", [63, 64, 100])
def test_a_tile_the_model_cannot_work_in_is_refused(tmp_path, picture, tiny, tile):
    said = "tile (should|must) be a multiple of 64"  # at once; 64 alone is too small
    refused(said, tiny, picture(), tmp_path / "out.png", tile=tile)
    assert not (tmp_path / "out.png").exists()
