"""DiffuseHigh: one stage of training-free upscaling (arXiv:2406.18459, sec. 3.2-3.4), as recipes.

A stage enlarges the picture, sharpens it, adds noise as of a late step of the schedule, and
denoises it again while its structure is held to the enlarged picture:

    g  = (1 + a) up(image) - a blur(up(image))
    z  = add_noise(E(g), t_restart);  denoise, with x0 guided by g in the first steps

`PAPER` is that, exactly. `BEST` swaps each part for what measured better: see `UpscaleRecipe`. Its
enlargement may be a network's, after which a step or none are enough (MrFlow, arXiv:2607.01642).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from relight.errors import InputError
from relight.methods.back_projection import back_project, larger
from relight.methods.direction_alignment import DirectionAlignment
from relight.methods.energy_rectification import EnergyRectification
from relight.methods.wavelet_structure_guidance import WaveletStructureGuidance
from relight.types import Edit, Enlarge, Size

Coder = Callable[[Tensor], Tensor]

IDENTITY = 0.8
"""Where on the dial the default recipe stands: a stage is one step from little noise."""
STEP = 0.2
"""Of the dial, below that: each brings one step more."""
FARTHEST = 300.0
"""Timestep (of 1000) from which a stage starts at the end of the dial, for no enlargement."""


@dataclass(frozen=True, kw_only=True)
class UpscaleRecipe:
    """How each stage is run.

    Attributes:
        num_inference_steps: length of the schedule. noising_steps: how many of its last steps a
            stage runs; 0: none, a stage is its guide.
        dwt_steps: how many of those are guided.
        guidance_scale: of the base picture. upscale_guidance_scale: of the stages.
        wavelet, wavelet_level: of the wavelet guidance.
        sharpening_kernel, sharpening_sigma, sharpening_alpha: size in pixels, width in pixels and
            strength of the unsharp mask.
        structure: "wavelet": the guide's low wavelet band, in pixels, as published; "alignment":
            a soft low band that follows the enlargement, in latents, without the VAE
            (`relight.methods.direction_alignment`).
        restart: None starts a stage `noising_steps` from the end, as published. Else the stage
            starts where an enlargement asks for it, from this timestep (of 1000) for no
            enlargement at all, and `noising_steps` are spread over the rest.
        structure_weight: 0 to 1, of the alignment at the first step.
        energy: 0 to 1, how far the detail's energy is brought to that of the smaller picture
            (`relight.methods.energy_rectification`).
        propagation: 0 to 1, how far frames of a clip agree on their detail
            (`relight.methods.latent_propagation`).
        difference: the guide with what the model changed in it, rather than all that the VAE
            decodes: what that loses of the guide is not lost.
        back_projection: 0 to 1, how far the result of a stage is made to agree with the picture it
            was made from (`relight.methods.back_projection`).
    """

    num_inference_steps: int = 50
    noising_steps: int = 15
    dwt_steps: int = 5
    guidance_scale: float = 5.0
    upscale_guidance_scale: float = 10.0
    wavelet: str = "db4"
    wavelet_level: int = 1
    sharpening_kernel: int = 3
    sharpening_sigma: float = 1.0
    sharpening_alpha: float = 1.0
    structure: Literal["wavelet", "alignment"] = "wavelet"
    restart: float | None = None
    structure_weight: float = 1.0
    energy: float = 0.0
    propagation: float = 0.0
    difference: bool = False
    back_projection: float = 0.0

    def with_(self, **asked: Any) -> UpscaleRecipe:
        """The recipe with those of the values that are not None.

        Raises:
            InputError: a value out of its range.

        >>> PAPER.with_(noising_steps=10, dwt_steps=None).noising_steps
        10
        """
        recipe = replace(self, **{name: v for name, v in asked.items() if v is not None})
        steps, run, guided = recipe.num_inference_steps, recipe.noising_steps, recipe.dwt_steps
        if not 1 <= run <= steps:
            raise InputError(f"noising_steps must be in [1, {steps}], not {run}")
        if guided < 0:
            raise InputError(f"dwt_steps is at least 0, not {guided}")
        if recipe.sharpening_kernel % 2 == 0 or recipe.sharpening_sigma <= 0:
            raise InputError(
                "sharpening needs an odd kernel and a sigma above 0, not "
                f"{recipe.sharpening_kernel} and {recipe.sharpening_sigma}"
            )
        return recipe

    def with_identity(self, identity: float, reach: float = 1.0) -> UpscaleRecipe:
        """The recipe along the dial from 0, "reimagine the details", to 1, "keep my picture".

        At 1 nothing is denoised: a stage is its guide. Towards 0 a stage starts from more noise,
        is held less to its guide, gets more of the detail's energy back, and less of what it drew
        is projected away. `BEST` stands at `IDENTITY`.

        Args:
            reach: where the dial's end is, as a part of it: what a small model draws beyond is no
                detail any more.

        Raises:
            InputError: a value outside [0, 1], or a recipe that is the published one.

        >>> [BEST.with_identity(identity).noising_steps for identity in (1.0, 0.8, 0.0)]
        [0, 1, 5]
        >>> BEST.with_identity(0.0).restart
        300.0
        """
        if not 0 <= identity <= 1:
            raise InputError(f"identity must be in [0, 1], not {identity}")
        if self.structure == "wavelet":
            raise InputError('the published recipe has no identity dial: use recipe="best"')
        identity = 1 - reach * (1 - identity)
        held = min(identity / IDENTITY, 1.0)
        steps = 0 if identity == 1 else 1 + math.ceil(max(IDENTITY - identity, 0) / STEP)
        return replace(
            self,
            noising_steps=steps,
            dwt_steps=steps,
            restart=FARTHEST * (1 - identity) ** 1.5,
            structure_weight=0.25 + 0.75 * held,  # some, or the composition goes too
            energy=1 - identity,
            back_projection=held,
        )

    def guide(self, image: Tensor, size: Size, enlarge: Enlarge = larger) -> Tensor:
        """What a stage starts from and is held to: (n, 3, h, w) -> (n, 3, *size), not clamped."""
        enlarged = enlarge(image, size)
        if self.back_projection:
            enlarged = back_project(enlarged, image, rounds=2)
        return sharpened(
            enlarged, self.sharpening_kernel, self.sharpening_sigma, self.sharpening_alpha
        )

    def edit(
        self,
        guide: Tensor,
        latents: Tensor,
        before: Tensor,
        scale: float,
        decode: Coder,
        encode: Coder,
    ) -> Edit:
        """The edit of x0 that holds a stage to its guide.

        Args:
            guide: (n, 3, h, w) in [0, 1]; latents: the same, encoded.
            before: (n, 3, h', w') in [0, 1], which it was enlarged from. scale: of that.
        """
        if self.structure == "alignment":
            aligned = DirectionAlignment(latents, 1 / scale, self.dwt_steps, self.structure_weight)
            if not self.energy:
                return aligned
            return in_turn(aligned, EnergyRectification(encode(before * 2 - 1), self.energy))
        return WaveletStructureGuidance(
            guide, decode, encode, self.dwt_steps, self.wavelet, self.wavelet_level
        )

    def finish(self, image: Tensor, before: Tensor, rounds: int = 2) -> Tensor:
        """A stage's decoded picture (n, 3, h, w), unclamped -> its result in [0, 1].

        Args:
            before: (n, 3, h', w'), what it was made from. rounds: of back-projection, if any.
        """
        if not self.back_projection:
            return image.clamp(0, 1)
        return back_project(image, before, rounds, self.back_projection).clamp_(0, 1)

    def schedule(self, scale: float, alphas: Tensor) -> tuple[int, float]:
        """(num_inference_steps, strength) with which a stock pipeline runs `noising_steps`.

        Args:
            scale: of the enlargement's sides. alphas: the scheduler's `alphas_cumprod`.
        """
        steps = self.num_inference_steps
        if self.restart is not None:
            part = (restart_timestep(self.restart, scale, alphas) + 1) / len(alphas)
            steps = max(round(self.noising_steps / part), self.noising_steps)
        # Half a step more: the product of the two is rounded down, and must not fall below.
        return steps, min((self.noising_steps + 0.5) / steps, 1.0)


PAPER = UpscaleRecipe()
"""DiffuseHigh as published, but that the blur's width, drawn at random there, is 1 pixel."""

