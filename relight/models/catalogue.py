"""The catalogue: what each model is called, where its files come from, and where they lie here.

A source is a repository of the hub. Its files are looked up in the hub's cache first, so that all
works without a network (`HF_HUB_OFFLINE=1`) once they are there. Only safetensors are taken.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from relight.errors import ModelError

log = logging.getLogger(__name__)

MINI = Path(__file__).parent / "mini"
OFFSETS = "iclight_fc.safetensors"
MINI_SHA256 = {
    "iclight_fc": "f1393f6c20a9de20e0586047aac44e37967e718d78035f7fd4cebf09d99b12fc",
    "motion_adapter": "c0107445ce92b8f629f9bb40a686199e0f94fabffe0966efbd9fe059774771ff",
    "text_encoder": "3ff3f1caee4bd8cf83806ce00248e0f43e29668fc0d24e88f7ebfadef98da4b0",
    "unet": "3947dcf284869f036e47f7da5bc1581595928cf686f003a06f57e2d7a6399ec4",
    "vae": "5e45bdcfa1339301a03c66d5be4a2f9d8c1123c6ebf0f77fe2e7cfaca3b0295c",
}
"""Of the embedded weights: a change of theirs is meant, and measured anew in their card."""
SD15_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
SDXL_PARTS = (*SD15_PARTS, "text_encoder_2", "tokenizer_2")
VIDEO_PARTS = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files of one hub repository.

    Attributes:
        parts: components (sub-folders), or file names, that are taken.
        into: prefix of their names here, e.g. "relighter/".
        whole: the repository itself is the one component named in `parts`.
    """

    repo: str
    parts: tuple[str, ...]
    into: str = ""
    revision: str = "main"
    whole: bool = False

    def path(self, root: Path, part: str) -> Path:
        """Where `part` lies in a snapshot of the repository."""
        return root if self.whole else root / part


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a job that leaves them open gets, per model."""

    strength: float
    steps: int
    relight_steps: int


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where the files of a model come from, and what they are.

    Attributes:
        size: of the download. sources: none for what lies in the package.
    """

    name: str
    about: str
    licence: str
    size: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry(Weights):
    """One model that relights.

    Attributes:
        backbone: key of the assembling code in `relight.models.assemble`.
        area: width x height it was made for, in pixels; None: see its UNet.
        window: frames it is run on at a time.
        transformer: class of its video transformer, by which a folder of one's own is known.
        half: the half precision it was made for.
        upscaler: which of `UPSCALERS` has the same weights.
        transfer: its pixels are not good enough to be shown, so its light is always transferred.
    """

    backbone: str
    window: int
    defaults: Defaults
    area: int | None = None
    transformer: str | None = None
    half: str = "float16"
    upscaler: str = "auto"
    transfer: bool = False


@dataclass(frozen=True, kw_only=True)
class UpscaleEntry(Weights):
    """One model that upscales.

    Attributes:
        guidance: guidance scale of a job that leaves it open; 1: without, at half the cost.
        steps: of each stage, for such a job; None: the recipe's.
        window: frames of a clip it is run on at a time; None: it takes pictures only.
    """

    guidance: float
    steps: int | None = None
    window: int | None = None


_REALISTIC = "stablediffusionapi/realistic-vision-v51"
_OFFSETS = Source(
    repo="lllyasviel/ic-light", parts=("iclight_sd15_fc.safetensors",), into="relighter/"
)
_ADAPTER = Source(
    repo="guoyww/animatediff-motion-adapter-v1-5-3", parts=("motion_adapter",), whole=True
)
_RELIGHTER = (Source(repo=_REALISTIC, parts=SD15_PARTS, into="relighter/"), _OFFSETS)
_PAPER = Defaults(strength=0.4, steps=25, relight_steps=15)

CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            name="mini",
            about="embedded small model: runs anywhere, its light is put on the source's pixels",
            licence="Apache-2.0",
            size="in the package",
            backbone="animatediff",
            window=16,
            defaults=Defaults(strength=0.3, steps=8, relight_steps=6),
            upscaler="mini",
            transfer=True,
        ),
        Entry(
            name="animatediff",
            about="Realistic Vision 5.1 + AnimateDiff v1-5-3 + IC-Light, 512 x 512",
            licence="CreativeML OpenRAIL-M, Apache-2.0, Apache-2.0",
            size="7.5 GB",
            backbone="animatediff",
            window=16,
            defaults=Defaults(strength=0.5, steps=25, relight_steps=15),
            upscaler="sd15",
            sources=(
                Source(repo=_REALISTIC, parts=SD15_PARTS),
                _ADAPTER,
                _OFFSETS,
            ),
        ),
        Entry(
            name="wan",
            about="Wan 2.1 T2V 1.3B + IC-Light, 832 x 480",
            licence="Apache-2.0, CreativeML OpenRAIL-M, Apache-2.0",
            size="32 GB",
            backbone="wan",
            transformer="WanTransformer3DModel",
            half="bfloat16",
            window=49,
            area=832 * 480,
            defaults=_PAPER,
            sources=(
                Source(repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers", parts=VIDEO_PARTS),
                *_RELIGHTER,
            ),
        ),
        Entry(
            name="cogvideox",
            about="CogVideoX 2B + IC-Light, 720 x 480",
            licence="Apache-2.0, CreativeML OpenRAIL-M, Apache-2.0",
            size="27 GB",
            backbone="cogvideox",
            transformer="CogVideoXTransformer3DModel",
            window=49,
            area=720 * 480,
            defaults=_PAPER,
            sources=(Source(repo="THUDM/CogVideoX-2b", parts=VIDEO_PARTS), *_RELIGHTER),
        ),
    )
}

