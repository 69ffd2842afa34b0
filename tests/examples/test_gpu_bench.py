"""The benchmark: runs at tiny size on a CPU, and its full size is the published one."""

import json

import pytest
import torch

from examples import gpu_bench, gpu_models


@pytest.mark.slow
@pytest.mark.parametrize("model", ["animatediff", "wan", "cogvideox"])
def test_it_prints_a_row_for_every_setting(model, capsys):
    few = ["--steps", "1", "--relight-steps", "2", "--frames", "2"]
    settings = ["--memory", "high", "lowest", "--attention", "auto", "sage"]
    gpu_bench.main(["windows", "--tiny", "--device", "cpu", "--model", model, *few, *settings])
    rows = [line for line in capsys.readouterr().out.splitlines() if "| float32" in line]
    assert len(rows) == 4
    assert [row.count(" s |") for row in rows] == [1, 0, 1, 0]
    assert all("sage" in row for row in rows[1::2])


@pytest.mark.slow
def test_networks_recipes_and_upscaling_are_measured(tmp_path, capsys):
    wanted = ["denoisers", "recipes", "upscaling"]
    few = ["--steps", "1", "--relight-steps", "2", "--json", str(tmp_path / "a.json")]
    gpu_bench.main([*wanted, "--tiny", "--device", "cpu", *few])
    tables = json.loads((tmp_path / "a.json").read_text())["tables"]
    assert list(tables) == wanted
    assert [row["recipe"] for row in tables["recipes"]] == ["fast", "fast", "best", "paper"]
    assert {row["upscaler"] for row in tables["upscaling"]} == {"guide alone", "sd15", "sdxl"}
    assert all(float(row["ms"]) > 0 for row in tables["denoisers"])
    assert len(capsys.readouterr().out.splitlines()) > 20


@pytest.mark.parametrize(
    "family, name, millions",
    [
        ("SD15", "unet", 860),
        ("SD15", "vae", 84),
        ("SD15", "text_encoder", 123),
        ("SD15", "motion_adapter", 417),
        ("SDXL", "unet", 2567),
        ("SDXL", "text_encoder_2", 695),
        ("WAN", "transformer", 1419),
        ("WAN", "vae", 127),
        ("COGVIDEOX", "transformer", 1694),
        ("COGVIDEOX", "vae", 216),
    ],
)
def test_full_size_is_the_published_size(family, name, millions):
    with torch.device("meta"):
        parts = gpu_models.parts({name: getattr(gpu_models, family)[name]}, torch.float16)
    assert round(sum(p.numel() for p in parts[name].parameters()) / 1e6) == millions
