"""The x0 mechanism, over every scheduler family and prediction type it promises."""

import inspect

import diffusers
import pytest
import torch

from relight.diffusion.x0 import edit_x0, output_for_x0, predict_x0, step_position
from relight.errors import ModelError
from relight.patching import PatchOrderError

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear"}
KINDS = ("epsilon", "v_prediction", "sample")


def _cases():
    for kind in KINDS:
        config = {**BETAS, "prediction_type": kind}
        yield "EulerDiscreteScheduler", config
        yield "LMSDiscreteScheduler", config
        if kind != "sample":  # not implemented there by diffusers
            yield "EulerAncestralDiscreteScheduler", config
        yield "DDIMScheduler", {**config, "clip_sample": False}
        yield "DDPMScheduler", {**config, "clip_sample": False}
        yield "CogVideoXDDIMScheduler", {**config, "rescale_betas_zero_snr": kind != "epsilon"}
        yield "CogVideoXDPMScheduler", {**config, "rescale_betas_zero_snr": kind != "epsilon"}
        for more in (
            {},
            {"use_karras_sigmas": True},
            {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True},
            {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        ):
            yield "DPMSolverMultistepScheduler", {**config, **more}
        yield "DPMSolverSinglestepScheduler", config
        yield "DEISMultistepScheduler", config
        yield "UniPCMultistepScheduler", config
    yield "FlowMatchEulerDiscreteScheduler", {"shift": 3.0}
    for name in ("UniPCMultistepScheduler", "DPMSolverMultistepScheduler"):
        flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
        yield name, flow


CASES = [pytest.param(n, c, id=f"{n}-{'-'.join(map(str, c.values()))}") for n, c in _cases()]


def _make(name, config, steps=8):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(steps)
    return scheduler


def _walk(scheduler, seed=0, skip=2):
    """Run the last steps of a schedule, as image-to-image does; returns sample and predictions."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 4, 6, 6, generator=generator)
    noise = torch.randn(1, 4, 6, 6, generator=generator)
    timesteps = scheduler.timesteps[skip:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skip)
    first = timesteps[:1]
    add = getattr(scheduler, "add_noise", None) or scheduler.scale_noise
    if hasattr(scheduler, "scale_noise"):
        x = scheduler.scale_noise(x, first, noise)
    else:
        x = add(x, noise, first)
    names = inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if "generator" in names else {}
    seen, old = [], None
    for i, t in enumerate(timesteps):
        inputs = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = torch.tanh(inputs * 0.7 + 0.1 * float(t) / 1000)
        if "timestep_back" in names:
            back = timesteps[i - 1] if i > 0 else None
            x, old = scheduler.step(output, old, t, back, x, return_dict=False, **extra)
            seen.append(old)
            continue
        result = scheduler.step(output, t, x, **extra)
        x = result.prev_sample
        seen.append(getattr(result, "pred_original_sample", None))
    return x, seen


@pytest.mark.parametrize("name, config", CASES)
def test_an_unchanged_x0_gives_the_stock_trajectory(name, config):
    stock, _ = _walk(_make(name, config))
    scheduler, steps = _make(name, config), []
    with edit_x0(scheduler, lambda x0, i, t: steps.append(i) or x0.clone()):
        edited, _ = _walk(scheduler)
    torch.testing.assert_close(edited, stock, rtol=2e-4, atol=2e-4)
    assert steps == list(range(len(scheduler.timesteps) - 2))


@pytest.mark.parametrize("name, config", CASES)
def test_none_leaves_every_bit(name, config):
    stock, _ = _walk(_make(name, config))
    scheduler = _make(name, config)
    with edit_x0(scheduler, lambda *_: None):
        edited, _ = _walk(scheduler)
    assert torch.equal(edited, stock)


@pytest.mark.parametrize("name, config", CASES)
def test_the_scheduler_reports_the_edited_x0(name, config):
    y = torch.linspace(-1, 1, 144).reshape(1, 4, 6, 6)
    scheduler = _make(name, config)
    with edit_x0(scheduler, lambda *_: y):
        end, seen = _walk(scheduler)
    reported = [s for s in seen if s is not None]
    for x0 in reported:
        torch.testing.assert_close(x0, y, rtol=1e-3, atol=1e-3)
    # A sampler told at every step that the clean sample is y must end near y.
    assert (end - y).abs().mean() < 0.25 * y.abs().mean()


@pytest.mark.parametrize("name, config", CASES)
def test_output_for_x0_inverts_predict_x0(name, config):
    scheduler = _make(name, config)
    x, output = torch.randn(2, 1, 4, 6, 6, generator=torch.manual_seed(3))
    for t in scheduler.timesteps[1:]:
        x0 = predict_x0(scheduler, output, t, x)
        torch.testing.assert_close(output_for_x0(scheduler, x0, t, x), output, rtol=1e-3, atol=1e-3)


def test_half_precision_goes_in_and_out_but_the_edit_sees_float32():
    scheduler = _make("EulerDiscreteScheduler", {**BETAS, "prediction_type": "epsilon"})
    x = torch.randn(1, 4, 4, 4).half()
    seen = []
    with edit_x0(scheduler, lambda x0, i, t: seen.append(x0.dtype) or x0 * 0.5):
        out = scheduler.step(x, scheduler.timesteps[0], x).prev_sample
    assert seen == [torch.float32] and out.dtype == torch.float16


@pytest.mark.parametrize(
    "name", ["PNDMScheduler", "HeunDiscreteScheduler", "LCMScheduler", "KDPM2DiscreteScheduler"]
)
def test_an_unsupported_scheduler_is_refused_by_name(name):
    scheduler = getattr(diffusers, name)()
    with pytest.raises(ModelError, match=name), edit_x0(scheduler, lambda *_: None):
        pass


def test_the_step_is_restored_after_an_exception_and_keeps_its_signature():
    scheduler = _make("EulerDiscreteScheduler", BETAS)
    before = scheduler.step
    with pytest.raises(RuntimeError, match="boom"), edit_x0(scheduler, lambda *_: None):
        assert inspect.signature(scheduler.step) == inspect.signature(before)
        raise RuntimeError("boom")
    assert scheduler.step == before and "step" not in vars(scheduler)


def test_edits_nest():
    scheduler = _make("EulerDiscreteScheduler", BETAS)
    ones = torch.ones(1, 4, 6, 6)
    with edit_x0(scheduler, lambda x0, i, t: x0 + 1), edit_x0(scheduler, lambda *_: ones):
        _, seen = _walk(scheduler)
    torch.testing.assert_close(seen[0], ones + 1, rtol=1e-3, atol=1e-3)


def test_edits_left_in_another_order_are_an_error_and_leave_no_edit():
    scheduler = _make("EulerDiscreteScheduler", BETAS)
    before, state, called = scheduler.step, set(vars(scheduler)), []
    first = edit_x0(scheduler, lambda *_: called.append("first"))
    second = edit_x0(scheduler, lambda *_: called.append("second"))
    first.__enter__(), second.__enter__()
    with pytest.raises(PatchOrderError, match="EulerDiscreteScheduler.step"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert scheduler.step == before and set(vars(scheduler)) == state
    _walk(scheduler)
    assert called == []


# --- the number of a step


def _numbers(scheduler, run):
    told = []
    with edit_x0(scheduler, lambda x0, i, t: told.append(i)):
        run()
    return told


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "DDIMScheduler"])
@pytest.mark.parametrize("steps", [(4, 4, 4), (2, 4, 6), (6, 3, 1)])
def test_every_pass_counts_from_zero(name, steps):
    """As FreeInit's iterations, of equal length or from coarse to fine."""
    scheduler = _make(name, BETAS)

    def passes():
        for count in steps:
            scheduler.set_timesteps(count)
            _walk(scheduler, skip=count // 2)

    expected = [i for count in steps for i in range(count - count // 2)]
    assert _numbers(scheduler, passes) == expected


@pytest.mark.parametrize("count", [1, 3])
def test_a_pass_over_the_same_schedule_counts_from_zero_too(count):
    scheduler = _make("DDIMScheduler", BETAS, count)

    def passes():
        for _ in range(2):
            _walk(scheduler, skip=0)

    assert _numbers(scheduler, passes) == [*range(count)] * 2


def test_a_step_that_is_left_out_counts():
    scheduler = _make("DDIMScheduler", BETAS, 6)
    x = torch.zeros(1, 4, 2, 2)

    def steps():
        for t in scheduler.timesteps[[1, 2, 4]]:
            scheduler.step(x, t, x)

    assert _numbers(scheduler, steps) == [0, 1, 3]


def test_a_ddim_step_from_off_the_schedule_is_numbered_by_its_place():
    scheduler = _make("DDIMScheduler", BETAS, 4)
    x = torch.zeros(1, 4, 2, 2)
    times = [scheduler.timesteps[0], scheduler.timesteps[1] - 3]
    assert _numbers(scheduler, lambda: [scheduler.step(x, t, x) for t in times]) == [0, 2]


def test_steps_that_karras_rounds_to_one_timestep_are_told_apart():
    scheduler = _make("DPMSolverMultistepScheduler", {**BETAS, "use_karras_sigmas": True}, 60)
    twice = (scheduler.timesteps.diff() == 0).nonzero().flatten()
    assert len(twice) > 0  # else nothing is tested
    skip = int(twice[0]) - 2
    told = _numbers(scheduler, lambda: _walk(scheduler, skip=skip))
    assert told == [*range(60 - skip)]


def test_before_its_first_step_the_schedulers_own_rule_finds_the_place():
    scheduler = _make("EulerDiscreteScheduler", BETAS, 6)
    scheduler.timesteps[2] = scheduler.timesteps[1]
    assert step_position(scheduler, scheduler.timesteps[1]) == 2  # as diffusers takes the second
    x = torch.randn(1, 4, 4, 4, generator=torch.manual_seed(0))
    x0 = predict_x0(scheduler, x * 0.5, scheduler.timesteps[1], x)
    stock = scheduler.step(x * 0.5, scheduler.timesteps[1], x).pred_original_sample
    torch.testing.assert_close(x0, stock, rtol=1e-4, atol=1e-4)
