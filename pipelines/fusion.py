"""Relighting for any stock video-to-video pipeline: Light-A-Video as one context manager.

    with light_fusion(pipe, relighter, video=frames, prompt="a bear, red neon light", light="left"):
        frames = pipe(video=frames, prompt="a bear", strength=0.5).frames[0]

The pipeline is not changed: its scheduler's predictions are relit on the way
(`relight.diffusion.x0`), by the rule of `relight.methods.progressive_light_fusion`. Its VAE must be
one that `relight.diffusion.codecs` knows. LTX, for one, is given 8k + 1 frames of `height` x
`width` pixels and called with `video=[frames], strength=0.3`, of which it keeps 30 %, and noises
the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from diffusers import DiffusionPipeline
from torch import Tensor
from torch.nn import functional as F

from relight.diffusion.codecs import VideoCodec, video_codec
from relight.diffusion.light_maps import AnyLight, light_map
from relight.diffusion.pictures import Pictures, as_pictures, picture_size, resized
from relight.diffusion.x0 import edit_x0, step_position
from relight.errors import InputError
from relight.methods.progressive_light_fusion import ProgressiveLightFusion, Recipe
from relight.relighters.base import OnStep, Relighter, Session
from relight.relighters.ic_light import ICLight, ICLightPipeline
from relight.types import Size


@contextmanager
def light_fusion(
    pipe: DiffusionPipeline,
    relighter: ICLightPipeline | Relighter,
    *,
    video: Pictures,
    prompt: str,
    light: AnyLight = "left",
    seconds: Sequence[float] | None = None,
    mask: Tensor | None = None,
    gamma: float | None = None,
    relight_steps: int = 15,
    recipe: Recipe | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    on_step: OnStep | None = None,
    on_fused: Callable[[Tensor], None] | None = None,
    height: int | None = None,
    width: int | None = None,
    codec: type[VideoCodec] | None = None,
) -> Iterator[ProgressiveLightFusion]:
    """Within the block, what `pipe` generates is relit while it denoises.

    Args:
        pipe: a video-to-video pipeline with a `scheduler`, a `vae` and a `video_processor`.
        relighter: does the relighting; it may share components with `pipe`. An `ICLightPipeline`
            shares its attention and noise over the frames as `gamma` and `recipe` say; any other
            `Relighter` is used as it is.
        video: the source, as given to `pipe`: PIL images, an array (frames, h, w, 3) uint8 or in
            [0, 1], or a tensor (frames, 3, h, w) in [0, 1]. It is resized by Lanczos where `pipe`
            generates another size; `pipe` itself resizes tensors by its own method.
        prompt: subject and light for the relighter.
        light: see `relight.diffusion.light_maps`; a moving one has a map for every frame of
            `video`.
        seconds: when each frame is shown, for a moving light.
        mask: what is relit, (1 or frames, 1, h, w) in [0, 1] of any size: the relighter is shown
            the rest as it was trained (IC-Light: grey), and is given no weight there.
        gamma: share of Consistent Light Attention, 0 to 1; None takes the recipe's.
        relight_steps: steps of each relight.
        recipe: weights, thresholds and noise; None: those published for AnimateDiff.
        generator: should be the one given to `pipe`: one generator then seeds everything.
        chunk_size: frames that the relighter computes at a time; None takes all at once.
        on_step: called with (step, steps) of each relight; may raise to stop.
        on_fused: called with the relit prediction of each step, (frames, 3, h, w), about [-1, 1].
        height, width: the size `pipe` generates, in pixels, if not that of `video`; looked at only
            where its latents are a sequence that does not have its shape (LTX).
        codec: of the VAE of `pipe`; None: found by the VAE's class.

    Yields:
        The edit, whose `detail` and `steps` can be looked at afterwards.

    >>> import relight
    >>> model = relight.load_model("mini")
    >>> frames = torch.full((2, 3, 64, 64), 0.5)
    >>> with light_fusion(model.pipe, model.relighter, video=frames, prompt="red") as edit:
    ...     pass  # model.pipe or a stock pipeline is called here
    >>> type(edit).__name__
    'ProgressiveLightFusion'
    """
    recipe = recipe or Recipe()
    gamma = recipe.gamma if gamma is None else gamma
    if not 0 <= gamma <= 1:
        raise InputError(f"gamma must be in [0, 1], not {gamma}")
    prompt = one_text(prompt)
    if not relight_steps >= 1:
        raise InputError(f"relighting needs at least 1 step, not {relight_steps}")
    video = as_pictures(video)
    # A wrong light is refused now, not after the first step.
    check_maps(light_map(light, 8, 8, seconds), len(video))
    if mask is not None:
        check_mask(mask, len(video))
    relighter = as_relighter(relighter, gamma, recipe, chunk_size)
    own_height, own_width = picture_size(video)
    clip = len(video), height or own_height, width or own_width
    device = pipe._execution_device
    latents = codec(pipe.vae, device, clip) if codec else video_codec(pipe.vae, device, clip)
    session: Session | None = None

    def source(height: int, width: int) -> Tensor:
        nonlocal session
        size = Size(height, width)
        if mask is not None:
            edit.within = mask_of(mask, size)
        session = relighter.prepare(
            prompt,
            light=light,
            seconds=seconds,
            size=size,
            steps=relight_steps,
            mask=edit.within,
        )
        pixels = pipe.video_processor.preprocess_video(resized(video, size), height, width)
        return pixels[0].transpose(0, 1)  # (frames, 3, h, w) in [-1, 1]

    def relight(pixels: Tensor) -> Tensor:
        assert session is not None, "`source` is called first"
        return session(pixels, noise=generator, on_step=on_step)

    def steps(timestep: Tensor) -> int:
        return len(pipe.scheduler.timesteps) - step_position(pipe.scheduler, timestep)

    edit = ProgressiveLightFusion(
        source, relight, latents.decode, latents.encode, steps, recipe, on_fused
    )
    with torch.no_grad(), edit_x0(pipe.scheduler, edit):
        yield edit


def as_relighter(
    relighter: ICLightPipeline | Relighter, gamma: float, recipe: Recipe, chunk_size: int | None
) -> Relighter:
    """An `ICLightPipeline` with the noise and the attention of a recipe; any other as it is."""
    if not isinstance(relighter, ICLightPipeline):
        return relighter
    return ICLight(
        pipe=relighter, gamma=gamma, share_noise=recipe.share_noise, chunk_size=chunk_size
    )


def check_mask(mask: Tensor, frames: int) -> None:
    """Refuse a mask that isn't a tensor (1 or frames, 1, h, w), with InputError."""
    if not isinstance(mask, Tensor):
        raise InputError(
            f"a mask is a tensor (1 or {frames}, 1, h, w) in [0, 1], not {type(mask).__name__}: "
            "torch.from_numpy makes one of an array"
        )
    if mask.ndim != 4 or mask.shape[1] != 1 or len(mask) not in (1, frames):
        raise InputError(
            f"a mask is (1, 1, h, w) or ({frames}, 1, h, w), not {tuple(mask.shape)}: give one "
            "for each frame, or one for all"
        )


def mask_of(mask: Tensor, size: Size) -> Tensor:
    """A mask at the size that is generated."""
    if tuple(mask.shape[-2:]) == tuple(size):
        return mask.float()
    return F.interpolate(mask.float(), tuple(size), mode="bilinear", antialias=True)


def one_text(prompt: object) -> str:
    """The relighter's prompt, if it is one text, or a list of one; else InputError."""
    if isinstance(prompt, list | tuple) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise InputError(f"the relight prompt is one text for the whole clip, not {prompt!r}")
    return prompt


def check_maps(maps: Tensor | None, frames: int) -> None:
    """Refuse light maps (maps, 3, h, w) of another number than 1 or `frames`, with InputError."""
    if maps is not None and len(maps) not in (1, frames):
        raise InputError(
            f"a moving light of {len(maps)} maps can't light {frames} frames: give one map a frame"
        )
