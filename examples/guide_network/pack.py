"""The cache of sources.py as one small file, to train on a machine elsewhere.

    python -m examples.guide_network.pack --data work/sharp.npz --out work/pack.npz

Photos are brought to a long side of at most `--side` pixels and stored as AVIF without chroma
subsampling: artefacts of the little compression there is are far below what the crops lose when
they are made smaller. Photos that are not trained on come along as the small pictures that settings
are judged by, unchanged.
"""

from __future__ import annotations

import argparse
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from examples.mini_model.sources import fit

from .train import dev_pictures

FRAMES = 24  # stored of all clips, evenly spread


def packed(image: np.ndarray, quality: int) -> np.ndarray:
    """(h, w, 3) uint8 -> the bytes of an AVIF file, (n,) uint8."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "AVIF", quality=quality, subsampling="4:4:4", speed=8)
    return np.frombuffer(file.getvalue(), np.uint8)


def unchanged(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 -> the bytes of a PNG file, (n,) uint8."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return np.frombuffer(file.getvalue(), np.uint8)


def unpacked(path: Path) -> dict[str, np.ndarray]:
    """Name -> (h, w, 3) uint8 of every picture of a pack."""
    with np.load(path) as stored, ThreadPoolExecutor() as pool:
        files = {name: stored[name].tobytes() for name in stored.files}
        images = pool.map(lambda data: np.asarray(Image.open(io.BytesIO(data))), files.values())
        return dict(zip(files, images, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the cache of sources.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=2048, help="longest, of a photo, pixels")
    parser.add_argument("--quality", type=int, default=85, help="of AVIF, 0 to 100")
    args = parser.parse_args()
    with np.load(args.data) as cache:
        frames = [name for name in cache.files if name.startswith("frame")]
        spread = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
        names = [name for name in cache.files if name.startswith("photo")]
        names += [frames[index] for index in spread]
        made = {name: packed(fit(cache[name], args.side), args.quality) for name in names}
    for index, picture in enumerate(dev_pictures(args.data)):
        codes = (picture[0].permute(1, 2, 0) * 255).round().byte().numpy()
        made[f"dev{index:04d}"] = unchanged(codes)
    np.savez(args.out, **made)
    print(f"{len(made)} pictures -> {args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
