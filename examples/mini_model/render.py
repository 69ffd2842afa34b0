"""Draw relighting pairs: a picture, normals guessed or exact, and what a light makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .data import Pictures
from .moods import Light, sample

SIZES = {  # (height, width): share of the steps; small pictures teach the same at half the cost
    "small": {(96, 96): 0.7, (80, 112): 0.15, (112, 80): 0.15},
    "mixed": {
        (96, 96): 0.45,
        (80, 112): 0.1,
        (112, 80): 0.1,
        (128, 128): 0.25,
        (96, 160): 0.05,
        (160, 96): 0.05,
    },
    "full": {(128, 128): 0.7, (96, 160): 0.15, (160, 96): 0.15},
}
STRENGTH = 0.55  # guidance 2 doubles the step from neutral to coloured, so train about half of it


def ramp(direction: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(B, 1, H, W) 0..1, 1 on the named side; 0.5 everywhere for `none`."""
    xs = torch.linspace(1, 0, width).expand(height, width)
    ys = torch.linspace(1, 0, height)[:, None].expand(height, width)
    maps = torch.stack([xs, 1 - xs, ys, 1 - ys, torch.full_like(xs, 0.5)])
    return maps[direction][:, None]


def light_map(direction: int, height: int, width: int) -> np.ndarray:
    """The uint8 grey gradient of a direction, (H, W, 3), as the relight pipeline draws it."""
    grey = ramp(torch.tensor([direction]), height, width)[0, 0].numpy()
    return np.repeat(np.round(grey * 255).astype(np.uint8)[..., None], 3, -1)


def free_map(rng: np.random.Generator, height: int, width: int) -> torch.Tensor:
    """(1, H, W) 0..1: a ramp of any angle, or a soft spot anywhere."""
    ys, xs = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    angle, spot = rng.uniform(0, 6.28), rng.random() < 0.5
    x, y = float(np.cos(angle)), float(np.sin(angle))
    if spot:
        reach = rng.uniform(0.2, 1.0)
        distance = (xs - reach * x) ** 2 + (ys - reach * y) ** 2
        return torch.exp(-distance / rng.uniform(0.3, 1.2))[None]
    along = xs * x + ys * y
    return ((along - along.min()) / (along.max() - along.min()))[None]


def _vectors(slope: torch.Tensor) -> torch.Tensor:
    """(B, 3, 1, 1) unit vectors towards the light; x right, y down, z to the viewer."""
    xs = torch.linspace(-1, 1, slope.shape[-1])
    ys = torch.linspace(-1, 1, slope.shape[-2])[:, None]
    mass = slope.mean((1, 2, 3)).clamp(min=1e-3)
    x = (slope[:, 0] * xs).mean((1, 2)) / mass
    y = (slope[:, 0] * ys).mean((1, 2)) / mass
    toward = F.normalize(torch.stack([4 * x, 4 * y, torch.full_like(x, 0.8)], 1), dim=1)
    return toward[:, :, None, None]


def pseudo_normals(images: torch.Tensor, relief: torch.Tensor) -> torch.Tensor:
    """Normals of the blurred luminance taken as a height field, (B, 3, H, W)."""
    luma = images.mean(1, keepdim=True)
    height = torch.zeros_like(luma)
    for pool, weight in ((2, 0.35), (4, 0.7), (8, 1.2)):
        small = F.avg_pool2d(luma, pool)
        small = F.avg_pool2d(F.pad(small, (1,) * 4, mode="replicate"), 3, 1)
        height = height + weight * F.interpolate(small, luma.shape[-2:], mode="bilinear")
    height = F.pad(height, (1,) * 4, mode="replicate")
    dx = (height[..., 1:-1, 2:] - height[..., 1:-1, :-2]) * relief.view(-1, 1, 1, 1)
    dy = (height[..., 2:, 1:-1] - height[..., :-2, 1:-1]) * relief.view(-1, 1, 1, 1)
    return F.normalize(torch.cat([-dx, -dy, torch.ones_like(dx)], 1), dim=1)


