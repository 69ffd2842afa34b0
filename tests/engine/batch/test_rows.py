"""What the inputs of a batch mean, and where their outputs go."""

import json
from pathlib import Path

import pytest

from relight.engine.batch.records import Records
from relight.engine.batch.rows import OWN, kind_of, rows_of, rows_of_manifest, shard
from relight.errors import InputError
from relight.jobs.files import Stored, read_rows

P = {"prompt": "red light"}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """clips/ with files at three depths, as the current folder's child."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.avi", "deep/c.png", "deep/er/d.gif", "deep/.hidden.mp4", "notes.txt"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Path("clips")


def _pairs(rows):
    return {str(row.source): str(row.target) for row in rows}


def test_the_outputs_are_laid_out_like_the_inputs(tree):
    assert _pairs(rows_of([tree], Path("out"), P)) == {
        "clips/a.mp4": "a.mp4",
        "clips/b.avi": "b.mp4",
        "clips/deep/c.png": "deep/c.png",
        "clips/deep/er/d.gif": "deep/er/d.gif",
    }


def test_a_pattern_keeps_the_place_in_the_tree_and_a_file_is_on_top(tree):
    rows = rows_of([Path("clips/**/*.[pg]*"), Path("clips/a.mp4")], Path("out"), P)
    assert _pairs(rows) == {
        "clips/deep/c.png": "deep/c.png",
        "clips/deep/er/d.gif": "deep/er/d.gif",
        "clips/a.mp4": "a.mp4",
    }


def test_the_outputs_of_an_earlier_batch_are_no_inputs(tree):
    (tree / "out").mkdir()
    (tree / "out" / "a.mp4").touch()
    assert len(rows_of([tree], tree / "out", P)) == 4
    assert len(rows_of([Path("clips/**/*.mp4")], tree / "out", P)) == 1
    other = Path("other")
    other.symlink_to(tree, target_is_directory=True)
    for same in (Path("clips/../clips/out"), Path("other/out")):
        assert len(rows_of([tree], same, P)) == 4
        assert len(rows_of([Path("clips/**/*.mp4")], same, P)) == 1
    assert len(rows_of([other], tree / "out", P)) == 4
    assert len(rows_of([tree], Path("."), P)) == 5  # the outputs are above: nothing is passed over


def test_the_outputs_of_another_batch_are_no_inputs_unless_given(tree):
    (tree / "day" / OWN).mkdir(parents=True)
    (tree / "day" / "a.mp4").touch()
    for given in (tree, Path("clips/**/*.*")):
        assert len(rows_of([given], tree / "night", P)) == 4
    for given in (tree / "day", Path("clips/day/*.mp4")):
        assert len(rows_of([given], tree / "night", P)) == 1


def test_what_a_batch_has_made_beside_its_inputs_is_none_of_them(tree):
    made = tree / "b.mp4"
    made.write_bytes(b"made")
    records = Records(tree / OWN)
    target = Path(made.name)
    records.finish(records.begin(target, "k"), target, "k", made)
    for given in (tree, Path("clips/**/*.*")):
        assert len(rows_of([given], tree, P)) == 4
    made.write_bytes(b"another one of that name")
    with pytest.raises(InputError, match="both be written to b.mp4"):
        rows_of([tree], tree, P)


def test_folders_are_searched_through_links_once(tree):
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "e.mp4").touch()
    (tree / "linked").symlink_to(elsewhere.absolute(), target_is_directory=True)
    (elsewhere / "back").symlink_to(tree.absolute(), target_is_directory=True)
    rows = rows_of([tree], Path("out"), P)
    assert _pairs(rows)["clips/linked/e.mp4"] == "linked/e.mp4" and len(rows) == 5


def test_a_folder_of_pictures_is_a_clip_if_asked_for(tree):
    rows = rows_of([tree], Path("out"), P | {"as_clip": True})
    assert _pairs(rows)["clips/deep"] == "deep.mp4"
    assert _pairs(rows)["clips/a.mp4"] == "a.mp4"
    assert _pairs(rows_of([Path("f/%05d.png")], Path("out"), P)) == {"f/%05d.png": "f.mp4"}


def test_two_inputs_never_share_an_output(tree):
    (tree / "b.mp4").touch()
    with pytest.raises(InputError, match="both be written to b.mp4"):
        rows_of([tree], Path("out"), P)
    assert len(rows_of([tree / "a.mp4", tree / "a.mp4"], Path("out"), P)) == 1


def test_one_input_done_in_two_ways_needs_two_outputs(tmp_path):
    path = tmp_path / "jobs.jsonl"
    one, two = ('{"input": "a.mp4", "kind": "relight"}', '{"input": "a.mp4", "kind": "upscale"}')
    path.write_text(f"{one}\n{two}\n")
    with pytest.raises(InputError, match="both be written to a.mp4"):
        rows_of_manifest(read_rows(path), path, Stored(settings={}))
    path.write_text(f"{one}\n{one}\n")
    assert len(rows_of_manifest(read_rows(path), path, Stored(settings={}))) == 1


def test_nothing_found_and_settings_as_an_input_are_named(tree):
    for given in ([Path("none*.mp4")], [tree, Path("none*.mp4")]):
        with pytest.raises(InputError, match=r"^none\*.mp4: no clips"):
            rows_of(given, Path("out"), P)
    with pytest.raises(InputError, match="--job"):
        rows_of([Path("job.yaml")], Path("out"), P)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".yaml"])
def test_a_manifest_has_settings_a_row(tree, ending):
    rows = [
        {"input": "clips/a.mp4", "output": "x/one.mov", "prompt": "blue light", "seed": 3},
        {"input": "clips/deep/c.png", "scale": 2},
        {"input": "clips/b.avi", "kind": "relight", "upscale": 1.5},
    ]
    text = {
        ".csv": "input,output,kind,prompt,seed,scale,upscale\n"
        "clips/a.mp4,x/one.mov,,blue light,3,,\n"
        "clips/deep/c.png,,,,,2,\nclips/b.avi,,relight,,,,1.5\n",
        ".jsonl": "\n".join(json.dumps(row) for row in rows),
        ".yaml": json.dumps(rows),
    }
    path = Path(f"jobs{ending}")
    path.write_text("\ufeff" + text[ending], encoding="utf-8")
    made = rows_of_manifest(read_rows(path), path, Stored(settings=P | {"light": "top"}))
    jobs = [row.job(Path("out")) for row in made]
    assert [row.kind for row in made] == ["relight", "upscale", "relight"]
    assert [str(row.target) for row in made] == ["x/one.mov", "clips/deep/c.png", "clips/b.mp4"]
    assert (jobs[0].prompt, jobs[0].seed, jobs[0].light) == ("blue light", 3, "top")
    assert (jobs[1].scale, jobs[2].upscale, jobs[2].prompt) == (2, 1.5, "red light")


def test_a_line_of_a_manifest_ends_at_its_end_alone(tmp_path):
    path = tmp_path / "jobs.jsonl"
    odd = "red\u2028warm\u2029soft\x85light"
    lines = [json.dumps({"input": name, "prompt": odd}, ensure_ascii=False) for name in "ab"]
    for end in ("\n", "\r\n"):
        path.write_bytes((end.join(lines) + end).encode())
        assert [row["prompt"] for row in read_rows(path)] == [odd, odd]


def test_a_manifest_elsewhere_names_files_beside_it(tree):
    Path("clips/jobs.jsonl").write_text('{"input": "deep/c.png"}')
    rows = rows_of_manifest(
        read_rows(Path("clips/jobs.jsonl")), Path("clips/jobs.jsonl"), Stored(settings=P)
    )
    assert _pairs(rows) == {"clips/deep/c.png": "deep/c.png"}


def test_a_row_over_a_sidecar_decides_anew_what_was_not_asked_for(tree):
    stored = {**P, "recipe": "fast", "light_fps": 4.0, "gamma": 0.5, "seed": 3}
    shared = Stored(settings=stored, kind="relight", asked=frozenset({"prompt", "gamma"}))
    path = Path("jobs.jsonl")
    path.write_text('{"input": "clips/a.mp4", "recipe": "best"}\n{"input": "clips/b.avi"}')
    best, same = rows_of_manifest(read_rows(path), path, shared)
    assert best.settings == {**P, "recipe": "best", "gamma": 0.5, "seed": 3}
    assert same.settings == stored


BAD = {
    "a typo": ('{"input": "a.mp4", "promt": "x"}', "unknown key 'promt'"),
    "no input": ('{"prompt": "x"}', "row 1: input is missing"),
    "a row that is a number": ("3", "row 1: not settings"),
    "a key twice": ('{"input": "a.mp4", "input": "b.mp4"}', "twice"),
    "no JSON": ("{", "can't read"),
    "no JSON in the second line": ('{"input": "a"}\n{"input: 3}', "line 2 of the manifest"),
    "nothing": ("", "holds no rows"),
    "an output outside": ('{"input": "a.mp4", "output": "../b.mp4"}', "within the folder"),
    "an absolute output": ('{"input": "a.mp4", "output": "/b.mp4"}', "within the folder"),
    "an unknown kind": ('{"input": "a.mp4", "kind": "paint"}', "unknown kind 'paint'"),
    "a kind that is no word": ('{"input": "a.mp4", "kind": ["x"]}', "unknown kind ['x']"),
    "settings of two kinds": ('{"input": "a.mp4", "light": "top", "scale": 2}', "no kind of job"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_manifest_is_refused_in_a_line_that_names_it(tmp_path, case):
    text, words = BAD[case]
    path = tmp_path / "jobs.jsonl"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        rows_of_manifest(read_rows(path), path, Stored(settings=P))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_manifest_is_not_called_a_job_file(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"input": "a.mp4"}\n{x}\n')
    (tmp_path / "c.yaml").write_text("\n[")
    for name in ("a.csv", "b.jsonl", "c.yaml"):
        with pytest.raises(InputError, match="the manifest") as error:
            read_rows(tmp_path / name)
        assert "job file" not in str(error.value) and "line 1" not in str(error.value)


def test_shards_are_disjoint_and_make_up_the_whole():
    rows = list(range(10))
    shares = [shard(rows, f"{i}/3") for i in range(3)]
    assert sorted(row for share in shares for row in share) == rows
    for wrong in ("3/3", "x", "1", "-1/3", "1/0", "²/4", "0/⁴", "0/" + "9" * 5000):
        with pytest.raises(InputError, match="0/4, 1/4"):
            shard(rows, wrong)


def test_the_kind_follows_from_the_settings():
    assert kind_of({}) == kind_of(P) == "relight"
    assert kind_of({"identity": 0.5}) == "upscale"
    with pytest.raises(InputError, match="no kind of job"):
        kind_of({"light": "top", "scale": 2})
