"""Bad settings and files of `relight upscale`: one line, at once, and nothing is left.

All but those that must be loaded run in one process that has no torch; each is a test of its own.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from relight import media
from relight.models.guides import GUIDES
from tests.cli.answers import answers_to

SIZE, FPS, FRAMES = (40, 24), 8, 4

VALUES = {
    "--scale": "0 -1 nan inf 1 16.1 1e9 abc 1,5 0x2",
    "--size": "80 80x x80 0x0 80x0 80x-90 1e3x1e3 80.5x90 80X90 39x100 40x24 100x24 1x1 "
    "1000000x1 999999x999999",
    "--identity": "-0.1 1.1 nan inf abc",
    "--steps": "0 -1 1.5 1001 abc",
    "--guidance": "-1 51 nan inf abc",
    "--tile": "-64 63 1.5 100 abc",
    "--seed": "-1 1.5 1e99 99999999999999999999 abc",
    "--frames": "0 -1 2.5 abc",
    "--start": "-1 nan 1e9",
    "--guide": "sharp x.pth missing.safetensors text.safetensors empty.safetensors "
    "half.safetensors more.safetensors folder.safetensors in.png empty_folder mini,restore",
    "--recipe": "fast PAPER",
    "--model": "huge missing/folder in.png",
    "--codec": "nonsense",
}
SETTINGS = [["in.png", name, value] for name, values in VALUES.items() for value in values.split()]
SETTINGS += [["in.png", name, ""] for name in ("--scale", "--size", "--guide", "--model")]
SETTINGS += [
    ["in.png", "--scale", "2", "--size", "80x48"],
    ["in.png", "--recipe", "paper", "--guide", "mini"],
    ["in.png", "--recipe", "paper", "--steps", "51"],
    ["in.png", "--light", "left"],
    ["in.png", "--scale"],
    ["clip.mkv", "--model", "sdxl", "-o", "out/made.mkv"],
]
_INPUTS = (
    "missing.png text.png text.jpg text.gif text.tif text.webp text.mp4 empty.png empty.mp4 "
    "half.png half.jpg empty_folder text.yaml empty.yaml half.safetensors /dev/null"
)
INPUTS = [[name] for name in _INPUTS.split()] + [["broken_folder"]]
OUTPUTS = [
    ["in.png", "-o", name]
    for name in (
        *("nowhere/made.png", "nowhere/deep/made.png", "out/made", "out/made.xyz", "in.png"),
        *("other.jpg", "in.png/made.png", "out/made.safetensors", f"out/{'n' * 300}.png"),
        *(f"out/{'n' * 248}.png", ""),
    )
] + [["clip.mkv", "-o", f"out/made.{suffix}"] for suffix in ("png", "jpg", "tif", "exr", "wav")]
_WRONG = ("other", "fewer", "shape", "numbers")
CASES = [*SETTINGS, *INPUTS, *OUTPUTS]
LATER = [["in.png", "--guide", f"{name}.safetensors"] for name in _WRONG] + [
    ["in.png", "--model", "empty_folder"]
]
"""What is in a file or folder that is there shows when it is loaded."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of what the cases name, and an empty one for results."""
    folder = tmp_path_factory.mktemp("bad")
    for name in ("out", "empty_folder", "broken_folder", "folder.safetensors"):
        (folder / name).mkdir()
    shown = np.random.default_rng(0).integers(60, 200, (SIZE[1], SIZE[0], 3), np.uint8)
    for name in ("in.png", "other.jpg", "broken_folder/0.png"):
        Image.fromarray(shown).save(folder / name)
    (folder / "broken_folder/1.png").write_text("no picture")
    with media.write(folder / "clip.mkv", size=SIZE, fps=FPS) as out:
        for i in range(FRAMES):
            out.add(np.roll(shown, i, 1), Fraction(i, FPS))
    for suffix in ("png", "jpg", "gif", "tif", "webp", "mp4", "yaml", "safetensors"):
        (folder / f"text.{suffix}").write_text("nothing to see")
        (folder / f"empty.{suffix}").touch()
    for name, whole in (("png", "in.png"), ("jpg", "other.jpg")):
        data = (folder / whole).read_bytes()
        (folder / f"half.{name}").write_bytes(data[: len(data) // 2])
    data = GUIDES["mini"].read_bytes()
    (folder / "half.safetensors").write_bytes(data[: len(data) // 2])
    (folder / "more.safetensors").write_bytes(data + b"123")
    _networks(folder)
    return folder


def _networks(folder):
    own = load_file(GUIDES["mini"])
    wrong = own | {"conv_in.weight": torch.zeros(4, 3, 3, 3)}
    none = {name: torch.full_like(value, float("nan")) for name, value in own.items()}
    save_file({"a": torch.zeros(3, 3)}, folder / "other.safetensors")
    save_file(dict(list(own.items())[3:]), folder / "fewer.safetensors")
    save_file(wrong, folder / "shape.safetensors")
    save_file(none, folder / "numbers.safetensors")


def _answers(folder, cases, torch=False):
    """What each case answers."""
    found = answers_to([["upscale", *case, *_others(case)] for case in cases], folder, torch)
    return dict(zip(map(tuple, cases), found, strict=True))


def _others(case):
    """What the command also needs."""
    given = {"-o": "out/made.png", "--model": "mini", "--seed": "1"}
    return [word for pair in given.items() if pair[0] not in case for word in pair]


@pytest.fixture(scope="module")
def answers(folder):
    return _answers(folder, CASES)


@pytest.fixture(scope="module")
def loaded(folder):
    return _answers(folder, LATER, torch=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case)[:60])
def test_it_is_refused_in_one_line(answers, case):
    code, said, left = answers[tuple(case)]
    assert code in (1, 2), (code, said)
    assert "Traceback" not in said and "unexpected" not in said and not left
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1, said
    assert len(lines[0]) < 450 and "pydantic" not in said and "pattern" not in said, said


@pytest.mark.parametrize("case", LATER, ids=" ".join)
def test_what_holds_no_weights_is_named(loaded, case):
    code, said, left = loaded[tuple(case)]
    assert code == 1 and "Traceback" not in said and "unexpected" not in said and not left
    last = said.splitlines()[-1]
    assert last.startswith("relight: ") and len(last) < 250, said
    assert case[2] in last or "the guide" in last, said
