"""From windows of relit frames to every source frame: timing, order, the model itself."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from relight import media
from relight.diffusion.framing import Framing
from relight.engine.chunks import windows
from relight.engine.full_size import Lit, transferred
from relight.engine.relighting import Relighting
from relight.engine.stored import unpack
from relight.engine.survey import survey
from relight.engine.work import Work
from relight.jobs import RelightJob
from relight.lights import parse_light
from relight.media import Frame, Moment
from relight.methods.gain_and_glow import GainGlow
from relight.models.loader import load_model
from relight.relighters.steps import schedule_steps
from tests.conftest import CPU
from tests.engine.test_survey import clip

FRAMING = Framing(width=32, height=24, padded_width=32, padded_height=32)


def _job(**given):
    settings = {
        "input": "in.mp4",
        "output": "out.mp4",
        "prompt": "red light",
        "scene": "a street",
        "negative_prompt": "",
        "recipe": "best",
        "strength": 0.5,
        "steps": 2,
        "relight_steps": 2,
        "gamma": 0.5,
        "seed": 0,
        "transfer": "off",
    }
    return RelightJob.make(**{**settings, **given})


def _lit(times, gains, image):
    small = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    for time, gain in zip(times, gains, strict=True):
        light = GainGlow(torch.full((3, 24, 32), float(gain)), torch.zeros(3, 24, 32))
        yield Lit(Fraction(time), small, light.planes)


def test_light_moves_evenly_between_the_frames_the_model_saw():
    image = next(clip(1)).image // 2 + 40
    frames = [Frame(image=image, time=Fraction(i, 8)) for i in range(9)]
    out = list(transferred(frames, _lit((0, 1), (0.0, -0.4), image), FRAMING.scale))
    assert [f.time for f in out] == [f.time for f in frames]
    levels = [f.image.mean() for f in out]
    assert np.array_equal(out[0].image, image)
    steps = np.diff(levels)
    assert (steps < 0).all() and steps.max() / steps.min() > 0.5


def test_frames_before_the_first_and_after_the_last_light_take_the_nearest():
    image = next(clip(1)).image // 2 + 40
    frames = [Frame(image=image, time=Fraction(i)) for i in range(4)]
    out = [f.image for f in transferred(frames, _lit((1, 2), (-0.5, -1.0), image), FRAMING.scale)]
    assert np.array_equal(out[0], out[1]) and np.array_equal(out[2], out[3])


@pytest.fixture(scope="module")
def model(tiny_model):
    return load_model(str(tiny_model), CPU)


def _relighting(model, folder, frames, **given):
    framing = Framing.fit(32, 24, side=model.side, multiple=model.multiple)
    work = Work(folder)
    found = survey(map(Moment.of, frames), work, fps=None, scale=framing.scale)
    return Relighting(
        job=_job(**given),
        light=parse_light("left"),
        framing=framing,
        size=(32, 24),
        survey=found,
        work=work,
        chunks=windows(len(found.seen), 16, 4, stage="light"),
        model=model,
    )


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["on", "off"])
def test_chunks_computed_in_reverse_order_are_the_same(model, tmp_path, transfer):
    flow = _relighting(model, tmp_path, clip(20, 8), transfer=transfer)
    forward = [flow.compute(chunk) for chunk in flow.chunks]
    backward = [flow.compute(chunk) for chunk in reversed(flow.chunks)][::-1]
    assert len(forward) == 2
    for a, b in zip(forward, backward, strict=True):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_a_window_that_fits_the_clip_is_the_model_itself(model, tmp_path):
    frames = list(clip(5, 8))
    height, width = frames[0].image.shape[:2]
    with media.write(tmp_path / "in.mkv", size=(width, height), fps=8) as out:
        for frame in frames:
            out.put(frame)
    flow = _relighting(model, tmp_path, frames, input=tmp_path / "in.mkv")
    made = flow.compute(flow.chunks[0])
    alone = model.pipe(
        flow.framing.pad(np.stack([flow.framing.scale(f.image) for f in frames])),
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
    wanted = flow.framing.cut(alone).permute(0, 2, 3, 1).numpy()
    for i in range(5):
        assert np.abs(unpack(made, i) - wanted[i]).max() <= 0.5 / 255 + 1e-6
    shown = list(flow.frames(lambda name: made))
    assert [f.time for f in shown] == [f.time for f in frames]
    assert all(f.image.shape == (24, 32, 3) for f in shown)


@pytest.mark.parametrize("steps, strength, whole", [(25, 0.5, 50), (25, 0.4, 63), (10, 1.0, 10)])
def test_as_many_steps_are_run_as_were_asked_for(steps, strength, whole):
    assert schedule_steps(steps, strength) == whole
    assert int(whole * strength) == steps
