"""Every example in a docstring of the methods, the diffusion package and what they share, run."""

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import relight.diffusion
import relight.methods

SHARED = ["relight.patching", "relight.types"]
MODULES = [
    *SHARED,
    *(
        f"{package.__name__}.{module.name}"
        for package in (relight.methods, relight.diffusion)
        for module in pkgutil.iter_modules(package.__path__)
    ),
]
METHODS = [name for name in MODULES if name.startswith("relight.methods.")]
WITHOUT = {
    f"relight.methods.{name}"
    for name in (
        "carried_light",
        "gain_and_glow",
        "light_transfer",
        "optical_flow",
        "surface_shading",
        "surfaces",
    )
}
"""Methods not all of whose functions have an example yet."""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_give_what_they_say(name):
    assert doctest.testmod(import_module(name)).failed == 0


@pytest.mark.parametrize("name", sorted({*METHODS} - WITHOUT))
def test_every_public_function_has_an_example(name):
    module = import_module(name)
    examples = {test.name: test.examples for test in doctest.DocTestFinder().find(module)}
    public = [
        f"{name}.{own}"
        for own, value in vars(module).items()
        if not own.startswith("_") and inspect.isroutine(value) and value.__module__ == name
    ]
    assert [function for function in public if not examples.get(function)] == []
