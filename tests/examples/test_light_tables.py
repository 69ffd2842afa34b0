"""The tables of docs/light.md are what their figures say."""

import json

from examples import light_tables


def test_the_document_is_what_the_figures_say():
    text = light_tables.DOCUMENT.read_text(encoding="utf-8")
    assert text.count("<!-- lights: ") == 3
    assert light_tables.written(text) == text, "run `python -m examples.light_tables`"


def test_a_table_is_made_from_scores(tmp_path, monkeypatch):
    monkeypatch.setattr(light_tables, "FIGURES", tmp_path)
    monkeypatch.setattr(light_tables, "DOCUMENT", tmp_path / "light.md")
    scores = {"change": 30, "structure": 0.98, "flicker": 0.9, "hue_error": 4}
    rows = [{"clip": clip, "lean": lean, **scores} for clip, lean in (("a_b", 1), ("a_b", 2))]
    (tmp_path / "OUT").mkdir()
    (tmp_path / "OUT" / "scores.json").write_text(json.dumps(rows))
    block = "<!-- lights: few -->\nold\n<!-- end of lights -->\n"
    (tmp_path / "light.md").write_text(f"before\n{block}")
    light_tables.main([f"few={tmp_path / 'OUT'}"])
    found = (tmp_path / "light.md").read_text()
    assert found.startswith("before\n") and "old" not in found
    assert "| a b | 2 | +1.50 | +1.00 | 30 | 0.980 | 0.90 | 0.90 | 4 |" in found
    assert "| all | 2 | +1.50 |" in found
