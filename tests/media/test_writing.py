"""A file is written whole or not at all."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relight.errors import Cancelled, InputError, MediaError
from relight.media import Encoding, check_output, probe, read, write

from .making import TWO, clapper, clip, copy, nothing_but, numbered, one_line


@pytest.mark.parametrize("error", [RuntimeError("x"), Cancelled("stopped"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.webm", "b.gif", "b.png", "b.jpg", "b.webp"])
@pytest.mark.parametrize("frames", [0, 1])
def test_nothing_is_left_after_an_error(here, name, error, frames):
    clapper("a.mp4", count=5, marks=(2,))
    with (
        pytest.raises(type(error)),
        write(name, probe("a.mp4"), size=(64, 48), fps=25) as out,
    ):
        for i in range(frames):
            out.add(numbered(i), Fraction(i, 25))
        raise error
    nothing_but(here, "a.mp4")


def test_the_old_file_stays_until_the_new_one_is_whole(here):
    Path("b.mp4").write_bytes(b"old")
    with (
        pytest.raises(Cancelled),
        write("b.mp4", size=(64, 48), fps=25, overwrite=True) as out,
    ):
        out.add(numbered(0), Fraction(0))
        assert Path("b.mp4").read_bytes() == b"old"
        raise Cancelled("stopped")
    assert Path("b.mp4").read_bytes() == b"old"
    with write("b.mp4", size=(64, 48), fps=25, overwrite=True) as out:
        out.add(numbered(0), Fraction(0))
    assert len(list(read("b.mp4"))) == 1
    nothing_but(here, "b.mp4")


def test_a_file_that_appears_meanwhile_is_kept(here):
    with pytest.raises(InputError), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(numbered(0), Fraction(0))
        Path("b.mp4").write_bytes(b"someone else's")
    assert Path("b.mp4").read_bytes() == b"someone else's"
    nothing_but(here, "b.mp4")


def test_no_frames_is_an_error(here):
    with pytest.raises(MediaError, match="no frame"), write("b.mp4", size=(64, 48), fps=25):
        pass
    nothing_but(here)


def test_faststart_and_mode(here):
    clip("a.mp4", 3)
    copy("a.mp4", "b.mp4")
    data = Path("b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert Path("b.mp4").stat().st_mode == Path("a.mp4").stat().st_mode


def test_output_rules(here):
    clip("a.mp4", 2)
    os.link("a.mp4", "hard.mp4")
    os.symlink("a.mp4", "soft.mp4")
    os.mkdir("folder.mp4")
    Path("there.mp4").write_bytes(b"x")
    for same in ("a.mp4", "hard.mp4", "soft.mp4", "./a.mp4"):
        with pytest.raises(InputError, match="input itself"):
            check_output(same, "a.mp4", overwrite=True)
    wrong = {
        "there.mp4": "exists",
        "folder.mp4": "folder",
        "nowhere/b.mp4": "no folder",
        "b.avi": "extension",
        "b": "extension",
        "there.mp4/b.mp4": "no folder",
    }
    for name, words in wrong.items():
        with pytest.raises(InputError, match=words) as error:
            check_output(name)
        one_line(error)
    assert check_output("there.mp4", "a.mp4", overwrite=True) == Path("there.mp4")
    assert check_output(here / "new.MP4", "a.mp4") == here / "new.MP4"
    assert Path("there.mp4").read_bytes() == b"x"


def test_a_folder_that_cannot_be_written(here):
    with pytest.raises(MediaError) as error:
        check_output("/proc/self/b.mp4")
    assert "another folder" in one_line(error)


def test_full_disk(here, monkeypatch):
    """A disk that fills up: the kernel refuses to let a file grow past a limit."""
    resource = pytest.importorskip("resource")
    import signal

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
        with pytest.raises(MediaError) as error, write("b.mp4", size=(64, 48), fps=25) as out:
            for i, image in enumerate(noise):
                out.add(image, Fraction(i, 25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert "could not be written" in one_line(error)
    nothing_but(here)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": 0},
        {"fps": -1},
        {"fps": float("nan")},
        {"fps": float("inf")},
        {"encoding": Encoding(crf=52)},
        {"encoding": Encoding(crf=-1)},
        {"start": -1.0},
        {"size": (0, 5)},
        {"size": (20000, 20000)},
        {"size": (20000, 2)},
    ],
)
def test_bad_settings(here, wrong):
    options = {"size": (64, 48), "fps": 25} | wrong
    with pytest.raises(InputError) as error, write("b.mp4", **options):
        pass
    one_line(error)
    nothing_but(here)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 65, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float64),
        np.zeros((48, 64, 3), np.int16),
    ],
)
def test_wrong_frames(here, image):
    with pytest.raises(InputError), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(image, Fraction(0))
    nothing_but(here)


def test_times_must_rise(here):
    with pytest.raises(InputError, match="in order"), write("b.mp4", size=(64, 48), fps=25) as out:
        out.add(numbered(0), Fraction(1))
        out.add(numbered(1), Fraction(1))
    nothing_but(here)


@pytest.mark.parametrize("settings", [{}, {"encoding": Encoding(codec="ffv1", pix_fmt="rgb48le")}])
def test_a_frame_may_be_written_over_once_it_was_added(here, settings):
    codes = [numbered(i).astype(np.uint16) * 257 for i in range(6)]
    images = codes if settings else [(c // 257).astype(np.uint8) for c in codes]
    for name, lent in (("a.mkv", np.empty_like(images[0])), ("b.mkv", None)):
        with write(name, size=(64, 48), fps=25, **settings) as out:
            for i, image in enumerate(images):
                if lent is not None:
                    lent[:] = image
                out.add(image if lent is None else lent, Fraction(i, 25))
    for a, b in zip(read("a.mkv"), read("b.mkv"), strict=True):
        assert np.array_equal(a.image, b.image)


def test_gif_and_png_out(here):
    clapper("a.mp4", count=12, marks=(5,))
    copy("a.mp4", "b.gif")
    frames = list(read("b.gif"))
    assert [f.time for f in frames] == [Fraction(i, 25) for i in range(12)]
    assert [f.image.mean() > 128 for f in frames] == [i == 5 for i in range(12)]
    copy("a.mp4", "b.png", frames=1)
    assert np.array_equal(next(read("b.png")).image, next(read("a.mp4")).image)
    with pytest.raises(InputError, match="holds one frame"):
        copy("a.mp4", "c.png")
    nothing_but(here, "a.mp4", "b.gif", "b.png")


@pytest.mark.parametrize("name", ["b.jpg", "b.jpeg", "b.webp", "B.WEBP"])
def test_still_out(here, name):
    image = next(read(Path(__file__).parents[2] / "examples/clips/big_buck_bunny.mp4")).image
    image = np.ascontiguousarray(image[:201, :333])
    with write(name, size=(333, 201), fps=25) as out:
        out.add(image, Fraction(0))
    back = next(read(name)).image
    assert back.shape == image.shape
    error = np.mean((back.astype(float) - image) ** 2)
    assert 10 * np.log10(255**2 / error) > (40 if "j" in name else 36)
    with Image.open(name) as opened:
        assert opened.format == ("JPEG" if "j" in name else "WEBP")
        if "j" in name:
            assert {part[1:3] for part in opened.layer} == {(1, 1)}  # 4:4:4
    if "j" in name:
        with pytest.raises(InputError, match="holds one frame"), write(f"c{name}", **TWO) as out:
            for i in range(2):
                out.add(numbered(i), Fraction(i, 25))
    nothing_but(here, name)


def test_still_too_large_for_webp(here):
    with (
        pytest.raises(InputError, match="16383") as error,
        write("b.webp", size=(16384, 2), fps=25),
    ):
        pass
    one_line(error)
    nothing_but(here)
