"""The wheel holds what it needs, and two checkouts never mix."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("relight", "pipelines", "ui")
WALK = """
import importlib.util, pkgutil, sys
import relight
names = [info.name for info in pkgutil.walk_packages(relight.__path__, "relight.")]
for name in names:
    print(name, importlib.util.find_spec(name).origin)
"""


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _copy(folder):
    """The sources in a folder of their own, links kept as links."""
    for name in SOURCES:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=unwanted)
    return folder


@pytest.mark.slow
def test_two_checkouts_never_mix(tmp_path):
    copy = _copy(tmp_path / "copy")
    environment = os.environ | {"PYTHONPATH": str(copy)}
    lines = _run([sys.executable, "-c", WALK], env=environment, cwd=tmp_path).splitlines()
    found = dict(line.split(maxsplit=1) for line in lines)
    assert {"relight.pipelines.light_a_video", "relight.ui.app", "relight.engine.run"} <= set(found)
    elsewhere = {name: file for name, file in found.items() if not Path(file).is_relative_to(copy)}
    assert not elsewhere


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing is left in this checkout."""
    source = _copy(tmp_path_factory.mktemp("source"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    _run([*pip, "-w", str(out), str(source)], cwd=out)
    return next(out.glob("relight-*.whl"))


def test_a_wheel_holds_every_module_and_the_embedded_model_as_plain_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        links = [one.filename for one in archive.infolist() if one.external_attr >> 28 == 0xA]
    wanted = {
        f"relight/{'' if name == 'relight' else name + '/'}{file.relative_to(ROOT / name)}"
        for name in SOURCES
        for file in (ROOT / name).rglob("*.py")
    }
    assert wanted <= names and not links
    assert "relight/py.typed" in names
    assert "relight/models/mini/unet/diffusion_pytorch_model.safetensors" in names
    assert not [name for name in names if name.startswith(("tests/", "examples/"))]


@pytest.mark.slow
def test_an_installed_wheel_runs_by_itself(wheel, tmp_path):
    """In an environment of its own, which borrows the libraries of this one, not its sources."""
    folder = tmp_path / "env"
    venv.create(folder, with_pip=False)
    binary = folder / ("Scripts" if os.name == "nt" else "bin")
    python = binary / "python"
    site = Path(
        _run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    )
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps"]
    _run([*pip, "--no-index", str(wheel)])
    # Without its .pth files, this environment's folder of libraries does not lead to the checkout.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "Relight" in _run([binary / "relight", "--help"], env=bare, cwd=elsewhere)
    where = _run(
        [python, "-c", "import relight.cli; print(relight.cli.__file__)"], env=bare, cwd=elsewhere
    )
    assert Path(where.strip()).is_relative_to(site)
