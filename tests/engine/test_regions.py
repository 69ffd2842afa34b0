"""Masks in a run: what is not to be lit is the source's bit for bit; bad masks are one line."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.engine.prepare import refuse_region
from relight.engine.run import run_relight
from relight.errors import Cancelled, InputError, MediaError
from relight.jobs import RelightJob
from relight.media import Encoding, Frame
from tests.masks.networks import red_matte

LOSSLESS = Encoding(codec="ffv1")


def _job(scene, out, **given):
    settings = {"prompt": "red neon light", "relight_steps": 2, "steps": 2, "seed": 1, "shape": 0}
    made = {"as_clip": True, "recipe": "fast", "intensity": 1.5, **settings, **given}
    return RelightJob.make(input=scene / "clip", output=out / "%02d.png", **made)


def _images(folder):
    return np.stack([np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))])


def _run(scene, out, tiny, **given):
    result = run_relight(_job(scene, out, **given), load=tiny)
    return _images(out), result


def _broad(images):
    """Means of blocks of 8 x 8 pixels."""
    count, h, w, channels = images.shape
    return images.reshape(count, h // 8, 8, w // 8, 8, channels).mean((2, 4))


def _picture(path, matte):
    Image.fromarray(np.uint8(matte)).save(path)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fast", "best"])
def test_a_mask_of_nothing_gives_the_source_back_and_one_of_all_changes_nothing(
    tmp_path, scene, tiny, recipe, caplog
):
    source = _images(scene / "clip")
    none = _picture(tmp_path / "none.png", np.zeros((96, 96)))
    whole = _picture(tmp_path / "all.png", np.full((96, 96), 255))
    out, _ = _run(scene, tmp_path / "a", tiny, mask=none, recipe=recipe, transfer="on")
    assert np.array_equal(out, source)
    assert "is black everywhere" in caplog.text
    caplog.clear()
    plain, _ = _run(scene, tmp_path / "b", tiny, recipe=recipe, transfer="on")
    masked, _ = _run(scene, tmp_path / "c", tiny, mask=whole, recipe=recipe, transfer="on")
    assert np.array_equal(masked, plain) and "is black everywhere" not in caplog.text
    assert np.abs(plain.astype(int) - source).mean() > 2


def test_subject_and_background_are_lit_apart(tmp_path, scene, tiny):
    source, mask = _images(scene / "clip"), _images(scene / "mask")[..., 0] > 127
    for part, lit in (("subject", mask), ("background", ~mask)):
        out, result = _run(scene, tmp_path / part, tiny, mask=str(scene / "mask"), relight=part)
        changed = (out != source).any(-1)
        assert not changed[~lit].any()
        assert changed[lit].mean() > 0.8
        assert result.settings["relight"] == part and result.settings["mask"].endswith("/mask")


def test_the_models_own_pixels_are_kept_within_the_mask(tmp_path, scene, tiny):
    source, mask = _images(scene / "clip"), _images(scene / "mask")[..., 0] > 127
    given = {"recipe": "best", "transfer": "off", "intensity": 1, "mask": str(scene / "mask")}
    out, _ = _run(scene, tmp_path / "out", tiny, **given)
    changed = (out != source).any(-1)
    assert not changed[~mask].any() and changed[mask].mean() > 0.8


UNEVEN = [Fraction(n, 50) for n in (0, 1, 2, 3, 13, 23)]


def test_a_subject_that_is_lit_alone_keeps_the_scenes_own_light_in_its_shade(tmp_path, scene, tiny):
    source, mask = _images(scene / "clip"), _images(scene / "mask")[..., 0] > 127
    given = {"mask": str(scene / "mask"), "light": "left", "shape": 1.0, "intensity": 2.0}
    darkest = {}
    for part in ("subject", "all"):
        out, _ = _run(scene, tmp_path / part, tiny, relight=part, **given)
        left = _broad(out * mask[..., None]) / np.maximum(_broad(source * mask[..., None]), 1)
        darkest[part] = left.max(-1)[_broad(mask[..., None])[..., 0] == 1].min()
    assert darkest["subject"] > darkest["all"] + 0.1, darkest


@pytest.mark.parametrize("pictures", [6, 4])
def test_a_masks_pictures_are_matched_one_to_one_where_frames_last_unlike_times(
    tmp_path, tiny, pictures
):
    clip, masks = tmp_path / "clip.mkv", tmp_path / "masks"
    with media.write(clip, None, size=(64, 64), fps=Fraction(25), encoding=LOSSLESS) as out:
        for time in UNEVEN:
            out.put(Frame(np.full((64, 64, 3), 120, np.uint8), time))
    masks.mkdir()
    for number in range(6 - pictures, 6):  # a bar that moves; or of the part that is lit alone
        matte = np.zeros((64, 64), np.uint8)
        matte[:, number * 10 : number * 10 + 10] = 255
        Image.fromarray(matte).save(masks / f"{number}.png")
    given = {"prompt": "red neon light", "relight_steps": 2, "seed": 1, "shape": 0, "start": 0.04}
    out = tmp_path / "out.mkv"
    job = RelightJob.make(
        input=clip, output=out, mask=str(masks), relight="subject", codec="ffv1", **given
    )
    run_relight(job, load=tiny)
    found = [frame.image.astype(int) for frame in media.read(out)]
    assert len(found) == 4
    for number, image in enumerate(found, 2):
        changed = (np.abs(image - 120) > 4).any((0, 2)).nonzero()[0]
        assert changed.min() >= number * 10 - 2 and changed.max() < number * 10 + 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [{"mask": "auto"}, {"mask": "click:.4,.55"}, {"mask": "box:.1,.25,.7,.85@0.1"}, "network"],
)
def test_what_is_pointed_out_is_found_and_followed(tmp_path, scene, tiny, given):
    if given == "network":
        given = {"matte_model": red_matte(tmp_path / "red.onnx")}
    source, mask = _images(scene / "clip"), _images(scene / "mask")[..., 0] > 127
    out, _ = _run(scene, tmp_path / "out", tiny, **given)
    changed = np.abs(out.astype(int) - source).max(-1) > 6
    far = np.stack([_grown(one) for one in mask])
    assert changed[~far].mean() < 0.04  # a soft edge may reach a little farther
    assert changed[mask].mean() > 0.6


@pytest.mark.parametrize("given", [{"mask": "auto"}, {"mask": "click:.5,.5"}])
def test_in_a_clip_of_a_few_rows_a_subject_is_looked_for_too(tmp_path, tiny, given):
    (tmp_path / "clip").mkdir()
    for i in range(3):
        image = np.full((6, 150, 3), 60, np.uint8)
        image[2:5, 50 + i : 100 + i] = (220, 60, 40)
        Image.fromarray(image).save(tmp_path / "clip" / f"{i:02d}.png")
    source = _images(tmp_path / "clip")
    out, _ = _run(tmp_path, tmp_path / "out", tiny, **given)
    changed = (out != source).any(-1)
    assert changed[:, 3, 60:90].mean() > 0.8 and not changed[:, :, :20].any()


def _grown(mask, by=8):
    out = mask.copy()
    for axis in (0, 1):
        out = np.any([np.roll(out, shift, axis) for shift in range(-by, by + 1)], axis=0)
    return out


def test_a_changed_mask_starts_afresh(tmp_path, scene, tiny, caplog):
    mask = tmp_path / "mask.png"
    _picture(mask, np.eye(96) * 255)
    job = _job(scene, tmp_path / "out", mask=str(mask))
    job.output.parent.mkdir()

    def stop(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run_relight(
            job.model_copy(update={"keep_work": True}),
            load=tiny,
            on_progress=lambda p: stop(p) if p.fraction > 0.3 else None,
        )
    _picture(mask, np.tri(96) * 255)
    result = run_relight(job, load=tiny)
    assert any("the file given as mask has changed" in note for note in result.notes)


def _bad(tmp_path, scene):
    yield "has 3 pictures, and the clip 6 frames", {"mask": str(_some(tmp_path, scene, 3))}
    yield "check the path", {"mask": str(tmp_path / "missing.png")}
    yield "is past the end of the clip", {"mask": "click:.5,.5@9"}
    yield "is past the end of the clip", {"mask": "click:.5,.5@.2", "frames": 2}
    yield "outside of the frame", {"mask": "click:400,20"}
    yield "outside of the frame", {"mask": "click:1.5,.5"}
    yield "outside of the frame", {"mask": "box:.2,.1,1.2,.9"}
    yield "an empty box", {"mask": "box:.5,.5,.2,.9"}
    yield "there is no matte model", {"matte_model": tmp_path / "model.pt"}
    yield "there is no matte model", {"matte_model": tmp_path / "missing.onnx"}
    (tmp_path / "text.png").write_text("no picture")
    yield "damaged", {"mask": str(tmp_path / "text.png")}


def _some(tmp_path, scene, count):
    folder = tmp_path / "some"
    folder.mkdir()
    for file in sorted((scene / "mask").glob("*.png"))[:count]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_bad_mask_is_one_clear_line_before_any_model(tmp_path, scene):
    def never(*_):
        raise AssertionError("a model was loaded")

    for words, given in _bad(tmp_path, scene):
        with pytest.raises((InputError, MediaError), match=words) as caught:
            run_relight(_job(scene, tmp_path / "out", **given), load=never)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    "given, words",
    [
        ({"mask": "click:.5"}, "write click:x,y"),
        ({"mask": "click:a,b"}, "write click:x,y"),
        ({"mask": "box:0,0,1"}, "write box:left,top,right,bottom"),
        ({"mask": "  "}, "use a picture"),
        ({"mask": "m.png", "matte_model": "a.onnx"}, "a mask of a file needs none"),
        ({"mask": "click:.5,.5", "matte_model": "a.onnx"}, "leave mask at auto"),
        ({"relight": "sky"}, "relight should be"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        RelightJob.make(input="a.mp4", output="b.mp4", prompt="x", **given)


def test_a_mask_of_another_size_is_resized_with_a_note(tmp_path, scene):
    mask = _picture(tmp_path / "small.png", np.eye(48) * 255)
    job = _job(scene, tmp_path / "out", mask=mask)
    notes = refuse_region(job, media.probe(scene / "clip", job.reading))
    assert notes == ("the mask is resized from 48x48 to 96x96",)


def test_nothing_that_is_found_is_an_error(tmp_path, tiny):
    grey = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(grey)
    job = RelightJob.make(
        input=grey, output=tmp_path / "out.png", prompt="x", mask="auto", recipe="fast", seed=1
    )
    with pytest.raises(InputError, match="finds no clear subject"):
        run_relight(job, load=tiny)


def test_a_picture_is_masked_too(tmp_path, scene, tiny):
    picture, mask = scene / "clip" / "00.png", scene / "mask" / "00.png"
    job = RelightJob.make(
        input=picture,
        output=tmp_path / "out.png",
        prompt="red light",
        mask=str(mask),
        recipe="fast",
        relight_steps=2,
        seed=1,
    )
    run_relight(job, load=tiny)
    out, source = (np.asarray(Image.open(file)) for file in (job.output, picture))
    inside = np.asarray(Image.open(mask))[..., 0] > 127
    changed = (out != source).any(-1)
    assert not changed[~inside].any() and changed[inside].mean() > 0.8


def test_the_light_of_a_reference_is_held_within_a_mask(tmp_path, scene):
    frame = np.asarray(Image.open(scene / "clip" / "02.png")).astype(float)
    still = tmp_path / "lit.png"
    Image.fromarray((frame * 1.2).clip(0, 255).astype(np.uint8)).save(still)
    given = {"reference": str(still), "mask": str(scene / "mask"), "prompt": "", "recipe": "auto"}
    out, _ = _run(scene, tmp_path / "out", lambda *_: pytest.fail("a model was loaded"), **given)
    source, mask = _images(scene / "clip"), _images(scene / "mask")[..., 0] > 127
    changed = (out != source).any(-1)
    assert not changed[~mask].any() and changed[mask].mean() > 0.8
