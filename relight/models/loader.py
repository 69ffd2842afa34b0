"""A model's name, or a folder -> a loaded model; `relight.models.finding` says which it is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relight.diffusion.compute import DTYPES, set_up
from relight.diffusion.parts import BACKDROP_OFFSETS, Parts
from relight.errors import ModelError
from relight.jobs.base import Compute
from relight.models.entries import Entry, UpscaleEntry
from relight.models.files import identify
from relight.models.finding import Found, backbone, find_model, find_upscaler
from relight.models.quiet import quietly

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from relight.methods.progressive_light_fusion import Recipe
    from relight.pipelines.light_a_video import LightAVideo
    from relight.relighters.base import Relighter
    from relight.relighters.ic_light import ICLightPipeline
    from relight.relighters.image_edit import EditRelighter

CHUNKS = {"lowest": 2, "low": 4, "high": None}
"""Frames per pass of the relighter, by `Compute.memory`."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model that relights.

    Attributes:
        weights: what was loaded, see `relight.models.files.identify`. The rest: see `Found`.
        pipe: makes the video; None where the model edits pictures, or wasn't to make any.
        relighter: IC-Light, or the model that edits pictures.
        load_backdrop: loads the IC-Light that sees a background (`fbc`); None: it isn't here.
        frames_a_pass: of the relighter, where fewer fit than `compute.memory` says.
    """

    name: str
    why: str
    entry: Entry
    compute: Compute
    weights: Mapping[str, str]
    pipe: LightAVideo | None
    relighter: ICLightPipeline | EditRelighter
    load_backdrop: Callable[[], ICLightPipeline] | None = None
    frames_a_pass: int | None = None

    @property
    def side(self) -> float:
        """Side, in pixels, of the square whose area the model was made for."""
        return self.entry.native.side

    @property
    def multiple(self) -> int:
        """Width and height must be multiples of this, in pixels."""
        return self.entry.native.multiple

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """By name; none of a model that edits pictures."""
        known = backbone(self.entry.backbone).pipeline if self.pipe is None else self.pipe
        return getattr(known, "recipes", {})

    @property
    def chunk(self) -> int | None:
        """Frames per pass of the relighter; None: all at once."""
        return self.frames_a_pass or CHUNKS[self.compute.memory]

    @property
    def pipes(self) -> tuple[DiffusionPipeline, ...]:
        """The pipelines that compute."""
        editor = getattr(self.relighter, "editor", None)
        relighter: Any = self.relighter if editor is None else editor.pipe
        return (relighter,) if self.pipe is None else (self.pipe, relighter)

    def of_keyframes(self, gamma: float, *, backdrop: bool = False) -> Relighter:
        """What relights keyframes: IC-Light with one noise and shared attention, or the editor.

        Args:
            backdrop: the IC-Light that sees a background.
        """
        from relight.relighters.ic_light import ICLight, ICLightPipeline

        if not isinstance(self.relighter, ICLightPipeline):
            return self.relighter
        pipe = self.load_backdrop() if backdrop and self.load_backdrop else self.relighter
        return ICLight(pipe=pipe, gamma=gamma, share_noise=True, chunk_size=self.chunk)


@dataclass(frozen=True, kw_only=True)
class Upscaler:
    """A loaded upscaler.

    Attributes:
        weights: what was loaded, see `relight.models.files.identify`. The rest: see `Found`.
        window: frames it takes at a time; None: it takes pictures.
    """

    name: str
    why: str
    entry: UpscaleEntry
    compute: Compute
    weights: Mapping[str, str]
    pipe: DiffusionPipeline
    window: int | None

    @property
    def side(self) -> float:
        """Side, in pixels, of the square the model was made for."""
        return self.entry.native.side

    @property
    def pipes(self) -> tuple[DiffusionPipeline, ...]:
        """The pipeline that computes."""
        return (self.pipe,)


@quietly()
def load_model(
    name: str = "auto",
    compute: Compute = Compute(),  # noqa: B008 - frozen
    *,
    video: bool = True,
) -> Model:
    """Load a model that relights, by name or from a folder.

    Args:
        name: "auto", a name of `CATALOGUE`, or a folder (see `relight.diffusion.parts`). "auto"
            takes "animatediff" where there is a GPU and its weights are here, else "mini".
        compute: where and how it computes.
        video: also its video model, which the recipe `fast` does without.

    Raises:
        ModelError: an unknown name, weights that are missing, damaged or don't fit each other, a
            device or an attention backend that can't be used. Nothing is ever downloaded.

    >>> load_model("mini").name
    'mini'
    """
    found = find_model(name, compute)
    parts = Parts(found.paths, DTYPES[found.compute.dtype])
    if found.entry.edits:
        pipe, relighter = _editing(found, parts)
    else:
        pipe, relighter = _relighting(found, parts, video)
    backdrop = {name for name in found.paths if name.endswith(BACKDROP_OFFSETS)}  # loaded on demand
    return Model(
        name=found.name,
        why=found.why,
        entry=found.entry,
        compute=found.compute,
        weights=identify({name: found.paths[name] for name in parts.used | backdrop}),
        pipe=pipe,
        relighter=relighter,
        load_backdrop=_backdrop_loader(found),
    )


@quietly()
def load_upscaler(
    name: str = "auto",
    compute: Compute = Compute(),  # noqa: B008 - frozen
    *,
    moving: bool,
) -> Upscaler:
    """Load an upscaler by name, or from a folder (laid out like `relight/models/mini` or SDXL's).

    Args:
        name: "auto", a name of `UPSCALERS`, or a folder. "auto" takes "sdxl" for pictures, or else
            "sd15", where there is a GPU and its weights are here, else "mini".
        compute: where and how it computes.
        moving: for clips; else for single pictures.

    Raises:
        ModelError: as `load_model`; or a model of pictures for a clip.

    >>> load_upscaler("mini", moving=False).name
    'mini'
    """
    found = find_upscaler(name, compute, moving=moving)
    pipe = _assembled(found, Parts(found.paths, DTYPES[found.compute.dtype]))
    set_up((pipe,), found.compute)
    return Upscaler(
        name=found.name,
        why=found.why,
        entry=found.entry,
        compute=found.compute,
        weights=identify(found.paths),
        pipe=pipe,
        window=found.window,
    )


def _relighting(
    found: Found[Entry], parts: Parts, video: bool
) -> tuple[LightAVideo | None, ICLightPipeline]:
    from relight.relighters.ic_light import load_ic_light

    relighter = load_ic_light(parts)
    pipe = _assembled(found, parts) if video else None
    set_up((relighter,) if pipe is None else (pipe, relighter), found.compute)
    return pipe, relighter


def _backdrop_loader(found: Found[Entry]) -> Callable[[], ICLightPipeline] | None:
    """Loads the IC-Light that sees a background, once; None where its weights are not here."""
    if not any(name.endswith(BACKDROP_OFFSETS) for name in found.paths):
        return None

    @functools.cache
    def load() -> ICLightPipeline:
        from relight.relighters.ic_light import load_ic_light

        parts = Parts(found.paths, DTYPES[found.compute.dtype])
        pipe = load_ic_light(parts, BACKDROP_OFFSETS)
        set_up((pipe,), found.compute)
        return pipe

    return load


def _editing(found: Found[Entry], parts: Parts) -> tuple[None, EditRelighter]:
    from relight.relighters.image_edit import EditRelighter

    pipe, editor = _assembled(found, parts), backbone(found.backbone).editor
    assert editor is not None, "its entry says that it edits"
    set_up((pipe,), found.compute)
    return None, EditRelighter(editor(pipe))


def _assembled(found: Found, parts: Parts) -> Any:  # as its backbone says
    try:
        pipe = backbone(found.backbone).load(parts)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"the parts of {found.name} don't fit each other: {reason}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe
