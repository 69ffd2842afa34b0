"""What is known to be done: by content and settings, whatever names, dates and kills there were."""

import os
from pathlib import Path

import pytest

from relight.engine.batch.records import Records, key_of, print_of
from relight.engine.batch.report import Report
from relight.engine.output import hidden_sidecar, sidecar_path
from relight.errors import BusyError
from relight.jobs import RelightJob, UpscaleJob

TARGET = Path("a.mp4")


def _job(folder, source="in.mp4", **given):
    path = folder / source
    if not path.exists():
        path.write_bytes(b"content")
    return RelightJob.make(**{"input": path, "output": folder / "a.mp4", "prompt": "x", **given})


def test_a_key_is_the_content_and_the_settings(tmp_path):
    key = key_of(_job(tmp_path), "relight")
    os.utime(tmp_path / "in.mp4", (1, 1))
    assert key_of(_job(tmp_path), "relight") == key
    assert key_of(_job(tmp_path, "other.mp4"), "relight") == key
    for how in ({"device": "cpu"}, {"overwrite": True}, {"work": tmp_path / "w"}):
        assert key_of(_job(tmp_path, **how), "relight") == key
    assert key_of(_job(tmp_path, seed=1), "relight") != key
    assert key_of(_job(tmp_path, crf=30), "relight") != key
    date = (tmp_path / "in.mp4").stat()
    (tmp_path / "in.mp4").write_bytes(b"CONTENT")  # as long, and as old
    os.utime(tmp_path / "in.mp4", ns=(date.st_atime_ns, date.st_mtime_ns))
    assert key_of(_job(tmp_path), "relight") != key
    same = {"input": tmp_path / "in.mp4", "output": tmp_path / "a.png"}
    assert key_of(UpscaleJob.make(**same), "upscale") != key_of(_job(tmp_path), "relight")


@pytest.mark.parametrize("given", ["light", "reference"])
def test_files_that_settings_name_count_by_content(tmp_path, given):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    one.write_bytes(b"1")
    two.write_bytes(b"1")
    key = key_of(_job(tmp_path, **{given: str(one)}), "relight")
    assert key_of(_job(tmp_path, **{given: str(two)}), "relight") == key
    two.write_bytes(b"2")
    assert key_of(_job(tmp_path, **{given: str(two)}), "relight") != key


def _network(folder, weights):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.mark.parametrize("setting", ["matte_model", "surface"])
def test_a_network_that_settings_name_counts_by_content(tmp_path, monkeypatch, setting):
    one, two = (_network(tmp_path / name, b"1") for name in ("one", "two"))
    key = key_of(_job(tmp_path, **{setting: str(one)}), "relight")
    assert key_of(_job(tmp_path, **{setting: str(two)}), "relight") == key
    monkeypatch.chdir(tmp_path)
    assert key_of(_job(tmp_path, **{setting: "one"}), "relight") == key
    for name in ("config.json", "model.safetensors"):
        (one / name).write_bytes(b"other")
        assert key_of(_job(tmp_path, **{setting: "one"}), "relight") != key
        _network(one, b"1")
    assert key_of(_job(tmp_path), "relight") != key


def test_a_guide_counts_by_content_wherever_it_is(tmp_path, monkeypatch):
    guide, there = tmp_path / "net.safetensors", tmp_path / "there"
    there.mkdir()
    (tmp_path / "in.png").write_bytes(b"content")

    def key(named):
        made = {"input": tmp_path / "in.png", "output": tmp_path / "a.png", "guide": str(named)}
        return key_of(UpscaleJob.make(**made), "upscale")

    guide.write_bytes(b"1")
    before = key(guide)
    monkeypatch.chdir(tmp_path)
    assert key("net.safetensors") == before != key("mini")
    (there / "moved.safetensors").write_bytes(b"1")
    monkeypatch.chdir(there)
    assert key("moved.safetensors") == before
    guide.write_bytes(b"2")
    assert key(guide) != before
    embedded = key("mini")
    Path("mini").write_bytes(b"1")  # no guide: the embedded one goes before
    assert key("mini") == embedded


def test_two_files_of_a_light_are_not_each_other(tmp_path):
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(name.encode())
    one, two = (f"image:{tmp_path / name}" for name in ("one.png", "two.png"))
    keys = {
        key_of(_job(tmp_path, light=light), "relight")
        for light in (f"{one} + {two}", f"{two} + {one}", f"{one} + {two} + {one}", one)
    }
    assert len(keys) == 4


def test_the_middle_of_a_large_input_counts(tmp_path):
    with (tmp_path / "in.mp4").open("wb") as file:
        file.truncate(65 * 2**20)
    key = key_of(_job(tmp_path), "relight")
    with (tmp_path / "in.mp4").open("r+b") as file:
        file.seek(32 * 2**20 + 777_777)
        file.write(b"x")
    assert key_of(_job(tmp_path), "relight") != key


def _finish(records, output, key="k"):
    attempt = records.begin(TARGET, key)
    output.write_bytes(b"made")
    records.finish(attempt, TARGET, key, output)


def test_what_another_process_has_done_is_known(tmp_path):
    output = tmp_path / "a.mp4"
    one, two = Records(tmp_path), Records(tmp_path)
    _finish(one, output)
    two.finish(two.begin(Path("b.mp4"), "k"), Path("b.mp4"), "k", output)
    assert len(list((tmp_path / "records").iterdir())) == 2
    later = Records(tmp_path)
    assert later.done("k", TARGET, output)
    assert not later.done("other", TARGET, output) and not later.done("k", Path("c.mp4"), output)
    output.write_bytes(b"edited by hand")
    assert not later.done("k", TARGET, output) and not later.owns(TARGET, output)
    output.unlink()
    assert not later.done("k", TARGET, output)


def test_what_others_add_is_read_again(tmp_path):
    output = tmp_path / "a.mp4"
    one, two = Records(tmp_path), Records(tmp_path)
    attempt = two.begin(TARGET, "k")
    one.read()
    assert one.making("k", TARGET) and not one.making("other", TARGET)
    output.write_bytes(b"made")
    two.finish(attempt, TARGET, "k", output)
    assert not one.done("k", TARGET, output)
    one.read()
    assert one.done("k", TARGET, output) and not one.making("k", TARGET)


def test_two_reports_at_once_do_not_mix(tmp_path):
    path = tmp_path / "own" / "report.jsonl"
    with Report.beside_others(path, tmp_path), Report.beside_others(path, tmp_path) as second:
        assert second.path.name == "report-2.jsonl"
        with pytest.raises(BusyError, match="another run is writing the report"):
            Report(path, tmp_path)
    with Report(path, tmp_path):
        pass
    assert sorted(one.name for one in path.parent.iterdir()) == ["report-2.jsonl", "report.jsonl"]


def test_an_output_is_owned_from_the_moment_its_process_was_killed(tmp_path):
    output = tmp_path / "a.mp4"
    Records(tmp_path).begin(TARGET, "k")  # and no more
    assert Records(tmp_path).owns(TARGET, output)
    output.write_bytes(b"of somebody else")
    assert not Records(tmp_path).owns(TARGET, output)
    for sidecar in (hidden_sidecar(output), sidecar_path(output)):  # killed before it had its name
        sidecar.touch()
        assert Records(tmp_path).owns(TARGET, output)
        sidecar.unlink()
    _finish(Records(tmp_path), output)
    output.write_bytes(b"edited by hand")
    assert not Records(tmp_path).owns(TARGET, output)
    records = Records(tmp_path)
    records.give_up(records.begin(TARGET, "k"), TARGET)
    assert not Records(tmp_path).owns(TARGET, output)


def test_half_a_line_is_passed_over(tmp_path):
    output = tmp_path / "a.mp4"
    _finish(Records(tmp_path), output)
    file = next((tmp_path / "records").iterdir())
    whole = file.read_text()
    file.write_text(whole + '{"state": "done", "tar')
    (tmp_path / "records" / "x.jsonl").write_bytes(b"\xff\x00[]\n3\n")
    assert Records(tmp_path).done("k", TARGET, output)


def test_all_pictures_of_a_sequence_count(tmp_path):
    sequence = tmp_path / "%03d.png"
    assert print_of(sequence) == ""
    (tmp_path / "001.png").write_bytes(b"1")
    (tmp_path / "002.png").write_bytes(b"2")
    before = print_of(sequence)
    (tmp_path / "002.png").write_bytes(b"3")
    assert before and print_of(sequence) != before
