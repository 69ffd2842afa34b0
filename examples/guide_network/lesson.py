"""One iteration of a training on one accelerator, and how good the network is by now."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from relight.methods.back_projection import back_project, larger
from relight.methods.compact_super_resolution import CompactSuperResolution
from relight.types import Size

from .card import CardCrops
from .losses import disagreement, squared, traded
from .muon import Optimizer
from .shifted import aligned
from .train import energy, energy_gap, loss_of

BARE = 0.2  # share of the loss that looks at what the network gives before back-projection
AVERAGE = 0.999
AGREEMENT = 0.1  # weight of what two views of a crop do not share
GAP = 0.2  # weight of `energy_gap` where damage is undone
ROUNDS = 2  # of back-projection, as the recipes do


@dataclass(frozen=True)
class Phase:
    """One training run."""

    name: str
    seconds: float
    sharpness: float
    damage: float
    start: str


class Projection:
    """`back_project` for crops of one size, as products with matrices: quick to differentiate."""

    def __init__(self, side: int, device: str) -> None:
        half = torch.eye(side // 2).view(1, 1, side // 2, -1)
        self.up = larger(half, Size(side, side // 2))[0, 0].to(device)  # (side, side / 2)
        self.down = torch.eye(side).view(side // 2, 2, side).mean(1).to(device)  # (side / 2, side)

    def __call__(self, image: Tensor, small: Tensor) -> Tensor:
        """(n, 3, side, side) with the low band of (n, 3, side / 2, side / 2)."""
        for _ in range(ROUNDS):
            error = small - self.down @ image @ self.down.T
            image = image + self.up @ error @ self.up.T
        return image


class Lesson:
    """One iteration of a phase: crops, both passes, the update.

    Attributes:
        average: of the weights. energy: of `traded`, a number on the device, so that it can change
            under a graph. losses: (2,), sums of the loss and of the squared error.
    """

    def __init__(
        self, network: CompactSuperResolution, crops: CardCrops, phase: Phase,
        args: argparse.Namespace,
    ) -> None:  # fmt: skip
        fresh = 1.0 if phase.start == "none" else args.again
        self.network, self.crops, self.phase, self.batch = network, crops, phase, args.batch
        self.average = [p.detach().clone() for p in network.parameters()]
        self.optimizer = Optimizer(
            network, args.rate * fresh, args.matrix_rate * fresh, args.device
        )
        self.projection = Projection(args.side, args.device)
        self.energy = torch.zeros((), device=args.device)
        self.losses = torch.zeros(2, device=args.device)

    def __call__(self) -> None:
        """Adds to `losses`."""
        for param in self.optimizer.params:
            param.grad = None
        loss, error = self._damaged() if self.phase.damage else self._clean()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            weights = [p.detach() for p in self.network.parameters()]
            torch._foreach_lerp_(self.average, weights, 1 - AVERAGE)
            self.losses.add_(torch.stack([loss.detach(), error.detach().mean()]))

    def _damaged(self) -> tuple[Tensor, Tensor]:
        """What a network that undoes damage learns from: the loss, and squared errors."""
        small, sharp = self.crops.batch(self.batch)
        result = self._enlarged(small)
        loss = self._distance(result, sharp) + GAP * energy_gap(result, sharp)
        return loss, squared(result, sharp)

    def _clean(self) -> tuple[Tensor, Tensor]:
        """Through back-projection, from two views of each crop."""
        small, sharp, top, left = self.crops.views(self.batch // 2)
        bare = self._enlarged(small)
        result = self.projection(bare, small)
        loss = (1 - BARE) * self._distance(result, sharp) + BARE * self._distance(bare, sharp)
        views = aligned(*result.chunk(2), top, left)
        error = squared(result, sharp)
        return loss + AGREEMENT * disagreement(*views, error.chunk(2)[0]), error

    def _distance(self, result: Tensor, sharp: Tensor) -> Tensor:
        if self.phase.sharpness:
            return traded(result, sharp, self.energy)
        return loss_of(result, sharp, 0.5, 0.02)

    def _enlarged(self, small: Tensor) -> Tensor:
        small = small.contiguous(memory_format=torch.channels_last)
        with torch.autocast(small.device.type, torch.bfloat16, cache_enabled=False):
            return self.network(small).float()


class Judge:
    """Truth and sharpness of the averaged weights on pictures that are not trained on."""

    def __init__(self, pictures: list[Tensor], lesson: Lesson) -> None:
        self.pictures, self.lesson = pictures, lesson
        own = lesson.network
        self.network = CompactSuperResolution(own.width, own.blocks).to(lesson.energy.device)

    @torch.no_grad()
    def look(self) -> tuple[float, float]:
        """PSNR and sharpness, mean of each."""
        for own, now in zip(self.network.parameters(), self.lesson.average, strict=True):
            own.copy_(now)
        found = []
        for sharp in self.pictures:
            small = F.avg_pool2d(sharp, 2)
            result = back_project(self.network(small), small, ROUNDS).clamp(0, 1)
            error = float((result - sharp).square().mean())
            found.append((-10 * math.log10(error), energy(result) / energy(sharp)))
        fidelity, ratio = np.mean(found, axis=0).tolist()
        return fidelity, ratio