UPSCALERS = {
    entry.name: entry
    for entry in (
        UpscaleEntry(
            name="mini",
            about="the embedded small model, upscaling pictures and video",
            licence="Apache-2.0",
            size="in the package",
            guidance=1.0,
            steps=4,
            window=16,
        ),
        UpscaleEntry(
            name="sd15",
            about="Realistic Vision 5.1 + AnimateDiff v1-5-3, upscaling pictures and video",
            licence="CreativeML OpenRAIL-M, Apache-2.0",
            size="5.7 GB",
            sources=(Source(repo=_REALISTIC, parts=SD15_PARTS), _ADAPTER),
            guidance=5.0,
            window=16,
        ),
        UpscaleEntry(
            name="sdxl",
            about="Stable Diffusion XL 1.0, upscaling pictures",
            licence="CreativeML OpenRAIL++-M",
            size="14 GB",
            sources=(Source(repo="stabilityai/stable-diffusion-xl-base-1.0", parts=SDXL_PARTS),),
            guidance=5.0,
        ),
    )
}


def locate(entry: Weights, *, download: bool = True) -> dict[str, Path]:
    """Component name -> local path: from the package, the hub's cache or (if allowed) the hub.

    Raises:
        ModelError: a file is not here; names it, its repository and the command that gets it.
    """
    if not entry.sources:
        return folder_parts(MINI)
    found: dict[str, Path] = {}
    for source in entry.sources:
        root = _snapshot(source, download)
        for part in source.parts:
            path = source.path(root, part)
            if not path.exists():
                raise ModelError(_missing(source, part))
            name = "offsets" if part.endswith(".safetensors") else part
            found[source.into + name] = path
    return found


def is_here(entry: Weights) -> bool:
    """Whether all files of a model are on this machine."""
    try:
        locate(entry, download=False)
    except ModelError:
        return False
    return True


def folder_parts(root: Path) -> dict[str, Path]:
    """The components in a folder of one's own.

    Its layout is that of `relight/models/mini`: `vae/ text_encoder/ tokenizer/ unet/ scheduler/
    motion_adapter/ iclight_fc.safetensors`; or, for a video transformer, `vae/ text_encoder/
    tokenizer/ transformer/ scheduler/` and the first layout, but for the adapter, in `relighter/`.

    Raises:
        ModelError: something is missing.
    """
    if (root / "transformer").is_dir():
        names = [*VIDEO_PARTS, *(f"relighter/{part}" for part in SD15_PARTS)]
        offsets = root / "relighter" / OFFSETS
    else:
        names = [*SD15_PARTS, "motion_adapter"]
        offsets = root / OFFSETS
    parts = {name: root / name for name in names} | {"relighter/offsets": offsets}
    for path in parts.values():
        if not path.exists():
            raise ModelError(f"the model folder {root} has no {path.relative_to(root)}")
    return parts


def _snapshot(source: Source, download: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns = []
    for part in source.parts:
        if part.endswith(".safetensors"):
            patterns.append(part)
        else:
            prefix = "" if source.whole else f"{part}/"
            patterns += [prefix + end for end in ("*.json", "*.txt", "*.model", "*.safetensors")]
    try:
        folder = snapshot_download(
            source.repo,
            revision=source.revision,
            allow_patterns=patterns,
            ignore_patterns=["*.fp16.*", "*non_ema*"],  # second copies of the same weights
            local_files_only=not download,
        )
    except Exception as error:  # the hub's client raises many kinds: offline, 401, 404, disk ...
        log.debug("loading %s failed", source.repo, exc_info=True)
        raise ModelError(_missing(source, ", ".join(source.parts))) from error
    return Path(folder)


def _missing(source: Source, files: str) -> str:
    wanted = f" {files}" if files.endswith(".safetensors") else ""
    command = f"hf download {source.repo}{wanted} --revision {source.revision}"
    return f"weights are not here: {files} of {source.repo}; get them with: {command}"
