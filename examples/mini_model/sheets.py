"""Contact sheets of held-out clips: what the light looks like, raw and after light transfer.

    python -m examples.mini_model.sheets --clips DIR --out sheets [--model FOLDER]

One picture per clip. Rows are prompts. Columns: the source and the four sides as the model makes
them at 128 pixels, then the same once more with the light put on the source at 256 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch

from relight.engine.full_size import DRAWN
from relight.jobs import Compute
from relight.methods.full_size_light import apply_light
from relight.methods.light_transfer import fit_light
from relight.models.loader import Model, load_model

from .figures import held_out, relit

SHEET_PROMPTS = ("red and blue neon light", "golden hour", "moonlight", "natural light")
SIDES = ("left", "right", "top", "bottom")


def transferred(source: torch.Tensor, light: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
    """The light of the small relit frames on the full-size source."""
    return apply_light(full, fit_light(source, light.clamp(0, 1), radius=DRAWN))


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


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="catalogue name or folder")
    parser.add_argument("--clips", type=Path, help="folder of held-out .mp4 files")
    parser.add_argument("--out", type=Path, default=Path("sheets"))
    parser.add_argument("--only", nargs="*", default=(), help="names of clips")
    args = parser.parse_args(argv)
    sheets(load_model(args.model, Compute(device="cpu")), args.clips, args.out, args.only)


if __name__ == "__main__":
    main()
