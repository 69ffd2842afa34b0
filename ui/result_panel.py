"""The right-hand side of a tab: what happens next, how far it is, and the result to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from relight import media
from relight.ui import clips, panels
from relight.ui.shelf import Entry
from relight.ui.theme import empty

Update = dict[Any, Any]


class ResultPanel:
    """Components that show a run and its result.

    Built inside a layout block. The methods return updates, keyed by component.

    Args:
        next_step: what the user should do first, in one line.
        waiting: title and text of the picture's place before there is one.
        made: what a result is called. longest: longer side, in pixels, of the frames compared.
    """

    def __init__(
        self,
        next_step: str,
        waiting: tuple[str, str],
        made: str,
        longest: int = clips.SHOWN,
    ) -> None:
        self.next_step, self.longest = next_step, longest
        self.status = gr.HTML(panels.note(next_step), elem_classes="status")
        self.place = gr.HTML(empty(*waiting))
        self.live = gr.Image(label="As it is now", visible=False, interactive=False, buttons=[])
        with gr.Column(visible=False) as self.done:
            self.compare = gr.ImageSlider(
                label="Before and after: drag the handle",
                interactive=False,
                buttons=["fullscreen"],
                max_height=420,
                elem_classes="compare",
            )
            self.moment = gr.Slider(
                0, 1, 0, step=0.01, label="Moment", info="Seconds into the clip.", interactive=True
            )
            with gr.Row():
                self.save_output = gr.DownloadButton("Download", variant="primary")
                self.save_job = gr.DownloadButton("Download settings")
            with gr.Accordion("Play it", open=True) as self.play, gr.Tabs():
                with gr.Tab("Side by side"):
                    self.sides = gr.Video(
                        interactive=False, show_label=False, buttons=[], loop=True
                    )
                with gr.Tab(made.capitalize()):
                    self.output = gr.Video(
                        interactive=False, show_label=False, buttons=[], loop=True
                    )
        self.shown = gr.State(None)
        self.moment.input(
            self._scrubbed,
            [self.shown, self.moment],
            self.compare,
            show_progress="hidden",
            trigger_mode="always_last",
            api_visibility="private",
        )

    @property
    def outputs(self) -> list[Block]:
        """All that the updates touch."""
        return [
            *(self.status, self.place, self.live, self.done, self.compare, self.moment),
            *(self.save_output, self.save_job, self.play, self.sides, self.output, self.shown),
        ]

    def running(self, news: Any, title: str) -> Update:
        """The stage, the time left and the newest picture."""
        if news is None:
            return {self.status: panels.progress(title, 0.0, None)}
        update: Update = {
            self.status: panels.progress(news.stage, news.fraction, news.seconds_left)
        }
        if news.preview is not None:
            picture = clips.shown(news.preview(), 640)
            update |= {
                self.live: gr.update(value=picture, visible=True),
                self.place: gr.update(visible=False),
                self.done: gr.update(visible=False),
            }
        return update

    def finished(self, entry: Entry, text: str) -> Update:
        source, output = entry.path(entry.source), entry.path(entry.output)
        start = float(entry.settings.get("start") or 0.0)
        still = not entry.sides
        length = 0.0 if still else _length(output)
        middle = round(length / 2, 2)
        return {
            self.status: panels.note(text, "good"),
            self.place: gr.update(visible=False),
            self.live: gr.update(value=None, visible=False),
            self.done: gr.update(visible=True),
            self.compare: clips.pair_at(source, start, output, middle, self.longest),
            self.moment: gr.update(maximum=max(length, 0.01), value=middle, visible=not still),
            self.save_output: gr.update(
                value=str(output), label="Download the picture" if still else "Download the clip"
            ),
            self.save_job: str(entry.path(entry.job)),
            self.play: gr.update(visible=not still),
            self.sides: None if still else str(entry.path(entry.sides)),
            self.output: None if still else str(output),
            self.shown: (str(source), start, str(output)),
        }

    def stopped(self, text: str, kind: str = "idle") -> Update:
        return {
            self.status: panels.note(text, kind),
            self.live: gr.update(value=None, visible=False),
            self.place: gr.update(visible=True),
            self.done: gr.update(visible=False),
        }

    def _scrubbed(self, shown: tuple[str, float, str] | None, seconds: float) -> Any:
        if shown is None:
            return gr.skip()
        source, start, output = shown
        return clips.pair_at(Path(source), start, Path(output), seconds, self.longest)


def _length(clip: Path) -> float:
    """When the last frame is shown, about: scrubbing further would show nothing new."""
    info = media.probe(clip)
    return max(round(float((info.duration or 0) - 1 / info.fps), 2), 0.0)
