"""HEIF pictures, by libheif: as Pillow opens them, and at more than 8 bits."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from relight.errors import MediaError
from relight.media.pictures_in import Pixels

_PLUGINS = ("pi_heif", "pillow_heif")  # the first is the extra's; either will do


def register(path: Path) -> ModuleType:
    """Make Pillow able to open HEIF; returns the plugin. Raises MediaError without libheif."""
    for name in _PLUGINS:
        try:
            plugin = import_module(name)
        except ImportError:
            continue
        plugin.register_heif_opener()
        return plugin
    raise MediaError(
        f"{path}: HEIF pictures need libheif: pip install 'relight[heif]', or convert it to JPEG"
    )


def read_deep(path: Path) -> Pixels:
    """A HEIF picture of more than 8 bits a channel as uint16, whole and upright."""
    picture = register(path).open_heif(path, convert_hdr_to_8bit=False)
    bits = int(picture.info.get("bit_depth", 16))
    array = np.asarray(picture)
    if array.dtype != np.uint16:
        array = array.astype(np.uint16) * np.uint16(257)
    elif bits < 16:  # libheif's numbers are shifted up: their highest is short of 65535
        top = ((1 << bits) - 1) << (16 - bits)
        array = np.minimum(array.astype(np.uint32) * 65535 // top, 65535).astype(np.uint16)
    array = np.atleast_3d(array)
    alpha = np.ascontiguousarray(array[..., -1]) if array.shape[2] in (2, 4) else None
    image = array[..., :3] if array.shape[2] >= 3 else np.repeat(array[..., :1], 3, 2)
    return Pixels(np.ascontiguousarray(image), alpha)
