"""diffusers as this project uses it, with types: the one place that makes up for its own.

Its mixins don't declare what every class of their kind has, its configurations are typed as plain
dicts, and its outputs as one of many kinds. Nothing here runs: it is read by the type checker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

Call = Callable[..., Any]


class Scheduler(Protocol):
    """A scheduler; what only some families have is asked of those alone."""

    config: Any
    timesteps: Tensor
    order: int
    begin_index: Any
    sigmas: Tensor

    @property
    def step(self) -> Call: ...
    @property
    def set_timesteps(self) -> Call: ...
    @property
    def scale_model_input(self) -> Call: ...
    @property
    def add_noise(self) -> Call: ...
    @property
    def init_noise_sigma(self) -> Any: ...
    @property
    def register_to_config(self) -> Call: ...


class Autoencoder(Protocol):
    """A VAE."""

    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def config(self) -> Any: ...
    @property
    def encode(self) -> Call: ...
    @property
    def decode(self) -> Call: ...
    @property
    def to(self) -> Call: ...


if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    class Component(nn.Module):
        """A model inside a pipeline, with what diffusers can set of it."""

        dtype: torch.dtype
        attn_processors: dict[str, Any]
        enable_slicing: Call
        enable_tiling: Call
        enable_layerwise_casting: Call
        compile_repeated_blocks: Call
        set_attention_backend: Call
        enable_xformers_memory_efficient_attention: Call

    class StockPipeline(DiffusionPipeline):
        """What every stock pipeline has that a class of ours is put before."""

        vae: Any
        unet: Any
        scheduler: Any
        image_processor: Any
        video_processor: Any
        vae_scale_factor: int

        def prepare_latents(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
else:

    class StockPipeline:
        """Stands for the stock pipeline that a class of ours is put before."""
