"""A model's name, or a folder -> which model it is and all that a plan needs; nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import torch

from relight.diffusion.compute import resolve, resolve_device
from relight.diffusion.parts import BACKDROP_OFFSETS, OFFSETS, Parts
from relight.errors import ModelError
from relight.jobs.base import Compute
from relight.models.catalogue import CATALOGUE, UPSCALERS
from relight.models.entries import Entry, UpscaleEntry, Weights
from relight.models.files import fault
from relight.models.hub import check, is_here, locate
from relight.models.quiet import quietly
from relight.pipelines.backbone import Backbone, Native

if TYPE_CHECKING:
    from relight.methods.progressive_light_fusion import Recipe

Kind = TypeVar("Kind", bound=Weights)


@dataclass(frozen=True, kw_only=True)
class Found(Generic[Kind]):
    """A model that was chosen, and is not loaded.

    Attributes:
        name: of the catalogue, or a folder. why: why this one was taken.
        entry: what the catalogue, or the folder's configurations, say about it.
        compute: where and how it computes, nothing left at "auto" but `attention`.
        backbone: module of `relight.pipelines`. paths: of its parts.
        window: frames of a clip it takes at a time; None: it takes pictures.
    """

    name: str
    why: str
    entry: Kind
    compute: Compute
    backbone: str
    paths: Mapping[str, Path]
    window: int | None

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
        """By name; of models that relight."""
        return getattr(backbone(self.backbone).pipeline, "recipes", {})


def find_model(name: str = "auto", compute: Compute = Compute()) -> Found[Entry]:  # noqa: B008
    """What `load_model` would load, and why.

    Raises:
        ModelError: an unknown name, missing weights, a device that can't be used.
    """
    why = "asked for"
    if name == "auto":
        name, why = _choose(resolve_device(compute.device), ("animatediff",), CATALOGUE)
    if name in CATALOGUE:
        entry, folder = CATALOGUE[name], None
    else:
        # An editor's folder names its pipeline; the others are known by their layout.
        entries = sorted(CATALOGUE.values(), key=lambda entry: not entry.edits)
        modules = [entry.backbone for entry in entries]
        folder, backbone = _recognised(name, modules, CATALOGUE)
        entry = CATALOGUE[backbone.name]
    paths = _paths(entry, entry.backbone, folder)
    paths |= _backdrop_offsets(paths)
    resolved = resolve(compute, entry.half)
    if folder is not None:
        entry = replace(entry, native=_native(entry.backbone, paths, entry.native))
    return Found(
        name=name,
        why=why,
        entry=entry,
        compute=resolved,
        backbone=entry.backbone,
        paths=paths,
        window=entry.window,
    )


def find_upscaler(
    name: str = "auto",
    compute: Compute = Compute(),  # noqa: B008 - frozen
    *,
    moving: bool,
) -> Found[UpscaleEntry]:
    """What `load_upscaler` would load, and why.

    Raises:
        ModelError: an unknown name, missing weights, a model of pictures for a clip, a device that
            can't be used.
    """
    why, folder = "asked for", None
    if name == "auto":
        name, why = _choose_upscaler(resolve_device(compute.device), moving)
    if name in UPSCALERS:
        entry = UPSCALERS[name]
    else:
        modules = [entry.pictures for entry in UPSCALERS.values()]
        folder, backbone = _recognised(name, modules, UPSCALERS)
        entry = UPSCALERS[backbone.name]
    module = entry.clips if moving else entry.pictures
    if module is None:
        raise ModelError(f"{name} upscales pictures only: use mini, sd15 or auto for a clip")
    paths = _paths(entry, module, folder)
    resolved = resolve(compute, entry.half)
    if folder is not None:
        entry = replace(entry, native=_native(module, paths, entry.native))
    return Found(
        name=name,
        why=why,
        entry=entry,
        compute=resolved,
        backbone=module,
        paths=paths,
        window=entry.window if moving else None,
    )


def find_guided(
    name: str, compute: Compute, *, moving: bool, identity: float | None
) -> Found[UpscaleEntry] | None:
    """What stands for the upscaler of a job that denoises nothing; None: the model has a say.

    No weights of the model are needed, nor diffusers.

    Args:
        identity: of the job; None: the model's own.
    """
    why = "asked for"
    if name == "auto":
        name, why = _choose_upscaler(resolve_device(compute.device), moving)
    entry = UPSCALERS.get(name, UPSCALERS["sd15"])
    if (entry.identity if identity is None else identity) < 1:
        return None
    return Found(
        name=name,
        why=f"{why}; its guide alone, no diffusion, at identity 1",
        entry=entry,
        compute=resolve(compute, entry.half),
        backbone="",
        paths={},
        window=None,
    )


@quietly()  # importing a pipeline is what transformers has notes about
def backbone(module: str) -> Backbone:
    """The descriptor in a module of `relight.pipelines`, e.g. "wan_relight"."""
    return import_module(f"relight.pipelines.{module}").BACKBONE


def _choose_upscaler(device: torch.device, moving: bool) -> tuple[str, str]:
    return _choose(device, ("sd15",) if moving else ("sdxl", "sd15"), UPSCALERS)


def _choose(
    device: torch.device, wanted: tuple[str, ...], known: Mapping[str, Weights]
) -> tuple[str, str]:
    """(name, why): the first of `wanted` whose weights are here if there is a GPU, else mini."""
    if device.type != "cuda":
        return "mini", "no GPU here"
    for name in wanted:
        if is_here(known[name]):
            return name, "a GPU and its weights are here"
    last = wanted[-1]
    return "mini", f"the weights of {last} are not here: relight models download {last}"


def _recognised(
    name: str, modules: list[str], known: Mapping[str, Weights]
) -> tuple[Path, Backbone]:
    """The folder of that name, and the backbone of the model it holds."""
    check(name, known)
    folder = Path(name)
    for module in dict.fromkeys(modules):
        candidate = backbone(module)
        if candidate.fits(folder):
            return folder, candidate
    names = ", ".join(known)
    raise ModelError(f"the folder {folder} holds no model of a known kind: known are {names}")


def _paths(entry: Weights, module: str, folder: Path | None) -> dict[str, Path]:
    """The parts of a model that its backbone needs."""
    needed = backbone(module).parts
    if folder is None:
        found = locate(entry)
        return {part: found[part] for part in needed}
    for part in needed:
        path = folder / part
        if not path.exists():
            raise ModelError(f"the model folder {folder} has no {part}")
        problem = fault(path)
        if problem:
            raise ModelError(f"the model folder {folder} is not complete: {problem}")
    return {part: folder / part for part in needed}


def _backdrop_offsets(paths: Mapping[str, Path]) -> dict[str, Path]:
    """IC-Light's weights for backgrounds, if they are stored with the others."""
    for part, path in paths.items():
        if part.endswith(OFFSETS):
            for name in (BACKDROP_OFFSETS, "iclight_sd15_fbc.safetensors"):
                beside = path.with_name(name)
                if beside.is_file():
                    return {part.removesuffix(OFFSETS) + BACKDROP_OFFSETS: beside}
    return {}


def _native(module: str, paths: Mapping[str, Path], like: Native) -> Native:
    """What a folder's configurations say of its model; its side may be that of `like`."""
    try:
        native = backbone(module).native(Parts(paths, torch.float32))
    except (KeyError, TypeError, IndexError) as error:
        root = next(iter(paths.values())).parent
        raise ModelError(f"a configuration in {root} lacks {error}") from error
    return native if native.side else replace(native, side=like.side)
