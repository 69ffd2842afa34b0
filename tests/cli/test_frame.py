"""`relight frame`: the frame to edit, its tag, and one line for every mistake."""

import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageCms

from relight import media
from relight.cli import main
from tests.media.test_colours import hdr
from tests.samples import CLIP


def test_the_frame_at_a_time_is_saved_whole_and_tagged(tmp_path, capsys):
    out = tmp_path / "frame.png"
    assert main(["frame", str(CLIP), "-o", str(out), "--at", "1"]) == 0
    wanted = next(iter(media.read(CLIP, start=1.0, frames=1)))
    assert f"{float(wanted.time):.3f} s" in capsys.readouterr().out
    with Image.open(out) as image:
        assert np.array_equal(np.asarray(image), wanted.image)
    assert b"sRGB" in out.read_bytes()[:100]
    assert main(["frame", str(CLIP), "-o", str(tmp_path / "a.jpg")]) == 0
    with Image.open(tmp_path / "a.jpg") as image:
        tag = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(tag)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "frame.png"]


@pytest.mark.parametrize("name", ["one.mp4", "two.gif", "picture.png"])
def test_what_has_no_frame_after_its_middle_has_one_there(tmp_path, capsys, name):
    clip, colours = tmp_path / name, np.uint8([[[200, 0, 0]], [[0, 0, 200]]])
    if clip.suffix == ".png":
        Image.new("RGB", (64, 48), "red").save(clip)
    else:
        with media.write(clip, size=(64, 48), fps=8) as out:
            for number in range(1 if name == "one.mp4" else 2):
                image = np.ascontiguousarray(np.broadcast_to(colours[number], (48, 64, 3)))
                out.add(image, Fraction(number, 8))
    assert main(["frame", str(clip), "-o", str(tmp_path / "a.png")]) == 0
    assert " s" in capsys.readouterr().out and (tmp_path / "a.png").is_file()


def test_the_frame_shown_at_a_time_is_the_one_that_began_before_it(tmp_path):
    second = list(media.read(CLIP, frames=2))[1]
    out, at = tmp_path / "frame.png", float(second.time) + 0.01
    assert main(["frame", str(CLIP), "-o", str(out), "--at", str(at)]) == 0
    with Image.open(out) as image:
        assert np.array_equal(np.asarray(image), second.image)


@pytest.mark.parametrize(
    "name, more, words",
    [
        ("a.png", ["--at", "999"], "past the end"),
        ("a.png", ["--at", "-1"], "0 s or later"),
        ("a.png", ["--at", "nan"], "0 s or later"),
        ("a.mp4", [], "not a picture's name"),
        ("no/a.png", [], "no folder"),
        ("here.png", [], "exists"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, name, more, words):
    (tmp_path / "here.png").write_bytes(b"x")
    assert main(["frame", str(CLIP), "-o", str(tmp_path / name), *more]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["here.png"]


def test_it_reads_hdr_and_folders_as_a_run_does(tmp_path, capsys):
    hdr(str(tmp_path / "hdr.mp4"), 16)
    (tmp_path / "many").mkdir()
    for i in range(4):
        Image.new("RGB", (64, 48), (60 * i, 0, 0)).save(tmp_path / "many" / f"{i}.png")
    mapped, third = tmp_path / "hdr.png", tmp_path / "third.png"
    assert main(["frame", str(tmp_path / "hdr.mp4"), "-o", str(mapped), "--tonemap"]) == 0
    levels = np.asarray(Image.open(mapped))[24, :, 1].astype(int)
    assert levels[0] < 5 and levels[-1] > 250
    given = ["--as-clip", "--fps", "10", "--at", "0.25"]
    assert main(["frame", str(tmp_path / "many"), "-o", str(third), *given]) == 0
    assert "0.200 s" in capsys.readouterr().out
    assert np.asarray(Image.open(third))[0, 0].tolist() == [120, 0, 0]
    assert main(["frame", str(tmp_path / "many"), "-o", str(third), "-y", "--fps", "-1"]) == 2
    assert "fps should be greater than 0, not -1" in capsys.readouterr().err


def test_no_torch_is_loaded(tmp_path):
    code = (
        "import sys; from relight.cli import main; "
        f"main(['frame', {str(CLIP)!r}, '-o', {str(tmp_path / 'a.png')!r}]); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
