"""The catalogue: a model's name, or a folder, -> loaded components, ready to relight.

Every source ends as local folders of one layout, that of `relight/mini`:

    vae/  text_encoder/  tokenizer/  unet/  scheduler/  motion_adapter/  iclight_fc.safetensors

so a name from the hub, the hub's cache without a network (`HF_HUB_OFFLINE=1`) and a folder of one's
own are loaded by the same code. Only safetensors are read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from relight.errors import ModelError
from relight.ic_light import ICLightPipeline, ic_light_scheduler, ic_light_unet
from relight.pipelines import AnimateDiffRelightPipeline

log = logging.getLogger(__name__)

MINI = Path(__file__).parent / "mini"
OFFSETS = "iclight_fc.safetensors"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files of one hub repository; `parts` are the components (or file names) taken from it."""

    repo: str
    parts: tuple[str, ...]
    revision: str = "main"
    subfolders: bool = True
    """False: the repository itself is the one component."""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a job that leaves them open gets: chosen by looking, per model."""

    strength: float
    steps: int
    relight_steps: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the catalogue."""

    name: str
    about: str
    licence: str
    size: str
    window: int
    """Frames the model is run on at a time."""
    defaults: Defaults
    sources: tuple[Source, ...] = ()
    transfer: bool = False
    """Its pixels are not good enough to be shown: always transfer the light."""


