"""The models of a job, and the job with every open setting decided."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relight.engine.prepare import refuse_recipe, upscale_job
from relight.engine.sizes import target_size
from relight.engine.source import shows_blocks
from relight.jobs import (
    Job,
    ModelRelightJob,
    RelightJob,
    ResolvedJob,
    ResolvedRelightJob,
    ResolvedUpscaleJob,
    UpscaleJob,
)
from relight.jobs.regions import MaskAuto, MaskFile, MaskSeed
from relight.jobs.relight import SURFACES
from relight.lights import parse_light
from relight.media import VideoInfo, probe, read, to_uint8
from relight.methods.back_projection import larger
from relight.methods.diffuse_high import RECIPES
from relight.models import hub
from relight.models.catalogue import CATALOGUE, UPSCALERS
from relight.models.entries import Entry, UpscaleEntry
from relight.models.files import identify
from relight.models.finding import Found, find_guided, find_model
from relight.models.guides import BICUBIC, GUIDES, check_guide, load_enlargement
from relight.models.hub import depth_network
from relight.models.loader import Model, Upscaler, load_model, load_upscaler
from relight.types import Enlarge, Size

REFERENCE = "none (the light of a reference)"
"""What is said of the model where there is none."""
WHOLE = 4
"""Pictures up to so many times the model's own side are denoised as a whole, larger in tiles."""


@dataclass(frozen=True, kw_only=True)
class Models:
    """What a job has loaded; None for what it doesn't need.

    Attributes:
        relighting, upscaling: only found for a plan, or where a job denoises nothing.
        guide: makes the large pictures that an upscale starts from. guide_file: its weights.
    """

    relighting: Model | Found[Entry] | None = None
    upscaling: Upscaler | Found[UpscaleEntry] | None = None
    guide: Enlarge = larger
    guide_file: Path | None = None

    @property
    def described(self) -> str:
        """Names, and why they were taken."""
        relighting, upscaling = self.relighting, self.upscaling
        if relighting is None:
            return REFERENCE if upscaling is None else f"{upscaling.name} ({upscaling.why})"
        said = f"{relighting.name} ({relighting.why})"
        return said if upscaling is None else f"{said}, {upscaling.name}"

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """(name, device) of each, as what runs have cost is kept by; of a reference where there is
        no model."""
        models = [model for model in (self.relighting, self.upscaling) if model is not None]
        return tuple((one.name, one.compute.device) for one in models) or (("reference", "cpu"),)

    @property
    def to_relight(self) -> Model:
        """What relights, of a job that needs it."""
        assert isinstance(self.relighting, Model), "loaded by `Loaders`"
        return self.relighting

    @property
    def to_upscale(self) -> Upscaler | Found[UpscaleEntry]:
        """What upscales, of a job that needs it."""
        assert self.upscaling is not None, "loaded by `Loaders`"
        return self.upscaling

    @property
    def weights(self) -> dict[str, str]:
        """What the weights were: component -> commit or hash."""
        found: dict[str, str] = {}
        for model in (self.relighting, self.upscaling):
            found |= model.weights if isinstance(model, Model | Upscaler) else {}
        if self.guide_file is not None:
            found |= identify({"guide": self.guide_file})
        return found


