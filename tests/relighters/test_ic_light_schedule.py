"""The schedule IC-Light runs: its own, others, and how many steps of it."""

import copy

import diffusers
import numpy as np
import pytest
import torch

from relight.relighters.ic_light import (
    ICLightPipeline,
    ic_light_scheduler,
)
from relight.relighters.ic_light.sampling import fresh_schedule

from .pictures import relit


@pytest.fixture
def fresh(relighter):
    """A relighter whose parts may be exchanged."""
    return ICLightPipeline(**relighter.components)


SCHEDULERS = [
    ("DDIMScheduler", {"clip_sample": False}),
    ("DDPMScheduler", {"clip_sample": False}),
    ("EulerDiscreteScheduler", {}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("DPMSolverMultistepScheduler", {}),
    ("UniPCMultistepScheduler", {}),
]


@pytest.mark.parametrize("name, config", SCHEDULERS)
@pytest.mark.parametrize("light", ["left", "none"])
def test_other_schedulers_run_the_steps_they_are_asked_for(fresh, name, config, light):
    fresh.scheduler = getattr(diffusers, name)(beta_end=0.012, **config)
    passes, seen = [], []
    hook = fresh.unet.register_forward_pre_hook(lambda _, inputs: passes.append(float(inputs[1])))
    given = {"num_inference_steps": 4, "light": light}
    out = relit(fresh, on_step=lambda *at: seen.append(at), **given)
    hook.remove()
    assert seen == [(i, len(seen)) for i in range(len(seen))]
    # DESIGN, section 4: round(4 / .9) = 4 scheduled, int(4 * .9) = 3 run; all from pure noise.
    assert len(seen) == len(passes) == (4 if light == "none" else 3)
    assert passes == sorted(passes, reverse=True)
    assert out.isfinite().all() and out.std() > 0.01
    assert torch.equal(out, relit(fresh, **given))


@pytest.mark.parametrize("steps, run", [(15, 15), (4, 3), (1, 1), (2, 1), (20, 19)])
def test_the_number_of_passes_is_the_published_one(relighter, steps, run):
    _, timesteps = fresh_schedule(relighter.scheduler, steps, 0.9, torch.device("cpu"))
    total = round(steps / 0.9)
    assert len(timesteps) == max(int(total * 0.9), 1) == run
    scheduler = ic_light_scheduler()
    scheduler.set_timesteps(total)
    assert torch.equal(timesteps, scheduler.timesteps[total - run :])


def _state(scheduler):
    return copy.deepcopy(vars(scheduler))


def test_its_own_scheduler_is_never_touched(relighter):
    relighter.scheduler.set_timesteps(7)
    before = _state(relighter.scheduler)
    relit(relighter, num_inference_steps=3)
    after = _state(relighter.scheduler)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if torch.is_tensor(value) else value == after[key]
        assert same if isinstance(same, bool) else bool(np.all(same)), key


def test_the_scheduler_is_the_published_one_and_can_be_varied():
    config = ic_light_scheduler().config
    published = (config.beta_schedule, config.algorithm_type, config.use_karras_sigmas)
    assert published == ("linear", "sde-dpmsolver++", True)
    assert ic_light_scheduler(prediction_type="v_prediction").config.beta_end == 0.012
