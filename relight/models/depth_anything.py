"""Depth Anything V2 (arXiv:2406.09414) as a source of surfaces, where its weights are here.

Through transformers, offline: a folder or the local cache of the Hugging Face hub. The small model
(25 M parameters, Apache-2.0) is the only size whose licence allows every use.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from relight.errors import ModelError
from relight.methods.surfaces import Surface, from_depth
from relight.models.hub import DEPTH_REPO

REPO = DEPTH_REPO
PATCH = 14
"""Both sides of what the network sees are multiples of this, in pixels."""
SIDE = 252
"""Shorter side of what it sees: surfaces are smooth, so less than the 518 it was trained at."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as it was trained
SPREAD = (0.02, 0.98)
"""Quantiles of a clip's inverse depth that become 0 and 1."""


class DepthAnything:
    """A `SurfaceSource` over a depth network of transformers.

    Args:
        model: a `DepthAnythingForDepthEstimation`, or one that answers like it.
        bounds: the inverse depth that becomes 0 and 1, see `bounds_of`; without it each call finds
            its own, so that a clip in chunks would change its depth from one to the next.
    """

    def __init__(self, model: torch.nn.Module, bounds: tuple[float, float] | None = None) -> None:
        self.model, self.bounds = model.eval(), bounds

    @classmethod
    def from_pretrained(cls, source: str | Path = REPO) -> DepthAnything:
        """From a folder or, by its name, from the local cache; nothing is downloaded.

        Raises:
            ModelError: the weights are not here.
        """
        from transformers import AutoModelForDepthEstimation

        try:
            model = AutoModelForDepthEstimation.from_pretrained(str(source), local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"no depth network in {source}: get it with `hf download {REPO}`"
            ) from error
        return cls(model)

    def __call__(self, frames: Tensor) -> Surface:
        """(frames, 3, h, w) in [0, 1] -> their surface."""
        return from_depth(self.depth(frames))

    def depth(self, frames: Tensor) -> Tensor:
        """(frames, 3, h, w) in [0, 1] -> (frames, 1, h, w) in [0, 1], brighter is nearer."""
        found = self._inverse_depth(frames)
        low, high = self.bounds or _spread(found)
        depth = ((found - low) / max(high - low, 1e-6)).clamp(0, 1)
        return F.interpolate(depth, frames.shape[-2:], mode="bilinear", align_corners=False)

    def bounds_of(self, frames: Tensor) -> tuple[float, float]:
        """The range of a clip's inverse depth, from a few of its frames."""
        return _spread(self._inverse_depth(frames))

    @torch.no_grad()
    def _inverse_depth(self, frames: Tensor) -> Tensor:
        h, w = frames.shape[-2:]
        seen = tuple(max(1, round(side * SIDE / min(h, w) / PATCH)) * PATCH for side in (h, w))
        mean, deviation = (torch.tensor(c).view(1, 3, 1, 1) for c in (MEAN, DEVIATION))
        pixels = F.interpolate(frames.float().cpu(), seen, mode="bilinear", antialias=True)
        like = next(self.model.parameters())
        pixels = ((pixels - mean) / deviation).to(like)
        found = [self.model(pixel_values=one[None]).predicted_depth for one in pixels]
        return torch.stack(found).float().cpu()  # frames, 1, h', w'


def _spread(depth: Tensor) -> tuple[float, float]:
    values = depth.flatten()[:: max(1, depth.numel() // 2**20)]
    low, high = torch.quantile(values, torch.tensor(SPREAD)).tolist()
    return low, high
