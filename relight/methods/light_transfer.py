"""Light transfer: what a small model generated is the light; the pixels stay the source's.

Gain = smoothed relit / smoothed source, per channel, in linear light, kept as its logarithm (the
ratio form of Hi-Light's and MIMIC's native-resolution output); brought to full size along the
source's edges by the fast guided filter (arXiv:1505.00996); full-size source times gain. All
images are sRGB-encoded float tensors (F, 3, H, W) in [0, 1] unless a name says uint8.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from relight.methods.optical_flow import link, same_scene, warp

LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
BRIGHTEST, DARKEST = 3.0, 6.0  # bounds of the gain in stops: x8 up, /64 down
NOISE = 0.004  # linear light at which a positive log gain is halved (sRGB code 13 of 255)
KNEE = 0.6  # linear light above which brightened pixels roll off
STILL = 0.3  # weight of a neighbour's light left in place where the flow cannot be trusted
FIT = 144  # shorter side at which the guided filter is fitted at most, in pixels
STRIP = 64  # rows handled at once at full size


def to_linear(x: torch.Tensor) -> torch.Tensor:
    """sRGB values in [0, 1] to linear light."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(x: torch.Tensor) -> torch.Tensor:
    """Linear light to sRGB values."""
    curve = 1.055 * x.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(x <= 0.0031308, x * 12.92, curve)


def log_gain(
    source: torch.Tensor,
    relit: torch.Tensor,
    *,
    sigma_luma: float = 0.03,
    sigma_chroma: float = 0.06,
    floor: float = 0.01,
) -> torch.Tensor:
    """Natural log of relit / source in linear light, (F, 3, h, w); each frame by itself.

    The sigmas are fractions of the shorter side. The colour of the gain is blurred wider than its
    luminance. `floor` (linear light) is what a pixel must have to speak for itself: darker areas
    take the gain of their wider surroundings, those the gain of the whole frame, so neither noise
    near black nor a pull towards "no change" gets in. Bounds: x8 brighter, /64 darker.
    """
    source, relit = to_linear(source), to_linear(relit)
    source = torch.cat([source, _luma(source)], dim=1)  # F, 4, h, w: R, G, B and luminance
    relit = torch.cat([relit, _luma(relit)], dim=1)
    side = min(source.shape[-2:])
    whole = _ratio(relit.mean((2, 3), keepdim=True), source.mean((2, 3), keepdim=True), 1.0, 1e-4)
    wide = _ratio(
        _blur(relit, sigma_chroma * side), _blur(source, sigma_chroma * side), whole, floor
    )
    dark, light = source[:, 3:], relit[:, 3:]
    near = _ratio(
        _blur(light, sigma_luma * side), _blur(dark, sigma_luma * side), wide[:, 3:], floor
    )
    gain = wide[:, :3].log() + near.log() - wide[:, 3:].log()
    return gain.clamp(-DARKEST * np.log(2), BRIGHTEST * np.log(2))


def fit_gain(
    gain: torch.Tensor, guide: torch.Tensor, *, radius: float = 0.05, eps: float = 0.003
) -> tuple[torch.Tensor, torch.Tensor]:
    """Guided filter's coefficients a, b (F, 3, h', w'): gain = a * luma(guide) + b in each window.

    `radius` of the window as a fraction of the shorter side; `eps` is the variance of the guide
    below which a difference is texture rather than an edge (0.003: a contrast of 14 codes).
    """
    h, w = gain.shape[-2:]
    shrink = FIT / min(h, w)
    if shrink < 1:
        size = (round(h * shrink), round(w * shrink))
        gain, guide = (F.interpolate(x, size, mode="area") for x in (gain, guide))
    r = max(1, round(radius * min(gain.shape[-2:])))
    grey = _luma(guide)
    mean_i, mean_g = _box(grey, r), _box(gain, r)
    variance = (_box(grey * grey, r) - mean_i * mean_i).clamp_min(0)
    a = (_box(grey * gain, r) - mean_i * mean_g) / (variance + eps)
    b = mean_g - a * mean_i
    return _box(a, r), _box(b, r)


