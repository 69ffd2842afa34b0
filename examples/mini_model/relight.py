"""Stage 2: the relight UNet (IC-Light's 2x-channel input) and the text encoder.

Two things decide whether it learns. Inference starts from the noised latent of a light gradient,
so training does too: x_t = a ((1 - w) x0 + w gradient) + s noise with target v = (a x_t - x0) / s,
w near 1 at high noise. And an empty caption means "the same scene in neutral light", so guidance
pushes from neutral towards the colour asked for, and a neutral prompt stays neutral.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTokenizer

from .carry import begin
from .data import Pictures
from .moods import NEGATIVE
from .render import SIZES, Pair, light_map
from .text import build_encoder, build_tokenizer, tokens, without_captions
from .train import Trainer, device, launch, log, split_matrices


def build_unet(channels: int, latent: int) -> UNet2DConditionModel:
    """The UNet of the family; `channels` in, `latent` out."""
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=channels,
        out_channels=latent,
        layers_per_block=1,
        block_out_channels=(40, 80, 128),
        cross_attention_dim=96,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    )


@torch.no_grad()
def quiet_start(unet: torch.nn.Module) -> None:
    """Zero the last layer of every residual branch, so that training starts from a clean path."""
    for name, module in unet.named_modules():
        if name.endswith((".conv2", ".proj_out")) or name == "conv_out":
            module.weight.zero_()
            module.bias.zero_()


class Schedule:
    """Linear betas, v-prediction: signal and noise scale of every timestep."""

    def __init__(self) -> None:
        betas = torch.linspace(0.00085, 0.012, 1000)
        cumulative = torch.cumprod(1 - betas, 0)
        self.signal, self.noise = cumulative.sqrt(), (1 - cumulative).sqrt()

    def at(self, t: torch.Tensor, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (-1,) + (1,) * (like.ndim - 1)
        return self.signal[t.cpu()].view(shape).to(like), self.noise[t.cpu()].view(shape).to(like)


class Pool:
    """Encoded pairs of one picture shape, renewed a few at a time."""

    def __init__(self, height: int, width: int, vae: AutoencoderKL, place: torch.device):
        self.height, self.width, self.vae, self.place = height, width, vae, place
        self.latents: list[torch.Tensor] = []  # (4, C, h, w): source, plain, target, gradient
        self.ids: list[torch.Tensor] = []
        maps = torch.stack([torch.from_numpy(light_map(d, height, width)) for d in range(5)])
        self.gradients = self.encode(maps.permute(0, 3, 1, 2).float() / 127 - 1)

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self.vae.encode(images.to(self.place)).latent_dist.mode()

    def add(self, pictures: Pictures, tokenizer: CLIPTokenizer, count: int, limit: int) -> None:
        pair = Pair(pictures, count, self.height, self.width)
        stack = torch.cat([pair.source, pair.plain, pair.target]) * 2 - 1
        free = pair.directions == 5
        stack = torch.cat([stack, pair.maps[free].expand(-1, 3, -1, -1) * 255 / 127 - 1])
        latents = self.encode(stack)
        gradients = self.gradients[pair.directions.clamp(max=4)]
        gradients[free] = latents[3 * count :]
        gradients[pair.directions == 4] = torch.nan  # none: drawn anew as noise each time
        parts = [*latents[: 3 * count].unflatten(0, (3, count)), gradients]
        self.latents += list(torch.stack(parts, 1).cpu().half())
        self.ids += list(tokens(tokenizer, [light.caption for light in pair.lights]))
        del self.latents[:-limit], self.ids[:-limit]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        picks = rng.integers(len(self.latents), size=count)
        latents = torch.stack([self.latents[i] for i in picks]).float().to(self.place)
        latents = torch.where(latents.isnan(), torch.randn_like(latents), latents)
        return latents, torch.stack([self.ids[i] for i in picks])


@torch.no_grad()
def channel_weights(vae: AutoencoderKL) -> torch.Tensor:
    """How much each latent channel moves the picture, mean 1, floored; weights of the loss."""
    channels = vae.config.latent_channels
    noise = torch.randn(channels, 1, 16, 16)
    latents = torch.zeros(channels, channels, 16, 16)
    latents[range(channels), range(channels)] = noise[:, 0]
    change = vae.decode(latents).sample - vae.decode(torch.zeros(1, channels, 16, 16)).sample
    energy = change.pow(2).mean((1, 2, 3))
    return (0.4 + 0.6 * energy / energy.mean()).view(1, -1, 1, 1)


def draw_times(count: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """Timesteps: most spread out, some more where the light is decided."""
    spread = 999 * torch.rand(count, generator=generator)
    high = 800 + 199 * torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.15, high, spread).long()


def noised(
    clean: torch.Tensor, gradient: torch.Tensor, t: torch.Tensor, schedule: Schedule
) -> tuple[torch.Tensor, torch.Tensor]:
    """x_t drawn towards the gradient at high noise, and the v that leads back to `clean`."""
    a, s = schedule.at(t, clean)
    sigma = s / a
    count = len(clean)
    share = torch.rand(count, 1, 1, 1).to(clean) * (sigma / 10).pow(2).clamp(max=1)
    share = share * (torch.rand(count, 1, 1, 1).to(clean) < 0.75)
    # samplers start from the bare gradient: at sigma 9.8 with 6 steps, 12.9 with 15, 4.6 with 4
    often = 0.6 * (sigma / 8).clamp(max=1) * (sigma > 4)
    start = torch.rand(count, 1, 1, 1).to(clean) < often
    share = torch.where(start, torch.ones_like(share), share)
    x = a * ((1 - share) * clean + share * gradient) + s * torch.randn_like(clean)
    return x, (a * x - clean) / s


class Pairs:
    """Pools of every picture shape, drawn from by their shares."""

    def __init__(
        self,
        args: argparse.Namespace,
        pictures: Pictures,
        vae: AutoencoderKL,
        tokenizer: CLIPTokenizer,
    ):
        self.args, self.pictures, self.tokenizer = args, pictures, tokenizer
        self.pools = [Pool(h, w, vae, vae.device) for h, w in SIZES[args.sizes]]
        self.shares = list(SIZES[args.sizes].values())
        self.empty = tokens(tokenizer, ["", NEGATIVE])
        for pool, share in zip(self.pools, self.shares, strict=True):
            for _ in range(int(args.fill * share / 8) + 1):
                pool.add(pictures, tokenizer, 8, args.pool)

    def draw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Source, clean and gradient latents (B, C, h, w) and tokens; a fifth has no caption."""
        count, rng = self.args.batch, self.pictures.rng
        which = int(rng.choice(len(self.pools), p=self.shares))
        pool, limit = self.pools[which], int(self.args.pool * self.shares[which])
        pool.add(self.pictures, self.tokenizer, self.args.renew, limit)
        latents, ids = pool.draw(count, rng)
        source, plain, target, gradient = latents.unbind(1)
        drop = torch.rand(count) < 0.18
        ids = without_captions(ids, drop, self.empty).to(source.device)
        clean = torch.where(drop.view(-1, 1, 1, 1).to(source.device), plain, target)
        return source, clean, gradient, ids


