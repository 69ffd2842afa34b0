"""The Upscale tab: a picture or a clip, how much larger, how faithful; a preview, the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from relight.errors import RelightError
from relight.jobs import UpscaleJob
from relight.ui import clips, controls, theme
from relight.ui.events import PRIVATE
from relight.ui.orders import LONGEST_TEXT
from relight.ui.result_panel import ResultPanel
from relight.ui.run_tab import RunTab
from relight.ui.studio import Studio

NEXT = "Choose a picture or a clip, and how many times larger it shall be."
WAITING = ("The larger one appears here", "Preview enlarges the middle of the first frame.")


class UpscaleTab(RunTab):
    """Components and events of the tab."""

    kind = "upscale"
    ready = "Press Preview to see the middle of the frame, or Upscale for all of it."
    looked = "This is the middle of the first frame. Press Upscale for all of it."

    def __init__(self, studio: Studio, browser: gr.BrowserState, example: Path) -> None:
        super().__init__(studio, browser, example)
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self.named = {"clip": self._draw_clip(), **self._draw_size()}
                self.draw_buttons("Upscale")
            with gr.Column(scale=6, min_width=320, elem_classes="stay"):
                self.panel = ResultPanel(NEXT, WAITING, "upscaled", longest=1600)
        self.wire()
        self.told.then(_first, self.named["clip"], self.first, **PRIVATE)
        self.take_example.click(
            lambda: (str(self.example), "8"),
            None,
            [self.named["clip"], self.named["frames"]],
            **PRIVATE,
        )

    def _draw_clip(self) -> gr.File:
        gr.HTML(theme.step(1, "Picture or clip", "what shall be larger"))
        clip = gr.File(
            type="filepath",
            file_types=["image", "video"],
            label="Picture or clip",
            height=130,
            elem_id="upscale_clip",
        )
        self.draw_facts()
        self.first = gr.Image(
            label="Its first frame", interactive=False, height=200, buttons=[], visible=False
        )
        return clip

    def _draw_size(self) -> dict[str, Any]:
        gr.HTML(theme.step(2, "Size", "and how faithful"))
        scale = gr.Radio(
            [("1.5 ×", 1.5), ("2 ×", 2), ("3 ×", 3), ("4 ×", 4)],
            value=2,
            label="How many times larger",
            elem_id="upscale_scale",
        )
        identity = controls.control(UpscaleJob, "identity", value=1.0, elem_id="upscale_identity")
        prompt = controls.control(
            UpscaleJob,
            "prompt",
            label="What is to be seen (may stay empty)",
            info=None,
            placeholder="a bunny in a meadow, fine fur",
            max_length=LONGEST_TEXT,
            elem_id="upscale_prompt",
        )
        gr.HTML(theme.step(3, "Run", "look first, then all of it"))
        rest = self.draw_settings("scale", "size", "identity", "prompt")
        return {"scale": scale, "identity": identity, "prompt": prompt, **rest}

    def filled(self, settings: dict[str, Any]) -> dict[Any, Any]:
        known = {k: v for k, v in settings.items() if k not in UpscaleJob.exclusive}
        return super().filled(known)


def _first(clip: str | None) -> Any:
    """The first frame of what was chosen."""
    if clip is None:
        return gr.update(value=None, visible=False)
    try:
        frame: np.ndarray = clips.frame_at(Path(clip), 0.0)
    except RelightError:  # the facts say what is wrong with it
        return gr.update(value=None, visible=False)
    return gr.update(value=frame, visible=True)
