"""Edit the predicted clean sample x0 at every step of any stock diffusers pipeline.

Light-A-Video (arXiv:2502.08590, eq. 7) and DiffuseHigh (arXiv:2406.18459, eq. 6) both replace
the clean sample that the model predicts by an edited one and let the sampler carry on. An edited
x0 can be turned back into the model output that would have predicted it, so the *stock* step does
the rest and no pipeline has to be copied:

    with edit_x0(pipe.scheduler, edit):  # edit(x0, step, timestep) -> x0' or None
        pipe(...)

Every scheduler here is an instance of  c x = a x0 + s eps  (x the sample, c a rescaling that is 1
but for Euler's unscaled samples), with a model that predicts eps, x0, v = a eps - s x0 or, for
flow matching (a = 1 - s), eps - x0.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from relight.diffusion.typed import Scheduler
from relight.errors import ModelError
from relight.patching import patched
from relight.types import Edit

# How a family of schedulers parametrises its samples, by class name: the classes share no base
# that says so, and a subclass may well compute something else (so names, not isinstance).
_UNSCALED = {"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler"}
_VARIANCE_PRESERVING = {
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
}
_FLOW = {"FlowMatchEulerDiscreteScheduler"}
_ALPHAS = {"DDIMScheduler", "DDPMScheduler", "CogVideoXDDIMScheduler", "CogVideoXDPMScheduler"}


def predict_x0(
    scheduler: Scheduler,
    model_output: Tensor,
    timestep: Tensor | float,
    sample: Tensor,
    per_token_timesteps: Tensor | None = None,
) -> Tensor:
    """The clean sample that `model_output` stands for.

    Args:
        scheduler: a supported scheduler on which `set_timesteps` was called.
        model_output: the (guided) output of the model, any shape and float dtype.
        timestep: one of `scheduler.timesteps`.
        sample: the noisy sample x_t, same shape.
        per_token_timesteps: as given to `FlowMatchEulerDiscreteScheduler.step`: (batch, tokens) or
            (batch, 1) for a sample (batch, tokens, channels) whose tokens are noised unequally.

    Returns:
        x0, float32, same shape, neither clipped nor thresholded.

    Raises:
        ModelError: the scheduler or its prediction type is not supported.

    >>> from diffusers import DDIMScheduler
    >>> scheduler = DDIMScheduler()
    >>> scheduler.set_timesteps(4)
    >>> sample, noise = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    >>> time = scheduler.timesteps[2]
    >>> bool((predict_x0(scheduler, noise, time, sample) > 1).all())
    True
    """
    a, s, c = _coefficients(scheduler, timestep, sample.device, per_token_timesteps)
    x, o = sample.float() * c, model_output.float()
    match _prediction_type(scheduler):
        case "epsilon":
            return (x - s * o) / a
        case "v_prediction":
            return a * x - s * o
        case "flow_prediction":
            return x - s * o
        case _:
            return o.clone()


def output_for_x0(
    scheduler: Scheduler,
    x0: Tensor,
    timestep: Tensor | float,
    sample: Tensor,
    per_token_timesteps: Tensor | None = None,
) -> Tensor:
    """The model output that would have predicted `x0`: the inverse of `predict_x0`.

    Same arguments, shapes, dtype (float32) and errors as `predict_x0`. Tokens without noise have
    no such output; theirs is not finite.

    >>> from diffusers import DDIMScheduler
    >>> scheduler = DDIMScheduler()
    >>> scheduler.set_timesteps(4)
    >>> sample, noise = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    >>> time = scheduler.timesteps[2]
    >>> x0 = predict_x0(scheduler, noise, time, sample)
    >>> output_for_x0(scheduler, x0, time, sample).abs().max().item() < 1e-5
    True
    """
    a, s, c = _coefficients(scheduler, timestep, sample.device, per_token_timesteps)
    x, x0 = sample.float() * c, x0.float()
    match _prediction_type(scheduler):
        case "epsilon":
            return (x - a * x0) / s
        case "v_prediction":
            return (a * x - x0) / s
        case "flow_prediction":
            return (x - x0) / s
        case _:
            return x0.clone()


@contextmanager
def edit_x0(scheduler: Scheduler, edit: Edit) -> Iterator[Scheduler]:
    """Within the block, `scheduler.step` sees the model output of the edited x0.

    Args:
        scheduler: the scheduler object the pipeline steps with (not a copy of it).
        edit: called at every step with (x0 float32, number of the step from 0 in the current pass
            over the schedule, timestep); returns the new x0, or None to leave the step exactly as
            it is. Where tokens have time steps of their own, those less noisy than the step wait
            for their turn and are left as they are, and `edit` is not called at a step at which
            all of them wait.

    Raises:
        ModelError: at once, if the scheduler is not supported.
        PatchOrderError: on leaving, if an edit of the same scheduler that was entered later has
            not been left yet.

    >>> import torch
    >>> from diffusers import EulerDiscreteScheduler
    >>> scheduler = EulerDiscreteScheduler()
    >>> scheduler.set_timesteps(4)
    >>> x = torch.ones(1, 4, 2, 2)
    >>> with edit_x0(scheduler, lambda x0, step, timestep: torch.full_like(x0, 0.5)):
    ...     result = scheduler.step(x, scheduler.timesteps[0], x)
    >>> round(result.pred_original_sample.mean().item(), 3)
    0.5
    """
    _prediction_type(scheduler)
    stock, steps = scheduler.step, _Steps()
    signature = inspect.signature(stock)

    @functools.wraps(stock)  # pipelines inspect the signature for "generator" and "eta"
    def step(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        call = bound.arguments
        output, t, x = call["model_output"], call["timestep"], call["sample"]
        tokens = call.get("per_token_timesteps")
        due = None if tokens is None else _due(tokens, t)
        if due is not None and not due.any():
            return stock(*bound.args, **bound.kwargs)
        # Before the stock step, which moves step_index.
        x0 = predict_x0(scheduler, output, t, x, tokens)
        edited = edit(x0, steps.number(scheduler, t), t)
        if edited is not None:
            new = output_for_x0(scheduler, edited, t, x, tokens).to(output.dtype)
            call["model_output"] = new if due is None else torch.where(due, new, output)
        return stock(*bound.args, **bound.kwargs)

    with patched(scheduler, "step", step):
        yield scheduler


class _Steps:
    """Numbers the steps of a pass over a schedule by the scheduler's own position in it.

    A pass starts with a new schedule, or where the position does not advance: FreeInit, for one,
    runs several passes within a call, each over a schedule of its own.
    """

    def __init__(self) -> None:
        self.schedule: Tensor | None = None
        self.first = self.last = 0

    def number(self, scheduler: Scheduler, timestep: Tensor | float) -> int:
        """The step's number, from 0 at the first step of the pass that was seen."""
        here = step_position(scheduler, timestep)
        if scheduler.timesteps is not self.schedule or here <= self.last:
            self.schedule, self.first = scheduler.timesteps, here
        self.last = here
        return here - self.first


