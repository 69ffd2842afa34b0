"""Controls made from the fields of a job class: label, range, choices, default and help.

A field added to a job appears in the app and in its API by itself. The kind of control is read off
the field's JSON schema, so that unions and annotated types need no care here.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic import BaseModel

from relight.jobs.base import Delivery, Job

DELIVERED = ("codec", "crf", "depth")
"""What a visitor may say of the output file."""

SERVER_SIDE = {
    *("input", "output", "overwrite"),
    *("device", "dtype", "memory", "attention", "compile"),
    *("devices", "work", "keep_work", "resume"),
    *("guide", "mask", "matte_model", "background"),  # may be paths
    *("depth_clip", "surface"),  # they may be paths
    *("light_at", "reference", "reference_at"),  # the stage writes them, of the visitor's own files
    *(name for name in Delivery.model_fields if name not in ("tonemap", *DELIVERED)),
}
"""Fields that the server decides: no path and no device is ever taken from a browser."""

OF_THE_MACHINE = {
    *("input", "output", "overwrite", "start", "frames", "tonemap", "matte_model"),
    *("device", "dtype", "memory", "attention", "compile"),
    *("devices", "work", "keep_work", "resume"),
}
"""Fields that say where and how a run is made, or that the stage has in every tab."""

GROUPS = {
    "Model": ("scene", "negative_prompt", "model"),
    "Light": ("shape", "intensity", "gamma", "transfer", "light_fps"),
    "Sampling": ("recipe", "seed", "steps", "relight_steps", "strength", "guidance"),
    "Output": ("upscale", *DELIVERED),
    "Performance": ("side", "tile"),
}
"""Headings of the advanced settings; a field that is in none of them comes under "More"."""

GUIDE_CHOICES = [
    ("Automatic", ""),
    ("Clean", "mini"),
    ("Compressed or noisy", "restore"),
    ("Plain bicubic", "bicubic"),
]
"""Guides that a visitor may choose; files of others are the server's."""

LONGEST_TEXT = 2000
"""Letters of a prompt."""
SHORT_RANGE = 1
"""A number with both ends known, no further apart than this, is a slider."""


def open_fields(job: type[Job], *own: str) -> list[str]:
    """Fields of `job` that a generic control shows: not the server's, not those of `own`."""
    return [name for name in job.in_order() if name not in SERVER_SIDE and name not in own]


def grouped(names: list[str]) -> dict[str, list[str]]:
    """Names of fields under their headings."""
    found = {title: [n for n in own if n in names] for title, own in GROUPS.items()}
    known = {name for own in found.values() for name in own}
    found["More"] = [name for name in names if name not in known]
    return {title: own for title, own in found.items() if own}


def control(job: type[BaseModel], name: str, *, drawn: bool = True, **overrides: Any) -> Component:
    """The control of one field.

    Args:
        job: the job class.
        name: one of its fields.
        drawn: for the page; an API parameter needs no such care of the browser.
        overrides: arguments of the component that replace those read off the field.
    """
    schema = _schema(job, name)
    common = {
        "label": job.model_fields[name].title or name.replace("_", " ").capitalize(),
        "info": _sentence(job.model_fields[name].description),
    }
    if schema.get("format") == "path":
        return gr.File(**{"label": common["label"], "type": "filepath", **overrides})
    default = overrides.get("value", schema.get("default"))
    if "enum" in schema:
        kind = gr.Radio if len(schema["enum"]) <= 3 else gr.Dropdown
        return kind(**{**common, "choices": schema["enum"], "value": default, **overrides})
    if schema["type"] == "boolean":
        return gr.Checkbox(**{**common, "value": default, **overrides})
    if schema["type"] in ("integer", "number"):
        return _number(schema, default, drawn, {**common, **overrides})
    return gr.Textbox(**{**common, "value": default, **overrides})


def described(job: type[BaseModel], name: str) -> Component:
    """The parameter of a call for one field; its label, which programs read, says all of it."""
    text = _sentence(job.model_fields[name].description)
    return control(job, name, drawn=False, **({"label": text} if text else {}))


def fits(control: Any, value: Any) -> bool:
    """Whether a value is one that a control can hold."""
    if isinstance(control, gr.Dropdown | gr.Radio):
        return value in [choice for _, choice in control.choices or []]
    if isinstance(control, gr.Checkbox):
        return isinstance(value, bool)
    if isinstance(control, gr.Slider | gr.Number):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        low, high = getattr(control, "minimum", None), getattr(control, "maximum", None)
        return number and (low is None or value >= low) and (high is None or value <= high)
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def holds(control: Component | None, value: Any) -> bool:
    """Whether there is a control, and one that can hold the value of a setting."""
    chosen = isinstance(control, gr.Dropdown | gr.Radio)
    return control is not None and (not chosen or fits(control, value))


def unshown(job: type[Job], settings: dict[str, Any], named: dict[str, Any]) -> list[str]:
    """Names of settings that change a result and that no control, by the names of fields, holds."""
    known = job.model_fields
    return [
        name
        for name, value in settings.items()
        if name in known
        and name not in OF_THE_MACHINE
        and value not in (None, "", [], known[name].get_default())
        and not holds(named.get(name), value)
    ]


def values(job: type[BaseModel], given: dict[str, Any]) -> dict[str, Any]:
    """What the controls hold as settings of a job: an empty control leaves its field open."""
    return {
        name: value
        for name, value in given.items()
        if name in job.model_fields and value is not None and value != ""
    }


def _number(schema: dict[str, Any], default: Any, drawn: bool, common: dict[str, Any]) -> Component:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    whole = schema["type"] == "integer"
    if low is not None and high is not None and default is not None and high - low <= SHORT_RANGE:
        own = {"minimum": low, "maximum": high, "step": 1 if whole else 0.01, "value": default}
        return gr.Slider(**own | common)
    if drawn and default is None:  # the browser would turn an empty number into a 0
        own = {"placeholder": "automatic", "max_lines": 1}
        return gr.Textbox(**own | common)
    ends = {} if high is None or high > 1e9 else {"maximum": high}
    if whole:
        ends["precision"] = 0
    own = {"value": default, "minimum": low, **ends}
    return gr.Number(**own | common)


def _schema(job: type[BaseModel], name: str) -> dict[str, Any]:
    """The JSON schema of one field; of an optional one, that of its value."""
    schema = job.model_json_schema()["properties"][name]
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return {**schema, **options[0]} if options else schema


def _sentence(help: str | None) -> str | None:
    return help[:1].upper() + help[1:] if help else None
