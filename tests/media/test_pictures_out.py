"""Sequences of pictures."""

import errno
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.errors import Cancelled, InputError, MediaError
from relight.media import check_output, read, write

from .making import TWO, clapper, clip, copy, nothing_but, number_of, numbered, one_line


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize(
    ("name", "first"),
    [("f/%05d.png", "00001.png"), ("f/%d.png", "1.png"), ("shot_%03d_a.PNG", "shot_001_a.PNG")],
)
@pytest.mark.parametrize("made", [False, True])
def test_sequence(here, name, first, made, caplog):
    clapper("a.mp4", count=12, marks=(5,))
    if made:
        Path("f").mkdir()
        Path("f/other.png").write_bytes(b"x")
    copy("a.mp4", name, start=0.08)
    assert "holds no sound" in caplog.text
    folder = Path(name).parent
    wanted = [f.image for f in read("a.mp4", start=0.08)]
    assert media.first_file(Path(name)) == folder / first
    for i, image in enumerate(wanted, 1):
        assert np.array_equal(next(read(folder / (Path(name).name % i))).image, image)
    pictures = {Path(name).name % i for i in range(1, 11)}
    rest = {"other.png"} if made else set()
    if folder == Path("f"):
        assert set(names_in("f")) == pictures | rest
        nothing_but(here, "a.mp4", "f")
    else:
        nothing_but(here, "a.mp4", *pictures, *(["f"] if made else []))


@pytest.mark.parametrize("name", ["a%%d.png", "%d-%d.png", "100%.png", "%5d.png", "%x.png"])
def test_sequence_needs_one_plain_number(here, name):
    """Anything else with % in it is an ordinary name."""
    with write(name, size=(64, 48), fps=25) as out:
        out.add(numbered(3), Fraction(0))
    assert number_of(next(read(name)).image) == 3
    nothing_but(here, name)


def sequence(name, levels, **options):
    with write(name, **TWO, **options) as out:
        for i, level in enumerate(levels):
            out.add(numbered(level), Fraction(i, 25))


def levels_in(folder):
    return {n: number_of(next(read(Path(folder) / n)).image) for n in names_in(folder)}


@pytest.mark.parametrize("error", [RuntimeError("x"), Cancelled("stopped"), KeyboardInterrupt()])
@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("frames", [0, 2])
def test_sequence_leaves_nothing_after_an_error(here, error, made, frames):
    if made:
        Path("f").mkdir()
    with pytest.raises(type(error)), write("f/%02d.png", **TWO) as out:
        for i in range(frames):
            out.add(numbered(i), Fraction(i, 25))
        assert not made or not any(name.endswith("1.png") for name in names_in("f"))
        raise error
    assert [str(path) for path in Path().rglob("*")] == (["f"] if made else [])


def test_sequence_overwrite_rules(here):
    sequence("f/%03d.png", [1, 2, 3, 4])
    Path("f/1.png").write_bytes(b"another name")
    Path("f/0001.png").write_bytes(b"another name")
    with pytest.raises(InputError, match="f/001.png exists") as error:
        check_output("f/%03d.png")
    one_line(error)
    with pytest.raises(Cancelled), write("f/%03d.png", overwrite=True, **TWO) as out:
        out.add(numbered(9), Fraction(0))
        raise Cancelled("stopped")
    assert names_in("f") == ["0001.png", "001.png", "002.png", "003.png", "004.png", "1.png"]
    sequence("f/%03d.png", [11, 12], overwrite=True)  # shorter: no old number stays
    assert Path("f/1.png").read_bytes() == Path("f/0001.png").read_bytes() == b"another name"
    for name in ("f/1.png", "f/0001.png"):
        Path(name).unlink()
    assert levels_in("f") == {"001.png": 11, "002.png": 12}
    Path("f/007.png").unlink(missing_ok=True)
    os.mkdir("f/007.png")
    with pytest.raises(InputError, match="007.png is a folder"):
        check_output("f/%03d.png", overwrite=True)


