"""Train the guide networks on one accelerator, in minutes: everything happens there.

    python -m examples.guide_network.train_card --pack work/pack.npz --out work/card \
        --phase plain 80 0 0 relight/models/guide/clean.safetensors \
        --phase clean 130 0.745 0 plain --phase restore 20 0 0.85 plain

A phase is a name, seconds, how sharp its results are to be (energy of the gradients on pictures not
trained on, of the originals'; 0: as sharp as is most true), the share of damaged crops, and
where it starts: an earlier phase, a file of weights, or `none`. Phases without damage learn
through back-projection, which follows the network wherever it is used on clean sources, and from
two views of each crop, whose results must agree. Each phase writes its averaged weights. On a CUDA
device an iteration is one graph: crops, both passes, update.
"""

from __future__ import annotations

import argparse
import functools
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from relight.methods.compact_super_resolution import CompactSuperResolution

from .card import CardCrops
from .drawn import drawing
from .lesson import Judge, Lesson, Phase
from .losses import Strength
from .pack import unpacked

log = logging.getLogger("guide")
WARM_UP = 200  # iterations
LAST = 0.01  # part of the learning rates at the end
TOGETHER = 20  # iterations between looks at the clock


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
    phase: Phase, start: dict[str, Tensor] | None, crops: CardCrops, dev: list[Tensor],
    args: argparse.Namespace,
) -> dict[str, Tensor]:  # fmt: skip
    """Train one phase; its averaged weights, float32 on the CPU."""
    begun = time.perf_counter()
    network = CompactSuperResolution(args.width, args.blocks)
    if start is not None:
        network.load_state_dict(start)
    network = network.to(args.device, memory_format=torch.channels_last)
    crops.damage = phase.damage
    lesson = Lesson(network, crops, phase, args)
    strength, judge = Strength(phase.sharpness), Judge(dev, lesson)
    if phase.sharpness:
        lesson.energy.fill_(strength.energy)
    step = begin(lesson, network, args.device)
    log.info("%s: begins after %.1f s", phase.name, time.perf_counter() - begun)
    if dev:
        log.info("%s: dev %.3f dB, sharpness %.4f", phase.name, *judge.look())
    done, shown, seen = 0, 0, 0.0
    progress = 0.0  # a machine that is slow to begin trains all the same
    while progress < 1:
        train(lesson, step, progress, done)
        done += TOGETHER
        if progress * phase.seconds >= seen + args.report:
            report(phase, lesson, done - shown, done, progress)
            if dev:
                fidelity, ratio = judge.look()
                log.info("%s: dev %.3f dB, sharpness %.4f", phase.name, fidelity, ratio)
                if phase.sharpness:
                    lesson.energy.fill_(strength.seen(ratio))
            shown, seen = done, progress * phase.seconds
        progress = (time.perf_counter() - begun) / phase.seconds
    names = [name for name, _ in network.named_parameters()]
    log.info("%s: %d steps of %d crops", phase.name, done, args.batch)
    if dev:
        log.info("%s: dev at the end %.3f dB, sharpness %.4f", phase.name, *judge.look())
    values = [value.cpu().contiguous() for value in lesson.average]
    return dict(zip(names, values, strict=True))


def begin(lesson: Lesson, network: CompactSuperResolution, device: str) -> Callable[[], None]:
    """One iteration to be called; the means of weights begin at the network's own."""
    lesson.optimizer.set_scale(1e-6)  # while the graph is made; AdamW divides by its rate
    step = captured(lesson, device)
    for own, now in zip(lesson.average, network.parameters(), strict=True):
        own.copy_(now.detach())
    lesson.losses.zero_()
    return step


def train(lesson: Lesson, step: Callable[[], None], progress: float, done: int) -> None:
    """`TOGETHER` iterations at the learning rate of a phase's progress, 0 to 1."""
    for count in range(done + 1, done + TOGETHER + 1):
        warm = min(1.0, count / WARM_UP)
        lesson.optimizer.set_scale(
            warm * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * progress)))
        )
        step()
    if lesson.losses.is_cuda:
        torch.cuda.synchronize()


def report(phase: Phase, lesson: Lesson, steps: int, done: int, progress: float) -> None:
    """A line, and the sums begin anew; the norm shows that weights move."""
    loss, error = (lesson.losses / steps).tolist()
    rate = float(lesson.optimizer.adam_rate)
    norm = float(torch.stack([p.detach().norm() for p in lesson.optimizer.params]).norm())
    log.info(
        "%s: step %d, %.0f s, rate %.2e, energy %.4f, loss %.5f, %.3f dB, norm %.4f", phase.name,
        done, progress * phase.seconds, rate, float(lesson.energy), loss,
        -10 * math.log10(max(error, 1e-9)), norm,
    )  # fmt: skip
    lesson.losses.zero_()


def drawings(count: int, side: int) -> list[np.ndarray]:
    """Text and line art, drawn by all processors."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(functools.partial(_draw, side), range(count), chunksize=8))


def _draw(side: int, seed: int) -> np.ndarray:
    return drawing(side, np.random.default_rng(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pack", type=Path, required=True, help="of pack.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--phase", nargs=5, action="append", required=True,
        metavar=("NAME", "SECONDS", "SHARPNESS", "DAMAGE", "START"),
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
    parser.add_argument("--report", type=float, default=8, help="seconds between looks")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.manual_seed(0)
    drawn = drawings(args.drawings, args.side + args.side // 2)
    pictures = unpacked(args.pack)
    crops = CardCrops(pictures, drawn, args.side, torch.device(args.device))
    dev = [
        torch.from_numpy(image.copy()).to(args.device).permute(2, 0, 1)[None].float() / 255
        for name, image in pictures.items()
        if name.startswith("dev")
    ]
    log.info("%.0f megapixels of crops", len(crops.pixels) / 1e6)
    args.out.mkdir(parents=True, exist_ok=True)
    known: dict[str, dict[str, Tensor] | None] = {"none": None}
    for given in args.phase:
        phase = Phase(given[0], *map(float, given[1:4]), given[4])
        if phase.start not in known:
            stored = load_file(phase.start)
            known[phase.start] = {name: value.float() for name, value in stored.items()}
        known[phase.name] = made = run(phase, known[phase.start], crops, dev, args)
        save_file(made, args.out / f"{phase.name}.safetensors")


if __name__ == "__main__":
    main()
