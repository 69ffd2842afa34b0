"""Stage 3: the base UNet and the motion adapter, a denoiser for short clips.

It starts from the relight UNet without its picture channels. Clips are real footage, and slow
camera moves over photos with a solid drifting in front, half of them under a coloured light.
Training stays below t = 650: relighting and upscaling start no higher. Four steps in ten train the
image UNet alone, on frames of different clips, so that it denoises well without the adapter too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from transformers import CLIPTokenizer

from .data import Pictures
from .moods import NEGATIVE, caption, sample
from .relight import Schedule, build_unet, channel_weights
from .render import SIZES, free_map, ramp, shade, solid
from .text import build_encoder, tokens
from .train import Trainer, device, launch, split_matrices

HIGHEST = 650


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


def camera_move(pictures: Pictures, frames: int, height: int, width: int) -> np.ndarray:
    """A slow pan, zoom and roll over one photo: (F, H, W, 3) float [0, 1]."""
    rng = pictures.rng
    image = pictures.photos[rng.choice(len(pictures.photos), p=pictures.weights)]
    rows, columns = image.shape[:2]
    fit = min(rows / height, columns / width)
    zoom = fit * np.exp(rng.uniform(np.log(0.4), np.log(0.9)))
    centre = np.array([columns, rows]) / 2
    free = np.maximum(centre - 0.55 * zoom * np.array([width, height]), 0)
    place = centre + free * rng.uniform(-1, 1, 2)
    speed = rng.normal(0, 1.2, 2) * zoom * (rng.random() < 0.85)
    growth, roll = rng.normal(0, 0.006), rng.normal(0, 0.006)
    angle, out = rng.normal(0, 0.1), []
    for k in range(frames):
        k = k - frames / 2
        scale, turn = zoom * np.exp(growth * k), angle + roll * k
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        x, y = np.clip(place + speed * k, 0.2 * centre, 1.8 * centre)
        matrix = np.array(
            [
                [cos, -sin, x - cos * width / 2 + sin * height / 2],
                [sin, cos, y - sin * width / 2 - cos * height / 2],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out.append(
            cv2.warpAffine(
                image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
            )
        )
    return np.stack(out).astype(np.float32) / 255


def footage(pictures: Pictures, frames: int, height: int, width: int) -> np.ndarray:
    """A window of a real clip, at one of two frame steps."""
    rng = pictures.rng
    clip = pictures.clips[rng.choice(len(pictures.clips), p=pictures._clip_weights())]
    step = int(rng.integers(1, 3))
    start = int(rng.integers(len(clip) - frames * step))
    part = clip[start : start + frames * step : step]
    rows, columns = part.shape[1:3]
    scale = min(rows / height, columns / width) * rng.uniform(0.65, 1)
    h, w = int(height * scale), int(width * scale)
    y, x = rng.integers(rows - h + 1), rng.integers(columns - w + 1)
    part = part[:, y : y + h, x : x + w]
    part = np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in part])
    if rng.random() < 0.5:
        part = part[:, :, ::-1]
    return part[:: int(rng.choice((1, -1)))].astype(np.float32) / 255


def clip_pixels(pictures: Pictures, frames: int, height: int, width: int) -> tuple:
    """(F, 3, H, W) in [0, 1] and its caption."""
    rng = pictures.rng
    if rng.random() < 0.45:
        video = footage(pictures, frames, height, width)
    else:
        video = camera_move(pictures, frames, height, width)
    exact = np.zeros((frames, height, width, 4), np.float32)
    if rng.random() < 0.4:  # a solid drifts across
        cover, normal = solid(rng, height, width)
        paint = rng.random(3).astype(np.float32) * 0.8 + 0.15
        layer = np.concatenate([normal, cover[..., None]], -1)
        speed = rng.normal(0, 1.5, 2)
        for k in range(frames):
            shift = np.array(
                [[1, 0, speed[0] * (k - frames / 2)], [0, 1, speed[1] * (k - frames / 2)]],
                np.float32,
            )
            moved = cv2.warpAffine(layer, shift, (width, height), flags=cv2.INTER_LINEAR)
            moved[..., 2] += moved[..., 3] < 1e-3  # keep the normals outside sane
            exact[k] = moved
            c = moved[..., 3:]
            video[k] = video[k] * (1 - c) + paint * (0.7 + 0.3 * moved[..., 2:3]) * c
    images = torch.from_numpy(np.clip(video, 0, 1)).permute(0, 3, 1, 2)
    solids = torch.from_numpy(exact).permute(0, 3, 1, 2)
    light = sample(rng)
    if rng.random() < 0.55:
        text = caption(rng, "")
    else:
        free = rng.random() < 0.15
        slope = (
            free_map(rng, height, width)[None]
            if free
            else ramp(torch.tensor([light.direction]), height, width)
        )
        lit = shade(images, solids, [light] * frames, slope.expand(frames, -1, -1, -1))
        amount = float(rng.uniform(0.4, 1))
        images, text = images * (1 - amount) + lit * amount, light.caption
    return images, text.replace(", best quality", "")


def share_weights(unet: UNet2DConditionModel, motion: UNetMotionModel) -> None:
    """Make the image UNet use the very parameters of the video UNet."""
    theirs = dict(motion.named_parameters())
    for name, _ in list(unet.named_parameters()):
        *path, last = name.split(".")
        owner = unet.get_submodule(".".join(path))
        owner._parameters[last] = theirs[name]


class ClipPool:
    """Encoded clips of one shape."""

    def __init__(self, height: int, width: int, vae: AutoencoderKL, place: torch.device):
        self.height, self.width, self.vae, self.place = height, width, vae, place
        self.latents: list[torch.Tensor] = []
        self.ids: list[torch.Tensor] = []

    @torch.no_grad()
    def add(self, pictures: Pictures, tokenizer: CLIPTokenizer, frames: int, limit: int) -> None:
        images, text = clip_pixels(pictures, frames, self.height, self.width)
        latents = self.vae.encode(images.to(self.place) * 2 - 1).latent_dist.mode()
        self.latents.append(latents.cpu().half())
        self.ids.append(tokens(tokenizer, [text])[0])
        del self.latents[:-limit], self.ids[:-limit]

    def draw(self, frames: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        i = int(rng.integers(len(self.latents)))
        clip = self.latents[i]
        start = int(rng.integers(len(clip) - frames + 1))
        return clip[start : start + frames].float().to(self.place), self.ids[i]


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
        ema=0.99,
        matrices=matrices,
        matrix_rate=args.matrix_rate,
    )
    if args.init:
        state = torch.load(args.init, map_location=place, weights_only=True)["ema"]["motion"]
        motion.load_state_dict(state)
        trainer.shadow["motion"] = {k: v.clone() for k, v in state.items()}
    if args.resume:
        trainer.resume()
    schedule = Schedule()
    shares = list(SIZES[args.sizes].values())
    pools = [ClipPool(h, w, vae, place) for h, w in SIZES[args.sizes]]
    for pool, share in zip(pools, shares, strict=True):
        for _ in range(max(2, int(args.fill * share))):
            pool.add(pictures, tokenizer, 16, args.pool)
    empty = tokens(tokenizer, ["", NEGATIVE])
    while trainer.progress < 1:
        which = int(pictures.rng.choice(len(pools), p=shares))
        pool = pools[which]
        if trainer.step % args.renew == 0:
            pool.add(pictures, tokenizer, 16, max(4, int(args.pool * shares[which])))
        still = pictures.rng.random() < 0.4
        frames = 1 if still else int(pictures.rng.choice((8, 8, 8, 16)))
        count = max(1, args.batch * 8 // frames)
        drawn = [pool.draw(frames, pictures.rng) for _ in range(count)]
        clean = torch.stack([clip for clip, _ in drawn])  # (B, F, C, h, w)
        ids = torch.stack([i for _, i in drawn])
        drop = torch.rand(count) < 0.15
        ids = torch.where(drop[:, None], empty[(torch.rand(count) < 0.7).long()], ids).to(place)
        t = (HIGHEST * torch.rand(count)).long()
        a, s = schedule.at(t, clean)
        noise = torch.randn_like(clean)
        x, v = a * clean + s * noise, a * noise - s * clean
        with torch.no_grad():
            text = encoder(ids).last_hidden_state.repeat_interleave(frames, 0)
        if still:
            out = unet(x[:, 0], t.to(place), text).sample[:, None]
        else:
            out = motion(x.transpose(1, 2), t.to(place), text).sample.transpose(1, 2)
        error = (out - v).pow(2) * weights[None]
        each = error.mean((1, 2, 3, 4))
        trainer.update(each.mean())
        with torch.no_grad():
            for value, time in zip(each * s.flatten() ** 2, t, strict=True):
                kind = "still" if still else "clip"
                trainer.note(**{f"{kind}{int(time) // 217}": float(value)})
        trainer.report(25)
    trainer.save()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--relight", type=Path, required=True, help="folder of the relight stage")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--batch", type=int, default=1, help="8-frame clips per step and process")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--matrix-rate", type=float, default=1e-3, help="of Muon")
    parser.add_argument("--init", type=Path, help="state.pt to start from")
    parser.add_argument("--pool", type=int, default=120)
    parser.add_argument("--fill", type=int, default=24)
    parser.add_argument("--renew", type=int, default=3, help="a new clip each so many steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", choices=tuple(SIZES), default="mixed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    launch(train, args.processes, args)


if __name__ == "__main__":
    main()
