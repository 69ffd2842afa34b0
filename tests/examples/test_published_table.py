"""The table of published results, on made-up clips of the published layouts."""

import json

import numpy as np
import pytest

from examples import published_table
from tests.cli.test_evaluate import lit, save, scene


def test_files_and_grids_are_scored(tmp_path, capsys):
    folder, out = tmp_path / "published", tmp_path / "out"
    folder.mkdir()
    clip = scene(6)
    save(folder / "hilight_input2.mp4", clip)
    save(folder / "hilight_wan2.mp4", lit(clip))
    squares = clip[:, :, :48]
    columns = [squares, lit(squares), squares, squares]  # only the second column is lit
    upper, lower = np.concatenate([squares] * 4, axis=2), np.concatenate(columns, axis=2)
    save(folder / "lav_full_1.mp4", np.concatenate([upper, lower], axis=1))
    published_table.main([str(folder), str(out)])
    rows = {row["clip"]: row for row in json.loads((out / "scores.json").read_text())}
    assert set(rows) == {"hilight", "bear", "boat", "lucky cat", "cow"}
    assert rows["boat"]["lean"] > 0.5 and rows["hilight"]["lean"] > 0.5
    assert rows["bear"]["change"] < 3 < rows["boat"]["change"]
    table = (out / "table.md").read_text().splitlines()
    assert len(table) == 7 and table[2].startswith("| hilight | LAV-Wan | 6 |")
    assert table[2] in capsys.readouterr().out
    assert {p.name for p in out.glob("*.png")} >= {"hilight.png", "lucky_cat.png"}


def test_an_empty_folder_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        published_table.main([str(tmp_path), str(tmp_path / "out")])
    assert "holds none of" in capsys.readouterr().err and not (tmp_path / "out").exists()
