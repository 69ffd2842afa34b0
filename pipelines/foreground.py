"""Foreground mode as one context manager: the video model draws what is behind a relit subject.

    with foreground_mode(pipe, relighter, video=frames, mask=mask, prompt="soft light") as start:
        frames = pipe(video=start, prompt="a bear on a beach", strength=1.0).frames[0]

Of AnimateDiff alone: the causal VAEs of Wan and CogVideoX leak between frames, and a subject can't
be held within their latents (the published code has the same limit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from relight.diffusion.codecs import VideoCodec, video_codec
from relight.diffusion.light_maps import AnyLight
from relight.diffusion.pictures import Pictures, as_pictures, picture_size
from relight.diffusion.x0 import edit_x0, step_position
from relight.errors import InputError
from relight.methods.foreground_mode import ForegroundMode
from relight.methods.progressive_light_fusion import ProgressiveLightFusion, Recipe
from relight.pipelines.fusion import check_mask, mask_of
from relight.relighters.base import OnStep, Relighter
from relight.types import Size


@contextmanager
def foreground_mode(
    pipe: DiffusionPipeline,
    relighter: Relighter,
    *,
    video: Pictures,
    mask: Tensor,
    prompt: str,
    drawn_steps: int,
    light: AnyLight = "left",
    seconds: Sequence[float] | None = None,
    relight_steps: int = 15,
    recipe: Recipe | None = None,
    generator: torch.Generator | None = None,
    on_step: OnStep | None = None,
    on_fused: Callable[[Tensor], None] | None = None,
    codec: type[VideoCodec] | None = None,
) -> Iterator[Tensor]:
    """Within the block, `pipe` keeps and relights the subject and draws its background.

    Args:
        pipe: a video-to-video pipeline, to be called with strength 1.
        relighter: does the relighting. video: the source, of the size that `pipe` generates.
        mask: the subject, (1 or frames, 1, h, w) in [0, 1] of any size.
        prompt: subject and light for the relighter.
        drawn_steps: steps that draw the background, before those that relight.
        light, seconds, relight_steps, recipe, generator, on_step, on_fused, codec: as for
            `light_fusion`.

    Yields:
        the video to start from, (frames, 3, h, w) in [0, 1]: the relit subject on grey.

    Raises:
        InputError: a mask of another shape.
    """
    video = as_pictures(video)
    check_mask(mask, len(video))
    size = Size(*picture_size(video))
    within = mask_of(mask, size).expand(len(video), -1, -1, -1)
    device = pipe._execution_device
    latents = (codec or video_codec)(pipe.vae, device, (len(video), size.height, size.width))
    about = {"light": light, "seconds": seconds, "size": size, "steps": relight_steps}
    pixels = pipe.video_processor.preprocess_video(video, *size)[0].transpose(0, 1)
    with torch.no_grad():
        cut_out = relighter.prepare(prompt, mask=within, **about)
        subject = cut_out(pixels.to(device), noise=generator, on_step=on_step)
        subject = torch.lerp(torch.zeros_like(subject), subject, within.to(subject))
        session = relighter.prepare(prompt, **about)
        fusion = ProgressiveLightFusion(
            pixels,
            lambda v: session(v, noise=generator, on_step=on_step),
            latents.decode,
            latents.encode,
            lambda timestep: (
                len(pipe.scheduler.timesteps) - step_position(pipe.scheduler, timestep)
            ),
            recipe or Recipe(),
            on_fused,
        )
        edit = ForegroundMode(fusion, latents.encode(subject), within, drawn_steps)
        with edit_x0(pipe.scheduler, edit):
            yield (subject / 2 + 0.5).clamp(0, 1)


def drawn_of(steps: int, strength: float) -> int:
    """Steps of a whole schedule that come before its last part, of `strength`.

    Raises:
        InputError: none is left.
    """
    drawn = steps - int(steps * strength)
    if not 0 < drawn < steps:
        raise InputError(
            f"{steps} steps at strength {strength:g} leave none to draw a background, or none to "
            "relight it",
            field="strength",
        )
    return drawn