BEST = UpscaleRecipe(
    upscale_guidance_scale=5.0,
    sharpening_alpha=0.0,
    structure="alignment",
    propagation=0.5,
    difference=True,
).with_identity(IDENTITY)
"""What jobs use: one step, not through the VAE; HiFlow's soft band, FreCaS's restart, RectifiedHR's
energy, Upscale-A-Video's propagation; the guide sharpened by back-projection.

Tried and left out: more guidance, which cost time and changed nothing with the embedded model."""

RECIPES = {"paper": PAPER, "best": BEST}

GAMMA = 1.5
"""Of FreCaS: how much more noise an enlargement needs, from 1.5 to 2."""


def in_turn(*edits: Edit) -> Edit:
    """One edit after the other, each of what the last one left.

    >>> double, rest = lambda x0, step, timestep: 2 * x0, lambda x0, step, timestep: None
    >>> in_turn(double, rest, double)(torch.ones(1), 0, torch.tensor(0)).item()
    4.0
    """

    def edit(x0: Tensor, step: int, timestep: Tensor) -> Tensor | None:
        changed = None
        for one in edits:
            result = one(x0 if changed is None else changed, step, timestep)
            changed = changed if result is None else result
        return changed

    return edit


def restart_timestep(timestep: float, scale: float, alphas: Tensor) -> int:
    """Where an enlarged picture must start to be as noisy, a pixel, as the small one at `timestep`.

    FreCaS (arXiv:2410.18410, eq. 6): a' = s a / (1 + (s - 1) a) with s = scale ** -GAMMA.

    Args:
        timestep: 0 to 999 of the small picture. alphas: (timesteps,) the scheduler's cumulated.

    >>> alphas = torch.linspace(0.999, 0.001, 1000)
    >>> restart_timestep(100, 1.0, alphas), restart_timestep(100, 2.0, alphas)
    (100, 240)
    """
    a, s = alphas[int(timestep)], scale**-GAMMA
    return int((alphas - s * a / (1 + (s - 1) * a)).abs().argmin())


