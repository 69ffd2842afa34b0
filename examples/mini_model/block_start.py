"""Where the autoencoder starts: a linear block transform inside the ordinary layers.

The trick that makes a GroupNorm + SiLU output layer linear at the start: channels come in pairs
(+a, -a), so silu(a) - silu(-a) = a, and each norm group holds two constant channels (+C, -C) that
fix its statistics. `widen` gives a trained autoencoder more latent channels the same way.

    python -m examples.mini_model.block_start --data photos.npz --clips DIR

prints what the transform alone reaches on held-out frames, by the number of channels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

from relight.metrics.psnr import decibels

from .data import Pictures, tint
from .figures import held_out

LATENT = 16
GROUPS = 4
ANCHOR = 10.0  # the constant C


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


def blocks_of(images: torch.Tensor) -> torch.Tensor:
    """The 4x4 blocks of (B, 3, H, W) images, (B * H/4 * W/4, 48)."""
    blocks = F.pixel_unshuffle(F.pixel_unshuffle(images, 2), 2)
    return blocks.permute(0, 2, 3, 1).reshape(-1, 48)


def block_pca(images: torch.Tensor, count: int = LATENT) -> tuple[torch.Tensor, torch.Tensor]:
    """The whitened principal axes of 4x4 blocks, strongest first (count, 48), and their mean."""
    flat = blocks_of(images)
    values, vectors = torch.linalg.eigh(torch.cov(flat.T))
    basis = (vectors / values.clamp(min=1e-6).sqrt())[:, -count:].flip(1).T
    return basis, flat.mean(0)


@torch.no_grad()
def set_block_pca(path: LinearPath, images: torch.Tensor) -> None:
    """Make the encoder half the whitened PCA of the 4x4 blocks of `images` in [-1, 1]."""
    basis, mean = block_pca(images)
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


@torch.no_grad()
def widen(old: AutoencoderKL, new: AutoencoderKL, images: torch.Tensor) -> None:
    """Make `new` the autoencoder `old` with more latent channels.

    The first channels stay what they are. The others start as the next principal axes of the 4x4
    blocks of `images` in [-1, 1], as far as one layer of the encoder can tell them.
    """
    few, many = old.config.latent_channels, new.config.latent_channels
    state = old.state_dict()
    same = {k: v for k, v in state.items() if v.shape == new.state_dict()[k].shape}
    new.load_state_dict(same, strict=False)
    rows = [*range(few), *range(many, many + few)]  # means, log variances
    enc = new.encoder
    for conv, name, into in (
        (enc.conv_out, "encoder.conv_out", slice(None)),
        (new.quant_conv, "quant_conv", rows),
        (new.post_quant_conv, "post_quant_conv", range(few)),
    ):
        conv.weight.zero_()
        conv.bias.zero_()
        out = rows if conv.out_channels == 2 * many else range(few)
        for theirs, mine in enumerate(out):
            conv.weight[mine, into] = state[f"{name}.weight"][theirs]
            conv.bias[mine] = state[f"{name}.bias"][theirs]
    _measure_axes(new, images, range(few, many))
    for i in range(few, many):
        new.quant_conv.weight[i, i] = new.post_quant_conv.weight[i, i] = 1
    spare = new.decoder.conv_in.weight.mul_(0.2)
    spare[:, :few] = state["decoder.conv_in.weight"]
    new.decoder.conv_in.bias.copy_(state["decoder.conv_in.bias"])


def _measure_axes(vae: AutoencoderKL, images: torch.Tensor, axes: range) -> None:
    """Write principal axes into spare channels of the encoder, by least squares, up to its end."""
    enc = vae.encoder
    conv, seen = enc.down_blocks[1].downsamplers[0].conv, []
    hook = conv.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    vae.encode(images)
    hook.remove()
    patches = F.unfold(seen[0], 3, stride=2).transpose(1, 2).flatten(0, 1)
    patches = torch.cat([patches, torch.ones(len(patches), 1)], 1).double()
    basis, mean = block_pca(images)
    wanted = ((blocks_of(images) - mean) @ basis[axes].T).double()
    square = patches.T @ patches
    ridge = 1e-4 * square.diagonal().mean() * torch.eye(len(square))
    fit = torch.linalg.solve(square + ridge, patches.T @ wanted).float()
    shortcut = enc.down_blocks[2].resnets[0].conv_shortcut
    _, signals = _pairs(shortcut.out_channels)
    for i, column in zip(axes, fit.T, strict=True):
        conv.weight[i], conv.bias[i] = column[:-1].view_as(conv.weight[i]), column[-1]
        up, down = signals[i]
        for channel, sign in ((up, 1.0), (down, -1.0)):
            shortcut.weight[channel] = 0
            shortcut.weight[channel, i], shortcut.bias[channel] = sign, 0
            enc.conv_out.weight[i, channel, 1, 1] = sign


def fidelity(images: torch.Tensor, frames: torch.Tensor, count: int) -> float:
    """PSNR in dB of `frames` through the first `count` block axes of `images`, all in [-1, 1]."""
    basis, mean = block_pca(images, count)
    blocks = blocks_of(frames) - mean
    out = blocks @ basis.T @ torch.linalg.pinv(basis).T
    error = (out + mean).clamp(-1, 1) - blocks_of(frames)
    return decibels(float(error.square().mean()), peak=2)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="photos.npz of sources.py")
    parser.add_argument("--clips", type=Path, help="folder of more held-out .mp4 files")
    args = parser.parse_args(argv)
    images = 2 * tint(Pictures(args.data).batch(800, 96)) - 1
    frames = torch.cat([clip[:4] for clip in held_out(args.clips, 8).values()]) * 2 - 1
    for count in (4, 8, 10, 12, 14, 16, 20):
        print(f"{count} channels: {fidelity(images, frames, count):.1f} dB")


if __name__ == "__main__":
    main()
