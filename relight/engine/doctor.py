"""What is installed here and what is missing, for people and bug reports."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from relight import __version__
from relight.engine import estimates
from relight.engine.logs import anonymous
from relight.engine.versions import version_of

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "safetensors",
    "av",
    "opencv-python-headless",
    "numpy",
    "pillow",
    "pydantic",
)
EXTRAS = {
    "ui": ("gradio", "the studio"),
    "batch": ("ray", "relight batch --ray"),
    "heif": ("pi_heif", "HEIC pictures"),
    "xformers": ("xformers", "--attention xformers"),
}
"""Extra -> the module it brings, and what it is for."""
SETTINGS = ("RELIGHT_", "HF_", "CUDA_VISIBLE", "OMP_NUM", "PYTORCH_", "RAY_AUTH", "SLURM_ARRAY")
"""Beginnings of environment variables that matter; their values are shown, but of tokens."""


def examine(hide: bool = False) -> dict[str, dict[str, Any]]:
    """Versions, devices, memory, disk, codecs and weights of this machine, by section.

    Args:
        hide: replace paths, and names of the user and the machine.
    """
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "versions": _versions,
        "machine": _machine,
        "devices": _devices,
        "codecs": _codecs,
        "weights": _weights,
        "extras": _extras,
        "settings": _settings,
    }
    found = {name: _safely(section) for name, section in sections.items()}
    return _hidden(found, anonymous()) if hide else found


def lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """The sections in lines for people.

    >>> lines({"devices": {"cpu": "2 cores"}})
    ['devices', '  cpu: 2 cores']
    """
    made = []
    for section, values in found.items():
        made.append(section)
        made += [f"  {name}: {value}" for name, value in values.items()]
    return made


def _safely(section: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A section; what is broken here is what a doctor is asked about."""
    try:
        return section()
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(one, hide) for name, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one, hide) for one in value]
    return hide(value) if isinstance(value, str) else value


def _versions() -> dict[str, Any]:
    found: dict[str, Any] = {
        "relight": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
    }
    for name in PACKAGES:
        found[name] = version_of(name)
    import av

    found["ffmpeg"] = ", ".join(
        f"{name} {'.'.join(map(str, numbers))}"
        for name, numbers in av.library_versions.items()
        if name in ("libavcodec", "libavformat")
    )
    return found


def _machine() -> dict[str, Any]:
    import psutil

    from relight.diffusion.memory import available_memory

    cache = estimates.place()
    folders = {"here": Path.cwd(), "temporary": Path(tempfile.gettempdir())}
    found: dict[str, Any] = {
        "processor": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB, of which this process can "
        f"take {available_memory() / 2**30:.1f}",
    }
    for name, folder in folders.items():
        found[f"disk {name}"] = f"{shutil.disk_usage(folder).free / 1e9:.1f} GB free in {folder}"
    found["estimates"] = "off" if cache is None else f"{cache} ({len(estimates.known())} known)"
    return found


def _devices() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            it = torch.cuda.get_device_properties(index)
            free, _ = torch.cuda.mem_get_info(index)
            found[f"cuda:{index}"] = (
                f"{it.name}, {free / 2**30:.1f} of {it.total_memory / 2**30:.1f} GiB free, "
                f"compute capability {it.major}.{it.minor}, CUDA {torch.version.cuda}"
            )
    elif torch.backends.mps.is_available():
        found["mps"] = "available"
    else:
        built = torch.version.cuda
        found["gpu"] = "none" + (f" that this PyTorch for CUDA {built} can use" if built else "")
    return found


def _codecs() -> dict[str, Any]:
    import av

    from relight.media.codecs import CODECS

    found = {}
    for name, codec in CODECS.items():
        try:
            av.Codec(codec.encoder, "w")
            found[name] = codec.encoder
        except Exception:
            found[name] = f"missing ({codec.encoder}, not in this build of PyAV)"
    return found


def _weights() -> dict[str, Any]:
    from relight.models import files, hub
    from relight.models.catalogue import CATALOGUE, UPSCALERS

    found: dict[str, Any] = {}
    for name, entry in (CATALOGUE | UPSCALERS).items():
        if not hub.is_here(entry):
            found[name] = f"not here: relight models download {name} ({entry.size})"
            continue
        marks = files.identify(hub.locate(entry))
        found[name] = ", ".join(f"{part} {mark[:12]}" for part, mark in sorted(marks.items()))
    return found


def _extras() -> dict[str, Any]:
    found = {}
    for name, (module, use) in EXTRAS.items():
        here = importlib.util.find_spec(module) is not None
        found[name] = "here" if here else f"missing: pip install 'relight[{name}]' for {use}"
    return found


def _settings() -> dict[str, Any]:
    found = {}
    for name, value in sorted(os.environ.items()):
        if name.startswith(SETTINGS):
            secret = any(word in name for word in ("TOKEN", "KEY", "SECRET", "PASS", "AUTH"))
            found[name] = "set" if secret else value
    return found
