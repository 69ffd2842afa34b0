"""Faults that are made for real, each in a folder of its own; returns what the user was told."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from relight.cli import main
from tests.media.bombs import gif_of
from tests.samples import CLIP

PROMPT = ["--prompt", "red light"]


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit code, and its lines for people."""

    code: int
    lines: tuple[str, ...]
    fine: bool = False


@dataclass(frozen=True)
class Place:
    """Where a fault is made."""

    folder: Path

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def run(self, *arguments: object, command: str = "run", fine: bool = False) -> Told:
        """Run a command, with an output in the folder unless one is given."""
        given = [str(one) for one in arguments]
        if "-o" not in given:
            given += ["-o", str(self.folder / "out.mp4")]
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = main([command, *given])
        return Told(code, tuple(said.getvalue().splitlines()), fine)

    def clip(self, content: bytes, name: str = "in.mp4") -> Told:
        return self.run(self.file(name, content), *PROMPT)


Make = Callable[[Place], Told]


def missing(place: Place) -> Told:
    return place.run(place.folder / "no.mp4", *PROMPT)


def empty(place: Place) -> Told:
    return place.clip(b"")


def random_bytes(place: Place) -> Told:
    return place.clip(np.random.default_rng(0).bytes(5000))


def without_index(place: Place) -> Told:
    content = CLIP.read_bytes()
    at = content.index(b"moov") - 4
    return place.clip(content[: at + 100] if at < 100_000 else content[: at - 100])


def text(place: Place) -> Told:
    return place.clip(b"%PDF-1.7 hello\n" * 50)


def picture(place: Place) -> Told:
    path = place.folder / "in.png"
    Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save(path)
    target = place.folder / "large.png"
    return place.run(path, "-o", target, "--model", "mini", command="upscale", fine=True)


def pixel_bomb(place: Place) -> Told:
    return place.clip(gif_of(100, 7900), "in.gif")


def playlist(place: Place) -> Told:
    place.file("secret.mp4", CLIP.read_bytes())
    return place.clip(b"ffconcat version 1.0\nfile secret.mp4\n")


def long_name(place: Place) -> Told:
    return place.run(CLIP, "-o", place.folder / ("x" * 247 + ".mp4"), *PROMPT)


def onto_itself(place: Place) -> Told:
    path = place.file("in.mp4", CLIP.read_bytes())
    return place.run(path, "-o", path, *PROMPT)


def wrong_number(place: Place) -> Told:
    return place.run(CLIP, *PROMPT, "--steps", "0")


def empty_prompt(place: Place) -> Told:
    return place.run(CLIP, "--prompt", " ")


def wrong_light(place: Place) -> Told:
    return place.run(CLIP, *PROMPT, "--light", place.folder / "nothing.png")


def too_small(place: Place) -> Told:
    return place.run(CLIP, "--size", "64x36", command="upscale")


def alias_bomb(place: Place) -> Told:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    return place.run(place.file("job.yaml", "\n".join([*lines, "prompt: *a8"]).encode()))


def no_device(place: Place) -> Told:
    return place.run(CLIP, *PROMPT, "--model", "mini", "--device", "cuda:77", "--frames", "1")


def no_weights(place: Place) -> Told:
    return place.run(CLIP, *PROMPT, "--model", "wan")
