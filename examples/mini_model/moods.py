"""The caption grammar: what a light is called, and what it does to a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

DIRECTIONS = ("left", "right", "top", "bottom", "none")

COLOURS = {  # linear RGB of a saturated light
    "red": (1.0, 0.05, 0.04),
    "orange": (1.0, 0.36, 0.04),
    "yellow": (1.0, 0.85, 0.06),
    "gold": (1.0, 0.62, 0.12),
    "green": (0.08, 1.0, 0.10),
    "teal": (0.05, 0.80, 0.62),
    "cyan": (0.05, 0.85, 1.0),
    "blue": (0.06, 0.16, 1.0),
    "purple": (0.42, 0.08, 1.0),
    "violet": (0.58, 0.12, 1.0),
    "magenta": (1.0, 0.06, 0.85),
    "pink": (1.0, 0.24, 0.52),
}
ALIASES = {
    "golden": "gold",
    "amber": "orange",
    "crimson": "red",
    "turquoise": "teal",
    "lime": "green",
    "indigo": "purple",
    "rose": "pink",
}
COLOUR_PHRASES = (
    "{c} light",
    "{c} lighting",
    "{c} neon light",
    "{c} neon",
    "{c} glow",
    "lit by {c} light",
    "{c} lights",
    "in {c} light",
    "{c} stage light",
    "{c} neon light, city",
)
PAIR_PHRASES = (
    "{c} and {d} neon light",
    "{c} and {d} neon lights",
    "{c} and {d} light",
    "{c} and {d} neon",
    "{c} light and {d} light",
    "{c} and {d} lighting",
)
NEUTRAL = (
    "natural light",
    "natural lighting",
    "studio light",
    "studio lighting",
    "soft light",
    "soft lighting",
    "soft studio lighting",
    "daylight",
    "neutral light",
    "white light",
    "detailed face",
    "light and shadow",
    "normal light",
    "",
    "",
    "",
    "",
)

# name -> (key, fill, ambient, exposure, haze); the colours are linear RGB
MOODS = {
    "sunset": ((1.0, 0.42, 0.12), (0.62, 0.26, 0.42), 0.25, 1.0, 0.10),
    "sunset over sea": ((1.0, 0.40, 0.14), (0.55, 0.28, 0.48), 0.25, 1.0, 0.12),
    "golden hour": ((1.0, 0.66, 0.26), (0.75, 0.50, 0.34), 0.35, 1.1, 0.10),
    "warm sunshine": ((1.0, 0.76, 0.42), (0.70, 0.58, 0.48), 0.35, 1.15, 0.05),
    "sunshine from window": ((1.0, 0.80, 0.48), (0.50, 0.42, 0.38), 0.25, 1.05, 0.06),
    "warm atmosphere": ((1.0, 0.70, 0.38), (0.80, 0.52, 0.32), 0.40, 1.0, 0.04),
    "warm light": ((1.0, 0.70, 0.36), (0.80, 0.55, 0.34), 0.40, 1.0, 0.03),
    "magic golden lit": ((1.0, 0.62, 0.14), (0.80, 0.44, 0.16), 0.30, 1.05, 0.10),
    "cozy bedroom illumination": ((1.0, 0.58, 0.26), (0.70, 0.38, 0.22), 0.30, 0.8, 0.03),
    "candle light": ((1.0, 0.48, 0.14), (0.45, 0.18, 0.07), 0.20, 0.65, 0.02),
    "fire light": ((1.0, 0.36, 0.07), (0.50, 0.12, 0.05), 0.20, 0.75, 0.04),
    "moonlight": ((0.30, 0.48, 1.0), (0.12, 0.20, 0.55), 0.30, 0.55, 0.03),
    "night": ((0.26, 0.36, 0.85), (0.10, 0.14, 0.40), 0.30, 0.42, 0.0),
    "cold light": ((0.50, 0.74, 1.0), (0.40, 0.56, 0.85), 0.40, 0.95, 0.02),
    "overcast": ((0.80, 0.90, 1.0), (0.72, 0.82, 0.95), 0.70, 0.85, 0.03),
    "underwater": ((0.10, 0.62, 0.85), (0.05, 0.34, 0.60), 0.40, 0.80, 0.10),
    "forest light": ((0.55, 0.95, 0.30), (0.22, 0.50, 0.20), 0.35, 0.85, 0.04),
    "sci-fi RGB glowing, cyberpunk": ((0.95, 0.08, 0.80), (0.06, 0.45, 1.0), 0.20, 0.85, 0.06),
    "cyberpunk": ((0.90, 0.08, 0.85), (0.05, 0.50, 1.0), 0.20, 0.85, 0.05),
    "neon city": ((1.0, 0.10, 0.62), (0.10, 0.30, 1.0), 0.20, 0.85, 0.05),
    "neon light": ((1.0, 0.10, 0.66), (0.12, 0.28, 1.0), 0.20, 0.90, 0.05),
    "dim light": ((1.0, 0.96, 0.90), (0.80, 0.80, 0.84), 0.30, 0.45, 0.0),
    "dark": ((0.90, 0.92, 1.0), (0.75, 0.80, 0.95), 0.25, 0.35, 0.0),
    "bright light": ((1.0, 1.0, 1.0), (0.95, 0.95, 0.95), 0.45, 1.4, 0.03),
    "sunrise": ((1.0, 0.60, 0.34), (0.62, 0.42, 0.56), 0.35, 1.0, 0.10),
    "foggy": ((0.92, 0.95, 1.0), (0.85, 0.90, 0.96), 0.6, 0.9, 0.30),
}
SUBJECTS = (
    "a man",
    "a woman",
    "a girl",
    "a person",
    "a bear",
    "a car",
    "a boat",
    "a toy",
    "a cat",
    "a dog",
    "a face",
    "a house",
    "a street",
    "a room",
    "a forest",
    "the sea",
    "a mountain",
    "a flower",
    "a bird",
    "a robot",
    "a rabbit",
    "a bike",
    "an object",
    "a city",
    "a road",
    "beautiful woman",
    "handsome man",
    "a bear walking",
    "a car driving on the street",
    "a boat on the water",
    "a man walking",
    "a man in a car",
    "a toy on a table",
    "a video",
    "a photo",
    "a landscape",
    "a portrait",
    "trees",
    "grass",
    "buildings",
    "the sky",
)
EXTRAS = (
    "detailed",
    "outdoor",
    "indoor",
    "at home",
    "cinematic",
    "in the city",
    "on the beach",
    "high quality",
    "smiling",
    "in a garden",
    "on a rock",
    "in the street",
    "detailed face",
)
NEGATIVE = "lowres, bad anatomy, bad hands, cropped, worst quality"


@dataclass
class Light:
    """One sample's light: caption, direction and physical numbers."""

    caption: str
    direction: int
    key: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))
    fill: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))
    ambient: float = 0.35
    exposure: float = 1.0
    haze: float = 0.0
    grey: float = 0.0  # how far the albedo loses its own colour
    neutral: bool = False


