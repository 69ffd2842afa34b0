"""Qwen-Image-Edit (arXiv:2508.02324): a picture and an instruction read by one language model.

The first release takes one picture. From 2509 on a list of pictures means references for one
output, so that a map of the light can be given beside the frame: `qwen_image_edit_plus`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditPipeline,
    QwenImageTransformer2DModel,
)
from PIL import Image
from torch import Tensor
from transformers import (
    AutoTokenizer,
    BatchFeature,
    PreTrainedTokenizerBase,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

from relight.diffusion.parts import Parts
from relight.diffusion.pictures import resized
from relight.diffusion.typed import Call
from relight.pipelines.backbone import Backbone, Native, is_pipeline
from relight.relighters.image_edit import Given
from relight.types import Size

SIDE = 1024.0
"""Side of the square to whose area the stock pipelines bring every picture."""
PARTS = ("vae", "text_encoder", "tokenizer", "processor", "transformer", "scheduler")
PLACEHOLDER = "<|image_pad|>"
KEEP = "Keep the subject, its pose, the camera, the framing and the background as they are."


@dataclass(frozen=True)
class PictureProcessor:
    """`Qwen2VLProcessor` for texts and pictures alone: the stock one also reads videos, and can't
    be made without torchvision.

    Attributes:
        image_processor: pictures -> patches. tokenizer: of the language model.
    """

    image_processor: Qwen2VLImageProcessorPil
    tokenizer: PreTrainedTokenizerBase

    def __call__(
        self, *, text: list[str], images: Any, padding: bool, **given: Any
    ) -> BatchFeature:
        """Texts with one placeholder a picture, in order -> what the language model reads."""
        if images is None:
            return BatchFeature(dict(self.tokenizer(text, padding=padding, **given)))
        pixels = self.image_processor(images=images, **given)
        merged = self.image_processor.merge_size**2
        counts = iter((pixels["image_grid_thw"].prod(-1) // merged).tolist())
        written = []
        for one in text:
            first, *rest = one.split(PLACEHOLDER)
            written.append(first + "".join(PLACEHOLDER * next(counts) + part for part in rest))
        words = self.tokenizer(written, padding=padding, **given)
        return BatchFeature({**words, **pixels})


@dataclass(frozen=True)
class QwenEditor:
    """See `relight.relighters.image_edit.Editor`.

    The stock pipelines show every picture to the model at an area of one megapixel; an output of
    another size comes out shifted against it. So the size is left to them, and the result is
    brought back. Without a negative prompt they run without guidance, hence the space.

    Attributes:
        guidance_scale: of classifier-free guidance, as its authors advise.
    """

    pipe: QwenImageEditPipeline
    guidance_scale: float = 4.0
    takes_map: bool = False

    @property
    def multiple(self) -> int:
        """Latents are packed two by two."""
        return 2 * self.pipe.vae_scale_factor

    def instruction(self, light: str, has_map: bool) -> str:
        """In a sentence, with what has to stay."""
        return f"Relight the picture: {light}. {KEEP}"

    def pictures(self, frame: Image.Image, given: Given) -> Any:
        """What the pipeline is shown."""
        return frame

    def edit(self, frame: Tensor, instruction: str, given: Given) -> Tensor:
        """(3, h, w) in [0, 1] -> the same, edited."""
        stock = cast(Call, self.pipe)
        edited: Tensor = stock(
            image=self.pictures(as_image(frame), given),
            prompt=instruction,
            negative_prompt=" " if given.negative is None else given.negative,
            true_cfg_scale=self.guidance_scale,
            num_inference_steps=given.steps,
            generator=given.generator,
            output_type="pt",
            callback_on_step_end=given.callback,
        ).images
        fitted = resized(edited.float().cpu(), Size(*frame.shape[-2:]))
        assert isinstance(fitted, Tensor)  # as what it was made of
        return fitted[0]


def as_image(frame: Tensor) -> Image.Image:
    """(3, h, w) in [0, 1] -> an image: these pipelines ask their pictures for `size`."""
    levels = (frame.clamp(0, 1) * 255).round().byte().cpu()
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


def native(parts: Parts) -> Native:
    """Sizes of both releases."""
    halvings = len(parts.config("vae")["temperal_downsample"])
    return Native(side=SIDE, multiple=2 * 2**halvings)


def components(parts: Parts) -> dict[str, Any]:
    """The parts of both releases, loaded."""
    return {
        "scheduler": parts.plain(FlowMatchEulerDiscreteScheduler, "scheduler"),
        "vae": parts.weights(AutoencoderKLQwenImage, "vae"),
        "text_encoder": parts.weights(Qwen2_5_VLForConditionalGeneration, "text_encoder"),
        "tokenizer": parts.plain(AutoTokenizer, "tokenizer"),
        "processor": PictureProcessor(
            parts.plain(Qwen2VLImageProcessorPil, "processor"),
            parts.plain(AutoTokenizer, "tokenizer"),
        ),
        "transformer": parts.weights(QwenImageTransformer2DModel, "transformer"),
    }


BACKBONE = Backbone(
    name="qwen-edit",
    pipeline=QwenImageEditPipeline,
    parts=PARTS,
    fits=lambda folder: is_pipeline(folder, "QwenImageEditPipeline"),
    native=native,
    load=lambda parts: QwenImageEditPipeline(**components(parts)),
    editor=QwenEditor,
)
