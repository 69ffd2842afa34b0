"""A checkout that was never installed says no version of itself to Python."""

import json
from importlib.metadata import PackageNotFoundError

from PIL import Image

import relight
from relight.engine import versions
from relight.engine.bench.report import machine
from relight.engine.run import upscale


def test_a_run_needs_no_installed_package(tmp_path, monkeypatch):
    def unknown(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(versions, "version", unknown)
    Image.new("RGB", (32, 32), "grey").save(tmp_path / "in.png")
    result = upscale(tmp_path / "in.png", tmp_path / "out.png", model="mini")
    made = json.loads(result.sidecar.read_text())["made"]
    assert made["versions"]["relight"] == relight.__version__
    assert made["versions"]["torch"] == "missing" == machine()["torch"]
