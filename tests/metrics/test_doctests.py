"""Every public function of the measures has an example with a known answer, and it holds."""

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

from relight import metrics

NAMES = [found.name for found in pkgutil.iter_modules(metrics.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    module = import_module(f"relight.metrics.{name}")
    examples = {test.name: test.examples for test in doctest.DocTestFinder().find(module)}
    for function, _ in inspect.getmembers(module, inspect.isfunction):
        if function.startswith("_") or getattr(module, function).__module__ != module.__name__:
            continue
        assert examples[f"{module.__name__}.{function}"], f"{function} has no example"
    assert doctest.testmod(module).failed == 0
