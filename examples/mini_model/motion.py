"""Stage 3: the base UNet and the motion adapter, a denoiser for short clips and single pictures.

It starts from the relight UNet without its picture channels. Training stays below t = 650:
relighting and upscaling start no higher.

Some steps train on clips: real footage, and slow camera moves over photos with a solid drifting in
front, half of them under a coloured light. The others train the image UNet alone on sharp crops of
many sizes, mostly below t = 400. A third of those start as upscaling does, from a picture that was
made smaller and enlarged again: x_t = a ((1 - w) sharp + w soft) + s noise, with the v that leads
to the sharp one, v = (a x_t - sharp) / s (as with the gradient start of the relight stage). The
network so takes softness away as it takes noise away; the rest keep it a plain denoiser.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from transformers import CLIPTokenizer

from .carry import begin
from .data import Pictures
from .relight import build_unet, channel_weights
from .samples import Draws
from .text import build_encoder
from .train import Trainer, device, launch, split_matrices


def build_adapter() -> MotionAdapter:
    """One temporal layer per block; the last projections are zero, so it starts as no motion."""
    adapter = MotionAdapter(
        block_out_channels=(40, 80, 128),
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=8,
        motion_max_seq_length=32,
        use_motion_mid_block=True,
    )
    with torch.no_grad():
        for name, module in adapter.named_modules():
            if name.endswith("proj_out"):
                module.weight.zero_()
                module.bias.zero_()
    return adapter


def share_weights(unet: UNet2DConditionModel, motion: UNetMotionModel) -> None:
    """Make the image UNet use the very parameters of the video UNet."""
    theirs = dict(motion.named_parameters())
    for name, _ in list(unet.named_parameters()):
        *path, last = name.split(".")
        owner = unet.get_submodule(".".join(path))
        owner._parameters[last] = theirs[name]


def build_networks(
    args: argparse.Namespace, latent: int, tokenizer: CLIPTokenizer
) -> tuple[UNet2DConditionModel, UNetMotionModel, torch.nn.Module]:
    """Image UNet, video UNet over the very same weights, and the frozen text encoder."""
    encoder = build_encoder(tokenizer).eval().requires_grad_(False)
    unet = build_unet(latent, latent)
    state = torch.load(args.relight / "state.pt", map_location="cpu", weights_only=True)["ema"]
    encoder.load_state_dict(state["text_encoder"])
    if not args.init:
        start = dict(state["unet"])
        start["conv_in.weight"] = start["conv_in.weight"][:, :latent].clone()
        unet.load_state_dict(start)
    motion = UNetMotionModel.from_unet2d(unet, build_adapter()).to(device())
    unet.to(device())
    share_weights(unet, motion)
    return unet, motion, encoder.to(device())


def build_trainer(
    args: argparse.Namespace,
    motion: UNetMotionModel,
    encoder: torch.nn.Module,
    pictures: Pictures,
    rank: int,
    world: int,
) -> Trainer:
    """The video UNet, new or from an earlier run, with its optimisers."""
    matrices, rest = split_matrices(motion)
    trainer = Trainer(
        {"motion": motion, "text_encoder": encoder},
        [(rest, args.rate)],
        args.minutes,
        args.out,
        rank,
        world,
        warmup=50,
        ema=args.ema,
        matrices=matrices,
        matrix_rate=args.matrix_rate,
    )
    begin(trainer, "motion", args, pictures)
    return trainer


def train(rank: int, world: int, args: argparse.Namespace) -> None:
    place = device()
    pictures = Pictures(args.data, seed=500 + rank + args.seed)
    vae = AutoencoderKL.from_pretrained(args.vae).eval()
    weights = channel_weights(vae).to(place)
    vae.to(place)
    tokenizer = CLIPTokenizer.from_pretrained(args.relight / "tokenizer")
    unet, motion, encoder = build_networks(args, vae.config.latent_channels, tokenizer)
    trainer = build_trainer(args, motion, encoder, pictures, rank, world)
    draws = Draws(args, pictures, vae, tokenizer)
    while trainer.progress < 1:
        still = pictures.rng.random() < args.stills
        sample = draws.still() if still else draws.clip()
        frames = 1 if still else sample.x.shape[1]
        with torch.no_grad():
            text = encoder(sample.ids.to(place)).last_hidden_state.repeat_interleave(frames, 0)
        t = sample.t.to(place)
        if still:
            out = unet(sample.x, t, text).sample
        else:
            out = motion(sample.x.transpose(1, 2), t, text).sample.transpose(1, 2)
        each = ((out - sample.v).pow(2) * weights).flatten(1).mean(1)
        trainer.update(each.mean())
        with torch.no_grad():
            _, s = draws.schedule.at(sample.t, each)
            for kind, value, time in zip(sample.kinds, each * s**2, sample.t, strict=True):
                trainer.note(**{f"{kind}{int(time) // 130}": float(value)})
        trainer.report(50)
    trainer.save()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--relight", type=Path, required=True, help="folder of the relight stage")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--batch", type=int, default=1, help="times 8 crops of 96 pixels")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--matrix-rate", type=float, default=1e-3, help="of Muon")
    parser.add_argument("--init", type=Path, help="state.pt to start from")
    parser.add_argument("--init-vae", type=Path, help="its autoencoder, where it is another")
    parser.add_argument("--pool", type=int, default=120)
    parser.add_argument("--fill", type=int, default=24)
    parser.add_argument("--renew", type=int, default=3, help="a new clip each so many steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stills", type=float, default=0.5, help="share of steps on stills")
    parser.add_argument("--soft", type=float, default=0.4, help="share of stills that start soft")
    parser.add_argument("--ema", type=float, default=0.995)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    launch(train, args.processes, args)


if __name__ == "__main__":
    main()
