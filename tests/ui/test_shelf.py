"""What a visitor has stays theirs, can be brought back, and is bounded."""

import json
import os
import time

import pytest

from relight.errors import InputError
from relight.ui.files import Files, clean_name
from relight.ui.keeper import DAY_SECONDS, Keeper
from relight.ui.memory import LastModel
from relight.ui.shelf import Entry, Shelf, is_id, new_id
from relight.ui.studio import SECRET_BYTES, Studio


def _add(shelf, when=1.0, size=1, **more):
    folder = shelf.new_folder()
    (folder / "o.mp4").write_bytes(b"\0" * size)
    parts = {"source": "o.mp4", "output": "o.mp4", "job": "j.json"}
    return shelf.add(
        Entry(folder=folder, kind="relight", name=f"x{when}", when=when, **parts, **more)
    )


def test_a_shelf_lists_its_own_results_only(tmp_path):
    mine, other = Shelf(tmp_path / new_id()), Shelf(tmp_path / new_id())
    first, second, hidden = _add(mine, 1.0), _add(mine, 2.0), _add(other, 3.0)
    mine.new_folder()  # a run that has not finished
    assert [e.id for e in mine.entries()] == [second.id, first.id]
    for wrong in (hidden.id, "../" + other.root.name + "/" + hidden.id, "", "scratch", None, [1]):
        with pytest.raises(InputError, match="not there any more"):
            mine.get(wrong)


def test_one_bad_entry_never_empties_the_list(tmp_path):
    shelf = Shelf(tmp_path / new_id())
    kept, empty, gone = (_add(shelf, when) for when in (1.0, 2.0, 3.0))
    (empty.folder / "entry.json").write_text("")
    gone.path(gone.output).unlink()
    first_edition = _add(shelf, 0.5)
    plain = json.loads((first_edition.folder / "entry.json").read_text())
    plain = {**plain, "sides": "side_by_side.mp4"}
    del plain["before"], plain["after"]
    (first_edition.folder / "entry.json").write_text(json.dumps(plain))
    assert [e.id for e in shelf.entries()] == [kept.id, first_edition.id]


def test_what_was_deleted_can_be_brought_back_for_a_while(tmp_path):
    shelf = Shelf(tmp_path / new_id())
    entry = _add(shelf)
    shelf.remove(entry.id)
    assert shelf.entries() == []
    shelf.sweep()
    shelf.restore(entry.id)
    assert [e.id for e in shelf.entries()] == [entry.id]
    shelf.remove(entry.id)
    shelf.sweep(seconds=-1)
    for wrong in (entry.id, "../x", None):
        with pytest.raises(InputError, match="gone for good"):
            shelf.restore(wrong)


def test_the_oldest_go_above_the_quota_and_that_is_said(tmp_path):
    owner = new_id()
    shelf = Shelf(tmp_path / owner)
    for when in (1.0, 2.0, 3.0):
        _add(shelf, when + time.time(), size=1000)
    keeper = Keeper(tmp_path, quota=2 * 1400)
    keeper.look()
    assert len(shelf.entries()) == 2 and "was removed" in keeper.note(owner)
    _add(shelf, time.time() - DAY_SECONDS - 5, caller="api")
    keeper.look()
    assert len(shelf.entries()) == 2
    Keeper(tmp_path, quota=1).look()
    assert len(shelf.entries()) == 1  # the newest is kept, however large


def test_a_login_decides_who_one_is_whatever_the_browser_says(tmp_path):
    class Request:
        username = "ann"

    studio = Studio(tmp_path)
    ann = studio.user(None, Request)
    assert is_id(ann) and studio.user(new_id(), Request) == ann
    assert Studio(tmp_path).user(None, Request) == ann  # after a restart too
    known = new_id()
    assert studio.user(known, None) == known
    for wrong in (None, "", "../..", "a" * 31, 5, {"x": 1}):
        assert is_id(studio.user(wrong, None)) and studio.user(wrong, None) != wrong


def test_an_empty_secret_is_replaced(tmp_path):
    (tmp_path / ".secret").touch()
    studio = Studio(tmp_path)
    assert studio.secret_file.stat().st_size == SECRET_BYTES
    assert studio.secret_file.stat().st_mode & 0o077 == 0


def test_only_uploads_become_files_of_a_visitor(tmp_path):
    uploads, other = tmp_path / "uploads", tmp_path / "other"
    uploads.mkdir()
    other.write_text("secret")
    (uploads / "a.mp4").write_bytes(b"clip")
    (uploads / "link.mp4").symlink_to(other)
    files = Files(tmp_path / new_id(), uploads)
    id = files.take(str(uploads / "a.mp4"), "Mein Film (1) [a].MP4")
    assert files.get(id).name == "Mein Film (1) [a].MP4" and files.get(id).read_bytes() == b"clip"
    bad = [
        str(other),
        str(uploads / "link.mp4"),
        f"{uploads}/../other",
        str(uploads),
        "/etc/passwd",
    ]
    for wrong in [*bad, "a.mp4", "", "x\0y", None, 5, {"path": str(other)}]:
        with pytest.raises(InputError, match="not an upload"):
            files.take(wrong, "x.mp4")
    for wrong in ("", None, "..", new_id(), 7):
        assert files.find(wrong) is None
        with pytest.raises(InputError, match="choose it again"):
            files.get(wrong)
    old = files.get(id).parent
    os.utime(old, (0, 0))
    files.get(id)  # which is a use of it
    files.sweep()
    assert old.exists()
    os.utime(old, (0, 0))
    files.sweep()
    assert not old.exists()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("../../etc/passwd", "passwd"),
        ("holiday film.MP4", "holiday film.MP4"),
        ("Ünser Film (1) [final], größer.mov", "Ünser Film (1) [final], größer.mov"),
        ("映画.mp4", "映画.mp4"),
        ('a"b<c>|d?.mp4', "a_b_c__d_.mp4"),
        ("100%d.mp4", "100_d.mp4"),
        ("-rf.mov", "rf.mov"),
        ("...", "clip"),
        ("a\x00b\n.mp4", "a_b_.mp4"),
        ("C:\\x\\y.mp4", "y.mp4"),
        ("x" * 300 + ".webm", "x" * 115 + ".webm"),
    ],
    ids=[
        "path",
        "plain",
        "umlaut",
        "cjk",
        "shell",
        "number",
        "dash",
        "dots",
        "control",
        "win",
        "long",
    ],
)
def test_names_are_kept_and_harmless(given, wanted):
    assert clean_name(given) == wanted


def test_a_model_is_kept_and_let_go_before_the_next_is_loaded():
    import weakref

    class Model:
        pass

    alive, most = weakref.WeakSet(), []

    def load(name):
        most.append(len(alive))
        model = Model()
        alive.add(model)
        return model

    kept = LastModel().keep(load)
    assert kept("a") is kept("a")
    kept("b")
    assert most == [0, 0]
