"""A relighting job: every setting, with its range, its default and its help text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from relight.jobs.base import Fraction01, Job
from relight.jobs.conflicts import LEFT, refuse_lights, refuse_regions, refuse_ways
from relight.jobs.references import absolute_reference, reference_texts, split_reference
from relight.jobs.regions import (
    USAGE,
    Background,
    Mask,
    MaskAuto,
    MaskFile,
    parse_background,
    parse_mask,
)
from relight.lights import BackdropLight, Keyframe, Light, parse_light, usages
from relight.lights.text import quoted

SURFACES = ("auto", "subject", "depth")
"""Words for what gives the light its form; anything else is a folder."""


class RelightJob(Job, frozen=True):
    """One clip to relight."""

    exclusive = ("light", "light_at")

    prompt: str = Field(
        "",
        description='Subject and light, e.g. "a bear, red neon light"; none with a reference.',
    )
    light: str = Field(
        LEFT,
        description=f"Where the light comes from: {usages()} (bright where the light is); join "
        "several with ' + ' (a list in YAML). `relight lights` explains them.",
    )
    light_at: list[str] = Field(
        [],
        description="Instead of a light, one that moves: SECONDS=LIGHT for each keyframe, counted "
        "from the first frame. 0=left and 2.5=point:x=.8 move it from one to the other; "
        "2.5=smooth:point:x=.8 eases in and out.",
    )
    mask: str | None = Field(
        None,
        description=f"Where the subject is: {USAGE} (white is the subject; click and box in "
        "fractions of the frame, with @SECONDS for another frame than the first); default: none, "
        "or auto where a part is to be relit.",
    )
    relight: Literal["subject", "background", "all"] | None = Field(
        None,
        description="What is relit; the rest stays as it is, bit for bit. Default: the subject "
        "where there is a mask, else all.",
    )
    background: str | None = Field(
        None,
        description="A new background for the subject: a picture, a video or a folder of pictures, "
        "whose light it takes unless another is given; or words for what the video model is to "
        "draw behind it.",
    )
    contact_shadow: Fraction01 = Field(
        0.8,
        description="How dark the shadow is where the subject touches the ground of a new "
        "background; 0: no shadow. A subject that the frame's lower edge cuts off has none.",
    )
    matte_model: Path | None = Field(
        None,
        description="A network of your own that finds the subject: .tflite or .onnx, run by "
        "OpenCV, for mask auto; or the folder of a SAM 2 video model, also for a click or a box. "
        "Default: SAM 2 if its weights are installed, else GrabCut.",
    )
    model: str = Field(
        "auto",
        description="auto, mini (embedded), animatediff, wan, cogvideox; one that edits keyframes: "
        "instruct-pix2pix, flux-kontext, qwen-edit, qwen-edit-plus; or a folder of your own.",
    )
    scene: str | None = Field(
        None, description="Prompt of the video model, without the light; default: the prompt."
    )
    negative_prompt: str = Field(
        "bad quality, worst quality", description="What the video model should avoid."
    )
    reference: list[str] = Field(
        [],
        description="A frame of the clip that was relit with any other tool: its light is carried "
        "to all frames, and no model is needed. Several, as SECONDS=FILE, are keyframes.",
    )
    reference_at: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Time of the reference's frame in the clip, in seconds; default: found.",
    )
    intensity: float = Field(
        1.0,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="How strong the light is, in stops: 0 the source, 1 as designed, 2 twice.",
    )
    shape: Fraction01 = Field(
        0.8,
        description="How strongly the light shades the form of things, in recipes fast and best: "
        "0 a wash of light, 1 a lamp.",
    )
    delight: Fraction01 = Field(
        0.0,
        description="How much the source's own shading is weakened before it is relit: 0 not at "
        "all, 1 all smooth shading. For clips that already have strong light.",
    )
    surface: str = Field(
        "auto",
        description="What gives the light its form: subject (the clip's subject, its matte "
        "inflated), depth (the network Depth Anything V2 small), a folder of such a network, or "
        "auto: depth if its weights are installed.",
    )
    depth_clip: Path | None = Field(
        None,
        description="Depth of the clip, brighter is nearer: a video, a folder or f/%05d.png of "
        "pictures, or one picture for a still camera. The light falls on its form instead of on "
        "the subject's.",
    )
    recipe: Literal["auto", "fast", "best", "paper"] = Field(
        "auto",
        description="fast: keyframes are relit, and their light is carried along the motion. best: "
        "the video model takes part, at less than half of what paper costs. paper: Light-A-Video "
        "exactly as published. auto: the one that measures better with the model.",
    )
    strength: float | None = Field(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Part of the noise schedule the video model runs, above 0 and up to 1; "
        "default: the model's.",
    )
    steps: int | None = Field(
        None, ge=1, le=1000, description="Denoising steps; default: the model's."
    )
    relight_steps: int | None = Field(
        None, ge=1, le=1000, description="Steps of each relight; default: the model's."
    )
    guidance: float = Field(
        2.0,
        ge=0,
        le=50,
        allow_inf_nan=False,
        description="Guidance scale of the video model; 1 or less: no guidance.",
    )
    gamma: Fraction01 | None = Field(
        None, description="Share of Consistent Light Attention, 0 to 1; default: the recipe's."
    )
    transfer: Literal["auto", "on", "off"] = Field(
        "auto",
        description="on: put the generated light on the source's own pixels, at full size and "
        "frame rate. off: the model's own pixels. auto: on for mini and for clips larger than the "
        "model.",
    )
    side: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="The model sees frames of about side x side pixels; default: what it was made "
        "for. Smaller is faster and needs less memory.",
    )
    upscale: float | None = Field(
        None,
        gt=1,
        le=16,
        allow_inf_nan=False,
        description="Upscale the relit clip this many times, in the same pass; default: its own "
        "size. Videos are rounded to even sides.",
    )
    light_fps: float | None = Field(
        None,
        gt=0,
        le=240,
        allow_inf_nan=False,
        description="Frames a second whose light is found when it is transferred; it follows the "
        "motion in between. Default: 8, and 4 where the recipe fast lights a whole frame by a "
        "light that stands still.",
    )

    @property
    def drawn_background(self) -> bool:
        """Is the background given in words, to be drawn by the video model?"""
        return self.behind is not None and self.behind.path is None

    @model_validator(mode="before")
    @classmethod
    def _light_of_the_background(cls, given: Any) -> Any:
        """Where neither a light nor a reference is given, the light of the new background."""
        background = given.get("background") if isinstance(given, dict) else None
        if background is None or any(
            given.get(name) for name in ("light", "light_at", "reference")
        ):
            return given
        path = parse_background(str(background)).path
        return given if path is None else {**given, "light": str(BackdropLight(path))}

    @field_validator("light", mode="before")
    @classmethod
    def _light_text(cls, light: object) -> object:
        """One text, also of a light object, a list of lights, and the path of one."""
        if isinstance(light, os.PathLike):
            return quoted(os.fspath(light))
        return str(parse_light(light)) if isinstance(light, Light | list | tuple) else light

    @field_validator("reference", mode="before")
    @classmethod
    def _reference_texts(cls, references: object) -> object:
        return reference_texts(references)

    @field_validator("light_at", mode="before")
    @classmethod
    def _keyframe_texts(cls, keyframes: object) -> object:
        """A list of texts, also of a mapping from seconds to lights, or of lines."""
        if isinstance(keyframes, str):
            return [line.strip() for line in keyframes.split("\n") if line.strip()]
        if isinstance(keyframes, dict):
            return [f"{seconds}={light}" for seconds, light in keyframes.items()]
        return [] if keyframes is None else keyframes

    @property
    def region(self) -> Mask | None:
        """Where the subject is, once it is decided what that is for; None: nothing asks for it."""
        if self.mask is not None:
            return parse_mask(self.mask)
        unused = self.lit == "all" and self.matte_model is None
        return None if unused else MaskAuto()

    @property
    def lit(self) -> Literal["subject", "background", "all"]:
        """What is relit."""
        if self.relight is not None:
            return self.relight
        for_subject = self.mask, self.matte_model, self.background
        return "all" if for_subject == (None, None, None) else "subject"

    @property
    def behind(self) -> Background | None:
        """What the subject is put before."""
        return None if self.background is None else parse_background(self.background)

    def files(self) -> dict[str, Path]:
        """What it reads besides its input: the name of each -> its path, which may be a folder of
        pictures or of a network, or a pattern."""
        found = {f"reference {text}": split_reference(text)[1] for text in self.reference}
        lights = [Keyframe.parse(text).light for text in self.light_at]
        for light in (parse_light(self.light), *lights):
            for path in light.files():
                found[f"light {path}" if "light" in found else "light"] = path
        region = self.region
        if isinstance(region, MaskFile):
            found["mask"] = region.path
        if self.behind is not None and self.behind.path is not None:
            found["background"] = self.behind.path
        if self.depth_clip is not None:
            found["depth_clip"] = self.depth_clip
        if self.matte_model is not None:
            found["matte_model"] = self.matte_model
        if self.surface not in SURFACES and any(Path(self.surface).glob("*.safetensors")):
            found["surface"] = Path(self.surface)
        return found

    @model_validator(mode="after")
    def _in_accord(self) -> Self:
        refuse_regions(self)
        refuse_ways(self)
        refuse_lights(self)
        return self

    def settings(self) -> dict[str, Any]:
        """All settings as plain JSON values, with absolute paths, also those of lights."""
        light = str(parse_light(self.light).absolute())
        keyframes = [str(Keyframe.parse(text).absolute()) for text in self.light_at]
        references = [absolute_reference(text) for text in self.reference]
        return {
            **super().settings(),
            "light": light,
            "light_at": keyframes,
            "reference": references,
        }
