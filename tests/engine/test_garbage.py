"""Python looks for garbage neither while libraries are imported nor when the program ends."""

import gc
import subprocess
import sys
import weakref

import pytest

from relight.engine import garbage
from relight.engine.garbage import swept, uncollected
from relight.engine.loading import Kept
from tests.conftest import CPU

LEAVING = """
import atexit, gc
from relight.__main__ import main

atexit.register(lambda: print(gc.get_freeze_count() > 1000))
raise SystemExit(main())
"""


def test_what_is_made_meanwhile_is_old_afterwards_and_what_is_garbage_is_still_found():
    with uncollected():
        made = [[i] for i in range(1000)]
        loop = []
        loop.append(loop)
    young = gc.get_objects(0)
    assert not any(one is made[0] for one in young)
    del loop
    assert gc.collect() >= 1 and gc.get_freeze_count() == 0


def test_the_search_goes_on_after_an_error_and_within_another_block():
    with pytest.raises(ValueError, match="broken"), uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
        raise ValueError("broken")
    assert gc.isenabled()


def test_the_program_leaves_its_objects_to_the_system():
    command = [sys.executable, "-c", LEAVING, "lights"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and ended.stdout.endswith("True\n")


def test_a_model_that_is_given_up_makes_room_for_the_next_one():
    kept = Kept("load_model")
    model = kept("mini", CPU, video=False)
    unet = model.pipes[0].unet
    unet._old_forward = unet.forward  # as accelerate's hooks leave it, see `--memory low`
    there = weakref.ref(unet)
    with uncollected():
        del model, unet
        kept.forget()
        assert there() is None


@pytest.mark.parametrize("seconds, gone", [(0.0, True), (1e9, False)])
def test_what_earlier_runs_left_is_taken_away_but_not_again_and_again(monkeypatch, seconds, gone):
    class Left:
        def __init__(self):
            self.itself = self

    monkeypatch.setattr(garbage, "EVERY_S", seconds)
    swept()
    gc.disable()
    try:
        left = weakref.ref(Left())
        swept()
        assert (left() is None) is gone
    finally:
        gc.enable()