def find_tokenizer(args: argparse.Namespace, rank: int, world: int) -> CLIPTokenizer:
    """That of the run to start from, or a new one; the first worker writes it."""
    folder = args.out / "tokenizer"
    if rank == 0 and not folder.exists():
        if args.init:
            shutil.copytree(args.init.parent / "tokenizer", folder)
        else:
            build_tokenizer(folder)
    if world > 1:
        torch.distributed.barrier()
    return CLIPTokenizer.from_pretrained(folder)


def build_trainer(
    args: argparse.Namespace,
    latent: int,
    tokenizer: CLIPTokenizer,
    pictures: Pictures,
    rank: int,
    world: int,
) -> Trainer:
    """UNet and text encoder, new or from an earlier run, with their optimisers."""
    place = device()
    encoder = build_encoder(tokenizer).to(place)
    unet = build_unet(2 * latent, latent).to(place)
    quiet_start(unet)
    matrices, rest = split_matrices(unet)
    groups = [(rest, args.rate)]
    if not args.freeze_text:
        groups.append((encoder.parameters(), args.rate))
    trainer = Trainer(
        {"unet": unet, "text_encoder": encoder},
        groups,
        args.minutes,
        args.out,
        rank,
        world,
        warmup=100,
        ema=0.995,
        matrices=matrices,
        matrix_rate=args.matrix_rate,
    )
    begin(trainer, "unet", args, pictures)
    return trainer


def train(rank: int, world: int, args: argparse.Namespace) -> None:
    place = device()
    pictures = Pictures(args.data, seed=100 + rank + args.seed)
    vae = AutoencoderKL.from_pretrained(args.vae).eval()
    weights = channel_weights(vae).to(place)
    log.info("channel weights %s", [round(v, 2) for v in weights.flatten().tolist()])
    vae.to(place)
    tokenizer = find_tokenizer(args, rank, world)
    trainer = build_trainer(args, vae.config.latent_channels, tokenizer, pictures, rank, world)
    unet, encoder = trainer.modules["unet"], trainer.modules["text_encoder"]
    pairs, schedule = Pairs(args, pictures, vae, tokenizer), Schedule()
    while trainer.progress < 1:
        source, clean, gradient, ids = pairs.draw()
        t = draw_times(args.batch)
        x, v = noised(clean, gradient, t, schedule)
        text = encoder(ids).last_hidden_state
        error = unet(torch.cat([x, source], 1), t.to(place), text).sample - v
        pixel = (error.pow(2) * weights).mean((1, 2, 3))
        broad = (F.avg_pool2d(error, 4).pow(2) * weights).mean((1, 2, 3))
        trainer.update((pixel + broad).mean())
        with torch.no_grad():
            _, s = schedule.at(t, pixel)
            for value, wide, time in zip(pixel * s**2, broad * s**2, t, strict=True):
                name = int(time) // 250
                trainer.note(**{f"q{name}": float(value), f"w{name}": float(wide)})
        trainer.report(50)
    trainer.save()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True, help="folder of the frozen VAE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--batch", type=int, default=8, help="per process")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--matrix-rate", type=float, default=1.5e-3, help="of Muon")
    parser.add_argument("--pool", type=int, default=1200, help="encoded pairs kept per process")
    parser.add_argument("--fill", type=int, default=160, help="pairs rendered before step 1")
    parser.add_argument("--renew", type=int, default=2, help="pairs rendered per step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", type=Path, help="state.pt to start from")
    parser.add_argument("--init-vae", type=Path, help="its autoencoder, where it is another")
    parser.add_argument("--sizes", choices=tuple(SIZES), default="mixed")
    parser.add_argument("--freeze-text", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    launch(train, args.processes, args)


if __name__ == "__main__":
    main()
