"""Stage 4: put the trained parts together in the layout of a published model, in float16.

The relight weights are stored as offsets to the base UNet, like IC-Light's: difference to the base
as it is stored (rounded), its first convolution padded with zero channels.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler
from safetensors.torch import save_file
from transformers import CLIPTokenizer

from .motion import build_adapter
from .relight import build_unet
from .text import build_encoder, known_words

SCHEDULER = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="linear",
    prediction_type="v_prediction",
    steps_offset=1,
    timestep_spacing="linspace",
)


def weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The averaged weights of a training stage."""
    return torch.load(folder / "state.pt", map_location="cpu", weights_only=True)["ema"]


def offsets(
    base: dict[str, torch.Tensor], relight: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """What to add to the stored base weights to get the relight UNet."""
    out = {}
    for key, value in relight.items():
        stored = base[key].half().float()
        if key == "conv_in.weight":
            stored = F.pad(stored, (0, 0, 0, 0, 0, value.shape[1] - stored.shape[1]))
        out[key] = (value - stored).half().contiguous()
    return out


def assemble(vae: Path, relight: Path, motion: Path | None, out: Path) -> None:
    """Write every component below `out`."""
    coder = AutoencoderKL.from_pretrained(vae)
    latent = coder.config.latent_channels
    coder.half().save_pretrained(out / "vae")
    tokenizer = CLIPTokenizer.from_pretrained(relight / "tokenizer")
    shutil.copytree(relight / "tokenizer", out / "tokenizer")
    (out / "words.txt").write_text(known_words())
    trained = weights(relight)
    encoder = build_encoder(tokenizer)
    encoder.load_state_dict(trained["text_encoder"])
    encoder.half().save_pretrained(out / "text_encoder")
    adapter = build_adapter()
    base = dict(trained["unet"])
    base["conv_in.weight"] = base["conv_in.weight"][:, :latent].contiguous()
    if motion and (motion / "state.pt").exists():
        moving = weights(motion)["motion"]
        base = {key: moving[key] for key in base}
        adapter.load_state_dict({key: moving[key] for key in adapter.state_dict()})
    unet = build_unet(latent, latent)
    unet.load_state_dict(base)
    unet.half().save_pretrained(out / "unet")
    adapter.half().save_pretrained(out / "motion_adapter")
    EulerAncestralDiscreteScheduler(**SCHEDULER).save_pretrained(out / "scheduler")
    save_file(offsets(base, trained["unet"]), out / "iclight_fc.safetensors")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--relight", type=Path, required=True)
    parser.add_argument("--motion", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="e.g. relight/models/mini")
    args = parser.parse_args(argv)
    fresh = args.out.with_name(f".{args.out.name}.new")
    old = args.out.with_name(f".{args.out.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    assemble(args.vae, args.relight, args.motion, fresh)
    if args.out.exists():
        for kept in args.out.glob("*.md"):
            shutil.copy(kept, fresh / kept.name)
        args.out.rename(old)
    for path in fresh.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.suffix == ".json":  # loading leaves the folder it came from in the configuration
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(li for li in lines if '"_name_or_path"' not in li))
    fresh.rename(args.out)
    shutil.rmtree(old, ignore_errors=True)
    size = sum(p.stat().st_size for p in args.out.rglob("*") if p.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
