"""What stage 3 trains on: clips and single pictures, encoded and noised, a few new at each step."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from .data import Pictures
from .footage import SHARP, clip_pixels, sharp_and_soft
from .moods import NEGATIVE
from .relight import Schedule
from .text import tokens, without_captions

HIGHEST = 650
LOWEST_SOFT = 80  # below, v would multiply the difference of sharp and soft by more than 3
CLIPS = {(64, 64): 0.4, (96, 96): 0.25, (96, 128): 0.1, (128, 96): 0.05, (128, 128): 0.2}
STILLS = {64: 0.15, 96: 0.35, 128: 0.25, 192: 0.15, 256: 0.1}  # side in pixels: share
PIXELS = 8 * 96 * 96  # of one training step, about, times --batch


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


@dataclass
class Sample:
    """A training step's x_t and v, timesteps and tokens of each item, and what each one is."""

    x: torch.Tensor
    v: torch.Tensor
    t: torch.Tensor
    ids: torch.Tensor
    kinds: list[str]


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


class Draws:
    """What each step trains on: a clip or stills, of a shape drawn by its share."""

    def __init__(
        self,
        args: argparse.Namespace,
        pictures: Pictures,
        vae: AutoencoderKL,
        tokenizer: CLIPTokenizer,
    ):
        self.args, self.pictures, self.tokenizer = args, pictures, tokenizer
        self.schedule, self.renewed = Schedule(), 0
        self.clips = [ClipPool(h, w, vae, vae.device) for h, w in CLIPS]
        self.stills = [StillPool(size, vae, vae.device) for size in STILLS]
        for pool, share in zip(self.clips, CLIPS.values(), strict=True):
            for _ in range(max(2, int(args.fill * share))):
                pool.add(pictures, tokenizer, args.pool)
        for pool, share in zip(self.stills, STILLS.values(), strict=True):
            pool.add(pictures, max(2, int(3 * args.fill * share)), args.pool)
        self.empty = tokens(tokenizer, ["", NEGATIVE])
        self.sharp = tokens(tokenizer, list(SHARP))

    def still(self) -> Sample:
        """Single pictures, (B, C, h, w), some of which start soft."""
        rng = self.pictures.rng
        shares = list(STILLS.values())
        which = int(rng.choice(len(self.stills), p=shares))
        pool = self.stills[which]
        fresh = max(1, 2 * 96 * 96 // pool.size**2)
        limit = int(6 * self.args.pool * shares[which] * (96 / pool.size) ** 2)
        pool.add(self.pictures, fresh, max(8, limit))
        pair = pool.draw(rng, self.args.batch * PIXELS)
        t = still_times(len(pair))
        x, v, soft = noised_pair(pair, t, self.args.soft, self.schedule)
        ids = self.sharp[torch.from_numpy(rng.integers(len(SHARP), size=len(pair)))]
        return Sample(x, v, t, ids, ["soft" if flag else "still" for flag in soft])

    def clip(self) -> Sample:
        """Clips, (B, F, C, h, w)."""
        rng = self.pictures.rng
        shares = list(CLIPS.values())
        which = int(rng.choice(len(self.clips), p=shares))
        pool = self.clips[which]
        self.renewed += 1
        if self.renewed % self.args.renew == 0:
            pool.add(self.pictures, self.tokenizer, max(4, int(self.args.pool * shares[which])))
        clean, ids = pool.draw(rng, self.args.batch * PIXELS)
        t = (HIGHEST * torch.rand(len(clean))).long()
        a, s = self.schedule.at(t, clean)
        noise = torch.randn_like(clean)
        ids = without_captions(ids, torch.rand(len(clean)) < 0.15, self.empty)
        return Sample(a * clean + s * noise, a * noise - s * clean, t, ids, ["clip"] * len(t))