@dataclass(frozen=True, kw_only=True)
class Loaders:
    """How models are loaded; an app passes ones that remember.

    Attributes:
        relighting: called as `load_model(name, compute, video=...)`. upscaling: as
            `load_upscaler(name, compute, moving=...)`. guide: as `load_enlargement`.
    """

    relighting: Callable[..., Model | Found[Entry]] = load_model
    upscaling: Callable[..., Upscaler | Found[UpscaleEntry]] = load_upscaler
    guide: Callable[..., Enlarge] = load_enlargement

    def load(self, job: Job, moving: bool) -> Models:
        """The models of a job; `moving` for clips, else for single pictures."""
        if isinstance(job, UpscaleJob):
            return self._upscaling(job, moving)
        assert isinstance(job, RelightJob)
        model = None if job.reference else self._relighting(job)
        if job.upscale is None:
            return Models(relighting=model)
        second = upscale_job(job, "auto" if model is None else _upscaler_of(model))
        return replace(self._upscaling(second, moving), relighting=model)

    def _relighting(self, job: RelightJob) -> Model | Found[Entry]:
        """The model of a job, with its video model where the recipe runs that."""
        recipe = job.recipe
        if recipe == "auto":
            recipe = default_recipe(job, find_model(job.model, job.compute).entry)
        return self.relighting(job.model, job.compute, video=recipe != "fast")

    def _upscaling(self, job: UpscaleJob, moving: bool) -> Models:
        """The upscaler of a job, but for one that denoises nothing, and its guide."""
        found = None
        if job.recipe != "paper":
            found = find_guided(job.model, job.compute, moving=moving, identity=job.identity)
        upscaler = found or self.upscaling(job.model, job.compute, moving=moving)
        name, compute = guide_of(job), upscaler.compute
        return Models(
            upscaling=upscaler,
            guide=self.guide(name, compute.device, compute.dtype != "float32"),
            guide_file=check_guide(name),
        )


def _upscaler_of(model: Model | Found[Entry]) -> str:
    """What enlarges the result of a model: its own weights if they can."""
    upscaler = model.entry.upscaler
    if upscaler != "auto" and model.name not in CATALOGUE:
        return model.name  # a folder of one's own
    return upscaler


def resolve(job: Job, models: Models, info: VideoInfo) -> ResolvedJob:
    """The job with every open setting decided, so that its sidecar repeats the run exactly."""
    seed = secrets.randbelow(2**31) if job.seed is None else job.seed
    job = job.model_copy(update={"seed": seed})
    if isinstance(job, UpscaleJob):
        assert models.upscaling is not None
        return resolve_upscale(job, models.upscaling, Size(info.height, info.width))
    assert isinstance(job, RelightJob)
    region = None if job.region is None else str(job.region)
    decided = {"mask": region, "relight": job.lit, "matte_model": matte_model_of(job)}
    job = job.model_copy(update=decided)
    if models.relighting is None:
        return ResolvedRelightJob(**{**dict(job), "recipe": "fast", "transfer": "on"})
    return _resolve_relight(job, models.relighting, info)


def matte_model_of(job: RelightJob) -> Path | None:
    """The network that finds a job's subject: its own, else SAM 2 if that is here."""
    if job.matte_model is not None or not isinstance(job.region, MaskAuto | MaskSeed):
        return job.matte_model
    return hub.sam2_folder()


def _resolve_relight(
    job: RelightJob, model: Model | Found[Entry], info: VideoInfo
) -> ModelRelightJob:
    refuse_recipe(job, model.entry)
    default = model.entry.defaults
    recipe = default_recipe(job, model.entry) if job.recipe == "auto" else job.recipe
    steps = default.keyframe_steps if recipe == "fast" else default.relight_steps
    larger = info.width * info.height > 1.1 * model.side**2  # but for rounding
    decided: dict[str, Any] = {
        "model": model.name if model.name in CATALOGUE else str(Path(model.name).absolute()),
        "scene": _scene(job),
        "strength": job.strength or default.strength,
        "steps": job.steps or default.steps,
        "recipe": recipe,
        "relight_steps": job.relight_steps or steps,
        "gamma": _gamma(model, recipe) if job.gamma is None else job.gamma,
        "side": job.side or round(model.side),
        "light_fps": job.light_fps or _light_fps(job, recipe),
        "surface": _surface(job),
        **_placed(model),
    }
    if recipe == "fast":
        decided["transfer"] = "on"
    elif job.transfer == "auto":
        kept = model.entry.transfer or larger or job.drawn_background or job.intensity != 1
        decided["transfer"] = "on" if kept else "off"
    return ModelRelightJob(**{**dict(job), **decided})


