"""From sparse relit frames to every source frame: timing, order, bounded memory, cuts."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from relight.diffusion.framing import Framing
from relight.engine.light_stream import (
    Lit,
    Look,
    generated,
    lit_frames,
    run_window,
    sparse,
    transferred,
)
from relight.media import Frame
from relight.methods.gain_and_glow import GainGlow
from relight.models.loader import load_model
from tests.conftest import CPU


def _clip(count, fps=30, size=(24, 32)):
    """Frames of a moving pattern, made one by one."""
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    for i in range(count):
        image = np.stack([xs * 6 + i, ys * 8, 128 + 0 * xs], axis=-1) % 256
        yield Frame(image=image.astype(np.uint8), time=Fraction(i, fps))


def _look(**given):
    settings = {
        "prompt": "red light",
        "scene": "a street",
        "negative_prompt": "",
        "light": "left",
        "recipe": "best",
        "strength": 0.5,
        "steps": 2,
        "relight_steps": 2,
        "guidance": 2.0,
        "gamma": 0.5,
        "seed": 0,
    }
    return Look(**{**settings, **given})


@pytest.mark.parametrize(
    "fps, wanted, count",
    [(30, 8, 300), (25, 8, 250), (24, 8, 240), (8, 8, 80), (5, 8, 50), (60, 7.5, 600)],
)
def test_the_model_sees_the_asked_rate_and_both_ends(fps, wanted, count):
    times = [frame.time for frame in sparse(_clip(count, fps), wanted)]
    assert times[0] == 0 and times[-1] == Fraction(count - 1, fps)
    expected = min(fps, wanted) * count / fps
    assert abs(len(times) - expected) <= 2
    gaps = np.diff([float(t) for t in times])
    assert gaps[:-1].max() <= max(1 / wanted, 1 / fps) + 1 / fps + 1e-6


def test_no_rate_means_every_frame():
    assert len(list(sparse(_clip(9), None))) == 9


def test_variable_rates_and_long_gaps_are_followed():
    times = [Fraction(t) for t in (0, "0.01", "0.02", 3, "3.01", "3.2")]
    frames = [Frame(image=np.zeros((2, 2, 3), np.uint8), time=t) for t in times]
    seen = [f.time for f in sparse(frames, 8)]
    assert seen == [0, 3, Fraction("3.2")]


def _lit(times, gains, image):
    small = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    for time, gain in zip(times, gains, strict=True):
        light = GainGlow(torch.full((3, 24, 32), float(gain)), torch.zeros(3, 24, 32))
        yield Lit(Fraction(time), small, light.planes)


def test_light_moves_evenly_between_the_frames_the_model_saw():
    image = next(_clip(1)).image // 2 + 40
    frames = [Frame(image=image, time=Fraction(i, 8)) for i in range(9)]
    framing = Framing(width=32, height=24, padded_width=32, padded_height=32)
    out = list(transferred(frames, _lit((0, 1), (0.0, -0.4), image), framing))
    assert [f.time for f in out] == [f.time for f in frames]
    levels = [f.image.mean() for f in out]
    assert np.array_equal(out[0].image, image)
    steps = np.diff(levels)
    assert (steps < 0).all() and steps.max() / steps.min() > 0.5


def test_frames_before_the_first_and_after_the_last_light_take_the_nearest():
    image = next(_clip(1)).image // 2 + 40
    frames = [Frame(image=image, time=Fraction(i)) for i in range(4)]
    framing = Framing(width=32, height=24, padded_width=32, padded_height=32)
    out = [f.image for f in transferred(frames, _lit((1, 2), (-0.5, -1.0), image), framing)]
    assert np.array_equal(out[0], out[1]) and np.array_equal(out[2], out[3])


@pytest.fixture(scope="module")
def model(tiny_model):
    return load_model(str(tiny_model), CPU)


def _runner(model):
    return lambda images: run_window(images, model, _look())


def _relit(source, relit):
    return relit


def test_every_frame_comes_out_once_and_little_is_read_ahead(model):
    framing = Framing.fit(32, 24, side=model.side, multiple=model.multiple)
    read = 0

    def count(frames):
        nonlocal read
        for frame in frames:
            read += 1
            yield frame

    lit = lit_frames(count(_clip(40, 8)), framing, 16, _runner(model), _relit)
    ahead, times = [], []
    for i, one in enumerate(lit):
        times.append(one.time)
        ahead.append(read - i)
    assert times == [Fraction(i, 8) for i in range(40)]
    assert max(ahead) <= 2 * 16  # two windows, however long the clip


def test_a_window_that_fits_the_clip_is_the_model_itself(model):
    framing = Framing.fit(32, 24, side=model.side, multiple=model.multiple)
    frames = list(_clip(5, 8))
    lit = list(lit_frames(frames, framing, 16, _runner(model), _relit))
    alone = model.pipe(
        framing.pad(np.stack([framing.scale(f.image) for f in frames])),
        prompt="a street",
        negative_prompt="",
        relighter=model.relighter,
        relight_prompt="red light",
        light="left",
        relight_steps=2,
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=2.0,
        generator=torch.Generator().manual_seed(0),
        recipe="best",
        output_type="pt",
    ).frames[0]
    assert torch.equal(torch.stack([one.light for one in lit]), framing.cut(alone))
    images = [f.image for f in generated(iter(lit), 32, 24)]
    assert all(image.shape == (24, 32, 3) for image in images)


@pytest.mark.parametrize("steps, strength, whole", [(25, 0.5, 50), (25, 0.4, 63), (10, 1.0, 10)])
def test_as_many_steps_are_run_as_were_asked_for(steps, strength, whole):
    look = _look(steps=steps, strength=strength)
    assert look.schedule_steps == whole
    assert int(look.schedule_steps * strength) == steps
