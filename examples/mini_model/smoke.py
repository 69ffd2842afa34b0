"""Every stage for a few seconds each, on made-up pictures: does the whole recipe still run?

python -m examples.mini_model.smoke OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import export, motion, relight, vae


def made_up_pictures(path: Path, seed: int = 0) -> None:
    """A cache like that of sources.py: smooth colour fields with discs."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[0:260, 0:320] / 320

    def picture(shift: float = 0.0) -> np.ndarray:
        waves = [np.sin(6 * (xs * a + ys * b) + c + shift) for a, b, c in waves_of]
        image = np.stack(waves, -1) * 0.35 + 0.5
        disc = (xs - 0.5 - shift / 20) ** 2 + (ys - 0.4) ** 2 < 0.03
        image[disc] = colour_of
        return (image * 255).astype(np.uint8)

    arrays = {}
    for i in range(12):
        waves_of, colour_of = rng.normal(size=(3, 3)), rng.random(3)
        arrays[f"photo{i:04d}"] = picture()
    arrays["clip0000"] = np.stack([picture(k / 10) for k in range(40)])
    np.savez(path, **arrays)


def run(out: Path) -> Path:
    """All four stages; returns the exported folder."""
    out.mkdir(parents=True, exist_ok=True)
    data = out / "photos.npz"
    made_up_pictures(data)
    common = ["--data", str(data), "--minutes", "0.1"]
    tasks = (
        (vae, [*common, "--out", str(out / "vae"), "--linear-minutes", "0.05", "--batch", "4"]),
        (
            relight,
            [
                *common,
                "--vae",
                str(out / "vae/vae"),
                "--out",
                str(out / "relight"),
                "--batch",
                "2",
                "--fill",
                "8",
                "--renew",
                "1",
                "--sizes",
                "small",
            ],
        ),
        (
            motion,
            [
                *common,
                "--vae",
                str(out / "vae/vae"),
                "--relight",
                str(out / "relight"),
                "--out",
                str(out / "motion"),
                "--fill",
                "2",
                "--pool",
                "4",
            ],
        ),
        (
            export,
            [
                "--vae",
                str(out / "vae/vae"),
                "--relight",
                str(out / "relight"),
                "--motion",
                str(out / "motion"),
                "--out",
                str(out / "mini"),
            ],
        ),
    )
    for stage, arguments in tasks:
        stage.main(arguments)
    return out / "mini"


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
