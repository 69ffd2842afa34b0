"""Settings that the page's events share, typed as Gradio wants them."""

from __future__ import annotations

from typing import Literal, TypedDict


class Private(TypedDict):
    """Settings of an event."""

    api_visibility: Literal["public", "private", "undocumented"]
    show_progress: Literal["full", "minimal", "hidden"]


PRIVATE: Private = {"api_visibility": "private", "show_progress": "hidden"}
"""Of an event that belongs to the page: no endpoint, and no spinner over what it changes."""
