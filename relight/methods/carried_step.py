"""One step of carried light: from the reference and from the frame before to the next frame.

Light comes straight from the reference where that flow can be trusted, through the frame before
where it cannot, and from like-coloured surroundings where neither leads. It keeps the colour that
it came from: where the frame has another, it is not the light for it. Pixels that black and a
surface share have a mixture of the light of both, made anew in each frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, box_mean, resized
from relight.methods.light_around import light_around
from relight.methods.light_transfer import of_its_colours, shared_pixels
from relight.methods.optical_flow import as_tensor, warp
from relight.methods.smoothstep import smoothstep
from relight.methods.ways import Ways
from relight.types import Size

FADING = 0.98  # trust kept in each step from neighbour to neighbour
FAINT = 0.02  # weight of light that no flow could be trusted for, where two references meet
OTHER = (0.06, 0.15)  # difference in colour up to which light is for a pixel, and from where not
SHADE = (0.08, 0.2)  # the same for square roots of single values, where the dark weighs more
DARK = 0.01  # added to them: black's grain is no other colour
AMISS = (0.3, 0.6)  # difference of log gains up to which a long way is believed, and from where not


@dataclass(frozen=True, eq=False)
class Carried:
    """Light that came to a frame, (3, h, w) each, and how surely it did, (1, h, w) in [0, 1].

    colour: (3, h, w) in [0, 1], of the source where that light is from: what has another colour
    is not what it is for.
    """

    light: GainGlow
    trust: Tensor
    colour: Tensor

    @classmethod
    def of_reference(cls, light: GainGlow, frame: np.ndarray | Tensor) -> Carried:
        """The light of a reference, and the source at its moment, (h', w', 3) uint8."""
        size = Size(*light.glow.shape[-2:])
        return cls(light, torch.ones_like(light.glow[:1]), _at_size(frame, size))

    def on(self, frame: np.ndarray) -> Carried:
        """The same for a frame to look at, (h', w', 3) uint8: in colours that this light gave.

        What is dark where the light came from bright water would be green: its glow is for another
        brightness. Not for the next step, or colours would wander from frame to frame.
        """
        own = _at_size(frame, Size(*self.trust.shape[-2:]))
        line = torch.cat([self.light.log_gain.exp(), self.light.glow])
        lit = (line[:3] * self.colour + line[3:]).clamp_min(0)
        line = of_its_colours(line[None], own[None], lit[None], 1.0, self.colour[None])[0]
        return replace(self, light=GainGlow(self.light.log_gain, line[3:]))

    def to_tensors(self) -> dict[str, Tensor]:
        """Named half-precision tensors, for a safetensors file."""
        others = {"trust": self.trust, "colour": self.colour}
        halves = {name: plane.half().contiguous() for name, plane in others.items()}
        return {**self.light.to_tensors(), **halves}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Carried:
        """The inverse of `to_tensors`."""
        light = GainGlow.from_tensors(tensors)
        return cls(light, tensors["trust"].float(), tensors["colour"].float())


def blended(a: Carried, b: Carried, weight: float) -> GainGlow:
    """The light between two references, `weight` of the way from a (0) to b (1), by trust.

    >>> grey = torch.full((3, 4, 4), 0.5)
    >>> warm, none = GainGlow(grey, grey * 0), GainGlow.none(4, 4)
    >>> pair = [Carried(light, grey[:1], grey) for light in (warm, none)]
    >>> round(float(blended(*pair, 0.5).log_gain.mean()), 2)
    0.25
    """
    share_a, share_b = (1 - weight) * (a.trust + FAINT), weight * (b.trust + FAINT)
    return GainGlow.from_planes(
        torch.lerp(a.light.planes, b.light.planes, share_b / (share_a + share_b))
    )


def step(anchor: Carried, state: Carried, frame: np.ndarray, ways: Ways) -> Carried | None:
    """The light of `frame`, from the reference and from the frame before; None behind a cut.

    Args:
        anchor: the reference's light. state: that of the frame before.
        ways: from `frame` to those two.

    >>> from relight.methods.ways import ways_of
    >>> frame = np.full((32, 48, 3), 90, np.uint8)
    >>> warm = GainGlow(torch.full((3, 32, 48), 0.2), torch.zeros(3, 32, 48))
    >>> lit = Carried.of_reference(warm, frame)
    >>> found = step(lit, lit, frame, ways_of(frame, frame, frame, Size(32, 48)))
    >>> round(float(found.light.log_gain.mean()), 2)
    0.2
    """
    if ways.cut:
        return None
    size = Size(*anchor.trust.shape[-2:])
    own = _at_size(frame, size)
    here = torch.cat([anchor.light.planes, anchor.colour])
    far = warp(here, ways.far_flow)
    near = warp(torch.cat([state.light.planes, state.colour, state.trust]), ways.near_flow)
    stays = ways.stays
    straight = (1 - stays) * ways.far * alike(far[6:], own)
    straight = straight * (1 - near[9:] * _amiss(far[:3], near[:3]))
    through = (1 - stays - straight).clamp_min(0) * ways.near * alike(near[6:9], own)
    known = stays * here + straight * far + through * near[:9]  # 1 together at most
    straight = stays + straight
    weight = straight + through
    trust = straight + through * FADING * near[9:]
    planes = known[:6]
    if float(weight.min()) < 0.98:
        came = known / weight.clamp_min(1e-3)
        planes = planes + (1 - weight) * light_around(came[:6], weight, came[6:], own)
    colour = known[6:] + (1 - weight) * own
    planes = _partly_black(planes, own, 1 - stays)
    return Carried(GainGlow.from_planes(planes), trust.clamp(0, 1), colour)


def _partly_black(planes: Tensor, own: Tensor, moved: Tensor) -> Tensor:
    """Log gain and glow (6, h, w) with those of outlines on black made anew where things moved.

    What black and a surface shared elsewhere is not what they share here, and a moving outline is
    blurred by other amounts in each frame: handed on, such light is a dark rim on a lit backdrop.
    """
    line = torch.cat([planes[:3].exp(), planes[3:]])
    line = shared_pixels(line[None], own[None], moved[None])[0]
    return torch.cat([line[:3].log(), line[3:]])


def alike(colour: Tensor, own: Tensor) -> Tensor:
    """Where a frame has the colour that its light came from: (1, h, w) in [0, 1].

    Light that is handed on from frame to frame wanders over outlines: what is behind a subject
    would light its rim. In the dark a smaller difference counts, and of single pixels: black takes
    the light of black alone, as that is all glow, and one pixel that a white subject shares would
    leave a dark trail behind it. A change that the whole frame shares is the camera's or a fade,
    and counts for nothing.

    Args:
        colour, own: (3, h, w) in [0, 1].

    >>> grey = torch.full((3, 8, 8), 0.4)
    >>> other = grey.clone()
    >>> other[:, :, :3] = 0.9
    >>> [round(float(x), 2) for x in alike(other, grey)[0, 4, [0, 6]]]
    [0.0, 1.0]
    >>> float(alike(grey, grey + 0.2).min())
    1.0
    """
    apart = colour - own
    apart = apart - apart.flatten(1).median(dim=1).values.view(3, 1, 1)
    shade = ((own + apart).clamp_min(0) + DARK).sqrt() - (own + DARK).sqrt()
    apart = box_mean(apart[None], 1)[0].abs().amax(0, keepdim=True)
    shade = shade.abs().amax(0, keepdim=True)
    return (1 - smoothstep(apart, *OTHER)) * (1 - smoothstep(shade, *SHADE))


def _amiss(far: Tensor, near: Tensor) -> Tensor:
    """Where two log gains of one reference that came along two ways differ by more than light that
    is handed on wanders: (1, h, w) in [0, 1]. A long flow is wrong sooner than a short one."""
    return smoothstep((far - near).abs().amax(0, keepdim=True), *AMISS)


def _at_size(frame: np.ndarray | Tensor, size: Size) -> Tensor:
    return resized(as_tensor(frame)[None], size)[0]
