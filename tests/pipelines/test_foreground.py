"""Foreground mode: the subject is held while the tiny AnimateDiff draws what is behind it."""

import pytest
import torch

from relight.errors import InputError
from relight.methods.foreground_mode import ForegroundMode
from relight.methods.progressive_light_fusion import ProgressiveLightFusion, Recipe
from relight.pipelines.foreground import drawn_of
from tests.masks.scenes import moving_disc


def _call(pipe, relighter, mask, **given):
    clip, _ = moving_disc(frames=3, size=64, radius=16)
    plain = {"num_inference_steps": 5, "strength": 0.4, "relight_steps": 2, "guidance_scale": 1.0}
    return pipe(
        clip,
        given.pop("prompt", "a beach"),
        relighter=relighter,
        relight_prompt="red light",
        mask=mask,
        draw_background=True,
        recipe="best",
        output_type="pt",
        generator=torch.Generator().manual_seed(0),
        **{**plain, **given},
    ).frames[0]


def test_a_background_is_drawn_from_words_around_the_subject(animatediff, relighter):
    _, mattes = moving_disc(frames=3, size=64, radius=16)
    one = _call(animatediff, relighter, mattes)
    assert one.shape == (3, 3, 64, 64) and bool(one.isfinite().all())
    assert not torch.allclose(one, _call(animatediff, relighter, mattes, prompt="a dark cave"))
    assert not torch.allclose(one, _call(animatediff, relighter, mattes.flip(-1)))


def test_the_subject_is_held_while_the_background_is_drawn():
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., :4] = 1
    source = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    same = lambda x: x  # noqa: E731
    fusion = ProgressiveLightFusion(source, same, same, same, 4, Recipe())
    subject = torch.full((1, 3, 2, 8, 8), 0.5)  # as AnimateDiff's latents are
    edit = ForegroundMode(fusion, subject, mask, drawn=3)
    x0 = torch.zeros(1, 3, 2, 8, 8)
    for step in range(3):
        edited = edit(x0, step, torch.tensor(900))
        assert bool((edited[..., :4] == 0.5).all()) and bool((edited[..., 4:] == 0).all())


def test_its_detail_counts_within_the_subject_alone():
    mask = torch.zeros(2, 1, 4, 4)
    mask[..., :2] = 1
    source, x0 = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    same = lambda x: x  # noqa: E731
    fusion = ProgressiveLightFusion(source, same, same, same, 4, Recipe())
    edit = ForegroundMode(fusion, x0, mask, drawn=1)
    edited = edit(x0, 1, torch.tensor(500))
    assert bool((edited[..., :2] == 1).all()) and bool((edited[..., 2:] == 0).all())


def test_what_cannot_be_is_refused(animatediff, relighter):
    with pytest.raises(InputError, match="give its mask"):
        _call(animatediff, relighter, None)
    with pytest.raises(InputError, match="a mask is"):
        _call(animatediff, relighter, torch.ones(2, 1, 8, 8))
    with pytest.raises(InputError, match="leave none"):
        _call(animatediff, relighter, torch.ones(1, 1, 8, 8), strength=1.0)
    assert drawn_of(10, 0.3) == 7
