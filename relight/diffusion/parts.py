"""The parts of a model (VAE, text encoder, UNet ...): files -> components, each loaded once.

Only safetensors are read, only local files, and a part that is not wholly there is an error: the
libraries would fill what is missing with random numbers and say so in a warning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.errors import ModelError

if TYPE_CHECKING:
    import torch

SD15_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
SDXL_PARTS = (*SD15_PARTS, "text_encoder_2", "tokenizer_2")
VIDEO_PARTS = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
OFFSETS = "iclight_fc.safetensors"
"""IC-Light's offsets, in the folder of the Stable Diffusion they are added to."""
BACKDROP_OFFSETS = "iclight_fbc.safetensors"
"""Those that see a background too; a model needn't have them."""
RELIGHTER_PARTS = tuple(f"relighter/{name}" for name in (*SD15_PARTS, OFFSETS))
"""IC-Light in the folder of a model that is no Stable Diffusion itself."""
CONFIGS = ("config.json", "scheduler_config.json")


class Parts:
    """The parts of one model.

    Args:
        paths: name of each part -> its folder, or its file. Names are paths in a model's folder:
            "vae", "relighter/vae", "iclight_fc.safetensors".
        dtype: of the weights, unless a call says otherwise.
    """

    def __init__(self, paths: Mapping[str, Path], dtype: torch.dtype) -> None:
        self.paths, self.dtype = dict(paths), dtype
        self._loaded: dict[tuple[str, type, torch.dtype | None], Any] = {}
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.paths

    @property
    def used(self) -> set[str]:
        """Names of the parts that were loaded."""
        return {name for name, _, _ in self._loaded} | self._read

    def file(self, name: str) -> Path:
        """The path of a part that the caller loads."""
        self._read.add(name)
        return self.paths[name]

    def config(self, name: str) -> dict[str, Any]:
        """The configuration of a part, as its file says; nothing is loaded.

        Raises:
            ModelError: there is none, or it is no JSON.
        """
        return read_config(self.paths[name])

    def weights(self, kind: type, name: str, dtype: torch.dtype | None = None) -> Any:
        """A part that has weights, an instance of `kind` on the CPU; the same one at each call.

        Raises:
            ModelError: the files are damaged, incomplete, pickles, or of something else.
        """
        dtype = dtype or self.dtype
        key = name, kind, dtype
        if key not in self._loaded:
            path = self.paths[name]
            part, report = _load(
                kind, path, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
            missing = sorted(report["missing_keys"])
            if missing:
                raise ModelError(
                    f"{path} lacks {len(missing)} of the weights of a {kind.__name__}, e.g. "
                    f"{missing[0]}: get the files again"
                )
            self._loaded[key] = part
        return self._loaded[key]

    def plain(self, kind: type, name: str, **config: Any) -> Any:
        """A part without weights (tokenizer, scheduler); `config` overrides its configuration.

        Raises:
            ModelError: the files are missing, damaged or of something else.
        """
        key = name, kind, None
        if config:
            return _load(kind, self.file(name), **config)
        if key not in self._loaded:
            self._loaded[key] = _load(kind, self.paths[name])
        return self._loaded[key]

    def must_match(self, name: str, wanted: int, other: str, given: int, what: str) -> None:
        """Refuse two parts that would fail on each other at the first step.

        Raises:
            ModelError: part `name` wants another number of `what` than part `other` gives.
        """
        if wanted != given:
            raise ModelError(
                f"the parts of this model don't fit each other: {self.paths[name]} takes {wanted} "
                f"{what}, {self.paths[other]} gives {given}"
            )


def read_config(path: Path) -> dict[str, Any]:
    """The configuration in a part's folder, as its file says.

    Raises:
        ModelError: there is none, or it is no JSON of settings by name.
    """
    file = next((path / name for name in CONFIGS if (path / name).is_file()), None)
    if file is None:
        raise ModelError(f"{path} has no {CONFIGS[0]}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"can't read {file}: {reason}") from error
    if not isinstance(found, dict):
        raise ModelError(f"can't read {file}: it holds no settings by name: get the file again")
    return found


def stable_diffusion(
    parts: Parts, dtype: torch.dtype | None = None, prefix: str = "", *, pictures: int = 1
) -> dict[str, Any]:
    """VAE, text encoder, tokenizer and UNet of a Stable Diffusion, by their names in a pipeline.

    `pictures` is how many latents its UNet is shown at once: 2 where it also sees the picture that
    it edits.

    Raises:
        ModelError: files that are damaged, or parts that don't fit each other.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    vae, text, unet = (prefix + name for name in ("vae", "text_encoder", "unet"))
    made = {
        "vae": parts.weights(AutoencoderKL, vae, dtype),
        "text_encoder": parts.weights(CLIPTextModel, text, dtype),
        "tokenizer": parts.plain(CLIPTokenizer, prefix + "tokenizer"),
        "unet": parts.weights(UNet2DConditionModel, unet, dtype),
    }
    config = made["unet"].config
    channels = made["vae"].config.latent_channels * pictures
    parts.must_match(unet, config.in_channels, vae, channels, "latent channels")
    if "text_encoder_2" not in parts:  # SDXL's reads both encoders, and checks it itself
        width = made["text_encoder"].config.hidden_size
        parts.must_match(unet, config.cross_attention_dim, text, width, "numbers a token")
    return made


def _load(kind: type, path: Path, **options: Any) -> Any:
    """`kind.from_pretrained` on local files, with an error of one line."""
    try:
        return kind.from_pretrained(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"can't load {path.name} from {path.parent}: {reason}") from error
