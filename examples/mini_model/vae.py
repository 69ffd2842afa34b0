"""Stage 1: the autoencoder (f4, 12 channels).

It starts as a linear block transform (PCA of 4x4 blocks and its learned inverse) written into the
ordinary AutoencoderKL layers, and training adds the non-linear rest. At the end the latents are
whitened exactly by folding ZCA into quant_conv and post_quant_conv.

The trick that makes a GroupNorm + SiLU output layer linear at the start: channels come in pairs
(+a, -a), so silu(a) - silu(-a) = a, and each norm group holds two constant channels (+C, -C) that
fix its statistics.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

from .data import Pictures, tint
from .train import Trainer, device, launch, load_ema, log

LATENT = 12
GROUPS = 4
ANCHOR = 10.0  # the constant C


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


# ---- the linear start -------------------------------------------------------------------------


class LinearPath(nn.Module):
    """The layers of the autoencoder that a linear signal passes, with two small heads."""

    def __init__(self, vae: AutoencoderKL):
        super().__init__()
        self.vae = vae
        self.analysis = nn.Conv2d(32, LATENT, 1)
        self.colour = nn.Conv2d(32, 3, 1)
        self.sharpen = nn.Conv2d(3, 3, 3, padding=1)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        enc = self.vae.encoder
        x = enc.down_blocks[0].downsamplers[0](enc.conv_in(x))
        x = enc.down_blocks[1].resnets[0].conv_shortcut(x)
        return self.analysis(enc.down_blocks[1].downsamplers[0](x))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        dec = self.vae.decoder
        x = dec.up_blocks[0].upsamplers[0](dec.conv_in(z))
        x = dec.up_blocks[1].resnets[0].conv_shortcut(x)
        x = dec.up_blocks[1].upsamplers[0](x)
        return self.sharpen(self.colour(x))


@torch.no_grad()
def set_block_pca(path: LinearPath, images: torch.Tensor) -> None:
    """Make the encoder half the whitened PCA of the 4x4 blocks of `images` in [-1, 1]."""
    blocks = F.pixel_unshuffle(F.pixel_unshuffle(images, 2), 2)  # (B, 48, H/4, W/4)
    flat = blocks.permute(0, 2, 3, 1).reshape(-1, 48)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(flat.T))
    basis = (vectors / values.clamp(min=1e-6).sqrt())[:, -LATENT:].flip(1).T  # (k, 48)
    enc = path.vae.encoder
    for conv in (
        enc.conv_in,
        enc.down_blocks[0].downsamplers[0].conv,
        enc.down_blocks[1].downsamplers[0].conv,
    ):
        conv.weight.mul_(0.1)
        conv.bias.zero_()
    conv = enc.conv_in
    conv.weight[:3] = 0
    for c in range(3):
        conv.weight[c, c, 1, 1] = 1
    conv = enc.down_blocks[0].downsamplers[0].conv
    conv.weight[:12] = 0
    for c in range(12):  # pixel_unshuffle order: channel, row, column
        conv.weight[c, c // 4, (c // 2) % 2, c % 2] = 1
    conv = enc.down_blocks[1].resnets[0].conv_shortcut
    conv.weight[:12] = 0
    conv.bias.zero_()
    for c in range(12):
        conv.weight[c, c, 0, 0] = 1
    conv = enc.down_blocks[1].downsamplers[0].conv
    conv.weight[:LATENT] = 0
    for c in range(48):
        conv.weight[:LATENT, c // 4, (c // 2) % 2, c % 2] = basis[:, c]
    path.analysis.weight.zero_()
    path.analysis.weight[:, :LATENT, 0, 0] = torch.eye(LATENT)
    path.analysis.bias.copy_(-basis @ mean)


def _pairs(channels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Per norm group: the index pair of the constants, and the pairs left for signals."""
    size = channels // GROUPS
    anchors = [(g * size, g * size + 1) for g in range(GROUPS)]
    signals = [(g * size + i, g * size + i + 1) for i in range(2, size, 2) for g in range(GROUPS)]
    return anchors, signals


@torch.no_grad()
def _pack(conv: nn.Conv2d, norm: nn.GroupNorm, weight: torch.Tensor, bias: torch.Tensor) -> list:
    """Write signals and constants into the shortcut that feeds an output norm."""
    anchors, signals = _pairs(conv.out_channels)
    noise = 0.3 * torch.randn(len(signals), conv.in_channels, 1, 1) / conv.in_channels**0.5
    noise[: len(weight)] = weight
    offset = torch.zeros(len(signals))
    offset[: len(bias)] = bias
    for (up, down), row, shift in zip(signals, noise, offset, strict=True):
        conv.weight[up], conv.weight[down] = row, -row
        conv.bias[up], conv.bias[down] = shift, -shift
    for up, down in anchors:
        conv.weight[up] = conv.weight[down] = 0
        conv.bias[up], conv.bias[down] = ANCHOR, -ANCHOR
    norm.weight.fill_(ANCHOR * (2 * GROUPS / conv.out_channels) ** 0.5)
    norm.weight[[i for pair in anchors for i in pair]] = 0  # they count in the statistics only
    norm.bias.zero_()
    return signals


