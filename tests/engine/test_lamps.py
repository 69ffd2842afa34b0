"""Lamps in a run, with the embedded model: their place, their colour, and how they move."""

import colorsys
import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.lights import MovingLight, parse_light
from relight.lights.lamps import strength
from tests.masks.scenes import texture
from tests.masks.test_fine import with_ears

HEIGHT, WIDTH, FPS = 96, 160, 10


@pytest.fixture(scope="module")
def wall(tmp_path_factory):
    """A second of a still, textured wall: what is brighter in the result is the light."""
    folder = tmp_path_factory.mktemp("wall")
    image = texture(HEIGHT, WIDTH, (0.45, 0.45, 0.45), 3)
    codes = (image * 255).round().byte().permute(1, 2, 0).numpy()
    for i in range(FPS):
        Image.fromarray(codes).save(folder / f"{i:02d}.png")
    return folder


def _job(wall, out, **given):
    out.mkdir()
    plain = {"prompt": "soft light", "relight_steps": 2, "seed": 1, "model": "mini", "fps": FPS}
    made = {"as_clip": True, "light_fps": FPS, **plain, **given}
    return RelightJob.make(input=wall, output=out / "%02d.png", **made)


def _lit(wall, out, mini, **given):
    """(frames, h, w, 3): by what the light multiplies the wall, broad."""
    run_relight(_job(wall, out, **given), load=mini)
    source = np.asarray(Image.open(wall / "00.png")).astype(float)
    frames = [np.asarray(Image.open(file)).astype(float) for file in sorted(out.glob("*.png"))]
    return np.stack([_blurred((frame + 2) / (source + 2)) for frame in frames])


def _blurred(x, r=6):
    for axis in (0, 1):
        padded = np.pad(x, [(r, r) if a == axis else (0, 0) for a in range(3)], "edge")
        summed = np.cumsum(padded, axis)
        ends = np.take(summed, range(2 * r, summed.shape[axis]), axis)
        begins = np.take(summed, range(summed.shape[axis] - 2 * r), axis)
        x = (ends - begins) / (2 * r)
    return x


def _place(gain):
    """The middle of the brightest part of a gain, in fractions of width and height."""
    level = gain.mean(-1)
    row, column = np.nonzero(level >= np.quantile(level, 0.985))
    return (column.mean() + 0.5) / WIDTH, (row.mean() + 0.5) / HEIGHT


