"""The examples in the docstrings of the light methods hold."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["gain_and_glow", "light_transfer"])
def test_examples(name):
    result = doctest.testmod(import_module(f"relight.methods.{name}"))
    assert result.attempted and not result.failed