@torch.no_grad()
def install(path: LinearPath) -> None:
    """Make `path.vae`, run in full, compute what the linear path computes."""
    enc, dec = path.vae.encoder, path.vae.decoder
    blocks = [r for half in (enc.down_blocks, dec.up_blocks) for b in half for r in b.resnets]
    for block in [*blocks, *enc.mid_block.resnets, *dec.mid_block.resnets]:
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
    conv = enc.down_blocks[2].resnets[0].conv_shortcut
    weight, bias = path.analysis.weight, path.analysis.bias
    signals = _pack(conv, enc.conv_norm_out, weight, bias)
    for block in enc.mid_block.resnets:
        block.norm1.weight.copy_(enc.conv_norm_out.weight)
    enc.conv_out.weight.zero_()
    enc.conv_out.bias.zero_()
    enc.conv_out.bias[LATENT:] = -8.0
    for i, (up, down) in enumerate(signals[:LATENT]):
        enc.conv_out.weight[i, up, 1, 1] = 1
        enc.conv_out.weight[i, down, 1, 1] = -1
    for conv in (path.vae.quant_conv, path.vae.post_quant_conv):
        conv.weight.copy_(torch.eye(conv.in_channels)[:, :, None, None])
        conv.bias.zero_()
    conv = dec.up_blocks[2].resnets[0].conv_shortcut
    signals = _pack(conv, dec.conv_norm_out, path.colour.weight, path.colour.bias)
    dec.up_blocks[2].resnets[1].norm1.weight.copy_(dec.conv_norm_out.weight)
    dec.conv_out.weight.zero_()
    dec.conv_out.bias.copy_(path.sharpen.bias)
    for j, (up, down) in enumerate(signals[:3]):
        dec.conv_out.weight[:, up] = path.sharpen.weight[:, j]
        dec.conv_out.weight[:, down] = -path.sharpen.weight[:, j]


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
        loss = loss + 0.25 * chroma(small).abs().mean()
        loss = loss + 0.25 * (small.diff(dim=-1).abs().mean() + small.diff(dim=-2).abs().mean())
    return loss


def psnr(out: torch.Tensor, target: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / F.mse_loss(out.clamp(-1, 1), target)))


# ---- training ---------------------------------------------------------------------------------


def held_batch(path: Path | None) -> torch.Tensor | None:
    """Frames to watch the training on; an .npz of (F, H, W, 3) uint8 arrays."""
    if not path:
        return None
    frames = np.concatenate([a[::4] for a in np.load(path).values()])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(rank: int, world: int, args: argparse.Namespace) -> None:
    pictures = Pictures(args.data, seed=rank)
    vae = build()
    path = LinearPath(vae)
    place = device()
    held = held_batch(args.watch) if rank == 0 else None
    resuming = args.resume and (args.out / "state.pt").exists()
    if not resuming:
        set_block_pca(path, 2 * tint(pictures.batch(300, 64)) - 1)
        path.to(place)
        start = Trainer(
            {"path": path},
            [(path.parameters(), 4e-3)],
            args.linear_minutes,
            args.out / "linear",
            rank,
            world,
        )
        while start.progress < 1:
            x = (2 * tint(pictures.batch(args.batch, 64)) - 1).to(place)
            start.update(picture_loss(path.decode(path.encode(x)), x))
            if held is not None and start.step % 100 == 0:
                with torch.no_grad():
                    start.note(psnr=psnr(path.decode(path.encode(held)), held))
            start.report(100)
        start.save()
        path.load_state_dict(start.shadow["path"])
        install(path)
    vae.to(place)
    trainer = Trainer(
        {"vae": vae},
        [(vae.parameters(), args.rate)],
        args.minutes,
        args.out,
        rank,
        world,
        warmup=100,
        ema=0.995,
    )
    if resuming:
        trainer.resume()
    while trainer.progress < 1:
        x = (2 * tint(pictures.batch(args.batch, 64)) - 1).to(place)
        z = encode(vae, x)
        out = decode(vae, z + 0.02 * torch.randn_like(z))
        loss = picture_loss(out, x)
        if trainer.step % 3 == 0:  # decode and encode again must change nothing
            amount = 0.2 * torch.rand(len(z), 1, 1, 1, device=place)
            moved = z.detach() + amount * torch.randn_like(z)
            scale = moved.std((0, 2, 3), keepdim=True)
            cycle = F.mse_loss(encode(vae, decode(vae, moved)) / scale, moved / scale)
            trainer.note(cycle=float(cycle.detach()) ** 0.5)
            loss = loss + args.cycle * cycle
        trainer.note(psnr=psnr(out.detach(), x), loss=float(loss.detach()))
        trainer.update(loss)
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
    scale = z.std((0, 2, 3), keepdim=True)
    luma = psnr(out.mean(1), held.mean(1))
    trainer.note(
        held=psnr(out, held),
        held_luma=luma,
        held_chroma=psnr(chroma(out), chroma(held)),
        held_cycle=float(((again - z) / scale).pow(2).mean().sqrt()),
    )
    log.info("latent std %s", [round(v, 2) for v in scale.flatten().tolist()])


@torch.no_grad()
def whiten(vae: AutoencoderKL, pictures: Pictures, count: int = 600) -> AutoencoderKL:
    """Fold ZCA whitening of the latents into quant_conv and post_quant_conv; exact."""
    batches = [tint(pictures.batch(50, 128, 0.5)) for _ in range(count // 50)]
    z = torch.cat([encode(vae, 2 * x - 1) for x in batches])
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
    weight = post.weight[:, :, 0, 0].double()
    post.bias.add_((weight @ mean).float())
    post.weight[:, :, 0, 0] = (weight @ back).float()
    return vae


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="photos.npz of sources.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--watch", type=Path, help="held-out frames (.npz) to print figures for")
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
