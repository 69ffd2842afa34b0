"""Prompts on their way to a model that knows few words."""

import dataclasses
import json
import math

import cv2
import numpy as np
import pytest
from PIL import Image

from examples.mini_model.text import known_words
from relight.engine.prompts import understood
from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.models.catalogue import CATALOGUE
from relight.models.loader import load_model
from tests.conftest import CPU

MINI = CATALOGUE["mini"]


@pytest.fixture
def lit(tmp_path, tiny_model):
    """Relights a small picture; returns the result and its pixels."""
    model = load_model(str(tiny_model), CPU)
    values = np.random.default_rng(0).integers(40, 200, (64, 96, 3), np.uint8)
    Image.fromarray(values).save(tmp_path / "in.png")

    def run(prompt, entry=MINI):
        job = RelightJob.make(
            input=tmp_path / "in.png",
            output=tmp_path / "out.png",
            prompt=prompt,
            seed=1,
            steps=2,
            relight_steps=2,
            overwrite=True,
        )
        used = dataclasses.replace(
            model, entry=dataclasses.replace(entry, native=model.entry.native)
        )
        result = run_relight(job, load=lambda *_: used)
        return result, np.asarray(Image.open(result.path))

    return run


def test_the_model_is_given_english_and_the_sidecar_the_users_words(lit, caplog):
    caplog.set_level("INFO")
    read, pixels = lit("красный неоновый свет")
    said = 'prompt: read "красный неоновый свет" as "red neon light" (Russian)'
    assert said in read.notes and said in caplog.messages
    assert json.loads(read.sidecar.read_text())["settings"]["prompt"] == "красный неоновый свет"
    english, same = lit("red neon light")
    assert np.array_equal(pixels, same)
    assert not [note for note in english.notes if note.startswith("prompt")]


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["daylight", "natural light", "Tageslicht", "studio light"])
def test_a_neutral_light_keeps_the_hue_of_skin_that_is_nearly_grey(tmp_path, prompt):
    model = load_model("mini", CPU)
    shades = np.linspace(0.5, 1, 64)[:, None, None] * np.linspace(1, 0.7, 96)[None, :, None]
    skin = (shades * np.array([205, 190, 180])).astype(np.uint8)
    Image.fromarray(skin).save(tmp_path / "in.png")
    job = RelightJob.make(
        input=tmp_path / "in.png",
        output=tmp_path / "out.png",
        prompt=prompt,
        light="left",
        seed=1,
        relight_steps=4,
    )
    lit = np.asarray(Image.open(run_relight(job, load=lambda *_: model).path))
    assert np.abs(lit.astype(int) - skin).mean() > 8
    assert abs(_hue(lit) - _hue(skin)) < 2


def _hue(image):
    """Of the mean colour in CIELAB, degrees."""
    _, a, b = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean((0, 1))
    return math.degrees(math.atan2(b, a))


def test_unknown_words_are_a_note_of_the_run(lit):
    result, _ = lit("turqoise light")
    assert [note for note in result.notes if '"turqoise" (nearest: "turquoise")' in note]


def test_a_model_that_knows_any_words_is_given_them():
    words = understood("rotes Licht, turqoise", CATALOGUE["animatediff"])
    assert words.text == "rotes Licht, turqoise" and words.notes == () and words.unknown == ()
    assert words.colours == ("red",)


def test_the_catalogue_knows_the_words_of_the_captions():
    assert MINI.words <= set(known_words().split())
    assert {"red", "neon", "light", "moonlight"} <= MINI.words
