"""Synthetic clips with a known subject: a textured disc over a textured, moving background."""

import torch
import torch.nn.functional as F


def texture(h, w, colour, seed):
    """Blurred noise around a colour, (3, h, w) in [0, 1]."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 1, h // 4, w // 4, generator=g) - 0.5
    noise = F.interpolate(noise, (h, w), mode="bicubic", align_corners=False)[0]
    return (torch.tensor(colour).view(3, 1, 1) + 0.35 * noise).clamp(0, 1)


def moving_disc(
    frames=12,
    size=128,
    radius=28,
    step=2.0,
    pan=1,
    ground=(0.35, 0.4, 0.3),
    colour=(0.7, 0.4, 0.3),
):
    """A disc that moves right by `step` a frame over ground that moves left by `pan`.

    Returns clip (frames, 3, size, size) in [0, 1]; mattes (frames, 1, size, size) of 0 and 1.
    """
    far = texture(size, size + frames * pan + 4, ground, 1)
    skin = texture(2 * size, 2 * size, colour, 2)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    clip, mattes = [], []
    for t in range(frames):
        cx, cy = size * 0.4 + step * t, size * 0.55
        inside = ((x - cx) ** 2 + (y - cy) ** 2 < radius**2).float()[None]
        left, top = round(size - cx), round(size - cy)
        front = skin[:, top : top + size, left : left + size]
        back = far[:, :, t * pan : t * pan + size]
        clip.append(inside * front + (1 - inside) * back)
        mattes.append(inside)
    return torch.stack(clip), torch.stack(mattes)
