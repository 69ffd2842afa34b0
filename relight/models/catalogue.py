"""The catalogue, as data: names, sources, licences, defaults, and what a plan needs to know.

How a model is put together is in its backbone's file in `relight.pipelines`; where its files are,
in `relight.models.hub`. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from relight.diffusion.parts import OFFSETS, SD15_PARTS, SDXL_PARTS, VIDEO_PARTS
from relight.models.entries import Defaults, Entry, Source, UpscaleEntry
from relight.pipelines.backbone import Native

MINI = Path(__file__).parent / "mini"
MINI_SHA256 = {
    "iclight_fc": "f1393f6c20a9de20e0586047aac44e37967e718d78035f7fd4cebf09d99b12fc",
    "motion_adapter": "c0107445ce92b8f629f9bb40a686199e0f94fabffe0966efbd9fe059774771ff",
    "text_encoder": "3ff3f1caee4bd8cf83806ce00248e0f43e29668fc0d24e88f7ebfadef98da4b0",
    "unet": "3947dcf284869f036e47f7da5bc1581595928cf686f003a06f57e2d7a6399ec4",
    "vae": "5e45bdcfa1339301a03c66d5be4a2f9d8c1123c6ebf0f77fe2e7cfaca3b0295c",
}
"""Of the embedded weights: a change of theirs is meant, and measured anew in their card."""


_BASE = Source(
    repo="stablediffusionapi/realistic-vision-v51",
    revision="19e3643d7d963c156d01537188ec08f0b79a514a",
    parts=SD15_PARTS,
)
_OFFSETS = Source(
    repo="lllyasviel/ic-light",
    revision="9cad1878695f546a7fb9eaca14e2a89131ba5ffe",
    parts=("iclight_sd15_fc.safetensors",),
    names={"iclight_sd15_fc.safetensors": OFFSETS},
)
_ADAPTER = Source(
    repo="guoyww/animatediff-motion-adapter-v1-5-3",
    revision="main",
    parts=("motion_adapter",),
    whole=True,
)
_RELIGHTER = (replace(_BASE, into="relighter/"), replace(_OFFSETS, into="relighter/"))
_PAPER = Defaults(strength=0.4, steps=25, relight_steps=15)
_FLUX_LICENCE = "FLUX.1 [dev] Non-Commercial (gated)"
_QWEN_PARTS = ("vae", "text_encoder", "tokenizer", "processor", "transformer", "scheduler")


def _editor(name: str, about: str, backbone: str, *, steps: int, **given: Any) -> Entry:
    """A model that edits pictures."""
    return Entry(
        name=name,
        about=about,
        backbone=backbone,
        window=1,
        defaults=Defaults(strength=1.0, steps=steps, relight_steps=steps, keyframe_steps=steps),
        transfer=True,
        edits=True,
        **given,
    )


CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            name="mini",
            about="embedded small model: runs anywhere, its light is put on the source's pixels",
            licence="Apache-2.0",
            size="in the package",
            backbone="animatediff_relight",
            native=Native(side=128, multiple=16),
            window=16,
            defaults=Defaults(strength=0.3, steps=7, relight_steps=5, keyframe_steps=5),
            upscaler="mini",
            transfer=True,
            vocabulary=MINI / "words.txt",
        ),
        Entry(
            name="animatediff",
            about="Realistic Vision 5.1 + AnimateDiff v1-5-3 + IC-Light, 512 x 512",
            licence="CreativeML OpenRAIL-M, Apache-2.0, Apache-2.0",
            size="7.5 GB",
            backbone="animatediff_relight",
            native=Native(side=512, multiple=64),
            window=16,
            defaults=Defaults(strength=0.5, steps=25, relight_steps=15),
            upscaler="sd15",
            sources=(_BASE, _ADAPTER, _OFFSETS),
        ),
        Entry(
            name="wan",
            about="Wan 2.1 T2V 1.3B + IC-Light, 832 x 480",
            licence="Apache-2.0, CreativeML OpenRAIL-M, Apache-2.0",
            size="32 GB",
            backbone="wan_relight",
            native=Native(side=(832 * 480) ** 0.5, multiple=16, frame_step=4),
            window=49,
            half="bfloat16",
            defaults=_PAPER,
            sources=(
                Source(
                    repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
                    revision="0fad780a534b6463e45facd96134c9f345acfa5b",
                    parts=VIDEO_PARTS,
                ),
                *_RELIGHTER,
            ),
        ),
        Entry(
            name="cogvideox",
            about="CogVideoX 2B + IC-Light, 720 x 480",
            licence="Apache-2.0, CreativeML OpenRAIL-M, Apache-2.0",
            size="27 GB",
            backbone="cogvideox_relight",
            native=Native(side=(720 * 480) ** 0.5, multiple=16, frame_step=8),
            window=49,
            defaults=_PAPER,
            sources=(
                Source(
                    repo="THUDM/CogVideoX-2b",
                    revision="1137dacfc2c9c012bed6a0793f4ecf2ca8e7ba01",
                    parts=VIDEO_PARTS,
                ),
                *_RELIGHTER,
            ),
        ),
        _editor(
            "instruct-pix2pix",
            "InstructPix2Pix, editing keyframes, 512 x 512",
            "instruct_pix2pix",
            steps=30,
            licence="MIT, CreativeML OpenRAIL-M",
            size="4.3 GB",
            native=Native(side=512, multiple=64),
            sources=(Source(repo="timbrooks/instruct-pix2pix", revision="main", parts=SD15_PARTS),),
        ),
        _editor(
            "flux-kontext",
            "FLUX.1 Kontext [dev], editing keyframes, 1024 x 1024",
            "flux_kontext",
            steps=28,
            licence=_FLUX_LICENCE,
            size="34 GB",
            native=Native(side=1024, multiple=16),
            half="bfloat16",
            sources=(
                Source(
                    repo="black-forest-labs/FLUX.1-Kontext-dev",
                    revision="main",
                    parts=(*VIDEO_PARTS, "text_encoder_2", "tokenizer_2"),
                ),
            ),
        ),
        _editor(
            "qwen-edit",
            "Qwen-Image-Edit, editing keyframes, 1024 x 1024",
            "qwen_image_edit",
            steps=40,
            licence="Apache-2.0",
            size="58 GB",
            native=Native(side=1024, multiple=16),
            half="bfloat16",
            sources=(Source(repo="Qwen/Qwen-Image-Edit", revision="main", parts=_QWEN_PARTS),),
        ),
        _editor(
            "qwen-edit-plus",
            "Qwen-Image-Edit 2509, editing keyframes by a map of the light, 1024 x 1024",
            "qwen_image_edit_plus",
            steps=40,
            licence="Apache-2.0",
            size="58 GB",
            native=Native(side=1024, multiple=16),
            half="bfloat16",
            sources=(Source(repo="Qwen/Qwen-Image-Edit-2509", revision="main", parts=_QWEN_PARTS),),
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
            pictures="diffusehigh_sd15",
            clips="video_upscale",
            native=Native(side=128, multiple=16),
            guidance=1.0,
            identity=1.0,
            reach=0.5,
            window=16,
        ),
        UpscaleEntry(
            name="sd15",
            about="Realistic Vision 5.1 + AnimateDiff v1-5-3, upscaling pictures and video",
            licence="CreativeML OpenRAIL-M, Apache-2.0",
            size="5.7 GB",
            pictures="diffusehigh_sd15",
            clips="video_upscale",
            native=Native(side=512, multiple=64),
            sources=(_BASE, _ADAPTER),
            guidance=5.0,
            window=16,
        ),
        UpscaleEntry(
            name="sdxl",
            about="Stable Diffusion XL 1.0, upscaling pictures",
            licence="CreativeML OpenRAIL++-M",
            size="14 GB",
            pictures="diffusehigh_sdxl",
            native=Native(side=1024, multiple=32),
            sources=(
                Source(
                    repo="stabilityai/stable-diffusion-xl-base-1.0",
                    revision="462165984030d82259a11f4367a4eed129e94a7b",
                    parts=SDXL_PARTS,
                ),
            ),
            guidance=5.0,
        ),
    )
}