def colour(rng: np.random.Generator) -> tuple[str, np.ndarray]:
    names = list(COLOURS)
    name = names[rng.integers(len(names))]
    value = np.array(COLOURS[name], np.float32)
    if rng.random() < 0.15:
        for alias, target in ALIASES.items():
            if target == name:
                name = alias
    return name, value


def sample(rng: np.random.Generator, direction: int | None = None) -> Light:
    """Draw a light and the caption that asks for it."""
    if direction is None:
        direction = int(rng.choice(5, p=(0.22, 0.22, 0.22, 0.22, 0.12)))
    light = Light("", direction)
    kind = rng.random()
    if kind < 0.36:
        name, light.key = colour(rng)
        light.fill = light.key * 0.8 + 0.02
        light.ambient, light.grey, light.haze = 0.25, 0.5, 0.04
        phrase = str(rng.choice(COLOUR_PHRASES)).format(c=name)
    elif kind < 0.52:
        name, light.key = colour(rng)
        other, light.fill = colour(rng)
        light.ambient, light.grey, light.haze = 0.12, 0.5, 0.04
        phrase = str(rng.choice(PAIR_PHRASES)).format(c=name, d=other)
    elif kind < 0.78:
        names = list(MOODS)
        phrase = names[rng.integers(len(names))]
        key, fill, light.ambient, light.exposure, light.haze = MOODS[phrase]
        light.key, light.fill = np.array(key, np.float32), np.array(fill, np.float32)
        spread = float(light.key.max() - light.key.min())
        light.grey = 0.45 * min(1.0, 1.2 * spread)
    else:
        light.neutral = True
        phrase = str(rng.choice(NEUTRAL))
        if "soft" in phrase:
            light.ambient = 0.5
    light.caption = caption(rng, phrase)
    return light


def caption(rng: np.random.Generator, phrase: str) -> str:
    """Wrap a light phrase in a subject and the usual suffix."""
    parts = [phrase] if phrase else []
    if rng.random() < 0.8 or not parts:
        parts.insert(0, str(rng.choice(SUBJECTS)))
    if rng.random() < 0.3:
        parts.insert(int(rng.integers(len(parts) + 1)), str(rng.choice(EXTRAS)))
    if rng.random() < 0.15 and len(parts) > 1:
        parts.reverse()
    text = ", ".join(parts)
    return text + ", best quality" if rng.random() < 0.75 else text


def corpus() -> list[str]:
    """Every phrase once, for the tokenizer."""
    names = [*COLOURS, *ALIASES]
    lines = [p.format(c=c) for p in COLOUR_PHRASES for c in names]
    lines += [p.format(c=c, d=d) for p in PAIR_PHRASES for c in names for d in names]
    lines += [*NEUTRAL, *MOODS, *SUBJECTS, *EXTRAS, NEGATIVE, "best quality"] * 20
    return lines