def _at_fps(wall, folder, fps):
    """The first second of the wall at another rate."""
    folder.mkdir()
    for i in range(fps):
        os.link(wall / "00.png", folder / f"{i:02d}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("fps", [6, 24, 30, 60])
@pytest.mark.parametrize("recipe", [{"recipe": "fast"}, {"recipe": "best", "steps": 2}])
def test_a_moving_lamp_is_where_it_is_at_every_keyframe(tmp_path, wall, mini, recipe, fps):
    still, last = _at_fps(wall, tmp_path / "in", fps), (fps - 1) / fps
    places = [(0, 0.2, 0.3), (0.45 * last, 0.8, 0.5), (last, 0.4, 0.7)]
    keys = [f"{seconds:.3f}=point:x={x},y={y},radius=.2" for seconds, x, y in places]
    given = {"light_at": keys, "shape": 0, "light_fps": 6, "fps": fps, **recipe}  # a wall: no form
    gains, moving = _lit(still, tmp_path / "out", mini, **given), MovingLight.read(keys)
    for seconds, _, _ in places:
        number = round(seconds * fps)  # of the frame nearest to the keyframe
        found, lamp = _place(gains[number]), moving.at(number / fps)
        assert abs(found[0] - lamp.x) < 0.05, (seconds, found)
        assert abs(found[1] - lamp.y) * HEIGHT / WIDTH < 0.05, (seconds, found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "light",
    [
        "left:color=#2040ff",
        "point:x=.5,y=.5,color=#20ff40",
        "candle:x=.5,y=.5",
        "angle:30,color=red",
    ],
)
def test_the_lamps_colour_shows_whatever_the_words(tmp_path, wall, mini, light):
    gain = _lit(wall, tmp_path / "out", mini, light=light)[0]
    near = gain.mean(-1) >= np.quantile(gain.mean(-1), 0.8)
    seen = gain[near].mean(0)
    wanted = parse_light(light).tint(0.0)
    hue, lamp = (colorsys.rgb_to_hsv(*(np.array(c) / max(c)))[0] for c in (seen, wanted))
    apart = abs((hue - lamp + 0.5) % 1 - 0.5) * 360
    assert apart < 25, (seen, wanted)
    assert seen.min() / seen.max() < 0.75, seen


def test_a_dim_lamp_beside_the_frame_keeps_its_colour(tmp_path, wall, mini):
    """The end of a sunset: .45 of a lamp are three quarters of what is left to see by."""
    given = {"relight_steps": 1, "side": 64, "frames": 1}
    warm = []
    for i, light in enumerate(("left:color=1900K", "left:color=1900K,intensity=.45")):
        gain = _lit(wall, tmp_path / str(i), mini, light=light, **given)[0]
        red, _, blue = gain[:, : WIDTH // 3].mean((0, 1))
        warm.append(np.log(red / blue))
    full, dim = warm
    assert full > 0.7 and 0.6 * full < dim < full


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [{"recipe": "fast"}, {"recipe": "best", "steps": 2}])
def test_a_lamp_beside_the_frame_is_as_bright_as_it_is_said_to_be(tmp_path, wall, mini, recipe):
    given = {"relight_steps": 1, "side": 64, "frames": 2, **recipe}
    lights = ("left", "left:intensity=.3", "left:intensity=0")
    full, dim, none = (
        _lit(wall, tmp_path / str(i), mini, light=light, **given)[0].mean()
        for i, light in enumerate(lights)
    )
    # Linear light left: .12 of the source's own beside .88 of the lamp's, encoded.
    assert abs(dim / full - (0.12 + 0.88 * 0.3) ** (1 / 2.2)) < 0.03
    assert abs(none / full - 0.12 ** (1 / 2.2)) < 0.05


@pytest.mark.slow
def test_a_pulse_swells_and_fades_and_police_take_turns(tmp_path, wall, mini):
    given = {"relight_steps": 1, "side": 64}
    pulse = _lit(wall, tmp_path / "pulse", mini, light="pulse:seconds=1", **given).mean((1, 2, 3))
    assert pulse[5] < 0.75 * pulse[0] and pulse[2] < pulse[1] < pulse[0]
    police = _lit(wall, tmp_path / "police", mini, light="police:seconds=1", **given)
    left, right = (x.mean((1, 2)) for x in (police[:, :, :40], police[:, :, -40:]))
    for at, channel, lit, other in ((2, 0, left, right), (7, 2, right, left)):
        assert lit[at, channel] > 2 * other[at, channel], (at, lit[at], other[at])
        assert lit[at].argmax() == channel and lit[at].min() < 0.6 * lit[at].max()


def test_white_under_a_red_lamp_is_red(tmp_path, mini):
    white = tmp_path / "white"
    white.mkdir()
    codes = (texture(HEIGHT, WIDTH, (0.85, 0.85, 0.85), 3) * 255).round().byte()
    Image.fromarray(codes.permute(1, 2, 0).numpy()).save(white / "00.png")
    gain = _lit(white, tmp_path / "out", mini, light="left:color=#ff1020", side=64)[0]
    red, green, blue = gain[:, :40].mean((0, 1))
    assert max(green, blue) < 0.6 * red


@pytest.mark.parametrize(
    "given, said",
    [
        ({"light": "point"}, "the subject found, inflated"),
        ({"light": "candle", "mask": "MASK"}, "the subject in the mask, inflated"),
        ({"light": "sweep", "shape": 0}, "none, as shape is 0"),
        ({"light": "point:z=-.2", "depth_clip": "MASK"}, "that of "),
        ({"light": "left"}, None),
    ],
)
def test_what_gives_a_lamp_its_depth_is_said(tmp_path, wall, mini, given, said):
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)[None].repeat(HEIGHT, 0)
    Image.fromarray(ramp).save(tmp_path / "mask.png")
    settings = {k: str(tmp_path / "mask.png") if v == "MASK" else v for k, v in given.items()}
    settings |= {"frames": 1, "relight_steps": 1, "side": 64}
    result = run_relight(_job(wall, tmp_path / "out", **settings), load=mini)
    notes = [note for note in result.notes if note.startswith("depth for the light: ")]
    assert [said in note for note in notes] == ([True] if said else [])
    assert notes == [
        n for n in json.loads(result.sidecar.read_text())["made"]["notes"] if n in notes
    ]