SD15_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            name="mini",
            about="embedded small model: runs anywhere, its light is put on the source's pixels",
            licence="Apache-2.0",
            size="in the package",
            window=16,
            defaults=Defaults(strength=0.5, steps=10, relight_steps=6),
            transfer=True,
        ),
        Entry(
            name="animatediff",
            about="Realistic Vision 5.1 + AnimateDiff v1-5-3 + IC-Light",
            licence="CreativeML OpenRAIL-M / Apache-2.0 / Apache-2.0",
            size="7.5 GB",
            window=16,
            defaults=Defaults(strength=0.5, steps=25, relight_steps=15),
            sources=(
                Source(repo="stablediffusionapi/realistic-vision-v51", parts=SD15_PARTS),
                Source(
                    repo="guoyww/animatediff-motion-adapter-v1-5-3",
                    parts=("motion_adapter",),
                    subfolders=False,
                ),
                Source(repo="lllyasviel/ic-light", parts=("iclight_sd15_fc.safetensors",)),
            ),
        ),
    )
}
_OWN_FOLDER = CATALOGUE["animatediff"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model."""

    name: str
    entry: Entry
    pipe: AnimateDiffRelightPipeline
    relighter: ICLightPipeline
    why: str

    @property
    def side(self) -> int:
        """Side, in pixels, of the square whose area the model was made for."""
        return self.pipe.unet.config.sample_size * self.pipe.vae_scale_factor

    @property
    def multiple(self) -> int:
        """Width and height must be multiples of this, in pixels."""
        return self.pipe.vae_scale_factor * 2 ** (len(self.pipe.unet.config.block_out_channels) - 1)


def load_model(name: str = "auto", device: str = "auto") -> Model:
    """Load a model by name, or from a folder of the layout above.

    Args:
        name: "auto", a name of `CATALOGUE`, or a folder. "auto" takes "animatediff" where there is
            a GPU and its weights are in the cache, else "mini"; `Model.why` says so.
        device: "auto", or a torch device. GPUs run in float16, the CPU in float32.

    Raises:
        ModelError: an unknown name, a device that is not there, or weights that are missing.
    """
    where = _device(device)
    why = "asked for"
    if name == "auto":
        name, why = _choose(where)
    if name in CATALOGUE:
        entry = CATALOGUE[name]
        parts = locate(entry)
    elif name and Path(name).is_dir():
        entry, parts = _OWN_FOLDER, _folder_parts(Path(name))
    else:
        known = ", ".join(("auto", *CATALOGUE))
        raise ModelError(f"unknown model {name!r}: use {known}, or an existing folder")
    dtype = torch.float16 if where.type == "cuda" else torch.float32
    pipe, relighter = _assemble(parts, where, dtype)
    return Model(name=name, entry=entry, pipe=pipe, relighter=relighter, why=why)


def locate(entry: Entry, local_files_only: bool = False) -> dict[str, Path]:
    """Component name -> local path, from the package, the cache or (unless forbidden) the hub."""
    if not entry.sources:
        return _folder_parts(MINI)
    found: dict[str, Path] = {}
    for source in entry.sources:
        root = _snapshot(source, local_files_only)
        for part in source.parts:
            key = "offsets" if part.endswith(".safetensors") else part
            found[key] = root / part if source.subfolders else root
            if not found[key].exists():
                raise ModelError(_missing(source, part))
    return found


def _snapshot(source: Source, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns = []
    for part in source.parts:
        if part.endswith(".safetensors"):
            patterns.append(part)
            continue
        prefix = f"{part}/" if source.subfolders else ""
        # The plain files only: repositories also hold fp16 copies and pickles.
        patterns += [f"{prefix}*.json", f"{prefix}*.txt"]
        patterns += [f"{prefix}{stem}.safetensors" for stem in ("diffusion_pytorch_model", "model")]
    try:
        folder = snapshot_download(
            source.repo,
            revision=source.revision,
            allow_patterns=patterns,
            local_files_only=local_files_only,
        )
    except Exception as error:  # the hub's client raises many kinds: offline, 401, 404, disk ...
        log.debug("loading %s failed", source.repo, exc_info=True)
        raise ModelError(_missing(source, ", ".join(source.parts))) from error
    return Path(folder)


def _missing(source: Source, files: str) -> str:
    wanted = f" {files}" if files.endswith(".safetensors") else ""
    command = f"hf download {source.repo}{wanted} --revision {source.revision}"
    return f"weights are not here: {files} of {source.repo}; get them with: {command}"


def _folder_parts(root: Path) -> dict[str, Path]:
    parts = {part: root / part for part in (*SD15_PARTS, "motion_adapter")}
    parts["offsets"] = root / OFFSETS
    for part, path in parts.items():
        if not path.exists():
            raise ModelError(f"the model folder {root} has no {path.name} ({part})")
    return parts


def _choose(device: torch.device) -> tuple[str, str]:
    if device.type != "cuda":
        return "mini", "no GPU here"
    try:
        locate(CATALOGUE["animatediff"], local_files_only=True)
    except ModelError as error:
        return "mini", str(error)
    return "animatediff", "a GPU and its weights are here"


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the device {name!r} can't be used: {reason}") from None
    return device


def _assemble(
    parts: dict[str, Path], device: torch.device, dtype: torch.dtype
) -> tuple[AnimateDiffRelightPipeline, ICLightPipeline]:
    from diffusers import (
        AutoencoderKL,
        EulerAncestralDiscreteScheduler,
        MotionAdapter,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTokenizer

    def load(kind: type, part: str, **options: Any) -> Any:
        return _load(kind.from_pretrained, parts[part], **options)

    weights = {"dtype": dtype, "use_safetensors": True}
    sd15 = {
        "vae": load(AutoencoderKL, "vae", **weights),
        "text_encoder": load(CLIPTextModel, "text_encoder", **weights),
        "tokenizer": load(CLIPTokenizer, "tokenizer"),
    }
    unet = load(UNet2DConditionModel, "unet", **weights)
    # Both published schedulers run linear betas over the checkpoint's own configuration.
    scheduler = load(EulerAncestralDiscreteScheduler, "scheduler", beta_schedule="linear")
    kind = scheduler.config.prediction_type
    relighter = ICLightPipeline(
        **sd15,
        unet=ic_light_unet(unet, parts["offsets"]),
        scheduler=ic_light_scheduler(prediction_type=kind),
    )
    adapter = load(MotionAdapter, "motion_adapter", **weights)
    pipe = AnimateDiffRelightPipeline(
        **sd15, unet=unet, motion_adapter=adapter, scheduler=scheduler
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device), relighter.to(device)


def _load(loader: Callable[..., Any], path: Path, **options: Any) -> Any:
    try:
        return loader(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"can't load {path.name} from {path.parent}: {reason}") from error
