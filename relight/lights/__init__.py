"""What the light is: a side, an angle, a lamp at a place, a picture, a video; several; moving.

    light = parse_light("point:x=.2,y=.3,color=#ffb060 + left:intensity=.3")
    light.level_map(height, width, seconds)  # (height, width, 3) in [0, 1]

A kind of light is one file here; every module of this package is imported when it is, so that a new
kind needs no list anywhere (CONTRIBUTING.md has a worked example). Nothing here imports torch.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from relight.lights.base import Light, kinds, parse_light, register, usages
from relight.lights.colors import Color
from relight.lights.direction import DirectionLight, NoLight
from relight.lights.fields import Control
from relight.lights.guide import guide
from relight.lights.image import ImageLight
from relight.lights.later import Later
from relight.lights.moving import Keyframe, MovingLight
from relight.lights.point import PointLight
from relight.lights.resolve import asked, resolve
from relight.lights.several import Several
from relight.lights.surroundings import BackdropLight
from relight.lights.video import VideoLight

__all__ = [
    "BackdropLight",
    "Color",
    "Control",
    "DirectionLight",
    "ImageLight",
    "Keyframe",
    "Later",
    "Light",
    "MovingLight",
    "NoLight",
    "PointLight",
    "Several",
    "VideoLight",
    "asked",
    "guide",
    "kinds",
    "parse_light",
    "register",
    "resolve",
    "usages",
]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
