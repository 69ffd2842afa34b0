"""What the examples import of this project exists, also in those that no test runs."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples").rglob("*.py"))


def imported(file):
    """(module, name) of what a file imports from `relight` or `examples`, wherever it does so."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, [package * bool(node.level), node.module]))
            if module.split(".")[0] in ("relight", "examples"):
                yield from ((module, alias.name) for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_an_example_imports_is_there(file):
    for module, name in imported(file):
        assert hasattr(import_module(module), name) or import_module(f"{module}.{name}")
