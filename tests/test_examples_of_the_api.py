"""The example of every function that `import relight` offers runs."""

import doctest
import inspect

import pytest

import relight

FUNCTIONS = [name for name in relight.__all__ if inspect.isfunction(getattr(relight, name))]


def test_there_are_functions():
    assert {"relight_video", "upscale", "load_model", "light_fusion", "edit_x0"} <= {*FUNCTIONS}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_example_runs(name, capsys):
    function = getattr(relight, name)
    globals_ = dict(inspect.unwrap(function).__globals__)
    [example] = doctest.DocTestFinder(recurse=False).find(function, name, globs=globals_)
    assert example.examples, f"{name} has no example"
    failed, _ = doctest.DocTestRunner().run(example)
    assert not failed, capsys.readouterr().out