def solid(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A random rounded solid: coverage (H, W) and its normals (H, W, 3)."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    size = min(height, width) * rng.uniform(0.2, 0.42)
    angle = rng.uniform(0, 6.28)
    x = (xs - width * rng.uniform(0.3, 0.7)) / size
    y = (ys - height * rng.uniform(0.3, 0.7)) / size
    x, y = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    y = y * rng.uniform(0.7, 1.4)
    if rng.random() < 0.5:  # a lump: radius that changes with the angle
        theta = np.arctan2(y, x)
        bump = sum(
            rng.uniform(-0.2, 0.2) * np.cos(k * theta + rng.uniform(0, 6.28)) for k in (2, 3, 5)
        )
        x, y = x / (1 + bump), y / (1 + bump)
    power = rng.choice((2.0, 2.0, 2.6, 4.0))
    inside = np.clip(1 - np.abs(x) ** power - np.abs(y) ** power, 0, None)
    z = inside ** (1 / power) * size * rng.uniform(0.7, 1.1)
    z = cv2.GaussianBlur(z, (0, 0), 1.0)
    dy, dx = np.gradient(z)
    normal = np.stack([-dx, -dy, np.ones_like(z)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    cover = cv2.GaussianBlur((inside > 0).astype(np.float32), (0, 0), 0.7)
    return cover, normal.astype(np.float32)


def scene(pictures: Pictures, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A content picture (3, H, W) in [0, 1] and the normals of its solid (4, H, W; last: cover)."""
    rng = pictures.rng
    side = max(height, width)
    image = pictures.crop(side, smallest=0.35)
    y, x = (side - height) // 2, (side - width) // 2
    image = image[y : y + height, x : x + width].astype(np.float32) / 255
    exact = np.zeros((height, width, 4), np.float32)
    if rng.random() < 0.35:
        cover, normal = solid(rng, height, width)
        texture = pictures.crop(side).astype(np.float32)[:height, :width] / 255
        paint = rng.random(3).astype(np.float32) * 0.8 + 0.15
        texture = texture * rng.uniform(0.1, 0.9) + paint * rng.uniform(0.2, 0.8)
        shade = 0.75 + 0.25 * normal[..., 2:]
        cover = cover[..., None]
        image = image * (1 - cover) + np.clip(texture * shade, 0, 1) * cover
        exact = np.concatenate([normal, cover], -1)
    elif rng.random() < 0.2:  # a bright thing before a dark, or sometimes a light, backdrop
        cover, normal = solid(rng, height, width)
        backdrop = rng.uniform(0, 0.08) if rng.random() < 0.75 else rng.uniform(0.8, 1)
        image = image ** rng.uniform(0.5, 1)
        cover = cover[..., None]
        image = image * cover + backdrop * rng.uniform(0.8, 1, 3).astype(np.float32) * (1 - cover)
        if rng.random() < 0.5:
            exact = np.concatenate([normal, cover], -1)
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.05, 3))
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.2)) * gain
    tensors = torch.from_numpy(np.clip(image, 0, 1).astype(np.float32)), torch.from_numpy(exact)
    return tensors[0].permute(2, 0, 1), tensors[1].permute(2, 0, 1)


def shade(
    images: torch.Tensor, exact: torch.Tensor, lights: list[Light], slope: torch.Tensor
) -> torch.Tensor:
    """Pictures under full-strength lights; sRGB [0, 1] in and out, (B, 3, H, W).

    `exact`: normals and coverage of a solid, (B, 4, H, W). `slope`: the light maps, (B, 1, H, W).
    """
    count = len(images)

    def numbers(name: str) -> torch.Tensor:
        values = np.stack([np.asarray(getattr(light, name), np.float32) for light in lights])
        return torch.from_numpy(values).view(count, -1, 1, 1).to(images)

    everywhere = slope.amax((1, 2, 3)) - slope.amin((1, 2, 3)) < 0.01
    key, fill, ambient = numbers("key"), numbers("fill"), numbers("ambient")
    relief = torch.full((count,), 3.0).to(images)
    guess = pseudo_normals(images, relief)
    cover = exact[:, 3:]
    normal = F.normalize(guess * (1 - cover) + exact[:, :3] * cover, dim=1)
    toward = _vectors(slope)
    facing = (normal * toward).sum(1, keepdim=True)
    flat = toward[:, 2:]  # what a wall facing the viewer gets
    form = (1 + 0.9 * (facing - flat)).clamp(0.1, 2.2)
    away = torch.tensor([-1.0, -1.0, 1.0]).view(1, 3, 1, 1).to(images)
    counter = (1 + 0.9 * ((normal * toward * away).sum(1, keepdim=True) - flat)).clamp(0.1, 2.2)
    strong = slope**1.5 * 2.4 + 0.06
    strong = torch.where(everywhere.view(-1, 1, 1, 1), 0.95, strong)
    neutral = torch.tensor([light.neutral for light in lights]).view(count, 1, 1, 1).to(images)
    tinted = (fill - key).abs().amax(1, keepdim=True) > 0.3  # a second light from the other side
    fill_power = torch.where(tinted, 1.5 * (1 - slope) ** 1.5 + 0.1, 0.2 + 0.1 * (1 - slope))
    colour_mean = 0.5 * (key + fill)
    light = key * strong * form * (1 - 0.55 * ambient) + fill * fill_power * counter * 0.7
    light = light + ambient * 0.35 * colour_mean
    luminance = key.mul(torch.tensor([0.3, 0.55, 0.15]).view(1, 3, 1, 1).to(images)).sum(
        1, keepdim=True
    )
    light = (
        light
        * numbers("exposure")
        * (0.62 / luminance.clamp(min=0.45)) ** (1 - neutral)
        * (1 + 0.15 * neutral)
    )
    linear = images.clamp(0, 1) ** 2.2
    grey = linear.mean(1, keepdim=True)
    amount = numbers("grey")
    linear = linear * (1 - amount) + grey * amount
    linear = linear * light * 1.05 + numbers("haze") * key * slope**2 * 0.5
    soft = linear.clamp(min=0) / (1 + linear.clamp(min=0) ** 4) ** 0.25
    return soft ** (1 / 2.2)


def plain(light: Light) -> Light:
    """The neutral light from the same side."""
    return Light(light.caption, light.direction, neutral=True)


class Pair:
    """A batch of relighting pairs: `source`, `plain` (same scene, neutral light), `target`.

    `maps`: the light maps (B, 1, H, W) in [0, 1]. `directions` index DIRECTIONS; 5 is a free map.
    """

    def __init__(self, pictures: Pictures, count: int, height: int, width: int):
        rng = pictures.rng
        scenes = [scene(pictures, height, width) for _ in range(count)]
        images = torch.stack([s[0] for s in scenes])
        exact = torch.stack([s[1] for s in scenes])
        self.lights = lights = [sample(rng) for _ in range(count)]
        self.directions = torch.tensor([light.direction for light in lights])
        self.maps = ramp(self.directions, height, width)
        for i in np.flatnonzero(rng.random(count) < 0.15):
            self.directions[i], self.maps[i] = 5, free_map(rng, height, width)

        def some(share: float, low: float, high: float) -> torch.Tensor:
            values = (rng.random(count) < share) * rng.uniform(low, high, count)
            return torch.from_numpy(values.astype(np.float32)).view(-1, 1, 1, 1)

        # a quarter of the inputs carry another light already; it stays theirs if nobody asks
        others = [sample(rng) for _ in range(count)]
        slope = ramp(torch.tensor([light.direction for light in others]), height, width)
        mix = some(0.25, 0.3, 1.0)
        source = images * (1 - mix) + shade(images, exact, others, slope) * mix
        neutral = torch.tensor([light.neutral for light in lights]).view(-1, 1, 1, 1)
        full = shade(torch.where(neutral, source, images), exact, lights, self.maps)
        plain_source = shade(source, exact, [plain(light) for light in lights], self.maps)
        # the loop shows the model its own half-blended output: keep the answer the same
        blend = some(0.25, 0.0, 0.8)
        self.full = full
        self.source = (source * (1 - blend) + full * blend).clamp(0, 1)
        self.plain = plain_source * (1 - blend) + full * blend
        step = torch.where(neutral, 1.0, STRENGTH)
        self.target = self.plain + step * (full - self.plain)
