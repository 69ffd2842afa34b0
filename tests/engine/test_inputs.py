"""Which input goes to which output."""

from pathlib import Path

import pytest

from relight.engine.inputs import pair_up
from relight.errors import InputError


def _touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_one_file_to_one_file():
    assert pair_up([Path("a.mp4")], Path("b.mkv")) == [(Path("a.mp4"), Path("b.mkv"))]


def test_one_file_into_a_folder(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    assert pair_up([Path("a.webm")], target) == [(Path("a.webm"), target / "a.webm")]
    assert pair_up([Path("a.avi")], target) == [(Path("a.avi"), target / "a.mp4")]


def test_a_folder_gives_its_clips_in_order_and_makes_the_output(tmp_path):
    source = _touch(
        tmp_path / "in", "b.mov", "a.mp4", "c.jpg", "d.webp", "e.ts", "notes.txt", "x.mp4.json"
    )
    pairs = pair_up([source], tmp_path / "new" / "out")
    assert [target.name for _, target in pairs] == ["a.mp4", "b.mov", "c.jpg", "d.webp", "e.mp4"]
    assert (tmp_path / "new" / "out").is_dir()


def test_two_inputs_never_share_an_output(tmp_path):
    with pytest.raises(InputError, match="both be written"):
        pair_up([Path("x/a.mp4"), Path("y/a.mp4")], tmp_path / "out")


def test_the_folder_of_the_inputs_is_none_for_the_outputs(tmp_path):
    source = _touch(tmp_path / "in", "a.mp4", "b.avi")
    for given in ([source], [source / "a.mp4"], [source / "b.avi", source / "a.mp4"]):
        with pytest.raises(InputError, match="a.mp4 is the input itself: give another folder"):
            pair_up(given, source)
    assert pair_up([source / "b.avi"], source) == [(source / "b.avi", source / "b.mp4")]


@pytest.mark.parametrize("name", ["*.mp4", "clips/*", "clips/[ab].mov"])
def test_a_pattern_of_clips_is_left_to_the_shell(tmp_path, name):
    with pytest.raises(InputError, match="is a pattern: leave out its quotes.*relight batch"):
        pair_up([Path(name)], tmp_path)
    real = _touch(tmp_path / "in", "[ab].mov") / "[ab].mov"
    assert pair_up([real], tmp_path / "out.mov") == [(real, tmp_path / "out.mov")]


def test_several_inputs_into_a_file_are_refused(tmp_path):
    file = tmp_path / "out.mp4"
    file.touch()
    with pytest.raises(InputError, match="need a folder"):
        pair_up([Path("a.mp4"), Path("b.mp4")], file)


def test_an_empty_folder_and_a_missing_output_are_named(tmp_path):
    with pytest.raises(InputError, match="holds no clips"):
        pair_up([tmp_path], tmp_path / "out")
    with pytest.raises(InputError, match="-o out.mp4"):
        pair_up([Path("a.mp4")], None)


def test_hidden_files_are_passed_over_and_others_are_named_once(tmp_path):
    names = ("a.jpg", "._a.jpg", ".DS_Store", "notes.txt", "old.bmp", "scan.heic", "a.jpg.json")
    source = _touch(tmp_path / "in", *names)
    (source / "sub").mkdir()
    notes = []
    pairs = pair_up([source], tmp_path / "out", on_note=notes.append)
    assert [target.name for _, target in pairs] == ["a.jpg", "old.bmp", "scan.png"]
    assert notes == [f"{source}: not read: notes.txt, sub/"]


def test_no_folder_is_named_like_a_clip(tmp_path):
    source = _touch(tmp_path / "in", "1.png", "2.png")
    with pytest.raises(InputError, match="--as-clip"):
        pair_up([source], tmp_path / "b.mp4")
    with pytest.raises(InputError, match="name of a file"):
        pair_up([source / "1.png", source / "2.png"], tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()
    assert pair_up([source], tmp_path / "b.mp4", as_clip=True) == [(source, tmp_path / "b.mp4")]


def test_numbered_pictures_take_the_name_of_their_folder(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    for given in ("shots/%04d.png", "shots/*.png"):
        assert pair_up([Path(given)], target) == [(Path(given), target / "shots.mp4")]


def test_pictures_with_a_rate_are_one_clip(tmp_path):
    """`f/*.png` comes expanded by the shell."""
    names = [tmp_path / f"shot_{k:02}.png" for k in (1, 2, 10)]
    for name in (*names, tmp_path / "._shot_01.png", tmp_path / "cover.png"):
        name.write_bytes(b"x")
    target = tmp_path / "b.mp4"
    assert pair_up(names, target, fps=12) == [(tmp_path / "shot_*.png", target)]
    assert len(pair_up(names, tmp_path / "out")) == 3
    with pytest.raises(InputError, match="--fps to make one clip"):
        pair_up(names, target)
    with pytest.raises(InputError, match="not all of"):
        pair_up(names[::2], target, fps=12)
