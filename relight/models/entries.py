"""What an entry of the catalogue says of a model: its files, defaults, sizes, licence.

Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relight.pipelines.backbone import Native


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files of one hub repository.

    Attributes:
        revision: the commit that is used; "main" where it is not known.
        parts: components (sub-folders), or file names, that are taken.
        into: prefix of their names here, e.g. "relighter/".
        names: what those are called here whose name is another one in the repository.
        whole: the repository itself is the one component named in `parts`.
    """

    repo: str
    revision: str
    parts: tuple[str, ...]
    into: str = ""
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    whole: bool = False

    def path(self, root: Path, part: str) -> Path:
        """Where `part` is in a snapshot of the repository."""
        return root if self.whole else root / part


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a job that leaves them open gets, per model.

    Attributes:
        keyframe_steps: of the relight of keyframes (recipe fast), which is run but once.
    """

    strength: float
    steps: int
    relight_steps: int
    keyframe_steps: int = 20


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where the files of a model come from, and what they are.

    Attributes:
        size: of the download. native: the sizes and frame counts it takes.
        sources: none for what is in the package.
    """

    name: str
    about: str
    licence: str
    size: str
    native: Native
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry(Weights):
    """One model that relights.

    Attributes:
        backbone: module of `relight.pipelines` whose `BACKBONE` knows how it is loaded.
        window: frames it is run on at a time.
        half: the half precision it was made for.
        upscaler: which of `UPSCALERS` has the same weights.
        transfer: its pixels are not good enough to be shown, so its light is always transferred.
        vocabulary: file of the words that its captions were written in, if it knows no others.
        edits: it edits pictures, and makes no video: its light is taken from keyframes.
    """

    backbone: str
    window: int
    defaults: Defaults
    half: str = "float16"
    upscaler: str = "auto"
    transfer: bool = False
    vocabulary: Path | None = None
    edits: bool = False

    @property
    def words(self) -> frozenset[str] | None:
        """The words it knows, in lower case; None: any."""
        if self.vocabulary is None:
            return None
        return frozenset(self.vocabulary.read_text(encoding="utf-8").split())


@dataclass(frozen=True, kw_only=True)
class UpscaleEntry(Weights):
    """One model that upscales.

    Attributes:
        pictures, clips: modules of `relight.pipelines` whose `BACKBONE` knows how it is loaded;
            no `clips`: it takes pictures only.
        guidance: guidance scale of a job that leaves it open; 1: without, at half the cost.
        identity: of such a job, see `UpscaleRecipe.with_identity`; 1: its guide alone.
        reach: how much of the identity dial it has something to say on; beyond, it draws blotches.
        window: frames of a clip it is run on at a time; None: it takes pictures only.
        half: the half precision it was made for.
    """

    pictures: str
    clips: str | None = None
    guidance: float
    identity: float = 0.8
    reach: float = 1.0
    window: int | None = None
    half: str = "float16"
