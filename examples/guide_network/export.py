"""Write the averaged weights of a training run as float16 safetensors.

    python -m examples.guide_network.export --run work/clean --out clean.safetensors

Two runs that started from the same weights can be blended, which trades fidelity for sharpness; so
does `--detail`, which multiplies what the network adds to a bicubic enlargement.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def averaged(run: Path) -> dict[str, Tensor]:
    """The averaged weights in a run's state.pt, or in a file of train_card.py."""
    if run.is_file():
        return load_file(run)
    state = run / "state.pt"
    return torch.load(state, map_location="cpu", weights_only=True)["ema"]["guide"]


def blended(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """`share` of `second`, the rest of `first`."""
    return {name: torch.lerp(value, second[name], share) for name, value in first.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="its folder, or a file")
    parser.add_argument("--blend", type=Path, help="folder of a second run")
    parser.add_argument("--share", type=float, default=0.5, help="of the second run")
    parser.add_argument("--detail", type=float, default=1.0, help="1: as it was trained")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    weights = averaged(args.run)
    if args.blend:
        weights = blended(weights, averaged(args.blend), args.share)
    weights["conv_out.weight"] = args.detail * weights["conv_out.weight"]
    save_file({name: value.half().contiguous() for name, value in weights.items()}, args.out)
    args.out.chmod(0o644)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")
    print(f"sha256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