def step_position(scheduler: Scheduler, timestep: Tensor | float) -> int:
    """Index of `timestep` in `scheduler.timesteps`.

    Karras spacing may round two steps to one timestep; the scheduler's own counter then decides,
    and before the first step its own rule.

    >>> from diffusers import DDIMScheduler
    >>> scheduler = DDIMScheduler()
    >>> scheduler.set_timesteps(4)
    >>> step_position(scheduler, scheduler.timesteps[3])
    3
    """
    found = (scheduler.timesteps == torch.as_tensor(timestep).to(scheduler.timesteps)).nonzero()
    places = found.flatten().tolist()
    if len(places) == 1:
        return places[0]
    for own in (getattr(scheduler, "step_index", None), getattr(scheduler, "begin_index", None)):
        if own is not None and own in places:
            return own
    own_rule = getattr(scheduler, "index_for_timestep", None)
    if own_rule is not None:
        return int(own_rule(timestep))
    # Schedulers without a counter step from any timestep, also from one off their schedule.
    return places[0] if places else int((scheduler.timesteps > timestep).sum())


def _prediction_type(scheduler: Scheduler) -> str:
    name = type(scheduler).__name__
    if name in _FLOW:
        return "flow_prediction"
    if name not in _UNSCALED | _VARIANCE_PRESERVING | _ALPHAS:
        known = ", ".join(sorted(_UNSCALED | _VARIANCE_PRESERVING | _FLOW | _ALPHAS))
        raise ModelError(f"x0 can't be edited under {name}: use one of {known}")
    kind = scheduler.config.prediction_type
    known_kinds = {"epsilon", "v_prediction", "sample"}
    if name in _VARIANCE_PRESERVING:
        known_kinds.add("flow_prediction")
    if kind not in known_kinds:
        raise ModelError(f"x0 can't be edited: {name} has prediction_type={kind!r}")
    return kind


def _due(per_token_timesteps: Tensor, timestep: Tensor | float) -> Tensor:
    """Which tokens are as noisy as the step: (batch, tokens) -> (batch, tokens, 1)."""
    return per_token_timesteps[..., None] >= timestep - 1e-3


def _coefficients(
    scheduler: Any,  # whose family `name` decides
    timestep: Tensor | float,
    device: torch.device,
    per_token_timesteps: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | float]:
    """(a, s, c) of  c x = a x0 + s eps, as float32 scalars; (batch, tokens, 1) for tokens."""
    name = type(scheduler).__name__
    if per_token_timesteps is not None:
        sigma = per_token_timesteps.to(device).float()[..., None]
        sigma = sigma / scheduler.config.num_train_timesteps
        # Such a step adds (sigma - next) o where others add (next - sigma) o: o is x0 - eps.
        # The stochastic step alone reads o the same way in both.
        return 1 - sigma, sigma if scheduler.config.stochastic_sampling else -sigma, 1.0
    if name in _ALPHAS:
        alpha = scheduler.alphas_cumprod[int(timestep)].to(device).double()
        return alpha.sqrt().float(), (1 - alpha).sqrt().float(), 1.0
    sigma = scheduler.sigmas[step_position(scheduler, timestep)].to(device).float()
    if name in _UNSCALED:
        a = (1 + sigma.double() ** 2).rsqrt()
        return a.float(), (a * sigma).float(), a.float()
    if name in _FLOW:
        return 1 - sigma, sigma, 1.0
    a, s = scheduler._sigma_to_alpha_sigma_t(sigma)
    return a, s, 1.0
