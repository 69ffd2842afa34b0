"""IC-Light as a `Relighter`: one prompt and one light for all frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from relight.diffusion.light_maps import AnyLight
from relight.relighters.base import OnStep, check_mask
from relight.relighters.ic_light.pipeline import NEGATIVE_PROMPT, ICLightPipeline
from relight.relighters.ic_light.sampling import Sampling
from relight.relighters.steps import image_to_image_steps


@dataclass(frozen=True, kw_only=True)
class ICLight:
    """An `ICLightPipeline` with what makes the frames of a clip agree on their light.

    Attributes:
        gamma: share of Consistent Light Attention over the frames, 0 to 1.
        share_noise: one noise for all frames in every step that adds some, not only at the start;
            the first steps add none.
        chunk_size: frames per UNet pass; None: all at once. The result is the same.
    """

    pipe: ICLightPipeline
    gamma: float = 0.0
    share_noise: bool = False
    chunk_size: int | None = None

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this: the VAE's; its UNet pads by itself."""
        return self.pipe.vae_scale_factor

    def passes(self, steps: int) -> int:
        """UNet passes of one relight of `steps`, rounded as published."""
        return image_to_image_steps(steps)[1]

    def prepare(
        self,
        prompt: str,
        *,
        size: tuple[int, int],
        negative: str | None = None,
        light: AnyLight = "none",
        seconds: Sequence[float] | None = None,
        steps: int = 15,
        mask: Tensor | None = None,
        background: Tensor | None = None,
    ) -> ICLightSession:
        """See `relight.relighters.base.Relighter`; a background needs `fbc` weights."""
        negative = NEGATIVE_PROMPT if negative is None else negative
        return ICLightSession(
            pipe=self.pipe,
            how=Sampling(
                gamma=self.gamma,
                steps=steps,
                share_noise=self.share_noise,
                chunk_size=self.chunk_size,
            ),
            embeds=self.pipe.encode_prompt(prompt, negative),
            light_latents=self.pipe.light_latents(light, *size, seconds),
            mask=mask,
            background=background,
        )


@dataclass(frozen=True, kw_only=True)
class ICLightSession:
    """What `ICLight.prepare` makes: embeddings and start latents, ready for any frames."""

    pipe: ICLightPipeline
    how: Sampling
    embeds: Tensor
    light_latents: Tensor | None
    mask: Tensor | None
    background: Tensor | None

    def __call__(
        self,
        frames: Tensor,
        *,
        noise: torch.Generator | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """See `relight.relighters.base.Session`."""
        return self.pipe.relight(
            frames if self.mask is None else grey_composite(frames, self.mask),
            embeds=self.embeds,
            light_latents=self.light_latents,
            background=self.background,
            how=self.how,
            generator=noise,
            on_step=on_step,
        )


def grey_composite(frames: Tensor, mask: Tensor) -> Tensor:
    """Frames with everything outside the mask grey, as IC-Light was shown its foregrounds.

    Args:
        frames: (frames, 3, h, w) about [-1, 1], where 0 is that grey.
        mask: (1 or frames, 1, h, w) in [0, 1].

    Raises:
        InputError: the mask has another shape.

    >>> grey_composite(torch.ones(1, 3, 1, 2), torch.tensor([[[[1.0, 0.0]]]]))[0, 0]
    tensor([[1., 0.]])
    """
    check_mask(mask, frames)
    return frames * mask.to(frames)
