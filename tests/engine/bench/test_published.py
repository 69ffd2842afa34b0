"""Published results scored, on made-up clips of the published layouts."""

import json

import numpy as np
import pytest

from relight.cli import main
from relight.engine.bench import published
from tests.cli.test_evaluate import lit, save, scene


def _folder(at):
    at.mkdir()
    clip = scene(6)
    save(at / "hilight_input2.mp4", clip)
    save(at / "hilight_wan2.mp4", lit(clip))
    squares = clip[:, :, :48]
    columns = [squares, lit(squares), squares, squares]  # only the second column is lit
    upper, lower = np.concatenate([squares] * 4, axis=2), np.concatenate(columns, axis=2)
    save(at / "lav_full_1.mp4", np.concatenate([upper, lower], axis=1))
    return at


def test_files_and_grids_are_scored(tmp_path):
    found = published.score(_folder(tmp_path / "published"), tmp_path / "out", ours=False)
    rows = {row["clip"]: row for row in found.rows}
    assert set(rows) == {"hilight", "bear", "boat", "lucky cat", "cow"}
    assert rows["boat"]["lean"] > 0.5 and rows["hilight"]["lean"] > 0.5
    assert rows["bear"]["change"] < 3 < rows["boat"]["change"]
    assert set(found.sheets) == set(rows) and len(found.sheets["boat"]) == 2


@pytest.mark.slow
def test_our_own_result_is_scored_beside_them(tmp_path, tiny_model, capsys):
    folder, out = _folder(tmp_path / "published"), tmp_path / "out"
    command = ["bench", "--published", folder, "-o", out, "--model", tiny_model]
    assert main([*map(str, command), "--recipes", "fast"]) == 0
    rows = json.loads((out / "published.json").read_text())["rows"]
    ours = [row for row in rows if row["variant"] == "this project, fast"]
    assert [row["clip"] for row in ours] == ["hilight"] and ours[0]["passes"] > 0
    table = (out / "published.md").read_text()
    assert "| LAV-Wan | hilight |" in table and table.splitlines()[2] in capsys.readouterr().out
    assert (out / "published.png").exists()


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_any_is_refused(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    command = ["bench", "--published", str(tmp_path / name), "-o", str(tmp_path / "out")]
    assert main(command) == 2
    said = capsys.readouterr().err.strip()
    assert ("holds none of" in said or "no folder" in said) and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()
