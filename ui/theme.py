"""How the studio looks: warm light on neutral stone, system fonts (no request to anywhere)."""

from __future__ import annotations

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue=gr.themes.colors.amber,
        secondary_hue=gr.themes.colors.amber,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=FONT,
        font_mono=MONO,
    ).set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#171412",
        block_background_fill="#ffffff",
        block_background_fill_dark="#211d1a",
        block_border_color="#e7e2dc",
        block_border_color_dark="#3a342f",
        block_label_text_size="13px",
        block_title_text_size="14px",
        block_title_text_weight="600",
        block_info_text_size="12.5px",
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
        slider_color="#f59e0b",
        input_background_fill="#faf9f7",
        input_border_color="#d9d3cb",
        input_border_color_dark="#453e37",
        input_border_width="1px",
        layout_gap="12px",
        checkbox_label_padding="6px 10px",
        checkbox_label_gap="6px",
        input_background_fill_dark="#1b1815",
    )


CSS = """
.masthead { display: flex; align-items: baseline; gap: 12px; flex-wrap: wrap; padding: 4px 2px 0; }
.masthead h1 { font-size: 26px; font-weight: 750; letter-spacing: -.02em; margin: 0; }
.masthead h1 i { color: #f59e0b; font-style: normal; }
.masthead p { margin: 0; color: var(--body-text-color-subdued); font-size: 15px; }

.html-container { padding: 0 !important; }
.step { font-size: 15px; font-weight: 650; margin: 4px 0 -6px; display: flex; gap: 8px;
  align-items: center; }
.step b { display: inline-grid; place-items: center; width: 22px; height: 22px; font-size: 13px;
  border-radius: 50%; background: #f59e0b; color: #221503; font-weight: 700; }
.step span { color: var(--body-text-color-subdued); font-weight: 400; font-size: 13.5px; }

.panel { border: 1px solid var(--block-border-color); border-left: 4px solid #f59e0b;
  background: var(--block-background-fill); border-radius: 8px; padding: 12px 14px;
  font-size: 14.5px; line-height: 1.45; min-height: 82px; box-sizing: border-box;
  overflow-wrap: anywhere; }
.panel.bad { border-left-color: #dc2626; }
.panel.good { border-left-color: #16a34a; }
.panel .row { display: flex; justify-content: space-between; gap: 12px;
  font-variant-numeric: tabular-nums; }
.bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); margin: 8px 0 4px;
  overflow: hidden; }
.bar i { display: block; height: 100%; background: #f59e0b; border-radius: 4px;
  transition: width .3s ease; }
@media (prefers-reduced-motion: reduce) { .bar i { transition: none; } }

.facts { display: flex; flex-wrap: wrap; gap: 6px; font-size: 13px; min-height: 29px;
  align-items: center; }
.facts span { border: 1px solid var(--block-border-color); border-radius: 999px; padding: 3px 10px;
  background: var(--block-background-fill); }
.facts .name { max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  font-weight: 600; }
.facts p { flex-basis: 100%; margin: 0; color: var(--body-text-color-subdued); }
.facts.bad { color: #b91c1c; font-weight: 600; }
.dark .facts.bad { color: #f87171; }

.empty { display: grid; place-items: center; text-align: center; min-height: 380px;
  border: 1.5px dashed var(--border-color-primary); border-radius: 10px; padding: 24px;
  box-sizing: border-box; color: var(--body-text-color-subdued); }
.empty svg { width: 74px; height: 74px; margin: 0 auto 10px; display: block; }
.empty strong { display: block; font-size: 17px; color: var(--body-text-color); }
.empty p { max-width: 40ch; margin: 6px auto 0; line-height: 1.5; }

.chips { gap: 6px !important; flex-wrap: wrap !important; }
.chips button { flex: 0 0 auto !important; min-width: 0 !important; border-radius: 999px !important;
  padding: 5px 12px !important; font-size: 13px !important; font-weight: 500 !important; }
.actions { position: sticky; bottom: 0; z-index: 5; padding: 10px 0;
  background: var(--body-background-fill); }
.actions button { min-width: 92px !important; }
@media (min-width: 780px) { .stay { position: sticky; top: 10px; align-self: flex-start; } }
.batch { width: 100%; border-collapse: collapse; font-size: 14px; margin: 0 !important; }
.batch td { border: 0 !important; border-bottom: 1px solid var(--block-border-color) !important;
  padding: 9px 8px !important; overflow-wrap: anywhere; }
.batch td:nth-child(n+2) { white-space: nowrap; color: var(--body-text-color-subdued); }
.batch .done td:nth-child(2) { color: #15803d; }
.batch .failed td:nth-child(n+2) { color: #b91c1c; white-space: normal; }
.dark .batch .done td:nth-child(2) { color: #4ade80; }
.dark .batch .failed td:nth-child(n+2) { color: #f87171; }
.note { color: var(--body-text-color-subdued); font-size: 13px; line-height: 1.45; }

.head:has(> label) > label { flex: 1 1 0; }
#gallery .grid-wrap { min-height: 0; max-height: none; }
#gallery .grid-container { gap: 10px; }
footer > .divider { display: none; }

@media (max-width: 640px) {
  .head:has(> label) { flex-wrap: wrap; }
  .head:has(> label) > label { flex: 1 1 100%; }
  footer { display: none !important; }
  .empty { min-height: 220px; }
  .masthead h1 { font-size: 22px; }
}
"""

PAGE = """<style>
.gradio-container { max-width: 1280px !important; width: 100%; margin: 0 auto !important;
  overflow: clip !important; }
@media (max-width: 640px) {
  .gradio-container > .main.app { padding: 10px 12px !important; }
}
</style>
"""
"""For the head of the page: Gradio puts its own selector before every rule of `CSS`."""

HEAD = """
<div class="masthead"><h1>Re<i>light</i></h1>
<p>New light for your clips, on this computer.</p></div>
"""

SUN = """
<svg viewBox="0 0 64 64" fill="none" stroke="#f59e0b" stroke-width="3.5" stroke-linecap="round"
 aria-hidden="true"><circle cx="32" cy="32" r="11" fill="#f59e0b" fill-opacity=".18"/>
<path d="M32 6v8M32 50v8M6 32h8M50 32h8M13.6 13.6l5.7 5.7M44.7 44.7l5.7 5.7"/>
<path d="M50.4 13.6l-5.7 5.7M19.3 44.7l-5.7 5.7"/></svg>
"""


def step(number: int | None, title: str, hint: str = "") -> str:
    """The heading of one step of a form, or of a part that is none."""
    badge = "" if number is None else f"<b>{number}</b>"
    return f'<div class="step">{badge}{title} <span>{hint}</span></div>'


def empty(title: str, text: str) -> str:
    """What stands where a result will be."""
    return f'<div class="empty"><div>{SUN}<strong>{title}</strong><p>{text}</p></div></div>'
