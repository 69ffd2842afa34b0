"""Train the guide network on the CPU; stops and goes on as it likes.

    python -m examples.guide_network.train --data work/sharp.npz --out work/plain --minutes 92

README.md has the commands of the shipped weights. `--resume` goes on from `OUT/state.pt`, which is
written every three minutes.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from examples.mini_model.train import Trainer, split_matrices
from relight.methods.back_projection import back_project, smaller
from relight.methods.compact_super_resolution import CompactSuperResolution

from .data import Crops

log = logging.getLogger("guide")
CHARBONNIER_EPS = 2e-3
WINDOW = 8  # pixels
ENERGY_EPS = 2e-3  # half a code
EDGE = 4  # pixels of the result next to the border of a crop that are not scored


def charbonnier(a: Tensor, b: Tensor) -> Tensor:
    """Mean of sqrt(difference^2 + eps^2)."""
    return ((a - b).square() + CHARBONNIER_EPS**2).sqrt().mean()


def loss_of(result: Tensor, sharp: Tensor, gradient: float, spectrum: float) -> Tensor:
    """Charbonnier of pixels and of steps between neighbours, and L1 of the spectrum."""
    inner = (..., slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    result, sharp = result[inner], sharp[inner]
    loss = charbonnier(result, sharp)
    for axis in (-1, -2):
        loss = loss + 0.5 * gradient * charbonnier(result.diff(dim=axis), sharp.diff(dim=axis))
    bins = torch.fft.rfft2(result - sharp, norm="ortho")
    return loss + spectrum * torch.view_as_real(bins).abs().mean()


def energy_gap(result: Tensor, sharp: Tensor) -> Tensor:
    """How far the strength of local detail is from that of `sharp`.

    Whatever only minimises the error is softer than the truth. This asks for the truth's root mean
    square of steps in windows of WINDOW pixels; of a back-projected result, in the band that
    back-projection leaves alone.
    """
    strengths = []
    for image in (result, sharp):
        grey = image.mean(1, keepdim=True)
        across, down = grey.diff(dim=-1)[..., :-1, :], grey.diff(dim=-2)[..., :-1]
        squares = F.avg_pool2d(across.square() + down.square(), WINDOW, WINDOW // 2)
        strengths.append((squares + ENERGY_EPS**2).sqrt())
    return (strengths[0] - strengths[1]).abs().mean()


def judge(network: torch.nn.Module, pictures: list[Tensor]) -> tuple[float, float]:
    """PSNR and sharpness of back-projected results on the dev pictures, mean of each."""
    fidelity, ratio = [], []
    with torch.no_grad():
        for sharp in pictures:
            small = smaller(sharp, (sharp.shape[-2] // 2, sharp.shape[-1] // 2))
            result = back_project(network(small), small).clamp(0, 1)
            fidelity.append(-10 * float((result - sharp).square().mean().log10()))
            ratio.append(energy(result) / energy(sharp))
    return float(np.mean(fidelity)), float(np.mean(ratio))


def energy(x: Tensor) -> float:
    """Mean squared step between neighbouring pixels, in luma."""
    grey = x.mean(1)
    return float(grey.diff(dim=-1).square().mean() + grey.diff(dim=-2).square().mean())


def dev_pictures(path: Path, side: int = 256) -> list[Tensor]:
    """The middle of each photo that is not trained on, at half its size where that is enough."""
    cache, pictures = np.load(path), []
    for name in (k for k in cache.files if k.startswith("dev")):
        image = torch.from_numpy(cache[name]).permute(2, 0, 1)[None].float() / 255
        while min(image.shape[-2:]) >= 2 * side:
            image = F.avg_pool2d(image, 2)
        height, width = (min(n, side) // 2 * 2 for n in image.shape[-2:])
        top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
        pictures.append(image[..., top : top + height, left : left + width])
    return pictures


def train(args: argparse.Namespace) -> None:
    """The whole run: batches, updates in bfloat16, a line and a score now and then."""
    torch.manual_seed(0)
    network = CompactSuperResolution(args.width, args.blocks).to(memory_format=torch.channels_last)
    matrices, rest = split_matrices(network)
    trainer = Trainer(
        {"guide": network},
        [(rest, args.rate)],
        args.minutes,
        args.out,
        ema=0.999,
        matrices=matrices,
        matrix_rate=args.matrix_rate,
    )
    if args.init:
        trainer.begin(torch.load(args.init, weights_only=True)["ema"])
    if args.resume and trainer.resume():
        log.info("resumed at step %d", trainer.step)
    crops = Crops(args.data, seed=trainer.step, damage=args.damage)
    averaged = CompactSuperResolution(args.width, args.blocks)
    pictures = dev_pictures(args.data)
    while trainer.progress < 1:
        small, sharp = crops.batch(args.batch, args.side)
        small = small.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.exact):
            result = network(small).float()
        loss = loss_of(result, sharp, args.gradient, args.spectrum)
        if args.energy:
            loss = loss + args.energy * energy_gap(back_project(result, small), sharp)
        network.zero_grad(set_to_none=True)  # the trainer clears those of its own AdamW only
        trainer.update(loss)
        trainer.note(
            loss=float(loss.detach()), error=float((result - sharp).detach().square().mean())
        )
        trainer.report(100)
        if trainer.step % args.judge == 0:
            averaged.load_state_dict(trainer.shadow["guide"])
            log.info("step %d dev %.3f dB sharpness %.3f", trainer.step, *judge(averaged, pictures))
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the cache of sources.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=100, help="wall clock, of the schedule")
    parser.add_argument("--init", type=Path, help="state.pt of another run to start from")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--exact", action="store_true", help="float32 instead of bfloat16")
    parser.add_argument("--damage", type=float, default=0.0, help="share of noisy, compressed ones")
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96, help="of the sharp crops, pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="of AdamW")
    parser.add_argument("--matrix-rate", type=float, default=2e-3, help="of Muon")
    parser.add_argument("--gradient", type=float, default=0.5, help="weight of the gradient loss")
    parser.add_argument("--spectrum", type=float, default=0.02, help="weight of the spectrum loss")
    parser.add_argument("--energy", type=float, default=0.0, help="weight of energy_gap")
    parser.add_argument("--judge", type=int, default=500, help="steps between scores")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    train(args)


if __name__ == "__main__":
    main()
