"""A new background: the subject is put before it with its own pixels, and relit to match."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from relight import media
from relight.engine.backdrop import Backdrop, notes_on
from relight.engine.plan import plan
from relight.engine.prepare import refuse_region
from relight.engine.run import run_relight
from relight.errors import InputError, MediaError
from relight.jobs import RelightJob
from relight.models.loader import load_model
from tests.conftest import CPU, TINY
from tests.engine.conftest import FRAMES
from tests.engine.test_regions import _images, _job


def _video(path, levels, fps=25, size=(64, 48)):
    with media.write(path, size=size, fps=fps, encoding=media.Encoding(codec="ffv1")) as out:
        for i, level in enumerate(levels):
            image = np.full((size[1], size[0], 3), level, np.uint8)
            out.add(image, Fraction(i, fps))
    return path


def _sky(path, size=(160, 90), colour=(1.0, 1.0, 0.4)):
    """Bright on the left, dark on the right."""
    ramp = np.linspace(250, 20, size[0])[None, :, None].repeat(size[1], 0).repeat(3, 2)
    ramp *= colour
    Image.fromarray(ramp.astype(np.uint8)).save(path)
    return path


def test_without_light_the_subject_is_the_source_and_the_rest_the_background(
    tmp_path,
    scene,
    tiny,
):
    sky = _sky(tmp_path / "sky.png")
    given = {"mask": str(scene / "mask"), "background": str(sky), "intensity": 0}
    result = run_relight(_job(scene, tmp_path / "out", **given), load=tiny)
    out, source = _images(tmp_path / "out"), _images(scene / "clip")
    mask = _images(scene / "mask")[..., 0] > 127
    assert np.array_equal(out[mask], source[mask])
    behind = next(Backdrop(sky, (96, 96)).frames([Fraction(0)]))
    assert all(np.array_equal(frame[~m], behind[~m]) for frame, m in zip(out, mask, strict=True))
    assert result.settings["light"] == f"backdrop:{sky}"
    assert any("is cut to cover 96x96" in note for note in result.notes)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"upscale": 2}], ids=["relit", "enlarged"])
def test_before_a_new_background_nothing_is_transparent_and_there_are_no_bars(
    tmp_path, scene, tiny, more
):
    (tmp_path / "clip").mkdir()
    for i, image in enumerate(_images(scene / "clip")[:1]):
        image[:12] = image[-12:] = 0
        clear = np.full((96, 96), 255, np.uint8)
        clear[:, :48] = 0
        Image.fromarray(np.dstack([image, clear])).save(tmp_path / "clip" / f"{i}.png")
    Image.new("RGB", (96, 96), (90, 140, 200)).save(tmp_path / "plain.png")
    mask = scene / "mask" / "00.png"
    given = {"mask": str(mask), "background": str(tmp_path / "plain.png"), "intensity": 0}
    given |= {"prompt": "red light", "relight_steps": 1, "seed": 1, "as_clip": True, **more}
    job = RelightJob.make(input=tmp_path / "clip", output=tmp_path / "out.mov", **given)
    result = run_relight(job, load=tiny)
    info, frame = media.probe(result.path), next(media.read(result.path))
    assert not info.alpha and not any("transparen" in note for note in result.notes)
    for side in (frame.image[:9, :40], frame.image[:9, -40:]):  # a tiny model enlarges it: noisy
        assert np.abs(side.mean((0, 1)) - (90, 140, 200)).max() < 25


def test_the_subject_takes_the_backgrounds_light(tmp_path, scene, tiny):
    source = _images(scene / "clip")[0].astype(float)
    mask = _images(scene / "mask")[0, ..., 0] > 127
    columns = np.nonzero(mask)[1]
    left, warmth = columns < np.median(columns), []
    for name, colour in (("warm", (1.0, 0.6, 0.2)), ("cold", (0.2, 0.6, 1.0))):
        sky = _sky(tmp_path / f"{name}.png", colour=colour)
        given = {"mask": str(scene / "mask"), "background": str(sky), "shape": 0.8}
        run_relight(_job(scene, tmp_path / name, **given), load=tiny)
        lit = _images(tmp_path / name)[0][mask].astype(float)
        gains = [lit[side].mean() / source[mask][side].mean() for side in (left, ~left)]
        assert gains[0] > 1.05 * gains[1]
        warmth.append(lit[:, 0].mean() / lit[:, 2].mean())
    assert warmth[0] > 1.2 * warmth[1]


def test_a_video_behind_is_looped_or_cut_with_a_note(tmp_path):
    short = _video(tmp_path / "short.mkv", [10, 60, 110])
    times = [Fraction(i, 25) for i in range(7)]
    levels = [int(frame[0, 0, 0]) for frame in Backdrop(short, (32, 32)).frames(times)]
    assert levels == [10, 60, 110, 10, 60, 110, 10]
    clip = media.probe(_video(tmp_path / "clip.mkv", range(7)))
    assert any("shown again from its start" in n for n in notes_on(short, clip, 0.28))
    long = _video(tmp_path / "long.mkv", range(20))
    assert any("is cut at 0.28 s" in note for note in notes_on(long, clip, 0.28))


def _pictures(folder, sizes=((64, 48), (30, 60), (90, 20))):
    """Of several sizes, each of one grey: 40, 120, 200."""
    folder.mkdir()
    for i, size in enumerate(sizes):
        Image.new("L", size, 40 + 80 * i).save(folder / f"{i}.png")
    return folder


def test_a_folder_behind_is_a_picture_a_frame_from_its_start_again_with_a_note(tmp_path):
    folder = _pictures(tmp_path / "behind")
    times = [Fraction(i, 10) for i in range(5)]
    for path in (folder, folder / "%d.png", folder / "*.png"):
        backdrop = Backdrop(path, (32, 32), Fraction(10))
        frames = list(backdrop.frames(times))
        assert [int(frame[16, 16, 0]) for frame in frames] == [40, 120, 200, 40, 120]
        assert all(np.ptp(frame) == 0 for frame in frames)  # each covers, with no bars
        assert next(backdrop.frames(times, 4))[0, 0, 0] == 120
    clip = media.probe(_video(tmp_path / "clip.mkv", range(5), fps=10))
    assert any("shown again from its start" in note for note in notes_on(folder, clip, 0.5))


def test_the_subject_is_put_before_a_folder_of_pictures(tmp_path, scene, tiny):
    folder = _pictures(tmp_path / "behind")
    given = {"mask": str(scene / "mask"), "background": str(folder), "intensity": 0}
    result = run_relight(_job(scene, tmp_path / "out", **given), load=tiny)
    out, mask = _images(tmp_path / "out"), _images(scene / "mask")[..., 0] > 127
    shown = [{int(v) for v in frame[~m].ravel()} for frame, m in zip(out, mask, strict=True)]
    assert shown == [{40}, {120}, {200}] * 2
    assert result.settings["background"] == str(folder)
    assert any("shown again from its start" in note for note in result.notes)


def test_a_background_of_one_pixel_is_a_plain_colour(tmp_path):
    Image.new("RGB", (1, 1), (10, 200, 30)).save(tmp_path / "one.png")
    frame = next(Backdrop(tmp_path / "one.png", (33, 20)).frames([Fraction(0)]))
    assert frame.shape == (20, 33, 3) and (frame == (10, 200, 30)).all()


@pytest.mark.parametrize(
    "given, words",
    [
        ({"background": " "}, "background is empty"),
        ({"background": "sky.png", "relight": "background"}, "relight is subject"),
    ],
)
def test_a_background_that_cannot_be_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        RelightJob.make(input="a.mp4", output="b.mp4", prompt="x", **given)


@pytest.mark.parametrize("name", ["none.jpg", "empty", "text.png", "broken"])
def test_a_background_that_cannot_be_read_is_one_line_before_any_model(tmp_path, scene, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    (_pictures(tmp_path / "broken") / "1.png").write_text("no picture")
    job = _job(scene, tmp_path / "out", background=str(tmp_path / name))
    with pytest.raises((InputError, MediaError), match=f"^the background .*{name}") as caught:
        run_relight(job, load=lambda *_: pytest.fail("a model was loaded"))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_weights_that_see_a_background_are_used_where_they_are(tmp_path, scene, tiny_model):
    folder = tmp_path / "model"
    folder.mkdir()
    for part in tiny_model.iterdir():
        (folder / part.name).symlink_to(part)
    offsets = load_file(TINY / "iclight_fc.safetensors")
    wide = offsets["conv_in.weight"]
    more = torch.randn(wide.shape[0], wide.shape[1] // 2, *wide.shape[2:]) * 0.3
    offsets["conv_in.weight"] = torch.cat([wide, more], dim=1)
    save_file(offsets, folder / "iclight_fbc.safetensors")
    model = load_model(str(folder), CPU)
    assert model.load_backdrop().unet.config.in_channels == 12
    assert model.load_backdrop() is model.load_backdrop()
    given = {"mask": str(scene / "mask"), "light": "left"}
    made = []
    for name, level in (("dark", 20), ("bright", 230)):
        picture = tmp_path / f"{name}.png"
        Image.fromarray(np.full((96, 96, 3), level, np.uint8)).save(picture)
        job = _job(scene, tmp_path / name, background=str(picture), **given)
        run_relight(job, load=lambda *_: model)
        made.append(_images(tmp_path / name))
    mask = _images(scene / "mask")[..., 0] > 127
    assert len(made[0]) == FRAMES
    assert np.abs(made[0][mask].astype(int) - made[1][mask]).mean() > 1


@pytest.mark.slow
def test_words_let_the_video_model_draw_it(tmp_path, scene, tiny):
    given = {"mask": str(scene / "mask"), "background": "a sandy beach", "recipe": "best"}
    job = _job(scene, tmp_path / "out", strength=0.5, **given)
    result = run_relight(job, load=tiny)
    out, source = _images(tmp_path / "out").astype(int), _images(scene / "clip")
    mask = _images(scene / "mask")[..., 0] > 127
    assert result.settings["scene"] == "red neon light, a sandy beach"
    assert np.abs(out - source)[~mask].mean() > 10
    inside = np.corrcoef(out[mask].mean(-1), source[mask].mean(-1))[0, 1]
    assert inside > 0.5, inside


@pytest.mark.slow
def test_before_what_the_model_draws_the_subject_has_the_light_of_keyframes(tmp_path, scene, tiny):
    mask, made = {"mask": str(scene / "mask"), "light": "left"}, {}
    drawn = {"background": "a sandy beach", "recipe": "best", "strength": 0.5}
    for name, given in (("drawn", drawn), ("fast", {"relight": "subject", "light_fps": 60})):
        run_relight(_job(scene, tmp_path / name, **mask, **given), load=tiny)
        made[name] = _images(tmp_path / name).astype(int)
    source, inside = _images(scene / "clip").astype(int), _images(scene / "mask")[..., 0] > 250
    changed = np.abs(made["fast"] - source)[inside].mean()
    assert np.abs(made["drawn"] - made["fast"])[inside].mean() < changed / 4


def test_a_model_that_knows_few_words_says_that_it_ignores_those_of_a_background(tmp_path, scene):
    given = {"mask": str(scene / "mask"), "recipe": "best", "model": "mini"}
    job = _job(scene, tmp_path / "out", background="a sandy beach", **given)
    (note,) = (note for note in plan(job).notes if note.startswith("background"))
    assert "doesn't know the words" in note
    job = _job(scene, tmp_path / "out", background=str(scene / "mask" / "00.png"), **given)
    assert not any(note.startswith("background:") for note in plan(job).notes)


def test_words_need_a_model_that_draws(tmp_path, scene):
    with pytest.raises(InputError, match="take recipe best"):
        _job(scene, tmp_path / "out", recipe="fast", background="a beach")
    job = _job(scene, tmp_path / "out", recipe="best", background="a beach", model="wan")
    with pytest.raises(InputError, match="can't draw a background"):
        refuse_region(job, media.probe(scene / "clip", job.reading))


def test_where_the_subject_stands_the_new_ground_is_in_its_shadow(tmp_path, scene, tiny):
    mask = np.zeros((96, 96), np.uint8)
    mask[20:70, 30:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.new("RGB", (96, 96), (180, 180, 180)).save(tmp_path / "ground.png")
    given = {"mask": str(tmp_path / "mask.png"), "background": str(tmp_path / "ground.png")}
    outs = []
    for shadow in (0, 0.8):
        job = _job(scene, tmp_path / str(shadow), frames=2, contact_shadow=shadow, **given)
        run_relight(job, load=tiny)
        outs.append(_images(tmp_path / str(shadow))[0][..., 0].astype(int))
    plain, shaded = outs
    ground = mask == 0
    assert (plain[ground] == 180).all()
    assert np.array_equal(plain[~ground], shaded[~ground])
    assert shaded[71, 45] < 150 and (shaded[:20] == 180).all() and (shaded[ground] <= 180).all()