def upsample_gain(
    gain: torch.Tensor,
    guide_small: torch.Tensor,
    guide_full: torch.Tensor,
    *,
    radius: float = 0.05,
    eps: float = 0.003,
) -> torch.Tensor:
    """The log gain at the size of `guide_full`, with that image's edges: (F, 3, H, W).

    The linear model is fitted at the small size, its coefficients are interpolated, and it is
    evaluated on the full-size source. Kept within the small gain's own range in each frame.
    """
    a, b = fit_gain(gain, guide_small, radius=radius, eps=eps)
    size = guide_full.shape[-2:]
    a = F.interpolate(a, size, mode="bilinear", align_corners=False)
    b = F.interpolate(b, size, mode="bilinear", align_corners=False)
    full = a * _luma(guide_full) + b
    return full.clamp(gain.amin((2, 3), keepdim=True), gain.amax((2, 3), keepdim=True))


def apply_gain(source: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """The source under a log gain of its own size, in [0, 1]; gain 0 gives the source back.

    Near black a positive gain fades (`NOISE`), so grain is not blown up. Above `KNEE` brightened
    pixels roll off on a curve that ends at white where a white source would; all channels of a
    pixel shrink together, so its hue stays. Without a positive gain the curve is the identity.
    """
    return to_srgb(_shine(to_linear(source), gain)).clamp(0, 1)


def apply_gain_uint8(
    image: np.ndarray,
    gain: torch.Tensor,
    guide_small: torch.Tensor,
    *,
    radius: float = 0.05,
    eps: float = 0.003,
) -> np.ndarray:
    """`upsample_gain` and `apply_gain` in one go: uint8 (H, W, 3) to the same, within one code.

    `gain` and `guide_small` are (3, h, w) on the CPU. Works in strips of rows with tables for the
    sRGB curve: 1080p in about 0.2 s on one core, and the extra memory does not grow with height.
    """
    h, w = image.shape[:2]
    lines = torch.cat(fit_gain(gain[None], guide_small[None], radius=radius, eps=eps), dim=1)
    lines = F.interpolate(lines, (lines.shape[2], w), mode="bilinear", align_corners=False)[0]
    lines = lines.transpose(0, 1).contiguous()  # h', 6, W
    low, high = gain.amin((1, 2)).view(3, 1, 1), gain.amax((1, 2)).view(3, 1, 1)
    out = np.empty_like(image)
    for top in range(0, h, STRIP):
        rows = slice(top, min(top + STRIP, h))
        codes = np.stack(cv2.split(image[rows]))  # 3, n, W
        strip = _rows(lines, rows, h)  # 6, n, W
        grey = sum(
            c * (k / 255) for c, k in zip(torch.from_numpy(codes).float(), LUMA, strict=True)
        )
        full = torch.addcmul(strip[3:], strip[:3], grey).clamp(low, high)
        linear = torch.from_numpy(cv2.LUT(codes.reshape(-1, w), _DECODE).reshape(codes.shape))
        relit = _shine(linear[None], full[None])[0].clamp_(0, 1)
        index = relit.sqrt_().mul_(len(_ENCODE) - 1).add_(0.5).to(torch.int16)
        out[rows] = cv2.merge(list(np.take(_ENCODE, index.numpy(), mode="clip")))
    return out


def smooth_gain(gains: torch.Tensor, frames: torch.Tensor, *, sigma: float = 2.0) -> torch.Tensor:
    """Model frames' log gains (F, 3, h, w) without flicker: a mean over time along the flow.

    `frames` (F, 3, h', w') are the source at those frames, `sigma` the width in frames. A
    neighbour counts by its distance in time and by how far the flow to it can be trusted; where
    it cannot, the light stays where it was. Nothing is taken from the other side of a cut.
    """
    total, weights = gains.clone(), torch.ones_like(gains[:, :1])
    cuts: set[int] = set()  # frames that begin another scene
    for k in range(1, min(int(np.ceil(2 * sigma)), len(gains) - 1) + 1):
        for t in range(len(gains) - k):
            s = t + k
            if cuts.intersection(range(t + 1, s + 1)):
                continue
            links = link(frames[t], frames[s], tuple(gains.shape[-2:]))
            scene = min(same_scene(trust) for _, trust in links)
            if scene == 0 and k == 1:
                cuts.add(s)
            share = scene * float(np.exp(-0.5 * (k / sigma) ** 2))
            for here, there, (vectors, trust) in zip((t, s), (s, t), links, strict=True):
                trust = trust.to(gains)
                along, still = share * trust, share * STILL * (1 - trust)
                total[here] += along * warp(gains[there], vectors) + still * gains[there]
                weights[here] += along + still
    return total / weights


def _shine(linear: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Linear light times gain, faded near black and rolled off near white; (F, 3, H, W)."""
    luma = _luma(linear)
    gain = gain.clamp_min(0) * (luma / (luma + NOISE)) + gain.clamp_max(0)
    white = gain.amax(1, keepdim=True).clamp_min(0).exp()  # where a white pixel would land
    linear = linear * gain.exp()
    top = linear.amax(1, keepdim=True).clamp_min(KNEE)
    reach, end = (top - KNEE) / (1 - KNEE), (white - KNEE) / (1 - KNEE)
    rolled = KNEE + (1 - KNEE) * reach * (1 + reach / (end * end)) / (1 + reach)
    return linear * (rolled / top)


def _luma(x: torch.Tensor) -> torch.Tensor:
    return x[:, 0:1] * LUMA[0] + x[:, 1:2] * LUMA[1] + x[:, 2:3] * LUMA[2]


def _ratio(
    relit: torch.Tensor, source: torch.Tensor, prior: torch.Tensor | float, floor: float
) -> torch.Tensor:
    """relit / source, drawn towards `prior` as the source falls below `floor`."""
    return (relit + floor * prior) / (source + floor)


def _box(x: torch.Tensor, r: int) -> torch.Tensor:
    """Mean over (2r + 1)^2 pixels, over those inside the image at its border."""
    k = 2 * r + 1
    x = F.avg_pool2d(x, (1, k), 1, (0, r), count_include_pad=False)
    return F.avg_pool2d(x, (k, 1), 1, (r, 0), count_include_pad=False)


def _blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur, sigma in pixels, normalised at the border; wide ones at a smaller size."""
    h, w = x.shape[-2:]
    shrink = min(max(1, int(sigma / 3)), h, w)
    if shrink > 1:
        small = F.interpolate(x, (-(-h // shrink), -(-w // shrink)), mode="area")
        return F.interpolate(_blur(small, sigma / shrink), (h, w), mode="bilinear")
    reach = max(1, int(3 * sigma + 0.5))
    line = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    line = torch.exp(-0.5 * (line / max(sigma, 1e-3)) ** 2)
    for kernel, pad in ((line.view(1, 1, 1, -1), (0, reach)), (line.view(1, 1, -1, 1), (reach, 0))):
        weight = F.conv2d(torch.ones_like(x[:1, :1]), kernel, padding=pad)
        flat = x.flatten(0, 1).unsqueeze(1)
        x = (F.conv2d(flat, kernel, padding=pad) / weight).view_as(x)
    return x


def _rows(lines: torch.Tensor, rows: slice, height: int) -> torch.Tensor:
    """Rows of `lines` (h, c, W) interpolated to `height`, half-pixel centres: (c, n, W)."""
    h = lines.shape[0]
    y = ((torch.arange(rows.start, rows.stop) + 0.5) * (h / height) - 0.5).clamp(0, h - 1)
    y0 = y.floor().long()
    part = (y - y0).view(-1, 1, 1)
    out = torch.lerp(lines[y0], lines[(y0 + 1).clamp_max(h - 1)], part)  # n, c, W
    return out.transpose(0, 1)


_DECODE = to_linear(torch.arange(256) / 255).numpy()
_ENCODE = (to_srgb(torch.linspace(0, 1, 4096) ** 2) * 255).round().byte().numpy()
