"""What is wrong with a job's settings, in one line."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from relight.errors import choices
from relight.jobs.reading import shown

_WANTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("path_type", "string_type"), "text"),
}
"""What a value should be, by pydantic's name of the fault, where its own words are a library's."""


def one_line(error: ValidationError, kind: type[BaseModel]) -> str:
    """Each fault that pydantic found in settings of a kind, with the name and what was given."""
    parts = []
    for fault in error.errors(include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        text = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            parts.append(f"{name} is missing")
        elif fault["type"] == "extra_forbidden":
            parts.append(f"unknown setting {shown(name)}: {choices(name, kind.model_fields)}")
        elif name:
            text = _WANTED.get(fault["type"], text.removeprefix("Input should be "))
            parts.append(f"{name} should be {text}, not {shown(fault['input'])}")
        else:
            parts.append(text)
    return "; ".join(parts)
