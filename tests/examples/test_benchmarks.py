"""No number in the documents that no script makes."""

import json

from examples import benchmarks


def test_the_documents_are_what_the_figures_say():
    made = "run `python -m examples.benchmarks`"
    if benchmarks.FIGURES.exists():
        assert benchmarks.DOCUMENT.read_text(encoding="utf-8") == benchmarks.document(), made
    for file in benchmarks.TEXTS:
        text = file.read_text(encoding="utf-8")
        assert benchmarks.filled(text) == text, made


def test_a_table_is_filled_in(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "FIGURES", tmp_path)
    rows = [{"variant": "fast", "clip": clip, "lean": 1} for clip in ("a", "1 clip")]
    made = {"date": "2026-01-01", "card": "H100", "threads": 1}
    figures = {"command": "relight bench", "machine": made, "rows": rows}
    (tmp_path / "recipes.json").write_text(json.dumps(figures))
    text = "before\n<!-- bench: recipes -->\nold\n<!-- end of bench -->\nafter\n"
    found = benchmarks.filled(text)
    assert "old" not in found and "| fast | 1 clip | +1.00 |" in found and "| a |" not in found
    assert found.startswith("before\n") and found.endswith("after\n")
    assert "2026-01-01, H100" in benchmarks.document()
