"""Hostile files are read in a process that can be killed."""

import os
import time

import psutil
import pytest

from relight.cli import main
from relight.errors import InputError, MediaError
from relight.media import Reading
from relight.media.untrusted import Limits, check_untrusted
from tests.media.bombs import gif_of
from tests.samples import CLIP


def test_a_good_file_is_counted_and_a_bad_one_told():
    assert check_untrusted(CLIP, Reading()) == 75
    with pytest.raises(InputError, match="No such file"):
        check_untrusted(CLIP.with_name("no.mp4"), Reading())


def test_a_reader_that_hangs_is_killed(tmp_path):
    hanging = tmp_path / "in.gif"
    hanging.write_bytes(gif_of(2000, 1000))
    begun = time.monotonic()
    with pytest.raises(MediaError, match="longer than 0.3 s"):
        check_untrusted(hanging, Reading(), Limits(seconds=0.3))
    assert time.monotonic() - begun < 20
    left = [one for one in psutil.Process().children(recursive=True) if _is_child(one)]
    assert not left


def _is_child(process):
    try:
        return "relight.media.untrusted" in process.cmdline()
    except psutil.Error:
        return False


def test_memory_and_pixels_are_limited():
    with pytest.raises(MediaError, match="memory|ended by|damaged"):
        check_untrusted(CLIP, Reading(), Limits(memory=2**20))
    with pytest.raises(MediaError, match="pixels"):
        check_untrusted(CLIP, Reading(), Limits(pixels=10**6))


def test_a_batch_reads_untrusted_files_so(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.gif").write_bytes(gif_of(100, 7900))
    (tmp_path / "in" / "b.mp4").write_bytes(os.urandom(3000))
    arguments = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--prompt", "x", "--untrusted"]
    assert main(["batch", *arguments, "--retries", "0"]) == 1
    said = capsys.readouterr().out
    assert "gigapixels" in said and "not a video" in said
