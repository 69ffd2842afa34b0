"""The Upscale tab: a picture or a clip, how much larger, how faithful; a preview, the run."""

from __future__ import annotations

from typing import Any

import gradio as gr

from relight.jobs import UpscaleJob
from relight.ui import controls, theme
from relight.ui.orders import LONGEST_TEXT
from relight.ui.run_tab import RunTab

HINT = "Choose a picture or a clip, and how many times larger it should be."


class UpscaleTab(RunTab):
    """Components and events of the tab."""

    kind = "upscale"
    hint = HINT
    heading = "Picture or clip"
    buttons = ("Upscale", "Preview the middle")

    def draw_controls(self) -> dict[str, Any]:
        gr.HTML(theme.heading("Size", 2))
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
            label="Describe the picture (optional)",
            info=None,
            placeholder="a bunny in a meadow, fine fur",
            max_length=LONGEST_TEXT,
            elem_id="upscale_prompt",
        )
        guide = gr.Dropdown(
            controls.GUIDE_CHOICES,
            value="",
            label="Source",
            info="Compression and noise, as of phone clips and old files, are undone too.",
            elem_id="upscale_guide",
        )
        gr.HTML(theme.heading("Run", 2))
        rest = self.draw_settings("scale", "size", "identity", "prompt")
        return {"scale": scale, "identity": identity, "prompt": prompt, "guide": guide, **rest}
