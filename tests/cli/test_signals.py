"""An interrupted run ends with one line and the signal's exit code, whenever the signal comes."""

import shlex
import signal
import subprocess
import sys
import time

import pytest

from relight import signals
from relight.engine.failures import run_safely
from relight.errors import Cancelled
from tests.samples import CLIP

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A child of a shell in the background ignores Ctrl-C; a program in a terminal does not."""
SLOW = """
import builtins, sys, time
real = builtins.__import__

def late(name, *rest):
    if name.startswith("relight.cli"):
        print("importing", file=sys.stderr, flush=True)
        time.sleep(60)
    return real(name, *rest)

builtins.__import__ = late
"""


def _start(folder, *settings, program=""):
    code = f"{START}{program}from relight.__main__ import main; raise SystemExit(main())"
    arguments = ["run", str(CLIP), "-o", "out.mp4", "--prompt", "red light", *settings]
    command = [sys.executable, "-c", code, *arguments]
    running = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return running, shlex.join(["relight", *arguments])


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_run_that_is_interrupted_names_the_command_to_resume(tmp_path, tiny_model, number):
    running, command = _start(tmp_path, "--model", str(tiny_model), "--steps", "200", "-v")
    for line in running.stderr:
        if "computing" in line:  # the model is loaded, the work has begun
            break
    running.send_signal(number)
    running.send_signal(number)  # one more is not answered by another line
    lines = [line for line in running.stderr.read().splitlines() if line.startswith("relight: ")]
    assert running.wait(60) == CODES[number]
    assert len(lines) == 1 and command in lines[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_during_the_imports_ends_the_program_with_one_line(tmp_path, number):
    running, _ = _start(tmp_path, program=SLOW)
    assert running.stderr.readline() == "importing\n"
    running.send_signal(number)
    assert running.stderr.read().splitlines() == ["relight: interrupted: nothing was written"]
    assert running.wait(60) == CODES[number]


def test_a_swallowed_interruption_is_raised_again_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with signals.interruptible() as got:
        signals.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
            time.sleep(1)
        assert got.number == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signals.check()
    assert signal.getsignal(signal.SIGTERM) is before
    signals.check()


def test_an_interruption_that_a_library_turns_into_its_own_error_is_none_of_the_job():
    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            raise ImportError(
                "cannot import name 'x' from a module that was half imported"
            ) from None

    with signals.interruptible():
        outcome = run_safely(work)
    assert isinstance(outcome.error, Cancelled)
    assert outcome.message == "interrupted: the output was not written"
