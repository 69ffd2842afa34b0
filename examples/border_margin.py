"""What a margin around the frame does for the light beside its borders, with the embedded model.

    python -m examples.border_margin [--clip CLIP] [--margins 0 4 8 12]

Frames are cut from a clip twice, so that what lies at the border of one cut is in the middle of
the other, and both are relit. Where a model is as good at borders as in the middle, the two lights
differ no more there than elsewhere. A margin is part of the 128 pixels that the model sees.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from relight import media
from relight.diffusion.framing import Framing
from relight.engine.full_size import DRAWN
from relight.lights import parse_light
from relight.methods.light_transfer import fit_light
from relight.models.loader import Model, load_model

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
SIDE = 128
BATCH = 7  # frames relit together
SHIFT = 28  # pixels between the two cuts
PLACES = 6  # in a frame that are looked at
INNER = 16  # from the border on, what counts as the middle


def light_of(model: Model, images: np.ndarray, framing: Framing) -> Tensor:
    """(n, 3, h, w) log gains that the model gives to frames (n, h, w, 3) uint8."""
    shown = torch.from_numpy(framing.pad(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    session = model.of_keyframes(0.5).prepare(
        "a bear, soft light",
        size=(framing.padded_height, framing.padded_width),
        light=parse_light("none"),
        seconds=[0.0] * BATCH,
        steps=8,
    )
    with torch.no_grad():
        parts = shown.split(BATCH)
        relit = torch.cat([session(x, noise=torch.Generator().manual_seed(1)) for x in parts])
    relit = (framing.cut(relit) / 2 + 0.5).clamp(0, 1)
    source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return fit_light(source, relit, radius=DRAWN).planes[:, :3]


def measured(model: Model, frames: list[np.ndarray], margin: int) -> tuple[float, float]:
    """(at the border, in the middle): how far the lights of two cuts differ, in log gain."""
    side = SIDE - 2 * margin
    framing = Framing.fit(side, side, side=SIDE, multiple=model.multiple, margin=margin)
    height = side + 2 * SHIFT
    small = []
    for frame in frames:
        width = round(frame.shape[1] / frame.shape[0] * height)
        small.append(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))
    room = small[0].shape[1] - side - SHIFT
    columns = range(0, room + 1, max(room // PLACES, 1))

    def cut(shift: int) -> np.ndarray:
        found = [s[shift:, c + shift :][:side, :side] for c in columns for s in small]
        return np.stack(found)

    a, b = (light_of(model, cut(shift), framing) for shift in (SHIFT, 0))
    common = side - SHIFT
    off = a[..., :common, :common] - b[..., SHIFT:, SHIFT:]
    middle = off[..., INNER:-INNER, INNER:-INNER]
    off = (off - middle.mean((-1, -2), keepdim=True)).abs().mean((0, 1))
    border = torch.cat([off[:4, :-INNER].flatten(), off[4:-INNER, :4].flatten()])
    return float(border.mean()), float(off[INNER:-INNER, INNER:-INNER].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--margins", type=int, nargs="+", default=[0, 4, 8, 12])
    given = parser.parse_args()
    model = load_model("mini")
    frames = [frame.image for frame in islice(media.read(given.clip), 0, 75, 12)]
    print("margin  border  middle  ratio")
    for margin in given.margins:
        border, middle = measured(model, frames, margin)
        print(f"{margin:6}  {border:6.3f}  {middle:6.3f}  {border / middle:5.2f}")


if __name__ == "__main__":
    main()
