"""Train the guide networks on one accelerator, in minutes: everything happens there.

    python -m examples.guide_network.train_card --pack work/pack.npz --out work/card \
        --phase plain 150 0 0 relight/models/guide/clean.safetensors \
        --phase clean 80 0.4 0 plain --phase restore 100 0.2 0.85 plain

A phase is a name, seconds, the weight of `energy_gap`, the share of damaged crops, and where it
starts: at an earlier phase, at a file of weights, or at `none`. Phases without damage learn through
back-projection, which follows the network wherever it is used on clean sources. Each phase writes
its averaged weights. On a CUDA device an iteration is one graph: crops, both passes, update.
"""

from __future__ import annotations

import argparse
import functools
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from examples.mini_model.train import split_matrices
from relight.methods.back_projection import back_project
from relight.methods.compact_super_resolution import CompactSuperResolution

from .card import CardCrops
from .drawn import drawing
from .pack import unpacked
from .train import energy_gap, loss_of

log = logging.getLogger("guide")
BARE = 0.2  # share of the loss that looks at what the network gives before back-projection
AVERAGE = 0.999
WARM_UP = 200  # iterations
LAST = 0.01  # part of the learning rates at the end
TOGETHER = 20  # iterations between looks at the clock


@dataclass(frozen=True)
class Phase:
    """One training run."""

    name: str
    seconds: float
    energy: float
    damage: float
    start: str


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


def iteration(
    network: CompactSuperResolution,
    average: list[Tensor],
    optimizer: Optimizer,
    crops: CardCrops,
    phase: Phase,
    batch: int,
    losses: Tensor,
) -> None:
    """Crops, both passes and the update; adds to `losses` (2,): the loss, and the squared error."""
    small, sharp = crops.batch(batch)
    small = small.contiguous(memory_format=torch.channels_last)
    for param in optimizer.params:
        param.grad = None
    with torch.autocast(crops.device.type, torch.bfloat16, cache_enabled=False):
        bare = network(small).float()
    result = bare if phase.damage else back_project(bare, small, 2)
    loss = loss_of(result, sharp, 0.5, 0.02)
    if not phase.damage:
        loss = (1 - BARE) * loss + BARE * loss_of(bare, sharp, 0.5, 0.02)
    if phase.energy:
        loss = loss + phase.energy * energy_gap(result, sharp)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        weights = [p.detach() for p in network.parameters()]
        torch._foreach_lerp_(average, weights, 1 - AVERAGE)
        losses.add_(torch.stack([loss.detach(), (result - sharp).detach().square().mean()]))


def captured(step: Callable[[], None], device: str) -> Callable[[], None]:
    """`step`, or on a CUDA device a replay of it."""
    if not device.startswith("cuda"):
        return step
    torch.backends.cudnn.benchmark = True
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def run(
    phase: Phase, start: dict[str, Tensor] | None, crops: CardCrops, args: argparse.Namespace
) -> dict[str, Tensor]:
    """Train one phase; its averaged weights, float32 on the CPU."""
    begun = time.perf_counter()
    network = CompactSuperResolution(args.width, args.blocks)
    if start is not None:
        network.load_state_dict(start)
    network = network.to(args.device, memory_format=torch.channels_last)
    average = [p.detach().clone() for p in network.parameters()]
    fresh = 1.0 if start is None else args.again
    optimizer = Optimizer(network, args.rate * fresh, args.matrix_rate * fresh, args.device)
    crops.damage = phase.damage
    losses = torch.zeros(2, device=args.device)
    optimizer.set_scale(1e-6)  # while the graph is made; AdamW divides by its rate
    step = captured(
        functools.partial(iteration, network, average, optimizer, crops, phase, args.batch, losses),
        args.device,
    )
    for own, now in zip(average, network.parameters(), strict=True):
        own.copy_(now.detach())
    log.info("%s: begins after %.1f s", phase.name, time.perf_counter() - begun)
    done, shown = 0, 0
    while (progress := (time.perf_counter() - begun) / phase.seconds) < 1:
        for _ in range(TOGETHER):
            warm = min(1.0, (done + 1) / WARM_UP)
            optimizer.set_scale(
                warm * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * progress)))
            )
            step()
            done += 1
        if args.device.startswith("cuda"):
            torch.cuda.synchronize()
        if done >= shown + args.report:
            loss, error = (losses / (done - shown)).tolist()
            log.info(
                "%s: step %d, %.0f s, loss %.5f, %.3f dB", phase.name, done,
                time.perf_counter() - begun, loss, -10 * math.log10(error),
            )  # fmt: skip
            losses.zero_()
            shown = done
    names = [name for name, _ in network.named_parameters()]
    log.info("%s: %d steps of %d crops", phase.name, done, args.batch)
    return {name: value.cpu().contiguous() for name, value in zip(names, average, strict=True)}


def drawings(count: int, side: int) -> list[np.ndarray]:
    """Text and line art, drawn by all processors."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(functools.partial(_draw, side), range(count), chunksize=8))


def _draw(side: int, seed: int) -> np.ndarray:
    return drawing(side, np.random.default_rng(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True, help="of pack.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--phase", nargs=5, action="append", required=True,
        metavar=("NAME", "SECONDS", "ENERGY", "DAMAGE", "START"),
    )  # fmt: skip
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=128, help="of the sharp crops, pixels")
    parser.add_argument("--drawings", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=1e-3, help="of AdamW")
    parser.add_argument("--matrix-rate", type=float, default=2e-3, help="of Muon")
    parser.add_argument("--again", type=float, default=0.6, help="of the rates, from given weights")
    parser.add_argument("--report", type=int, default=2000, help="steps between lines")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.manual_seed(0)
    drawn = drawings(args.drawings, args.side + args.side // 2)
    crops = CardCrops(unpacked(args.pack), drawn, args.side, torch.device(args.device))
    log.info("%.0f megapixels of crops", len(crops.pixels) / 1e6)
    args.out.mkdir(parents=True, exist_ok=True)
    known: dict[str, dict[str, Tensor] | None] = {"none": None}
    for given in args.phase:
        phase = Phase(given[0], *map(float, given[1:4]), given[4])
        if phase.start not in known:
            stored = load_file(phase.start)
            known[phase.start] = {name: value.float() for name, value in stored.items()}
        known[phase.name] = made = run(phase, known[phase.start], crops, args)
        save_file(made, args.out / f"{phase.name}.safetensors")


if __name__ == "__main__":
    main()