def default_recipe(job: RelightJob, entry: Entry) -> str:
    """What is run for a job that names no recipe."""
    # The embedded model's own pixels are not shown: only its light counts.
    quick = entry.transfer and job.transfer != "off" and not job.drawn_background
    return "fast" if quick else "best"


def _light_fps(job: RelightJob, recipe: str) -> float:
    """How many frames a second have a light of their own.

    A video model was made for about eight. A light that is carried from keyframes needs no more
    than four to follow the motion; but a lamp that moves and the edge of a region do.
    """
    moves = bool(job.light_at) or parse_light(job.light).moving
    return 8.0 if recipe != "fast" or moves or _leaves_a_part(job) else 4.0


def _leaves_a_part(job: RelightJob) -> bool:
    """Whether some of the frame is not lit, so that the light has an edge."""
    mask = job.region
    if mask is None or job.lit == "all":
        return False
    if not isinstance(mask, MaskFile) or not mask.path.is_file():
        return True
    if probe(mask.path).kind != "picture":
        return True
    shown = to_uint8(next(read(mask.path)).flat())
    return bool(shown.min() < 255) if job.lit == "subject" else bool(shown.max() > 0)


def _scene(job: RelightJob) -> str:
    """The video model's prompt."""
    if job.scene is not None:
        return job.scene
    words = "" if job.behind is None else job.behind.words
    return ", ".join(filter(None, (job.prompt, words)))


def _surface(job: RelightJob) -> str:
    """What gives the light its form, by the name that a sidecar repeats."""
    if job.depth_clip is not None:
        return job.surface
    network = depth_network(job.surface)
    if job.surface in SURFACES:
        return "subject" if network is None else "depth"
    return str(Path(job.surface).absolute())


def _gamma(model: Model | Found[Entry], recipe: str) -> float:
    """Share of Consistent Light Attention of a recipe; `fast` has that of `best`."""
    if model.entry.edits:
        return 0.0  # its frames are edited one by one
    return model.recipes["best" if recipe == "fast" else recipe].gamma


def guide_of(job: UpscaleJob) -> str:
    """What makes the large picture that an upscale starts from: by the source, where it is open."""
    if job.guide is not None:
        return job.guide
    if job.recipe == "paper":
        return BICUBIC
    return "restore" if shows_blocks(job) else "mini"


def resolve_upscale(
    job: UpscaleJob, upscaler: Upscaler | Found[UpscaleEntry], before: Size
) -> ResolvedUpscaleJob:
    """An upscaling job with every open setting decided, of frames of (height, width) `before`."""
    recipe, guide = RECIPES[job.recipe], guide_of(job)
    identity = upscaler.entry.identity if job.identity is None else job.identity
    if job.recipe != "paper":
        recipe = recipe.with_identity(identity, upscaler.entry.reach)
    tile, side = job.tile, round(upscaler.side)
    if tile is None and max(target_size(job, before)) > WHOLE * side:
        tile = 2 * side
    known = upscaler.name in UPSCALERS
    decided = {
        "model": upscaler.name if known else str(Path(upscaler.name).absolute()),
        # Not the size it comes to: rounded, that would fit the picture's shape less well.
        "scale": None if job.size else job.scale or 2.0,
        "identity": identity,
        "guide": guide if guide in (BICUBIC, *GUIDES) else str(Path(guide).absolute()),
        "steps": (job.steps or recipe.noising_steps) if recipe.noising_steps else None,
        "guidance": upscaler.entry.guidance if job.guidance is None else job.guidance,
        "tile": tile or 0,
        **_placed(upscaler),
    }
    return ResolvedUpscaleJob(**{**dict(job), **decided})


def _placed(model: Model | Upscaler | Found) -> dict[str, str]:
    compute = model.compute
    return {"device": compute.device, "dtype": compute.dtype, "memory": compute.memory}
