"""Carry a trained UNet over to the latents of another autoencoder.

Both latents describe the same pictures, so each is nearly a linear map of the other. The maps are
fitted on training crops and folded into the first and the last convolution; training goes on there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from .data import Pictures
from .train import Trainer, device, log


@torch.no_grad()
def linear_map(of: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    """The least-squares matrix (K, C) that takes latents `of` (B, C, h, w) to `to` (B, K, h, w)."""
    x, y = (z.permute(0, 2, 3, 1).flatten(0, 2).double() for z in (of, to))
    x, y = x - x.mean(0), y - y.mean(0)
    found = torch.linalg.lstsq(x, y).solution
    left = (y - x @ found).pow(2).mean() / y.pow(2).mean()
    log.info("latents explained by the other autoencoder's: %.3f", 1 - float(left))
    return found.T.float()


@torch.no_grad()
def carried(
    state: dict[str, torch.Tensor], old: Path, new: Path, pictures: Pictures
) -> dict[str, torch.Tensor]:
    """The weights of a UNet (or video UNet) trained on `old` latents, for `new` latents."""
    images = 2 * pictures.batch(120, 96) - 1
    before, after = (
        AutoencoderKL.from_pretrained(folder).eval().encode(images).latent_dist.mode()
        for folder in (old, new)
    )
    forth, back = linear_map(before, after), linear_map(after, before)
    first, last = state["conv_in.weight"].cpu(), state["conv_out.weight"].cpu()
    parts = first.split(before.shape[1], dim=1)  # the latents, and for relighting the picture's
    first = torch.cat([torch.einsum("ochw,ck->okhw", part, back) for part in parts], 1)
    return state | {
        "conv_in.weight": first,
        "conv_out.weight": torch.einsum("kc,cihw->kihw", forth, last),
        "conv_out.bias": forth @ state["conv_out.bias"].cpu(),
    }


def begin(trainer: Trainer, name: str, args: argparse.Namespace, pictures: Pictures) -> None:
    """Start where `--init` or `--resume` says; `name` is the module that sees latents."""
    if args.init:
        states = torch.load(args.init, map_location=device(), weights_only=True)["ema"]
        if args.init_vae:
            states[name] = carried(states[name], args.init_vae, args.vae, pictures)
        trainer.begin(states)
    if args.resume:
        trainer.resume()
