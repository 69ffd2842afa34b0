"""How IC-Light samples: from the picture of a light, by the latents it is shown, to relit latents.

The start is the light's own latents, noised with one frame's noise for all frames, as published
(arXiv:2502.08590, sec. 3.1); without a light it is that noise alone. The published solver adds
noise in every step, to each frame its own. Where frames share all noise, steps add none as long as
noise is the larger part: they lay out the light, and what is added there is a stain in an even sky
under one seed in three.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from relight.diffusion.typed import Scheduler
from relight.errors import InputError
from relight.methods.consistent_light_attention import consistent_light_attention
from relight.relighters.base import OnStep
from relight.relighters.steps import STRENGTH, image_to_image_steps

LAID_OUT = 1.0
"""Noise, as a part of the signal, at which a light is laid out and steps may add some again."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How IC-Light samples; what each means is said in `ICLightPipeline.__call__`.

    Raises:
        InputError: a value out of its range.

    >>> Sampling(gamma=2)
    Traceback (most recent call last):
    relight.errors.InputError: gamma must be in [0, 1], not 2
    """

    gamma: float = 0.0
    steps: int = 15
    strength: float = STRENGTH
    guidance_scale: float = 2.0
    share_noise: bool = False
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        # Written so that NaN fails them too.
        if not 0 <= self.gamma <= 1:
            raise InputError(f"gamma must be in [0, 1], not {self.gamma}")
        if not 1 <= self.steps < math.inf:
            raise InputError(f"relighting needs at least 1 step, not {self.steps}")
        if not 0 < self.strength <= 1:
            raise InputError(f"the relight strength must be in (0, 1], not {self.strength}")
        if not math.isfinite(self.guidance_scale):
            raise InputError(f"guidance_scale is a number, not {self.guidance_scale}")
        if self.chunk_size is not None and not self.chunk_size >= 1:
            raise InputError(f"chunk_size is at least 1 frame, not {self.chunk_size}")


def fresh_schedule(
    scheduler: Scheduler, steps: int, strength: float, device: torch.device
) -> tuple[Scheduler, Tensor]:
    """A new scheduler like `scheduler`, set to its last steps, and the timesteps of those.

    Two pipelines must not share a scheduler's state, and a relight runs inside another's step.
    """
    kind: Any = type(scheduler)
    scheduler = kind.from_config(scheduler.config)
    total, run = image_to_image_steps(steps, strength)
    scheduler.set_timesteps(total, device=device)
    begin = (total - run) * scheduler.order
    set_begin = getattr(scheduler, "set_begin_index", None)
    if set_begin is not None:  # DDIM and DDPM find their place by the timestep
        set_begin(begin)
    return scheduler, scheduler.timesteps[begin:]


def sample(
    unet: UNet2DConditionModel,
    scheduler: Scheduler,
    condition: Tensor,
    embeds: Tensor,
    light_latents: Tensor | None,
    how: Sampling,
    *,
    generator: torch.Generator | None,
    on_step: OnStep | None,
) -> Tensor:
    """Relit latents (frames, c, h, w), float32.

    Args:
        unet: from `ic_light_unet`. scheduler: only its class and config are used.
        condition: latents the UNet is shown beside the noisy ones, (frames, k c, h, w).
        embeds: (halves, tokens, channels): [negative, positive], or the prompt's alone.
        light_latents: (1 or frames, c, h, w), or None for pure noise.
        generator, on_step: as of `ICLightPipeline.__call__`.
    """
    halves, frames = len(embeds), len(condition)
    dtype = unet.dtype
    text = embeds.to(condition).repeat_interleave(frames, dim=0).to(dtype)
    strength = 1.0 if light_latents is None else how.strength
    scheduler, timesteps = fresh_schedule(scheduler, how.steps, strength, condition.device)
    latents = _start(unet, condition, light_latents, scheduler, timesteps, generator)
    solver = scheduler.config.get("algorithm_type")  # a DPM solver's (arXiv:2211.01095)
    draws = {"generator": generator} if _takes(scheduler, "generator") else {}
    with consistent_light_attention(
        unet,
        how.gamma if frames > 1 else 0.0,  # a lone frame is its own mean
        halves=halves,
        chunk_size=how.chunk_size,
        near=_moves(light_latents, how.share_noise),
    ):
        for i, t in enumerate(timesteps):
            inputs = torch.cat([scheduler.scale_model_input(latents, t), condition], dim=1)
            inputs = inputs.to(dtype).repeat(halves, 1, 1, 1)
            output = unet(inputs, t, encoder_hidden_states=text, return_dict=False)[0].float()
            if halves == 2:
                negative, positive = output.chunk(2)
                output = negative + how.guidance_scale * (positive - negative)
            if how.share_noise and _takes(scheduler, "variance_noise"):
                draws = {"variance_noise": shared_noise(latents, generator)}
                if solver is not None:  # which is read anew in each step
                    adds = scheduler.sigmas[scheduler.begin_index + i + 1] <= LAID_OUT
                    kind = solver if adds else solver.removeprefix("sde-")
                    scheduler.register_to_config(algorithm_type=kind)
            latents = scheduler.step(output, t, latents, **draws, return_dict=False)[0]
            if on_step:
                on_step(i, len(timesteps))
    return latents


def shared_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """One frame's noise, the same for every frame of `like`, (frames, c, h, w)."""
    one = randn_tensor(like[:1].shape, generator=generator, device=like.device)
    return one.expand_as(like).contiguous()


def _start(
    unet: UNet2DConditionModel,
    condition: Tensor,
    light_latents: Tensor | None,
    scheduler: Scheduler,
    timesteps: Tensor,
    generator: torch.Generator | None,
) -> Tensor:
    frames, channels = len(condition), unet.config["in_channels"] - condition.shape[1]
    noise = shared_noise(condition[:, :channels], generator)
    if light_latents is None:
        return noise * scheduler.init_noise_sigma
    if len(light_latents) not in (1, frames):
        raise InputError(f"a moving light of {len(light_latents)} maps can't light {frames} frames")
    light = light_latents.to(noise).expand(frames, -1, -1, -1)
    return scheduler.add_noise(light, noise, timesteps[:1].repeat(frames))


def _moves(light_latents: Tensor | None, share_noise: bool) -> bool:
    """Whether frames have lights of their own; never in the published form, which has one noise a
    frame."""
    return share_noise and light_latents is not None and len(light_latents) > 1


def _takes(scheduler: Scheduler, argument: str) -> bool:
    return argument in inspect.signature(scheduler.step).parameters