def base_size(shape: Size, side: int, multiple: int) -> Size:
    """(height, width) of about side x side pixels in the shape of `shape`, in whole multiples.

    >>> base_size(Size(1080, 1920), side=512, multiple=64)
    Size(height=384, width=704)
    """
    scale = side / (shape[0] * shape[1]) ** 0.5
    return Size(*(max(round(length * scale / multiple), 1) * multiple for length in shape))


def sharpened(image: Tensor, kernel: int, sigma: float, alpha: float) -> Tensor:
    """Unsharp mask (1 + a) g - a blur(g) of (n, 3, h, w) pictures, not clamped.

    Args:
        kernel: odd size of the Gaussian in pixels, at most 2 min(h, w) - 1. sigma: its width.
        alpha: strength; 0 changes nothing.

    >>> edge = torch.tensor([0.0, 0, 0, 1, 1, 1]).expand(1, 1, 6, 6)
    >>> [round(level, 2) for level in sharpened(edge, 3, 1.0, 1.0)[0, 0, 0].tolist()]
    [0.0, 0.0, -0.27, 1.27, 1.0, 1.0]
    """
    if not alpha or min(image.shape[-2:]) <= kernel // 2:  # too small to have neighbours
        return image
    places = torch.arange(kernel, dtype=image.dtype, device=image.device) - (kernel - 1) / 2
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    weights = weights / weights.sum()
    padded = F.pad(image, [kernel // 2] * 4, mode="reflect").flatten(0, 1)[:, None]
    blurred = F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])
    return torch.lerp(blurred[:, 0].unflatten(0, image.shape[:2]), image, 1 + alpha)
