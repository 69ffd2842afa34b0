"""The second relighter: an image-editing pipeline of diffusers with tiny random weights."""

import pytest
import torch
from diffusers import (
    EulerAncestralDiscreteScheduler,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)

from relight.errors import InputError
from relight.relighters.base import Relighter
from relight.relighters.image_edit import ImageEdit
from tests.conftest import TINY

SIZE = 64, 64


@pytest.fixture(scope="module")
def relighter(sd15):
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_config(sd15["unet"].config, in_channels=8).eval()
    pipe = StableDiffusionInstructPix2PixPipeline(
        **{**sd15, "unet": unet},
        scheduler=EulerAncestralDiscreteScheduler.from_pretrained(TINY / "sd15" / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return ImageEdit(pipe)


@pytest.fixture(scope="module")
def frames():
    return torch.rand(3, 3, *SIZE, generator=torch.manual_seed(0)) * 2 - 1


def _relit(relighter, frames, seed=0, on_step=None, **given):
    session = relighter.prepare("red light", **{"size": SIZE, "steps": 3, **given})
    return session(frames, noise=torch.Generator().manual_seed(seed), on_step=on_step)


def test_it_meets_the_contract(relighter, frames):
    assert isinstance(relighter, Relighter) and relighter.multiple == 64
    steps = []
    relit = _relit(relighter, frames, on_step=lambda *now: steps.append(now))
    assert relit.shape == frames.shape and relit.dtype == frames.dtype
    assert relit.isfinite().all() and not torch.equal(relit, frames)
    assert steps == [(i, relighter.passes(3)) for i in range(3)]


def test_equal_frames_are_relit_equally_and_one_by_one(relighter, frames):
    same = frames[:1].expand(2, -1, -1, -1)
    one, other = _relit(relighter, same)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    alone = _relit(relighter, frames[1:2])
    torch.testing.assert_close(_relit(relighter, frames)[1:2], alone, rtol=0, atol=1e-4)


def test_noise_light_and_prompt_matter_and_repeat(relighter, frames):
    first = _relit(relighter, frames)
    assert torch.equal(first, _relit(relighter, frames))
    for other in ({"seed": 1}, {"light": "left"}, {"negative": "dark"}):
        assert not torch.equal(first, _relit(relighter, frames, **other))


def test_outside_the_mask_nothing_changes(relighter, frames):
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., :32] = 1
    relit = _relit(relighter, frames, mask=mask)
    assert torch.equal(relit[..., 32:], frames[..., 32:])
    assert not torch.equal(relit[..., :32], frames[..., :32])


def test_a_video_model_relights_through_it(relighter, animatediff, frames):
    settings = {"relight_prompt": "red light", "relight_steps": 2, "num_inference_steps": 4}
    passes = []
    result = animatediff(
        frames / 2 + 0.5,
        "a bear",
        relighter=relighter,
        on_relight_step=lambda *now: passes.append(now),
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
        **settings,
    )
    out = result.frames[0]
    assert out.shape == frames.shape and out.isfinite().all()
    relights = animatediff.recipes["paper"].relit_steps(2)
    assert len(passes) == relights * relighter.passes(2)


@pytest.mark.parametrize(
    "given, named",
    [
        ({"light": "point:x=.2,y=.3"}, "takes left, right, top, bottom or none"),
        ({"light": torch.zeros(3, 8, 8)}, "takes left, right, top, bottom or none"),
        ({"size": (60, 64)}, "multiples of 64"),
        ({"background": torch.zeros(1, 3, *SIZE)}, "no background"),
    ],
)
def test_what_it_cannot_take_is_refused_in_one_line(relighter, given, named):
    with pytest.raises(InputError, match=named) as caught:
        relighter.prepare("red light", **{"size": SIZE, **given})
    assert "\n" not in str(caught.value)
