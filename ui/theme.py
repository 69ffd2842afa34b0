"""How the studio looks: warm light on neutral stone, system fonts (no request to anywhere)."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")
WEB = Path(__file__).parent / "web"
SCRIPTS = ("kit", "runs", "desk", "compare", "stage", "lights", "batch", "history")
"""Parts of the page's script, in the order in which they are needed."""


def theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue=gr.themes.colors.amber,
        secondary_hue=gr.themes.colors.amber,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=FONT,
        font_mono=MONO,
    ).set(
        body_background_fill="#f7f5f2",
        body_background_fill_dark="#151210",
        body_text_color="#1f1b17",
        body_text_color_dark="#f3efe9",
        body_text_color_subdued="#5c554d",
        body_text_color_subdued_dark="#b3aaa0",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1f1b18",
        block_border_color="#e4ded6",
        block_border_color_dark="#37312b",
        block_label_text_size="13px",
        block_label_text_color="#4a443d",
        block_label_text_color_dark="#d6cfc6",
        block_title_text_size="14px",
        block_title_text_weight="600",
        block_title_text_color="#1f1b17",
        block_title_text_color_dark="#f3efe9",
        block_info_text_size="13px",
        block_info_text_color="#5c554d",
        block_info_text_color_dark="#b3aaa0",
        block_shadow="none",
        button_primary_background_fill="#f59e0b",
        button_primary_background_fill_hover="#fbb02d",
        button_primary_background_fill_dark="#f59e0b",
        button_primary_background_fill_hover_dark="#fbb02d",
        button_primary_text_color="#221503",
        button_primary_text_color_dark="#221503",
        button_primary_border_color="#f59e0b",
        button_primary_border_color_dark="#f59e0b",
        button_large_text_weight="650",
        color_accent="#b45309",
        slider_color="#d97706",
        input_background_fill="#fbfaf8",
        input_border_color="#cfc7bd",
        input_border_color_dark="#4a423a",
        input_placeholder_color="#6f675f",
        input_placeholder_color_dark="#9c938a",
        input_border_width="1px",
        layout_gap="14px",
        checkbox_label_padding="9px 12px",
        checkbox_label_gap="8px",
        input_background_fill_dark="#191613",
    )


def page() -> str:
    """What goes into the head of the page: its style and its script, inline."""
    style = (WEB / "studio.css").read_text(encoding="utf-8")
    script = "\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return f"<style>{style}</style>\n<script>{script}</script>"


HEAD = """
<header class="masthead"><h1>Re<i>light</i></h1>
<p>New light for your clips, on this computer.</p></header>
"""


def mounted(part: str, events: tuple[str, ...] = (), **given: Any) -> str:
    """What a component runs once it is there: a part of the page's script.

    Args:
        events: that the part triggers. given: its data, as JSON; it is written into the
            call, since a tab that is not shown yet forgets its properties.
    """
    told = json.dumps(given).replace("</", "<\\/")
    named = " ".join(f"'{event}'" for event in events)
    call = f"Relight.mount('{part}', element, props, trigger, server, watch, {told});"
    return f"{call} // {named}"


def heading(title: str, level: int) -> str:
    """The heading of a part of a tab."""
    return f'<h{level} class="part">{escape(title)}</h{level}>'


def result_home(tab: str) -> gr.HTML:
    """The place of a tab's result."""
    return gr.HTML(
        f'<section class="result" data-result="{tab}" aria-label="Result"></section>',
        apply_default_css=False,
        js_on_load="",
    )
