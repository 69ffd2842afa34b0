"""Ways to enlarge, as the tables name them: interpolation, peers, the guide, the dial, published.

Peers are there where they are installed (`examples/guide_network/peers.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from examples.guide_network.evaluate import projected, twice
from examples.guide_network.peers import PEERS, load_peer
from examples.rectified_hr import rectified
from relight.methods.detail_agreement import ROUNDS, agreed
from relight.methods.diffuse_high import BEST, PAPER, UpscaleRecipe
from relight.models.catalogue import UPSCALERS
from relight.models.guides import load_enlargement
from relight.models.loader import Upscaler
from relight.types import Size

Way = Callable[[Tensor], Tensor]
DIAL = (1.0, 0.8, 0.5, 0.2, 0.0)
MINI = UPSCALERS["mini"]


def pictures(pipe: Upscaler | None) -> dict[str, Way]:
    """Ways to enlarge pictures: name -> (n, 3, h, w) in [0, 1] to (n, 3, 2h, 2w)."""
    found: dict[str, Way] = {"bicubic": twice, "bicubic, back-projected": projected(twice)}
    for name, peer in PEERS.items():
        loaded = load_peer(peer)
        if loaded is not None:
            found |= {name: loaded, f"{name}, back-projected": projected(loaded)}
    alone = load_enlargement("mini")
    found["guide alone, not back-projected"] = lambda x: alone(x, _double(x))
    found["**identity 1: guide, back-projected**"] = by_guide
    if pipe is None:
        return found
    for identity in DIAL[1:]:
        found[f"identity {identity}"] = by_dial(pipe, identity)
    found["identity .8, guide bicubic"] = by_dial(pipe, 0.8, "bicubic")
    for name, guide in (("bicubic, as published", "bicubic"), ("the guide", "mini")):
        found[f"RectifiedHR's form, enlarged by {name}"] = by_changing_size(pipe, guide)
    found["paper"] = by_recipe(pipe, PAPER, "bicubic")
    return found


def clips(pipe: Upscaler | None) -> dict[str, Way]:
    """Ways to enlarge clips: name -> (frames, 3, h, w) in [0, 1] to (frames, 3, 2h, 2w)."""
    found = {name: way for name, way in pictures(None).items() if not name.startswith("**")}
    found["identity 1, frame by frame"] = by_guide
    found["**identity 1**"] = in_agreement
    if pipe is not None:
        found["identity .8, video model"] = by_dial(pipe, 0.8)
    return found


def by_guide(small: Tensor) -> Tensor:
    """The default of the embedded model for pictures: the guide and nothing else."""
    recipe = BEST.with_identity(1.0)
    return recipe.finish(recipe.guide(small, _double(small), load_enlargement("mini")), small)


def in_agreement(small: Tensor) -> Tensor:
    """The same for a clip, whose frames share what they show."""
    recipe, guide = BEST.with_identity(1.0), load_enlargement("mini")
    pairs = ((x, guide(x[None], _double(small))[0]) for x in small)
    return recipe.finish(torch.stack(list(agreed(pairs))), small, ROUNDS)


def by_dial(model: Upscaler, identity: float, guide: str = "mini") -> Way:
    """The default recipe at a place of the dial."""
    return by_recipe(model, BEST.with_identity(identity, MINI.reach), guide)


def by_changing_size(model: Upscaler, guide: str) -> Way:
    """RectifiedHR's form: the size changes in the middle of a trajectory."""
    enlarge = load_enlargement(guide)
    return lambda small: torch.cat(
        [rectified(model, x[None], _double(small), enlarge) for x in small]
    )


def by_recipe(model: Upscaler, recipe: UpscaleRecipe, guide: str) -> Way:
    """Any recipe; a model of pictures takes them one by one."""
    pipe: Any = model.pipe  # of pictures, or of clips
    scale = 10.0 if recipe == PAPER else MINI.guidance
    common: dict[str, Any] = {
        "recipe": recipe.with_(upscale_guidance_scale=scale),
        "enlarge": load_enlargement(guide),
        "negative_prompt": "blurry, lowres",
        "pad": True,
        "output_type": "pt",
    }

    def clip(small: Tensor) -> Tensor:
        sizes = [_double(small)]
        noise = pipe.frame_noise(sizes, len(small), 0, seed=0)
        return pipe(small, "", sizes=sizes, stage_noise=noise, **common).frames[0]

    def each(small: Tensor) -> Tensor:
        made = torch.Generator().manual_seed(0)
        given = {"sizes": [_double(small)], "generator": made, **common}
        return torch.cat([pipe("", image=x[None], **given).images for x in small])

    return each if model.window is None else clip


def _double(small: Tensor) -> Size:
    return Size(2 * small.shape[-2], 2 * small.shape[-1])
