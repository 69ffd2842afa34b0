"""The Relight tab: a clip, its light in words and by lamps on its frame, a preview, the run."""

from __future__ import annotations

from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.jobs import RelightJob
from relight.lights import MovingLight, asked
from relight.ui import controls, lamps, regions, theme
from relight.ui.events import PRIVATE
from relight.ui.orders import LONGEST_TEXT
from relight.ui.run_tab import RunTab

HINT = "Choose a clip or take the example, then describe the light."

EXAMPLE_WORDS = "a bunny in a meadow, golden hour, warm sunset light"


class RelightTab(RunTab):
    """Components and events of the tab."""

    kind = "relight"
    hint = HINT
    heading = "Clip"
    buttons = ("Relight", "Preview this frame")

    def draw_controls(self) -> dict[str, Any]:
        return {**self._draw_light(), **self._draw_run()}

    def _draw_light(self) -> dict[str, Any]:
        gr.HTML(theme.heading("Light", 2))
        prompt = controls.control(
            RelightJob,
            "prompt",
            label="Describe the light",
            info="The subject, then its light.",
            placeholder="a bunny in a meadow, golden hour, warm sunset light",
            elem_id="prompt",
            max_length=LONGEST_TEXT,
            lines=2,
        )
        gr.HTML(
            '<div class="presets" data-presets="relight" role="group" aria-label="Presets"></div>'
            '<div class="lights" data-lights="relight" role="group" aria-label="Lights"></div>'
            '<div class="region" data-region="relight"></div>',
            apply_default_css=False,
            js_on_load="",
        )
        shape = controls.control(
            RelightJob,
            "shape",
            label="Form",
            info="0: a wash of light, 1: a lamp that shows the subject's form.",
            elem_id="relight_shape",
        )
        intensity = gr.Slider(
            0,
            2,
            1,
            step=0.05,
            label="Strength",
            info="0: the source, 1: as designed, 2: twice, in stops.",
            elem_id="relight_intensity",
        )
        both = {"shape": shape, "intensity": intensity}
        return {"prompt": prompt, **both}

    def _draw_run(self) -> dict[str, Any]:
        gr.HTML(theme.heading("Run", 2))
        return self.draw_settings("prompt", "light", "shape", "intensity", "relight")

    def wire(self) -> None:
        super().wire()
        words = {name: self.named[name] for name in ("prompt", "shape", "intensity")}
        gr.on(
            [c.change for c in words.values()],
            None,
            list(words.values()),
            None,
            js="(prompt, shape, intensity) => { document.dispatchEvent(new CustomEvent("
            "'relight-words', {detail: {tab: 'relight', values: {prompt: prompt || '', "
            "shape: Number(shape), intensity: Number(intensity)}}})); }",
            **PRIVATE,
        )
        self.stage.select(_worded, self.named["prompt"], self.named["prompt"], **PRIVATE)
        self.stage.upload(
            _first_words, [self.named["prompt"], self.stage], self.named["prompt"], **PRIVATE
        )

    def staged(self, settings: dict[str, Any]) -> dict[str, Any]:
        update = super().staged(settings)
        update["mask"] = regions.written(settings, update["begin"])[0]
        if settings.get("frames"):
            update["frames"] = int(settings["frames"])
        try:
            light = asked(settings.get("light") or "left", settings.get("light_at") or ())
            if not isinstance(light, MovingLight):
                return update | {"lights": lamps.written(light)}
            update["keys"] = [
                {"seconds": key.seconds, "smooth": key.smooth, "lights": lamps.written(key.light)}
                for key in light.keyframes
            ]
            return update | {"lights": update["keys"][0]["lights"]}
        except (RelightError, OSError):
            return update | {"lights": [{"word": "left", "settings": {}}]}

    def unshown(self, settings: dict[str, Any]) -> list[str]:
        held = ("light", "light_at", "mask", "relight", "background")
        found = [name for name in super().unshown(settings) if name not in held]
        light = asked(settings.get("light") or "left", settings.get("light_at") or ())
        lights = light.parts() if isinstance(light, MovingLight) else (light,)
        if not all(map(lamps.is_shown, lights)):
            found.append("light")
        return [*found, *regions.written(settings, 0.0)[1]]


def _worded(prompt: str | None, event: gr.EventData) -> str:
    """The prompt with the words of a preset."""
    words = str(event._data.get("words", ""))[:200] if isinstance(event._data, dict) else ""
    return lamps.with_light(prompt, words)


def _first_words(prompt: str | None, staged: Any) -> Any:
    """Words for the example, where there are none yet."""
    clip = staged.get("clip") if isinstance(staged, dict) else None
    is_example = isinstance(clip, dict) and clip.get("example")
    return EXAMPLE_WORDS if is_example and not prompt else gr.skip()
