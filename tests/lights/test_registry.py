"""The contract of a kind of light: one class, known everywhere at once."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.errors import InputError
from relight.jobs import RelightJob
from relight.lights import (
    BackdropLight,
    DirectionLight,
    ImageLight,
    Keyframe,
    Light,
    MovingLight,
    PointLight,
    VideoLight,
    base,
    fields,
    guide,
    kinds,
    parse_light,
    register,
    usages,
)
from relight.lights.presets import Pulse

NEW_KIND = '''
from dataclasses import dataclass
from typing import ClassVar
from relight.lights import Light, fields, register

@register
@dataclass(frozen=True, kw_only=True)
class Stripe(Light):
    """A bright stripe across the frame."""
    words: ClassVar = ("stripe",)
    usage: ClassVar = "stripe:y=.3,high=.2"
    y: float = fields.place("y")
    high: float = fields.number(0.1, 0, 1, "height of the stripe, in frame heights")

    def level_map(self, height, width, seconds=0.0):
        import numpy as np
        rows = (np.arange(height) + 0.5) / height
        lit = abs(rows - self.y) <= self.high / 2
        return np.broadcast_to(lit[:, None, None], (height, width, 3)).astype(np.float32)
'''


@pytest.fixture
def stripe(monkeypatch):
    """A kind of light that is made known for one test."""
    monkeypatch.setattr(base, "_KINDS", dict(base._KINDS))
    scope = {"__name__": __name__}
    exec(NEW_KIND, scope)
    return scope["Stripe"]


def test_a_new_kind_is_known_to_everything_by_its_class_alone(stripe):
    light = parse_light("stripe:y=.25,high=.5")
    assert light == stripe(y=0.25, high=0.5) and str(light) == "stripe:y=0.25,high=0.5"
    assert light.level_map(4, 1)[:, 0, 0].tolist() == [1, 1, 0, 0]
    assert stripe in kinds() and "stripe:y=.3,high=.2" in usages()
    with pytest.raises(InputError, match=r"high should be 0 to 1, not 2"):
        parse_light("stripe:high=2")
    with pytest.raises(InputError, match=r"unknown light 'strip': use stripe:y=.3"):
        parse_light("strip")
    y, high = stripe.controls()
    assert (y.name, y.kind, y.default, y.shown) == ("y", "number", 0.5, (0, 1))
    assert (high.name, high.low, high.high) == ("high", 0, 1)
    assert high.help == "height of the stripe, in frame heights"
    assert "high  height of the stripe, in frame heights; 0 to 1 [default: 0.1]" in guide()
    job = RelightJob.make(input="a.mp4", output="b.mp4", prompt="x", light="left + stripe:y=.1")
    assert job.settings()["light"] == "left + stripe:y=0.1"


NUMBERS = st.floats(-2, 3, allow_nan=False)
COLORS = st.one_of(
    st.sampled_from(["white", "orange", "#fb6"]),
    st.integers(1667, 25000).map("{}K".format),
    st.integers(0, 0xFFFFFF).map("#{:06x}".format),
)
POINTS = st.builds(
    PointLight,
    x=NUMBERS,
    y=NUMBERS,
    radius=st.floats(0.001, 100),
    color=COLORS,
    intensity=st.floats(0, 100),
)
ANGLES = st.builds(DirectionLight, angle=st.floats(-1e6, 1e6), color=COLORS)
FILES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(ImageLight)
PULSES = st.builds(Pulse, light=POINTS | ANGLES | FILES, low=st.floats(0, 1))
ONE = POINTS | ANGLES | FILES | PULSES
LISTS = st.lists(ONE, min_size=2, max_size=3).map(parse_light)
TIMES = st.lists(st.floats(0, 1e4), min_size=1, max_size=3, unique=True).map(sorted)


@st.composite
def _moving(draw):
    times = draw(TIMES)
    lights = draw(st.lists(ONE | LISTS, min_size=len(times), max_size=len(times)))
    return MovingLight(tuple(Keyframe(*pair) for pair in zip(times, lights, strict=True)))


@given(ONE | LISTS | _moving())
def test_every_light_survives_its_text(light):
    text = str(light)
    assert parse_light(text) == light
    assert str(parse_light(text)) == text


def test_a_new_kind_is_in_the_help_of_the_command_line():
    code = f"{NEW_KIND}\nfrom relight.cli import main\nmain(['run', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "stripe:y=.3,high=.2" in "".join(done.stdout.split()), done.stdout


def test_a_word_belongs_to_one_kind(stripe):
    with pytest.raises(ValueError, match="'stripe' is taken by Stripe"):

        @register
        @dataclass(frozen=True)
        class Other(Light):
            words = ("other", "stripe")

            def level_map(self, height, width, seconds=0.0):
                return np.zeros((height, width, 3), np.float32)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_tells_what_it_is(kind):
    assert kind.words and kind.usage and kind.__doc__
    names = [control.name for control in kind.controls()]
    assert len(set(names)) == len(names)
    for control in kind.controls():
        assert control.help and control.help == control.help.strip()
        if control.kind == "number":
            low, high = control.shown or (control.low, control.high)
            assert control.low <= low <= control.default <= high <= control.high


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_draws_maps_of_any_size_and_survives_its_text(kind):
    if kind in (BackdropLight, ImageLight, VideoLight, MovingLight):
        pytest.skip("needs a file, or keyframes: see its own tests")
    light = kind()
    assert parse_light(str(light)) == light
    for height, width in ((1, 1), (1, 9), (9, 1), (16, 24)):
        for time in (0.0, 0.3, 7.7):
            levels = light.level_map(height, width, time)
            assert levels.shape == (height, width, 3) and levels.dtype == np.float32
            assert np.isfinite(levels).all() and levels.min() >= 0 and levels.max() <= 1
    if not light.moving:
        assert light.at(3) is light
        assert (light.level_map(4, 4, 0) == light.level_map(4, 4, 9)).all()


def test_the_tint_is_the_colour_of_the_light():
    assert parse_light("left:color=#ff8000").tint() == pytest.approx((1, 128 / 255, 0), abs=1e-3)
    assert parse_light("point:color=#4080ff").tint() == pytest.approx(
        (64 / 255, 0.502, 1), abs=1e-3
    )
    assert parse_light("left").tint() == parse_light("left:intensity=0").tint() == (1, 1, 1)
    mixed = parse_light("left:color=red + right:color=blue").tint()
    assert mixed == pytest.approx((1, 0, 1), abs=0.01)


def test_lights_import_no_torch_and_reading_one_no_numpy():
    code = (
        "import sys; from relight.lights import parse_light; parse_light('left + point:x=.2'); "
        "assert not {'numpy', 'PIL'} & set(sys.modules); "
        "parse_light('left').level_map(4, 4); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fields_can_hold_what_they_are_for():
    assert fields.choice("a", ("a", "b"), "x").metadata["control"].choices == ("a", "b")
    with pytest.raises(InputError, match="mood should be a or b, not 'c'"):
        base.Control(name="mood", kind="choice", help="x", choices=("a", "b")).read("c")
