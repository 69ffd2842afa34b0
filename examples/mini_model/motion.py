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

import numpy as np
import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from transformers import CLIPTokenizer

from .data import Pictures
from .footage import SHARP, clip_pixels, sharp_and_soft
from .moods import NEGATIVE
from .relight import Schedule, build_unet, channel_weights
from .text import build_encoder, tokens
from .train import Trainer, device, launch, split_matrices

HIGHEST = 650
LOWEST_SOFT = 80  # below, v would multiply the difference of sharp and soft by more than 3
CLIPS = {(64, 64): 0.4, (96, 96): 0.25, (96, 128): 0.1, (128, 96): 0.05, (128, 128): 0.2}
STILLS = {64: 0.15, 96: 0.35, 128: 0.25, 192: 0.15, 256: 0.1}  # side in pixels: share
PIXELS = 8 * 96 * 96  # of one training step, about, times --batch


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


class ClipPool:
    """Encoded clips of 16 frames of one shape."""

    def __init__(self, height: int, width: int, vae: AutoencoderKL, place: torch.device):
        self.height, self.width, self.vae, self.place = height, width, vae, place
        self.latents: list[torch.Tensor] = []
        self.ids: list[torch.Tensor] = []

    @torch.no_grad()
    def add(self, pictures: Pictures, tokenizer: CLIPTokenizer, limit: int) -> None:
        images, text = clip_pixels(pictures, 16, self.height, self.width)
        latents = self.vae.encode(images.to(self.place) * 2 - 1).latent_dist.mode()
        self.latents.append(latents.cpu().half())
        self.ids.append(tokens(tokenizer, [text])[0])
        del self.latents[:-limit], self.ids[:-limit]

    def draw(self, rng: np.random.Generator, pixels: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Clips (B, F, C, h, w), 8 or 16 frames, and their tokens; about that many pixels."""
        frames = 16 if rng.random() < (0.6 if self.height <= 64 else 0.2) else 8
        count = max(1, pixels // (frames * self.height * self.width))
        picks = rng.integers(len(self.latents), size=count)
        start = int(rng.integers(16 - frames + 1))
        clips = torch.stack([self.latents[i][start : start + frames] for i in picks])
        return clips.float().to(self.place), torch.stack([self.ids[i] for i in picks])


class StillPool:
    """Encoded pairs of a sharp and a soft crop, of one size."""

    def __init__(self, size: int, vae: AutoencoderKL, place: torch.device):
        self.size, self.vae, self.place = size, vae, place
        self.latents: list[torch.Tensor] = []  # (2, C, h, w): sharp, soft

    @torch.no_grad()
    def add(self, pictures: Pictures, count: int, limit: int) -> None:
        pairs = np.stack([sharp_and_soft(pictures, self.size) for _ in range(count)])
        images = torch.from_numpy(pairs).flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1
        if pictures.rng.random() < 0.5:  # brighter or darker, sometimes in a coloured light
            gain = np.exp(pictures.rng.normal(0, (0.2, 0.2, 0.2)) * pictures.rng.choice((0.2, 1)))
            gain = torch.from_numpy(gain * np.exp(pictures.rng.normal(-0.2, 0.3))).view(3, 1, 1)
            images = ((images + 1) * gain.float()).clamp(max=2) - 1
        latents = self.vae.encode(images.to(self.place)).latent_dist.mode()
        self.latents += list(latents.unflatten(0, (count, 2)).cpu().half())
        del self.latents[:-limit]

    def draw(self, rng: np.random.Generator, pixels: int) -> torch.Tensor:
        """(B, 2, C, h, w); about that many pixels."""
        picks = rng.integers(len(self.latents), size=max(1, pixels // self.size**2))
        return torch.stack([self.latents[i] for i in picks]).float().to(self.place)


def still_times(count: int) -> torch.Tensor:
    """Timesteps for stills: nine in ten below 500, more of them low."""
    low = 500 * torch.rand(count) ** 1.3
    return torch.where(torch.rand(count) < 0.1, HIGHEST * torch.rand(count), low).long()


def noised_pair(
    pair: torch.Tensor, t: torch.Tensor, soft_share: float, schedule: Schedule
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x_t, v and which samples start soft, from (B, 2, C, h, w) latents, sharp and soft."""
    sharp, soft = pair.unbind(1)
    a, s = schedule.at(t, sharp)
    count = len(sharp)
    is_soft = (torch.rand(count) < soft_share) & (t >= LOWEST_SOFT)
    share = torch.where(torch.rand(count) < 0.6, torch.ones(count), torch.rand(count)) * is_soft
    share = share.view(-1, 1, 1, 1).to(sharp)
    x = a * ((1 - share) * sharp + share * soft) + s * torch.randn_like(sharp)
    return x, (a * x - sharp) / s.clamp(min=1e-3), is_soft


def train(rank: int, world: int, args: argparse.Namespace) -> None:
    place = device()
    pictures = Pictures(args.data, seed=500 + rank + args.seed)
    vae = AutoencoderKL.from_pretrained(args.vae).eval()
    weights = channel_weights(vae).to(place)
    vae.to(place)
    latent = vae.config.latent_channels
    tokenizer = CLIPTokenizer.from_pretrained(args.relight / "tokenizer")
    encoder = build_encoder(tokenizer).to(place).eval().requires_grad_(False)
    unet = build_unet(latent, latent)
    state = torch.load(args.relight / "state.pt", map_location="cpu", weights_only=True)["ema"]
    encoder.load_state_dict(state["text_encoder"])
    start = dict(state["unet"])
    start["conv_in.weight"] = start["conv_in.weight"][:, :latent].clone()
    unet.load_state_dict(start)
    motion = UNetMotionModel.from_unet2d(unet, build_adapter()).to(place)
    unet.to(place)
    share_weights(unet, motion)
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
    if args.init:
        state = torch.load(args.init, map_location=place, weights_only=True)["ema"]["motion"]
        motion.load_state_dict(state)
        trainer.shadow["motion"] = {k: v.clone() for k, v in state.items()}
    if args.resume:
        trainer.resume()
    schedule, rng = Schedule(), pictures.rng
    clips = [ClipPool(h, w, vae, place) for h, w in CLIPS]
    stills = [StillPool(size, vae, place) for size in STILLS]
    for pool, share in zip(clips, CLIPS.values(), strict=True):
        for _ in range(max(2, int(args.fill * share))):
            pool.add(pictures, tokenizer, args.pool)
    for pool, share in zip(stills, STILLS.values(), strict=True):
        pool.add(pictures, max(2, int(3 * args.fill * share)), args.pool)
    empty = tokens(tokenizer, ["", NEGATIVE])
    sharp_words = tokens(tokenizer, list(SHARP))
    while trainer.progress < 1:
        is_still = rng.random() < args.stills
        if is_still:
            which = int(rng.choice(len(stills), p=list(STILLS.values())))
            pool, share = stills[which], list(STILLS.values())[which]
            fresh = max(1, 2 * 96 * 96 // pool.size**2)
            pool.add(pictures, fresh, max(8, int(6 * args.pool * share * (96 / pool.size) ** 2)))
            pair = pool.draw(rng, args.batch * PIXELS)
            t = still_times(len(pair))
            x, v, soft = noised_pair(pair, t, args.soft, schedule)
            ids = sharp_words[torch.from_numpy(rng.integers(len(SHARP), size=len(pair)))]
            frames, names = 1, ["soft" if flag else "still" for flag in soft]
        else:
            which = int(rng.choice(len(clips), p=list(CLIPS.values())))
            pool, share = clips[which], list(CLIPS.values())[which]
            if trainer.step % args.renew == 0:
                pool.add(pictures, tokenizer, max(4, int(args.pool * share)))
            clean, ids = pool.draw(rng, args.batch * PIXELS)
            t = (HIGHEST * torch.rand(len(clean))).long()
            a, s = schedule.at(t, clean)
            noise = torch.randn_like(clean)
            x, v = a * clean + s * noise, a * noise - s * clean
            frames, names = clean.shape[1], ["clip"] * len(clean)
            drop = torch.rand(len(clean)) < 0.15
            ids = torch.where(drop[:, None], empty[(torch.rand(len(clean)) < 0.7).long()], ids)
        with torch.no_grad():
            text = encoder(ids.to(place)).last_hidden_state.repeat_interleave(frames, 0)
        if is_still:
            out = unet(x, t.to(place), text).sample
            error = (out - v).pow(2) * weights
        else:
            out = motion(x.transpose(1, 2), t.to(place), text).sample.transpose(1, 2)
            error = (out - v).pow(2) * weights[None]
        each = error.flatten(1).mean(1)
        trainer.update(each.mean())
        with torch.no_grad():
            _, s = schedule.at(t, each)
            for kind, value, time in zip(names, each * s**2, t, strict=True):
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
