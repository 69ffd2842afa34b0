"""Muon and AdamW as one optimiser that a CUDA graph can hold: nothing of it looks at a value."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from examples.mini_model.train import split_matrices


class Optimizer:
    """Muon for the inner matrices, AdamW for the rest, without a look at any value.

    All matrices of one shape are made orthogonal together.
    """

    def __init__(self, network: nn.Module, rate: float, matrix_rate: float, device: str) -> None:
        matrices, rest = split_matrices(network)
        self.params = [*matrices, *rest]
        self.scale = torch.ones((), device=device)
        self.rate, self.matrix_rate = rate, matrix_rate
        self.adam_rate = torch.tensor(rate, device=device)
        self.adam = torch.optim.AdamW(
            rest,
            lr=self.adam_rate,
            betas=(0.9, 0.98),
            weight_decay=1e-4,
            foreach=False,
            capturable=device != "cpu",
        )
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for matrix in matrices:
            shapes[matrix.flatten(1).shape].append(matrix)
        self.groups = [
            (group, torch.zeros(len(group), *shape, device=device))
            for shape, group in shapes.items()
        ]

    def set_scale(self, scale: float) -> None:
        """Of both rates, from the schedule."""
        self.scale.fill_(scale)
        self.adam_rate.fill_(scale * self.rate)

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients, clipped to a norm of 1; a gradient of NaN counts as 0."""
        for param in self.params:
            assert param.grad is not None
            param.grad.nan_to_num_(0, 0, 0)
        torch.nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        self.adam.step()
        for group, momentum in self.groups:
            grads = torch.stack([p.grad.flatten(1) for p in group if p.grad is not None])
            momentum.lerp_(grads, 0.05)
            update = orthogonal(0.05 * grads + 0.95 * momentum)
            update = update * (0.2 * max(update.shape[1:]) ** 0.5 * self.matrix_rate * self.scale)
            parts = [part.view_as(p) for part, p in zip(update, group, strict=True)]
            torch._foreach_sub_(list(group), parts)


def orthogonal(matrices: Tensor, steps: int = 4) -> Tensor:
    """Roughly the nearest orthogonal matrices, (n, rows, columns) (Newton-Schulz, as Muon)."""
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (2.0315 * square @ square - 4.775 * square) @ x
    return x if wide else x.mT
