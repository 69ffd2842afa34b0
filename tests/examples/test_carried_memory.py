"""Carried light in constant memory, and a run that was killed: the example itself, small."""

import pytest

from examples import carried_memory


@pytest.mark.slow
@pytest.mark.soak
def test_memory_does_not_grow_with_the_clip_and_a_killed_run_goes_on(capsys):
    arguments = ["--frames", "60", "600", "--size", "160x96", "--large", "640x384", "8"]
    assert carried_memory.main(arguments) == 0, capsys.readouterr().out
