"""Sheets of every light and every region: each kind on a clip, frames along time, to look at.

python -m examples.region_sheets OUT CLIP... [--parts lights moving regions] [--mask click:.5,.5]

Writes OUT/CLIP_PART.jpg. Each row is a job of its own, run by the embedded model on a small copy of
the clip's first second; its caption is what was given beside the prompt.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from relight import media
from relight.engine.bench.sheet import contact_sheet
from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.models.loader import load_model

SKY = Path(__file__).parent / "pictures" / "sky.png"
FPS, PROMPT = 8, "soft light"
LIGHTS = {
    "side": {"light": "left"},
    "angle": {"light": "angle:60"},
    "words": {"light": "none", "prompt": "red neon light"},
    "point": {"light": "point:x=.2,y=.3,radius=.3"},
    "a spot": {"light": "point:x=.2,y=.3,radius=.3,soft=0"},
    "soft": {"light": "point:x=.2,y=.3,radius=.3,soft=1"},
    "colour": {"light": "point:x=.2,y=.3,radius=.3,color=#ffb060,intensity=1.5"},
    "temperature": {"light": "right:color=3200K"},
    "behind": {"light": "point:x=.5,y=.4,z=-.2,radius=.3"},
    "outside": {"light": "point:x=-.3,y=.2,radius=.5"},
    "two": {"light": "point:x=.1,y=.3,color=#ff3050 + point:x=.9,y=.3,color=#3060ff"},
    "picture": {"light": str(SKY)},
    "video": {"light": "PAN"},
}
"""Name -> settings; PAN is a video made from the sky's picture."""
KEYS = ["0=point:x=.1,y=.3,radius=.25", "0.85=smooth:point:x=.9,y=.4,radius=.25,color=#ffb060"]
MOVING = {
    "keyframes": {"light_at": KEYS},
    "sweep": {"light": "sweep:seconds=.85"},
    "circle": {"light": "circle:seconds=1"},
    "pulse": {"light": "pulse:seconds=1"},
    "candle": {"light": "candle"},
    "sunset": {"light": "sunset:seconds=.85"},
    "police": {"light": "police:seconds=1"},
    "video": {"light": "PAN"},
}
REGIONS = {
    "subject": {"relight": "subject", "light": "left", "prompt": "red neon light"},
    "background": {"relight": "background", "light": "left", "prompt": "red neon light"},
    "picture": {"background": str(SKY)},
    "video": {"background": "PAN"},
    "foreground mode": {"background": "a blue sea under an orange sky"},
}
PARTS = {"lights": (LIGHTS, 1), "moving": (MOVING, 6), "regions": (REGIONS, 3)}
"""Part -> (rows, frames shown of each)."""


def main(argv: Sequence[str] | None = None) -> None:
    """Write the sheets of the clips named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the sheets")
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", nargs="*", help="rows, by name; default: all")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--side", type=int, default=384, help="shorter side of the small copy")
    parser.add_argument("--mask", default="auto", help="where the subject is, for regions")
    parser.add_argument("--width", type=int, default=320, help="of a picture in a sheet")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    load = functools.lru_cache(maxsize=1)(load_model)
    for clip in given.clips:
        with tempfile.TemporaryDirectory() as folder:
            small = small_copy(clip, Path(folder) / f"{clip.stem}.mkv", given.frames, given.side)
            pan = panned(SKY, Path(folder) / "pan.mkv", given.frames)
            for part in given.parts:
                rows, shown = PARTS[part]
                made = {"source": [frame.image for frame in media.read(small)]}
                for name, settings in rows.items():
                    if given.only and name not in given.only:
                        continue
                    job = {k: str(pan) if v == "PAN" else v for k, v in settings.items()}
                    job |= {"mask": given.mask} if part == "regions" else {}
                    made[caption(name, settings)] = lit(small, job, load)
                    write(given.out / f"{clip.stem}_{part}.jpg", made, shown, given.width)


def small_copy(clip: Path, path: Path, frames: int, side: int) -> Path:
    """The beginning of a clip, small and at FPS frames a second."""
    info = media.probe(clip)
    scale = min(side / min(info.width, info.height), 1.0)
    size = round(info.width * scale / 2) * 2, round(info.height * scale / 2) * 2
    step = max(round(info.fps / FPS), 1)
    with media.write(path, size=size, fps=FPS, encoding=media.Encoding(codec="ffv1")) as out:
        for i, frame in enumerate(media.read(clip, frames=frames * step)):
            if i % step == 0:
                image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
                out.add(image, frame.time)
    return path


def panned(picture: Path, path: Path, frames: int) -> Path:
    """A video of a picture that moves past."""
    image = next(media.read(picture)).image
    height, width = image.shape[:2]
    size = width * 3 // 4 // 2 * 2, height // 2 * 2
    with media.write(path, size=size, fps=FPS, encoding=media.Encoding(codec="ffv1")) as out:
        for i in range(frames):
            left = round((width - size[0]) * i / max(frames - 1, 1))
            part = np.ascontiguousarray(image[: size[1], left : left + size[0]])
            out.add(part, Fraction(i, FPS))
    return path


def lit(clip: Path, settings: dict[str, Any], load: Callable[..., Any]) -> list[np.ndarray]:
    """All frames of a job's result."""
    with tempfile.TemporaryDirectory() as folder:
        plain = {"prompt": PROMPT, "seed": 1, "model": "mini", "codec": "ffv1", "light_fps": FPS}
        job = RelightJob.make(input=clip, output=Path(folder) / "out.mkv", **(plain | settings))
        result = run_relight(job, load=load)
        return [frame.image for frame in media.read(result.path)]


def caption(name: str, settings: dict[str, Any]) -> str:
    """What is written above a row."""
    said = []
    for key, value in settings.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        said.append(f"{key} {text.replace(str(SKY), SKY.name).replace('PAN', 'pan.mkv')}")
    return f"{name}: {', '.join(said)}"


def write(path: Path, rows: dict[str, list[np.ndarray]], shown: int, width: int) -> None:
    """Rows of `shown` frames; of one frame each, four rows side by side."""
    if shown > 1:
        picked = {
            name: [frames[round(i * (len(frames) - 1) / (shown - 1))] for i in range(shown)]
            for name, frames in rows.items()
        }
        contact_sheet(picked, width).save(path, quality=88)
        return
    cells = [
        np.asarray(contact_sheet({name[: width // 7]: [frames[len(frames) // 2]]}, width))
        for name, frames in rows.items()
    ]
    across = 4
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % across)
    lines = [np.concatenate(cells[i : i + across], 1) for i in range(0, len(cells), across)]
    cv2.imwrite(str(path), np.concatenate(lines)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