@pytest.mark.slow
def test_before_a_lamp_thin_parts_of_the_subject_are_dark_too(tmp_path, mini):
    clip, mattes = with_ears(frames=3)
    source = (clip * 255).round().byte().permute(0, 2, 3, 1).numpy()
    (tmp_path / "in").mkdir()
    for i, image in enumerate(source):
        Image.fromarray(image).save(tmp_path / "in" / f"{i:02d}.png")
    light = "point:x=.5,y=.4,z=-.2,radius=.5"
    job = _job(tmp_path / "in", tmp_path / "out", light=light, relight_steps=1)
    run_relight(job, load=mini)
    out = np.asarray(Image.open(tmp_path / "out" / "01.png")).astype(float)
    level = ((out + 2) / (source[1] + 2)).mean(-1)[30:70]
    ears = mattes[1, 0, 30:70].numpy() > 0.5
    near = cv2.dilate(ears.astype(np.uint8), np.ones((25, 25))) > 0
    beside = near & ~(cv2.dilate(ears.astype(np.uint8), np.ones((9, 9))) > 0)
    assert np.median(level[ears]) < 0.8 * np.median(level[beside])


def test_a_lamp_outside_the_frame_is_said_in_the_sidecar(tmp_path, wall, mini):
    light = {"light": "point:x=1.2", "frames": 1, "relight_steps": 1, "side": 64}
    result = run_relight(_job(wall, tmp_path / "out", **light), load=mini)
    sidecar = json.loads(result.sidecar.read_text())
    for notes in (result.notes, sidecar["made"]["notes"]):
        assert sum("the lamp is outside the frame" in note for note in notes) == 1


def test_between_the_frames_that_are_lit_a_lamp_is_on_its_way(tmp_path, wall, mini):
    keys = ["0=point:x=.2,y=.5,radius=.2", "0.9=point:x=.8,y=.5,radius=.2"]
    gains = _lit(wall, tmp_path / "out", mini, light_at=keys, shape=0, light_fps=4)
    across = [_place(gain)[0] for gain in gains]
    for number, found in enumerate(across):
        assert abs(found - (0.2 + 0.6 * number / 9)) < 0.05, across


FAST = {"relight_steps": 1, "side": 64, "light_fps": 6}
BETWEEN = [(6, {}), (24, {}), (60, {}), (24, {"recipe": "best", "steps": 2})]


@pytest.mark.slow
@pytest.mark.parametrize("fps, recipe", BETWEEN)
def test_a_pulse_is_as_bright_as_it_is_at_each_frames_own_time(tmp_path, wall, mini, fps, recipe):
    """Twice as fast as what is seen shows: seen alone, its dark would be missed."""
    still, light = _at_fps(wall, tmp_path / "in", fps), parse_light("pulse:seconds=.4,low=.1")
    given = {**FAST, **recipe, "fps": fps, "light": str(light)}
    found = _lit(still, tmp_path / "out", mini, **given).mean((1, 2, 3))
    strong = np.array([strength(light, i / fps) for i in range(fps)])
    wanted = (0.12 + 0.88 * strong) ** (1 / 2.2)  # see the lamp beside the frame, above
    assert abs(found / found[0] - wanted / wanted[0]).max() < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("fps, recipe", BETWEEN)
def test_police_are_red_and_blue_at_each_frames_own_time(tmp_path, wall, mini, fps, recipe):
    still, light = _at_fps(wall, tmp_path / "in", fps), parse_light("police:seconds=.4")
    given = {**FAST, **recipe, "fps": fps, "light": str(light)}
    found = _lit(still, tmp_path / "out", mini, **given)
    for i, gain in enumerate(found):
        red, blue = (part.intensity for part in light.at(i / fps).parts())
        if max(red, blue) < 1:
            continue  # both shine
        side, channel = (gain[:, :40], 0) if red else (gain[:, -40:], 2)
        seen = side.mean((0, 1))
        assert seen.argmax() == channel and seen.min() < 0.6 * seen.max(), (i / fps, seen)


@pytest.mark.slow
@pytest.mark.parametrize("fps", [24, 60])
def test_the_colour_of_a_lamp_turns_between_the_frames_that_are_seen(tmp_path, wall, mini, fps):
    keys = ["0=left:color=#ff2010", "0.1=left:color=#2040ff", "0.3=left:color=#20ff30"]
    still, light = _at_fps(wall, tmp_path / "in", fps), MovingLight.read(keys)
    given = {**FAST, "fps": fps, "light_at": keys}
    found = _lit(still, tmp_path / "out", mini, **given)[:, :, :40].mean((1, 2))
    for i in range(fps // 2):
        wanted = np.array(light.tint(i / fps))
        if wanted.max() - wanted.min() < 0.5 * wanted.max():
            continue  # on its way through grey
        hue, lamp = (colorsys.rgb_to_hsv(*(c / c.max()))[0] for c in (found[i], wanted))
        assert abs((hue - lamp + 0.5) % 1 - 0.5) * 360 < 25, (i / fps, found[i], wanted)
