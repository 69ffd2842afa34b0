"""Qwen-Image-Edit 2509 and later (arXiv:2508.02324): several pictures for one output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffusers import QwenImageEditPlusPipeline
from PIL import Image

from relight.pipelines.backbone import Backbone, is_pipeline
from relight.pipelines.qwen_image_edit import (
    KEEP,
    PARTS,
    QwenEditor,
    as_image,
    components,
    native,
)
from relight.relighters.image_edit import Given


@dataclass(frozen=True)
class QwenPlusEditor(QwenEditor):
    """See `relight.relighters.image_edit.Editor`; it is shown the frame, and the light's map.

    A list of pictures means references for one output here, never a batch.
    """

    pipe: Any  # a QwenImageEditPlusPipeline
    takes_map: bool = True

    def instruction(self, light: str, has_map: bool) -> str:
        """The stock pipeline calls its pictures "Picture 1" and "Picture 2"."""
        if not has_map:
            return super().instruction(light, has_map)
        return (
            "Picture 2 is a map of the light, bright where the light is. Relight picture 1 by it: "
            f"{light}. {KEEP}"
        )

    def pictures(self, frame: Image.Image, given: Given) -> Any:
        """What the pipeline is shown."""
        return [frame] if given.light_map is None else [frame, as_image(given.light_map)]


BACKBONE = Backbone(
    name="qwen-edit-plus",
    pipeline=QwenImageEditPlusPipeline,
    parts=PARTS,
    fits=lambda folder: is_pipeline(folder, "QwenImageEditPlusPipeline"),
    native=native,
    load=lambda parts: QwenImageEditPlusPipeline(**components(parts)),
    editor=QwenPlusEditor,
)
