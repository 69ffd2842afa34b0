"""Foreground mode: the subject is kept and relit, its background drawn by the video model.

As published with Light-A-Video (arXiv:2502.08590, its AnimateDiff inpainting variant): the subject,
relit on grey, is held while the first part of the schedule draws what is behind it from the prompt;
then the whole picture is relit by Progressive Light Fusion, whose source detail counts within the
subject alone.

    first part     x0' = (1 - m) x0 + m z        z: latents of the relit subject; m: its mask,
    the rest       v' = v + w_d m d, fused as usual         kept only where it is 1

The published code replaces the noisy latents by the noised z, which is the same of x0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from relight.methods.progressive_light_fusion import ProgressiveLightFusion


class ForegroundMode:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        fusion: the second part.
        subject: latents of the relit subject, of x0's shape.
        mask: 1 where the subject is, (frames, 1, h, w) in [0, 1], of any size.
        drawn: how many steps draw the background before the fusion begins.

    >>> from relight.methods.progressive_light_fusion import Recipe
    >>> same = lambda x: x
    >>> source = torch.zeros(2, 3, 4, 4)
    >>> fusion = ProgressiveLightFusion(source, same, same, same, 3, Recipe())
    >>> mask = torch.zeros(2, 1, 4, 4)
    >>> mask[..., :2] = 1
    >>> edit = ForegroundMode(fusion, torch.ones(2, 3, 4, 4), mask, drawn=5)
    >>> edit(torch.zeros(2, 3, 4, 4), 0, torch.tensor(900))[0, 0, 0].tolist()
    [1.0, 1.0, 0.0, 0.0]
    """

    def __init__(
        self, fusion: ProgressiveLightFusion, subject: Tensor, mask: Tensor, drawn: int
    ) -> None:
        self.fusion, self.subject, self.mask, self.drawn = fusion, subject, mask, drawn
        fusion.detail_within = mask

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor | None:
        """x0 in the latents' shape -> the edited x0, or None once the weight is spent."""
        if step < self.drawn:
            return torch.where(self._held(x0), self.subject.to(x0), x0)
        return self.fusion(x0, step - self.drawn, timestep)

    def _held(self, x0: Tensor) -> Tensor:
        """Where the subject's latents are kept: whole latents only, so that no edge is held."""
        small = F.interpolate(self.mask.float(), x0.shape[-2:], mode="bilinear", antialias=True)
        held = small.to(x0.device) > 0.999  # frames, 1, h, w
        return held if x0.ndim == 4 else held.transpose(0, 1)[None]  # 1, 1, frames, h, w
