"""Jobs in files: YAML, JSON, and the sidecars that lie beside outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from relight.errors import InputError
from relight.jobs import Job, RelightJob

JOB_FILES = {".yaml", ".yml", ".json"}


def read_job(path: Path, kind: type[Job] = RelightJob) -> dict[str, Any]:
    """The settings in a YAML or JSON job file, or in the sidecar beside an earlier output.

    Keys are checked here, so that a typo is named together with its file; values when the job is
    made. Relative paths are meant from the current folder, as on the command line.

    Raises:
        InputError: unreadable, not a mapping, or an unknown key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"can't read the job file {path}: {reason}") from None
    if isinstance(data, dict) and "settings" in data:
        data = data["settings"]  # a sidecar
    if not isinstance(data, dict):
        raise InputError(f"the job file {path} holds no settings (key: value lines)")
    for key in data:
        if key not in kind.model_fields:
            known = ", ".join(kind.model_fields)
            raise InputError(f"unknown key {key!r} in {path}: use {known}")
    return data


def overlaid(kind: type[Job], stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Stored settings under those given now, which replace them, also where they exclude them."""
    if given.keys() & set(kind.exclusive):
        stored = {name: value for name, value in stored.items() if name not in kind.exclusive}
    return {**stored, **given}
