"""Optical flow of the source (DIS, arXiv:1603.03590), how far to trust it, and light along it.

A flow `f = flow(a, b)` is a look-up: a(x) = b(x + f(x)), so `warp(b, f)` looks like a. Frames are
float tensors (3, h, w) in [0, 1] or uint8 arrays (h, w, 3); a flow is (2, h, w), x first, in pixels
of the frames it was given. Confidence follows TC-Light's soft mask: the way there and back must end
where it began, and the colours met there must agree.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from relight.methods.gain_and_glow import box_mean
from relight.methods.smoothstep import smoothstep
from relight.types import NO_ARRAY, Size

WORK = 256  # long side at which the flow is computed, in pixels
BETWEEN = 192  # the same for light between two frames: as steady and as sharp as at 256
ROWS = 48  # and columns, from which the fast preset finds flow: it begins at a quarter of the size
MEDIUM, FAST = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, cv2.DISOPTICAL_FLOW_PRESET_FAST
SAME_SCENE = (
    0.2,
    0.45,
)  # mean confidence: below the first another scene, above the second the same
STILL = 0.02  # weight of light that stays where it is, beside that of a trusted flow, 1

Frame = torch.Tensor | np.ndarray


def as_tensor(frame: Frame) -> torch.Tensor:
    """A frame as float (3, h, w) in [0, 1], whichever of the two kinds it came as."""
    if isinstance(frame, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255
    return frame.float()


class AtWork:
    """A frame as flow is found on it: made once, however many flows lead to it.

    Attributes:
        frame: (3, h, w) in [0, 1], its long side at most `work`. grey: the same, uint8 (h', w').
        preset: of the flow from it. Light between two frames is as steady by the fast one, which
            must not be given fewer than 32 rows: the process would end.

    >>> look = AtWork(torch.zeros(3, 270, 480))
    >>> tuple(look.frame.shape), look.grey.shape
    ((3, 144, 256), (144, 256))
    """

    def __init__(self, frame: Frame, work: int = WORK) -> None:
        self.frame = _working(frame, work)
        self.grey = _grey(self.frame, work)
        self.preset = FAST if work == BETWEEN and min(self.grey.shape) >= ROWS else MEDIUM

    @classmethod
    def of(cls, frame: Frame | AtWork, work: int = WORK) -> AtWork:
        """The same, or made of a frame."""
        return frame if isinstance(frame, AtWork) else cls(frame, work)


Links = tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Flow (2, h, w) and trust (1, h, w) from one frame to another, and back."""


def flow(a: Frame, b: Frame, work: int = WORK) -> torch.Tensor:
    """Where each pixel of `a` is in `b`: (2, h, w), in pixels of the given size, on the CPU.

    It is found at a long side of `work` pixels.
    """
    return _flow(_grey(a, work), _grey(b, work), size_of(a))


def _flow(
    grey_a: np.ndarray, grey_b: np.ndarray, size: tuple[int, int], preset: int = MEDIUM
) -> torch.Tensor:
    """Flow between grey frames, uint8 of one size, for frames of another, (h, w)."""
    h, w = size
    dis = cv2.DISOpticalFlow.create(preset)
    found = dis.calc(grey_a, grey_b, NO_ARRAY)  # h', w', 2
    if grey_a.shape != size:
        found = found * np.array([w / grey_a.shape[1], h / grey_a.shape[0]], np.float32)
        found = cv2.resize(found, (w, h))
    return torch.from_numpy(found).view(h, w, 2).permute(2, 0, 1).contiguous()


