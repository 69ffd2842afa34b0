"""The Relight tab: a clip, its light in words and by eye, a preview, the run, the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from relight.errors import RelightError
from relight.jobs import RelightJob
from relight.lights import ImageLight
from relight.ui import clips, controls, theme
from relight.ui.events import PRIVATE
from relight.ui.orders import LONGEST_TEXT
from relight.ui.result_panel import ResultPanel
from relight.ui.run_tab import RunTab
from relight.ui.studio import Studio

SIDES = {"left": "← Left", "right": "Right →", "top": "↑ Top", "bottom": "↓ Bottom"}
LIGHTS = {**SIDES, "none": "Words only", "image": "My picture"}
CHIPS = {
    "Golden hour": "golden hour, warm sunset light",
    "Moonlight": "moonlight, cold blue night",
    "Red neon": "red neon light",
    "Blue neon": "blue neon light",
    "Candle": "warm candle light",
    "Soft studio": "soft white studio light",
    "Noir": "dim hard light, dark",
    "Forest": "green light",
}
NEXT = "Choose a clip or take the example, then say what light it shall have."
WAITING = ("Your relit clip appears here", "Preview lights the first second in a small size.")


class RelightTab(RunTab):
    """Components and events of the tab."""

    kind = "relight"
    ready = "Press Preview to light the first second, or Relight for the whole clip."
    looked = "This is the first second. Change the light, or press Relight for the whole clip."

    def __init__(self, studio: Studio, browser: gr.BrowserState, example: Path) -> None:
        super().__init__(studio, browser, example)
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self.named = {
                    "clip": self._draw_clip(),
                    **self._draw_light(),
                    **self._draw_quality(),
                }
                self.draw_buttons("Relight")
            with gr.Column(scale=6, min_width=320, elem_classes="stay"):
                self.panel = ResultPanel(NEXT, WAITING, "relit")
        self.wire()
        self._wire_light()

    def _draw_clip(self) -> gr.Video:
        gr.HTML(theme.step(1, "Clip", "what shall be lit"))
        clip = gr.Video(
            sources=["upload"], label="Clip", height=250, elem_id="clip", buttons=[], loop=True
        )
        self.draw_facts()
        return clip

    def _draw_light(self) -> dict[str, Any]:
        gr.HTML(theme.step(2, "Light", "in words, and by eye"))
        prompt = controls.control(
            RelightJob,
            "prompt",
            label="What is lit, and how",
            info=None,
            placeholder="a bunny in a meadow, golden hour, warm sunset light",
            elem_id="prompt",
            max_length=LONGEST_TEXT,
            lines=2,
        )
        with gr.Row(elem_classes="chips"):
            self.chips = [gr.Button(name, size="sm") for name in CHIPS]
        light = gr.Radio(
            [(label, name) for name, label in LIGHTS.items()],
            value="left",
            label="Where the light comes from",
            elem_id="light",
        )
        light_image = gr.Image(
            label="Your light: bright where it shines",
            type="filepath",
            sources=["upload"],
            visible=False,
            height=160,
            elem_id="light_image",
        )
        self.look = gr.Image(
            value=empty_look(),
            label="How that light falls",
            interactive=False,
            height=200,
            buttons=[],
            elem_id="look",
        )
        return {"prompt": prompt, "light": light, "light_image": light_image}

    def _draw_quality(self) -> dict[str, Any]:
        gr.HTML(theme.step(3, "Run", "look first, then all of it"))
        return self.draw_settings("prompt", "light")

    def _wire_light(self) -> None:
        named = self.named
        look = ([named["clip"], named["light"], named["light_image"]], self.look)
        self.told.then(_look, *look, **PRIVATE)
        gr.on([named["light"].change, named["light_image"].change], _look, *look, **PRIVATE)
        named["light"].change(
            lambda light: gr.update(visible=light == "image"),
            named["light"],
            named["light_image"],
            **PRIVATE,
        )
        self.take_example.click(
            lambda words: (str(self.example), words or f"a bunny, {CHIPS['Golden hour']}"),
            named["prompt"],
            [named["clip"], named["prompt"]],
            **PRIVATE,
        )
        for chip, words in zip(self.chips, CHIPS.values(), strict=True):
            chip.click(
                lambda prompt, words=words: with_light(prompt, words),
                named["prompt"],
                named["prompt"],
                **PRIVATE,
            )

    def filled(self, settings: dict[str, Any]) -> dict[Any, Any]:
        light = settings.get("light", "left")
        known = light in LIGHTS and light != "image"
        return super().filled(settings) | {self.named["light"]: light if known else "image"}


def with_light(prompt: str | None, words: str) -> str:
    """The prompt with another light: words of a chip taken before are replaced."""
    text = (prompt or "").strip()
    for known in CHIPS.values():
        text = text.replace(known, "").strip(" ,")
    return f"{text}, {words}" if text else words


def empty_look() -> np.ndarray:
    """A plain light map that needs no torch: light from the left."""
    level = np.linspace(240, 60, 640).astype(np.uint8)
    return np.repeat(np.repeat(level[None, :, None], 360, 0), 3, 2)


def _look(clip: str | None, light: str, light_image: str | None) -> np.ndarray:
    """How the chosen light falls on the clip's first frame."""
    frame = None
    try:
        if clip is not None:
            frame = clips.frame_at(Path(clip), 0.0)
        if light == "image":
            if light_image is None:
                return clips.light_picture("none", frame)
            return clips.light_picture(ImageLight(Path(light_image)), frame)
        return clips.light_picture(light, frame)
    except (RelightError, OSError, ValueError):  # the facts say what is wrong with the clip
        return clips.light_picture("none", None)
