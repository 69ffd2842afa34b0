"""Bad lights, masks and backgrounds on the command line: one line, at once, and nothing is left.

All of them run in one process that has no torch; each is a test of its own.
"""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
from tests.cli.answers import answers_to

SIZE, FPS, FRAMES = (96, 64), 8, 6

_LIGHTS = (
    "pole:x=.2 lamp:x=.1 left:size=3 point:x=abc point:x=1e9 point:x=nan point:radius=0 "
    "point:radius=-1 point:radius=nan point:radius=inf point:z=abc point:soft=2 point:soft=-1 "
    "point:x=.1,x=.2 point:x= point:=2 left:color=bluish left:color=#12345 left:color=#gggggg "
    "left:color=0K left:color=1000000K left:color=-3200K left:intensity=-1 left:intensity=nan "
    "left:intensity=1e9 angle:abc angle:nan angle: image: video: backdrop: missing.png "
    "missing.mp4 text.png text.mp4 empty.png empty.mp4 empty_folder text_folder "
    "backdrop:missing.jpg backdrop:text.png backdrop:empty_folder sweep:seconds=0 "
    "sweep:seconds=-1 sweep:side=up circle:seconds=nan pulse:light=(left candle:x=abc "
    "sunset:seconds=0 police:seconds=abc keyframes:() keyframes:(left)"
)
LIGHTS = [["--light", value] for value in _LIGHTS.split()] + [
    ["--light", value] for value in ("left + ", "none + left", "+", "", " ", "left right")
]
KEYS = [
    [part for key in keys for part in ("--light-at", key)]
    for keys in (
        ["2=left", "1=top"],
        ["0=left", "0=top"],
        ["0=left", "5=top"],
        ["-1=left"],
        ["nan=left"],
        ["inf=left"],
        ["0=none"],
        ["left"],
        ["=left"],
        ["0="],
        ["0=point:x=abc"],
    )
] + [["--light", "top", "--light-at", "0=left"], ["--light", "keyframes:(0=left; 9=top)"]]
_MASKS = (
    "person missing.png text.png empty.png empty.mp4 text.mp4 empty_folder text_folder "
    "broken_folder fewer.mkv more.mkv click: click:.5 click:a,b click:.5,.5,.5 click:nan,.5 "
    "click:900,5 click:-.1,.5 click:.5,.5@9 click:.5,.5@-1 click:.5,.5@abc click:.5,.5@nan "
    "box: box:.5,.5 box:.5,.5,.5,.9 box:.9,.9,.1,.1 box:0,0,2,2 box:0,0,1,nan "
    "box:.1,.1,.9,.9@9 box:-.1,0,1,1 box:a,b,c,d"
)
MASKS = [["--mask", value] for value in _MASKS.split()] + [
    ["--mask", " "],
    ["--mask", "white.png", "--matte-model", "missing.onnx"],
    ["--matte-model", "missing.onnx"],
    ["--matte-model", "text.png"],
    ["--matte-model", "empty_folder"],
    ["--relight", "sky"],
    ["--relight", ""],
]
_BACKGROUNDS = (
    "missing.jpg missing.mp4 text.png text.mp4 empty.png empty.mp4 empty_folder text_folder "
    "broken_folder"
)
BACKGROUNDS = [["--background", value] for value in _BACKGROUNDS.split()] + [
    ["--background", ""],
    ["--background", "a sea", "--recipe", "fast", "--transfer", "off"],
    ["--background", "white.png", "--relight", "all"],
    ["--background", "white.png", "--relight", "background"],
    ["--background", "a sea", "--model", "wan"],
]
OTHERS = [
    ["--delight", "2"],
    ["--delight", "-1"],
    ["--delight", "nan"],
    ["--shape", "2"],
    ["--intensity", "-1"],
    ["--depth-clip", "missing.mkv"],
    ["--depth-clip", "text.png"],
    ["--depth-clip", "white.png"],
    ["--surface", "missing_folder"],
    ["--surface", "empty_folder"],
]
CASES = [*LIGHTS, *KEYS, *MASKS, *BACKGROUNDS, *OTHERS]

GIVEN = ["clip.mkv", "-o", "out/made.mkv", "--model", "mini", "--prompt", "soft light"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each case answers: exit code, what is said, what is left."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "out").mkdir()
    for name, count in (("clip", FRAMES), ("fewer", FRAMES - 2), ("more", FRAMES + 3)):
        _clip(folder / f"{name}.mkv", count)
    Image.new("L", SIZE, 255).save(folder / "white.png")
    for suffix in ("png", "mp4"):
        (folder / f"text.{suffix}").write_text("nothing to see")
        (folder / f"empty.{suffix}").touch()
    for name in ("empty", "text", "broken"):
        (folder / f"{name}_folder").mkdir()
    (folder / "text_folder/a.txt").write_text("x")
    Image.new("RGB", SIZE).save(folder / "broken_folder/0.png")
    (folder / "broken_folder/1.png").write_text("no picture")
    found = answers_to([["run", *GIVEN, "--seed", "1", *case] for case in CASES], folder)
    return dict(zip(map(tuple, CASES), found, strict=True))


def _clip(path, count):
    with media.write(path, size=SIZE, fps=FPS, encoding=media.Encoding(codec="ffv1")) as out:
        for i in range(count):
            image = np.random.default_rng(i).integers(60, 200, (SIZE[1], SIZE[0], 3), np.uint8)
            out.add(image, Fraction(i, FPS))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_it_is_refused_in_one_line(answers, case):
    code, said, left = answers[tuple(case)]
    assert code in (1, 2), (code, said)
    assert "Traceback" not in said and not left
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1, said
    assert len(lines[0]) < 350, said
