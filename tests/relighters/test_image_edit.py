"""Image-editing pipelines of diffusers as relighters, with tiny random weights."""

import pytest
import torch

from relight.errors import InputError
from relight.models.loader import load_model
from relight.relighters.base import Relighter
from relight.relighters.image_edit import lights_in_words
from tests.conftest import CPU
from tests.relighters import editors

SIZE = 64, 64


@pytest.fixture(scope="module", autouse=True)
def small_pictures():
    """Qwen's pipelines bring every picture to a megapixel: too much for a test."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as edit
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    with pytest.MonkeyPatch.context() as patch:
        for module in (edit, plus):
            stock = module.calculate_dimensions
            patch.setattr(
                module, "calculate_dimensions", lambda _, ratio, stock=stock: stock(64**2, ratio)
            )
        yield


@pytest.fixture(scope="module", params=editors.KINDS)
def model(request, tmp_path_factory):
    return load_model(str(editors.make(request.param, tmp_path_factory.mktemp("editor"))), CPU)


@pytest.fixture(scope="module")
def frames():
    return torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _relit(model, frames, seed=0, on_step=None, **given):
    session = model.relighter.prepare("red light", **{"size": SIZE, "steps": 2, **given})
    return session(frames, noise=torch.Generator().manual_seed(seed), on_step=on_step)


def test_it_meets_the_contract(model, frames):
    assert isinstance(model.relighter, Relighter) and SIZE[0] % model.relighter.multiple == 0
    assert model.entry.edits and model.pipe is None
    steps = []
    relit = _relit(model, frames, on_step=lambda *now: steps.append(now))
    assert relit.shape == frames.shape and relit.dtype == frames.dtype
    assert relit.isfinite().all() and not torch.equal(relit, frames)
    assert steps == [(0, 2), (1, 2)] * len(frames)


def test_equal_frames_are_relit_equally_and_one_by_one(model, frames):
    one, other = _relit(model, frames[:1].expand(2, -1, -1, -1))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    torch.testing.assert_close(_relit(model, frames[1:])[0], _relit(model, frames)[1])


def test_seed_and_words_matter_and_repeat(model, frames):
    first = _relit(model, frames[:1])
    assert torch.equal(first, _relit(model, frames[:1]))
    for other in ({"seed": 1}, {"light": "left"}):
        assert not torch.equal(first, _relit(model, frames[:1], **other))


def test_outside_the_mask_nothing_changes(model, frames):
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., :32] = 1
    relit = _relit(model, frames, mask=mask)
    assert torch.equal(relit[..., 32:], frames[..., 32:])
    assert not torch.equal(relit[..., :32], frames[..., :32])


def test_what_does_not_fit_the_frames_is_one_line(model, frames):
    for mask in (torch.ones(3, 1, *SIZE), torch.ones(1, 1, 8, 8), torch.ones(1, 3, *SIZE)):
        with pytest.raises(InputError, match="doesn't fit frames"):
            _relit(model, frames, mask=mask)
    with pytest.raises(InputError, match="a moving light of 3 times can't light 2 frames"):
        _relit(model, frames, light=torch.rand(3, 3, *SIZE))


def test_a_map_of_the_light_is_seen_where_it_can_be_given(model, frames):
    bright, dark = torch.zeros(3, 64, 64), torch.zeros(3, 64, 64)
    bright[:, :32, 20:] = 1  # both are light from the top right, in words
    dark[:, :28, 24:] = 0.8
    assert lights_in_words(bright) == lights_in_words(dark)
    same = torch.equal(
        _relit(model, frames[:1], light=bright), _relit(model, frames[:1], light=dark)
    )
    assert same != model.relighter.editor.takes_map


def test_a_light_that_moves_has_other_words_for_every_frame(model):
    session = model.relighter.prepare(
        "red light", size=SIZE, light="sweep:seconds=2", seconds=[0.0, 2.0], steps=1
    )
    first, last = session.instructions
    assert first != last and "red light" in first and "red light" in last


@pytest.mark.parametrize(
    "given, named",
    [
        ({"size": (60, 63)}, "multiples of"),
        ({"steps": 0}, "at least 1 step"),
        ({"background": torch.zeros(1, 3, *SIZE)}, "no background"),
        ({"light": torch.full((3, 8, 8), 2.0)}, "values in"),
    ],
)
def test_what_it_cannot_take_is_refused_in_one_line(model, given, named):
    with pytest.raises(InputError, match=named) as caught:
        model.relighter.prepare("red light", **{"size": SIZE, **given})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "light, words",
    [
        ("left", ", coming from the left"),
        ("top-right", ", coming from the top right"),
        ("angle:270", ", coming from the bottom"),
        ("none", ""),
        ("point:x=-.2,y=.5,color=#3060ff", ", coming from a blue lamp at the left"),
        ("right:color=3200K", ", coming from a warm white lamp at the right"),
    ],
)
def test_lights_become_words(light, words):
    assert lights_in_words(light) == [words]
