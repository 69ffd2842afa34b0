"""Draw the clips and stills of stage 3: real footage, camera moves over photos, sharp crops.

Stills come in twos, as upscaling meets them: a crop as sharp as the picture has it, never enlarged,
and the same crop after it was made smaller and brought back to size with a bicubic filter.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from .data import Pictures
from .moods import caption, sample
from .render import free_map, ramp, shade, solid

SHARP = ("sharp photo, detailed", "a sharp photo", "high quality, detailed", "")


def camera_move(pictures: Pictures, frames: int, height: int, width: int) -> np.ndarray:
    """A slow pan, zoom and roll over one photo: (F, H, W, 3) float [0, 1]."""
    rng = pictures.rng
    image = pictures.photos[rng.choice(len(pictures.photos), p=pictures.weights)]
    rows, columns = image.shape[:2]
    fit = min(rows / height, columns / width)
    zoom = min(max(1.0, 0.2 * fit), 0.9 * fit)  # from the picture's own pixels to most of it
    zoom = float(np.exp(rng.uniform(np.log(zoom), np.log(0.9 * fit + 1e-6))))
    if zoom > 1.5:
        small = cv2.resize(image, None, fx=1 / zoom, fy=1 / zoom, interpolation=cv2.INTER_AREA)
        image, zoom = small, 1.0
        rows, columns = image.shape[:2]
    centre = np.array([columns, rows]) / 2
    free = np.maximum(centre - 0.55 * zoom * np.array([width, height]), 0)
    place = centre + free * rng.uniform(-1, 1, 2)
    # half of all footage hardly moves: there the frames together say far more than one
    pace = rng.choice((0.0, 0.15, 0.6, 1.5), p=(0.15, 0.25, 0.35, 0.25))
    speed = rng.normal(0, pace, 2) * zoom
    growth, roll = rng.normal(0, 0.005, 2) * pace
    angle, out = rng.normal(0, 0.1), []
    for k in range(frames):
        k = k - frames / 2
        scale, turn = zoom * np.exp(growth * k), angle + roll * k
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        x, y = np.clip(place + speed * k, 0.2 * centre, 1.8 * centre)
        matrix = np.array(
            [
                [cos, -sin, x - cos * width / 2 + sin * height / 2],
                [sin, cos, y - sin * width / 2 - cos * height / 2],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out.append(
            cv2.warpAffine(
                image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
            )
        )
    return np.stack(out).astype(np.float32) / 255


def footage(pictures: Pictures, frames: int, height: int, width: int) -> np.ndarray:
    """A window of a real clip, at one of two frame steps."""
    rng = pictures.rng
    clip = pictures.clips[rng.choice(len(pictures.clips), p=pictures._clip_weights())]
    step = int(rng.integers(1, 3))
    start = int(rng.integers(len(clip) - frames * step))
    part = clip[start : start + frames * step : step]
    rows, columns = part.shape[1:3]
    fit = min(rows / height, columns / width)
    low = min(1.0, fit)
    scale = float(np.exp(rng.uniform(np.log(low), np.log(fit + 1e-6))))
    h, w = int(height * scale), int(width * scale)
    y, x = rng.integers(rows - h + 1), rng.integers(columns - w + 1)
    part = part[:, y : y + h, x : x + w]
    part = np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in part])
    if rng.random() < 0.5:
        part = part[:, :, ::-1]
    return part[:: int(rng.choice((1, -1)))].astype(np.float32) / 255


def clip_pixels(pictures: Pictures, frames: int, height: int, width: int) -> tuple:
    """(F, 3, H, W) in [0, 1] and its caption."""
    rng = pictures.rng
    if rng.random() < 0.45:
        video = footage(pictures, frames, height, width)
    else:
        video = camera_move(pictures, frames, height, width)
    exact = np.zeros((frames, height, width, 4), np.float32)
    if rng.random() < 0.4:  # a solid drifts across
        cover, normal = solid(rng, height, width)
        paint = rng.random(3).astype(np.float32) * 0.8 + 0.15
        layer = np.concatenate([normal, cover[..., None]], -1)
        speed = rng.normal(0, 1.5, 2)
        for k in range(frames):
            shift = np.array(
                [[1, 0, speed[0] * (k - frames / 2)], [0, 1, speed[1] * (k - frames / 2)]],
                np.float32,
            )
            moved = cv2.warpAffine(layer, shift, (width, height), flags=cv2.INTER_LINEAR)
            moved[..., 2] += moved[..., 3] < 1e-3  # keep the normals outside sane
            exact[k] = moved
            c = moved[..., 3:]
            video[k] = video[k] * (1 - c) + paint * (0.7 + 0.3 * moved[..., 2:3]) * c
    images = torch.from_numpy(np.clip(video, 0, 1)).permute(0, 3, 1, 2)
    solids = torch.from_numpy(exact).permute(0, 3, 1, 2)
    light = sample(rng)
    if rng.random() < 0.55:
        text = caption(rng, "")
    else:
        free = rng.random() < 0.15
        slope = (
            free_map(rng, height, width)[None]
            if free
            else ramp(torch.tensor([light.direction]), height, width)
        )
        lit = shade(images, solids, [light] * frames, slope.expand(frames, -1, -1, -1))
        amount = float(rng.uniform(0.4, 1))
        images, text = images * (1 - amount) + lit * amount, light.caption
    return images, text.replace(", best quality", "")


def _shrunk(image: np.ndarray, factor: float, sharpening: float) -> np.ndarray:
    """`image` made smaller by `factor` and brought back, with an unsharp mask of that strength."""
    height, width = image.shape[:2]
    size = (max(4, round(width / factor)), max(4, round(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    if sharpening:
        blurred = cv2.GaussianBlur(back, (3, 3), 1.0)
        back = cv2.addWeighted(back, 1 + sharpening, blurred, -sharpening, 0)
    return back


def sharp_and_soft(pictures: Pictures, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two (size, size, 3) uint8: a native-sharp crop, and it shrunk 1.5 to 4 times (mostly 2).

    The crop is taken at the picture's own pixels or smaller, so that it is as sharp as can be.
    """
    rng = pictures.rng
    image = pictures.still(size)
    side = min(image.shape[:2])
    window = int(np.exp(rng.uniform(np.log(size), np.log(min(side, 5 * size) + 1e-3))))
    window = max(window, size)
    y = rng.integers(image.shape[0] - window + 1)
    x = rng.integers(image.shape[1] - window + 1)
    crop = image[y : y + window, x : x + window]
    if window != size:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.15:
        crop = crop.transpose(1, 0, 2)
    crop = np.ascontiguousarray(crop)
    factor = 2.0 if rng.random() < 0.6 else float(rng.uniform(1.5, 4))
    sharpening = float(rng.choice((0.0, 0.5, 1.0), p=(0.5, 0.2, 0.3)))
    return crop, _shrunk(crop, factor, sharpening)