def warp(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Read `x` (c, h, w) at every pixel plus `flow` (2, h, w): bilinear, the border repeated."""
    h, w = flow.shape[-2:]
    ys = torch.arange(h, device=x.device).view(h, 1) + flow[1].to(x)
    xs = torch.arange(w, device=x.device).view(1, w) + flow[0].to(x)
    grid = torch.stack([(2 * xs + 1) / w - 1, (2 * ys + 1) / h - 1], dim=-1)  # h, w, 2
    out = F.grid_sample(x[None], grid[None].to(x), padding_mode="border", align_corners=False)
    return out[0]


def lengths(vectors: torch.Tensor) -> torch.Tensor:
    """Of (c, h, w): (1, h, w). `Tensor.norm` takes thirty times as long on the CPU."""
    return vectors.square().sum(0, keepdim=True).sqrt()


def confidence(
    a: Frame, b: Frame, forward: torch.Tensor, backward: torch.Tensor, *, colour: float = 0.12
) -> torch.Tensor:
    """How far `forward` (a to b) can be trusted: (1, h, w) in [0, 1].

    `backward` is `flow(b, a)`. `colour` is the difference of the two frames, on the scale 0 to 1,
    at which trust has fallen to 1/e; it is read after a small blur, so grain costs nothing.
    """
    h, w = forward.shape[-2:]
    a, b = as_tensor(a).to(forward), as_tensor(b).to(forward)
    returned, met = warp(torch.cat([backward, b]), forward).split((2, 3))
    astray = lengths(forward + returned)
    length = lengths(forward)
    tolerance = 0.006 * max(h, w) + 0.1 * length  # pixels
    apart = box_mean((met - a)[None], 1)[0]
    apart = apart.abs().amax(dim=0, keepdim=True)
    return torch.exp(-((astray / tolerance) ** 2) - (apart / colour) ** 2)


def same_scene(trust: torch.Tensor) -> float:
    """0 for a confidence map that says "another scene", 1 for the same one, smooth between."""
    return smoothstep(float(trust.mean()), *SAME_SCENE)


def link(a: Frame | AtWork, b: Frame | AtWork, size: tuple[int, int], work: int = WORK) -> Links:
    """Flow and trust from a to b, and from b to a, at `size` (h, w); the frames may be larger.

    Both are found at a long side of at most `work` pixels.
    """
    one, other = AtWork.of(a, work), AtWork.of(b, work)
    there, back = _both_ways(one, other)
    return _fitted(one, other, there, back, size), _fitted(other, one, back, there, size)


def one_way(
    a: Frame | AtWork, b: Frame | AtWork, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flow and trust from a to b alone: the first half of `link`."""
    a, b = AtWork.of(a), AtWork.of(b)
    return _fitted(a, b, *_both_ways(a, b), size)


def _both_ways(a: AtWork, b: AtWork) -> tuple[torch.Tensor, torch.Tensor]:
    """Flow from a to b and from b to a, at the size of their frames."""
    sizes = size_of(a.frame), size_of(b.frame)
    return (
        _flow(a.grey, b.grey, sizes[0], a.preset),
        _flow(b.grey, a.grey, sizes[1], b.preset),
    )


def _fitted(
    a: AtWork, b: AtWork, there: torch.Tensor, back: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The flow from a to b and its trust at `size` (h, w)."""
    return way_at(there, confidence(a.frame, b.frame, there, back), size)


def way_at(
    flow: torch.Tensor, trust: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flow (2, h, w) and trust (1, h, w), for frames of another size (h', w').

    >>> flow, trust = way_at(torch.full((2, 8, 8), 3.0), torch.ones(1, 8, 8), (4, 8))
    >>> flow[:, 2, 2].tolist(), tuple(trust.shape)
    ([3.0, 1.5], (1, 4, 8))
    """
    h, w = flow.shape[-2:]
    if (h, w) == tuple(size):
        return flow, trust
    scale = torch.tensor([size[1] / w, size[0] / h]).view(2, 1, 1)

    smaller = size[0] < h or size[1] < w  # else it would be the same, in thrice the time

    def fit(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x[None], size, mode="bilinear", antialias=smaller)[0]

    return fit(flow) * scale, fit(trust)


def carry(
    gain: torch.Tensor, to: Frame | AtWork, source: Frame | AtWork
) -> tuple[torch.Tensor, torch.Tensor]:
    """Light (c, h, w) known at frame `source`, moved to frame `to`, and its trust (1, h, w)."""
    there, trust = one_way(to, source, Size(*gain.shape[-2:]))
    return warp(gain, there), trust.to(gain)


def between(
    gain_a: torch.Tensor,
    gain_b: torch.Tensor,
    frame_a: Frame | AtWork,
    frame: Frame | AtWork,
    frame_b: Frame | AtWork,
    weight: float,
) -> torch.Tensor:
    """The light (3, h, w) of `frame`, which lies `weight` of the way from a (0) to b (1).

    Both neighbours' log gains come along the source's flow and are blended by time and trust.
    Where neither flow can be trusted the two are blended by time alone, in place. Across a cut
    nothing is blended: the neighbour of the same scene (or the nearer one by content) lights it.
    """
    if weight <= 0 or weight >= 1:
        return (gain_a if weight <= 0 else gain_b).clone()
    frame_a, frame, frame_b = (AtWork.of(x, BETWEEN) for x in (frame_a, frame, frame_b))
    moved_a, trust_a = carry(gain_a, frame, frame_a)
    moved_b, trust_b = carry(gain_b, frame, frame_b)
    scene_a, scene_b = same_scene(trust_a), same_scene(trust_b)
    if max(scene_a, scene_b) == 0:  # neither flow leads anywhere
        if apart(frame_a.frame, frame_b.frame) < 0.12:  # one scene, moving too fast
            return torch.lerp(gain_a, gain_b, weight)
        nearer_a = apart(frame.frame, frame_a.frame) <= apart(frame.frame, frame_b.frame)
        return (gain_a if nearer_a else gain_b).clone()
    share_a, share_b = (1 - weight) * scene_a, weight * scene_b
    trust_a, trust_b = trust_a * share_a, trust_b * share_b
    out = (gain_a * (STILL * share_a)).add_(gain_b, alpha=STILL * share_b)
    out.addcmul_(trust_a, moved_a).addcmul_(trust_b, moved_b)
    return out.div_(trust_a + trust_b + STILL * (share_a + share_b))


def apart(a: Frame, b: Frame) -> float:
    """Mean difference of two frames' 8 x 8 thumbnails, in [0, 1]: blind to where things moved."""
    small = [F.adaptive_avg_pool2d(as_tensor(frame).cpu(), 8) for frame in (a, b)]
    return float((small[0] - small[1]).abs().mean())


def size_of(frame: Frame) -> tuple[int, int]:
    """Height and width of either kind of frame."""
    h, w = frame.shape[:2] if isinstance(frame, np.ndarray) else frame.shape[-2:]
    return int(h), int(w)


def _working(frame: Frame, work: int = WORK) -> torch.Tensor:
    """The frame as a tensor whose long side is at most `work`."""
    h, w = size_of(frame)
    scale = work / max(h, w)
    if scale >= 1:
        return as_tensor(frame).cpu()
    if isinstance(frame, torch.Tensor):
        size = (max(1, round(h * scale)), max(1, round(w * scale)))
        return F.interpolate(frame[None].float().cpu(), size, mode="area")[0]
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    return as_tensor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def _grey(frame: Frame, work: int) -> np.ndarray:
    """Grey uint8 with a long side of `work`; a side shorter than 16 pixels is stretched to 16."""
    if isinstance(frame, torch.Tensor):
        frame = (frame.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    h, w = frame.shape[:2]
    scale = work / max(h, w)
    size = (max(16, round(w * scale)), max(16, round(h * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
