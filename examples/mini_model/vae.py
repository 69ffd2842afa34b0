"""Stage 1: the autoencoder (f4, 16 channels).

It starts as a linear block transform (PCA of 4x4 blocks and its learned inverse, `block_start.py`)
or as a trained autoencoder with fewer channels (`--init`), and training adds the non-linear rest.
At the end the latents are whitened exactly by folding ZCA into quant_conv and post_quant_conv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from relight.metrics.psnr import decibels

from .block_start import GROUPS, LATENT, LinearPath, install, set_block_pca, widen
from .data import Pictures, tint
from .train import Trainer, device, launch, load_ema, log


def build() -> AutoencoderKL:
    """The untrained autoencoder."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=LATENT,
        sample_size=128,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        norm_num_groups=GROUPS,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        force_upcast=False,
    )


def encode(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """The mode of the posterior."""
    return vae.encode(images).latent_dist.mode()


def decode(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(latents).sample


# ---- losses -----------------------------------------------------------------------------------


def chroma(images: torch.Tensor) -> torch.Tensor:
    """R-G and B-G."""
    return torch.stack([images[:, 0] - images[:, 1], images[:, 2] - images[:, 1]], 1)


def picture_loss(out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L1 + L2, chroma at three scales, gradients at three scales."""
    loss = F.l1_loss(out, target) + 2 * F.mse_loss(out, target)
    error = out - target
    for pool in (1, 2, 4):
        small = F.avg_pool2d(error, pool) if pool > 1 else error
        loss = loss + 0.6 * chroma(small).abs().mean()
        loss = loss + 0.25 * (small.diff(dim=-1).abs().mean() + small.diff(dim=-2).abs().mean())
    return loss


def fidelity(out: torch.Tensor, target: torch.Tensor) -> float:
    """In dB, of values in [-1, 1], wherever they are stored."""
    return decibels(float(F.mse_loss(out.clamp(-1, 1), target)), peak=2)


# ---- training ---------------------------------------------------------------------------------


def held_batch(path: Path | None) -> torch.Tensor | None:
    """Frames to watch the training on; an .npz of (F, H, W, 3) uint8 arrays."""
    if not path:
        return None
    frames = np.concatenate([a[::4] for a in np.load(path).values()])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def start(args: argparse.Namespace, pictures: Pictures, rank: int, world: int) -> AutoencoderKL:
    """The autoencoder that training begins with."""
    vae = build()
    if args.init:
        widen(AutoencoderKL.from_pretrained(args.init), vae, views(pictures, 200, 64))
        return vae
    path, place = LinearPath(vae), device()
    set_block_pca(path, views(pictures, 300, 64))
    path.to(place)
    groups = [(path.parameters(), 4e-3)]
    trainer = Trainer({"path": path}, groups, args.linear_minutes, args.out / "linear", rank, world)
    while trainer.progress < 1:
        x = views(pictures, args.batch, 64).to(place)
        trainer.update(picture_loss(path.decode(path.encode(x)), x))
        trainer.report(100)
    trainer.save()
    path.load_state_dict(trainer.shadow["path"])
    install(path)
    return vae


def views(pictures: Pictures, count: int, size: int, smallest: float = 0.0) -> torch.Tensor:
    """Random crops under random light, (count, 3, size, size) in [-1, 1]."""
    return 2 * tint(pictures.batch(count, size, smallest)) - 1


def whitened(error: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """`error` in units of the latents' own spread along their axes; both (B, C, h, w)."""
    flat = latents.detach().permute(1, 0, 2, 3).flatten(1)
    spread = torch.cov(flat) + 1e-5 * torch.eye(len(flat), device=flat.device)
    unit = torch.linalg.inv(torch.linalg.cholesky(spread))
    return torch.einsum("ij,bjhw->bihw", unit, error)


def train(rank: int, world: int, args: argparse.Namespace) -> None:
    place = device()
    pictures = Pictures(args.data, seed=rank + args.seed)
    held = held_batch(args.watch) if rank == 0 else None
    resuming = args.resume and (args.out / "state.pt").exists()
    vae = (build() if resuming else start(args, pictures, rank, world)).to(place)
    groups = [(vae.parameters(), args.rate)]
    trainer = Trainer(
        {"vae": vae}, groups, args.minutes, args.out, rank, world, warmup=100, ema=0.995
    )
    if resuming:
        trainer.resume()
    while trainer.progress < 1:
        x = views(pictures, args.batch, 64).to(place)
        z = encode(vae, x)
        # a third of the latents is moved further, as a diffusion model's are
        far = (torch.rand(len(z), 1, 1, 1) < 0.3) * torch.rand(len(z), 1, 1, 1)
        moved = z + (0.02 + 0.15 * far).to(place) * torch.randn_like(z)
        out = decode(vae, moved)
        # decoding and encoding again must change nothing
        cycle = whitened(encode(vae, out.clamp(-1, 1)) - moved.detach(), z).pow(2).mean()
        picture = picture_loss(out, x)
        trainer.note(psnr=fidelity(out.detach(), x), loss=float(picture.detach()))
        trainer.note(cycle=float(cycle.detach()) ** 0.5)
        trainer.update(picture + args.cycle * cycle)
        if held is not None and trainer.step % 100 == 0:
            watch(trainer, held)
        trainer.report(50)
    trainer.save()
    if rank == 0:
        whiten(load_ema(args.out, "vae", build()), pictures).save_pretrained(args.out / "vae")


@torch.no_grad()
def watch(trainer: Trainer, held: torch.Tensor) -> None:
    """Held-out figures of the averaged weights."""
    vae = build()
    vae.load_state_dict(trainer.shadow["vae"])
    z = encode(vae, held)
    out = decode(vae, z)
    again = encode(vae, out.clamp(-1, 1))
    luma = fidelity(out.mean(1), held.mean(1))
    trainer.note(
        held=fidelity(out, held),
        held_luma=luma,
        held_chroma=fidelity(chroma(out), chroma(held)),
        held_cycle=float(whitened(again - z, z).pow(2).mean().sqrt()),
    )


@torch.no_grad()
def whiten(vae: AutoencoderKL, pictures: Pictures, count: int = 600) -> AutoencoderKL:
    """Fold ZCA whitening of the latents into quant_conv and post_quant_conv; exact."""
    z = torch.cat([encode(vae, views(pictures, 50, 128, 0.5)) for _ in range(count // 50)])
    flat = z.permute(1, 0, 2, 3).flatten(1).double()
    mean = flat.mean(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    log.info("latent eigen-std %s", [round(float(v) ** 0.5, 3) for v in values])
    forth = vectors @ torch.diag(values**-0.5) @ vectors.T
    back = vectors @ torch.diag(values**0.5) @ vectors.T
    quant, post = vae.quant_conv, vae.post_quant_conv
    weight = quant.weight[:LATENT, :, 0, 0].double()
    bias = quant.bias[:LATENT].double()
    quant.weight[:LATENT, :, 0, 0] = (forth @ weight).float()
    quant.bias[:LATENT] = (forth @ (bias - mean)).float()
    # nothing trained the log variances, and pipelines sample: make the posterior a point
    quant.weight[LATENT:], quant.bias[LATENT:] = 0, -20
    weight = post.weight[:, :, 0, 0].double()
    post.bias.add_((weight @ mean).float())
    post.weight[:, :, 0, 0] = (weight @ back).float()
    return vae


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="photos.npz of sources.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--watch", type=Path, help="held-out frames (.npz) to print figures for")
    parser.add_argument("--init", type=Path, help="a trained autoencoder with fewer channels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--linear-minutes", type=float, default=2.5)
    parser.add_argument("--batch", type=int, default=12, help="per process")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--cycle", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    launch(train, args.processes, args)


if __name__ == "__main__":
    main()
