"""The layers of the design, checked from the imports of every module, lazy and typing ones too."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import relight

ROOT = Path(relight.__file__).parent
LAYERS = (
    {"errors", "types", "patching", "signals"},
    {"jobs", "lights", "media", "methods", "metrics"},
    {"diffusion", "masks"},
    {"relighters", "pipelines"},
    {"models"},
    {"engine"},
    {"cli", "ui"},
    {"__main__"},
)
"""Lowest first. A module imports only from lower layers, or from its own package."""
NEIGHBOURS = {
    ("jobs", "lights"),  # a job checks its light
    ("jobs", "media"),  # the one table of formats; delivery options
    ("lights", "media"),  # a video can be a light
    ("metrics", "lights"),  # one table of colours
    ("pipelines", "relighters"),  # a backbone's pipeline calls a relighter
    ("cli", "ui"),  # `relight ui` starts the app
}
"""Packages of one layer of which the first imports from the second, and never the other way."""
MOST_ROOT_MODULES = 6


def level(package):
    found = [number for number, packages in enumerate(LAYERS) if package in packages]
    assert found, f"{package} is in no layer: add it to LAYERS"
    return found[0]


def modules(root):
    """Name -> file, of every module of the package at `root`, through its links."""
    found = {}
    for folder in (root, *(p for p in root.iterdir() if p.is_dir())):
        for file in folder.rglob("*.py") if folder != root else folder.glob("*.py"):
            parts = ("relight", *file.relative_to(root).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(source, name, known):
    """Names of the modules of the project that a module imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import: write the whole name"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
    return {one for one in found if one == "relight" or one.startswith("relight.")}


def package(name):
    """ "relight.engine.run" -> "engine"; None for `relight` itself, which only names things."""
    return name.split(".")[1] if "." in name else None


def arrows(root):
    """(importing module, imported module) of all pairs."""
    known = modules(root)
    for name, file in known.items():
        for other in imports(file.read_text(encoding="utf-8"), name, known):
            yield name, other


ARROWS = sorted(arrows(ROOT))


def wrong(pairs):
    """The pairs that go upwards, or sideways to a package that is no permitted neighbour."""
    found = []
    for name, other in pairs:
        a, b = package(name), package(other)
        if a is None or b is None or a == b or (a, b) in NEIGHBOURS:
            continue
        if level(a) <= level(b):
            found.append(f"{name} imports {other}")
    return found


def test_no_import_goes_upwards():
    assert len(ARROWS) > 200  # the walk has found the project
    assert wrong(ARROWS) == []


def test_an_import_upwards_is_found_wherever_it_is_written():
    lazy = "def f():\n    from relight.engine import run\n"
    typing = "if TYPE_CHECKING:\n    from relight.models.loader import Model\n"
    known = modules(ROOT)
    found = imports(lazy + typing, "relight.media.demux", known)
    assert found == {"relight.engine.run", "relight.models.loader"}
    assert len(wrong([("relight.media.demux", one) for one in found])) == 2


def test_packages_do_not_import_each_other_in_a_circle():
    uses = defaultdict(set)
    for name, other in ARROWS:
        if package(name) and package(other) and package(name) != package(other):
            uses[package(name)].add(package(other))

    def visit(one, way):
        assert one not in way, " -> ".join([*way, one])
        for next_one in uses[one]:
            visit(next_one, [*way, one])

    for one in list(uses):
        visit(one, [])


@pytest.mark.parametrize("barred", ["torch", "diffusers", "transformers"])
def test_jobs_and_lights_name_no_torch(barred):
    for name, file in modules(ROOT).items():
        if package(name) in ("jobs", "lights"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                named = [a.name for a in getattr(node, "names", ()) if isinstance(node, ast.Import)]
                named += [node.module] if isinstance(node, ast.ImportFrom) else []
                assert barred not in {one.split(".")[0] for one in named}, name


def test_the_root_stays_small():
    own = [file.name for file in ROOT.glob("*.py")]
    assert len(own) <= MOST_ROOT_MODULES, own