def test_sequence_output_rules(here):
    sequence("%d.png", [1])
    clip("a.mp4", 2)
    with pytest.raises(InputError, match="input itself"):
        check_output("%d.png", "1.png", overwrite=True)
    for name in ("no/where/%d.png", "a.mp4/%d.png"):
        with pytest.raises(InputError, match="no folder") as error:
            check_output(name)
        one_line(error)
    assert check_output("new/%d.png") == Path("new/%d.png")
    assert not Path("new").exists()
    with pytest.raises(MediaError, match="another folder"):
        check_output("/proc/self/new/%d.png")


def test_sequence_that_cannot_be_moved_is_taken_back(here, monkeypatch):
    sequence("f/%d.png", [1, 2])
    rename, calls = os.rename, []

    def failing(here, there):
        calls.append(here)
        if len(calls) == 4:  # two old ones away, one new one in
            raise OSError(5, "Input/output error")
        rename(here, there)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(MediaError) as error:
        sequence("f/%d.png", [7, 8, 9], overwrite=True)
    assert "could not be written" in one_line(error)
    assert len(calls) == 7 and levels_in("f") == {"1.png": 1, "2.png": 2}


@pytest.fixture
def other_disk(here, monkeypatch):
    """A folder that nothing can be renamed out of."""
    folder = here / "scratch"
    folder.mkdir()

    def elsewhere(rename):
        def renaming(source, target):
            if (folder in Path(source).parents) != (folder in Path(target).parents):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            rename(source, target)

        return renaming

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, elsewhere(getattr(os, name)))
    return folder


@pytest.mark.parametrize("name", ["new/%d.png", "f/%d.png", "%d.png", "a.png"])
def test_an_output_made_on_another_disk(here, other_disk, name):
    sequence("f/%d.png", [1, 2, 3])
    Path("f/other.png").write_bytes(b"x")
    sequence(name, [7, 8][: 2 if "%" in name else 1], overwrite=True, scratch=other_disk)
    assert number_of(next(read(name.replace("%d", "1"))).image) == 7
    assert set(names_in("f")) >= {"1.png", "2.png", "other.png"}
    assert Path("f/3.png").exists() != name.startswith("f/")  # no number of a longer one stays
    assert not list(here.rglob(".*")) and not list(other_disk.iterdir())


def test_a_sequence_that_cannot_come_from_another_disk_leaves_what_was_there(
    here, other_disk, monkeypatch
):
    sequence("f/%d.png", [1, 2])
    copied = shutil.copyfile

    def full(source, target):
        if target.name == "2.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        copied(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    for name in ("f/%d.png", "new/%d.png"):
        with pytest.raises(MediaError, match="No space left"):
            sequence(name, [7, 8, 9], overwrite=True, scratch=other_disk)
    assert levels_in("f") == {"1.png": 1, "2.png": 2}
    assert not list(here.rglob(".*")) and not list(other_disk.iterdir())
    nothing_but(here, "f", "scratch")


def test_sequence_pictures_that_appear_meanwhile_are_kept(here):
    with pytest.raises(InputError, match="appeared"), write("f/%d.png", **TWO) as out:
        out.add(numbered(0), Fraction(0))
        Path("f").mkdir()
        Path("f/9.png").write_bytes(b"someone else's")
    assert Path("f/9.png").read_bytes() == b"someone else's"
    nothing_but(here, "f")
    nothing_but("f", "9.png")


def test_sequence_sidecar(here):
    from relight.engine.output import sidecar_path

    assert sidecar_path(Path("f/%05d.png")) == Path("f/00001.png.json")
    assert sidecar_path(Path("f/100%.png")) == Path("f/100%.png.json")


def test_two_runs_to_one_name_never_mix(here):
    with (
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as one,
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as two,
    ):
        for i in range(4):
            one.add(numbered(i), Fraction(i, 25))
            two.add(numbered(i + 30), Fraction(i, 25))
    assert [number_of(f.image) for f in read("b.mp4")] == [0, 1, 2, 3]  # the last one to finish
    nothing_but(here, "b.mp4")
