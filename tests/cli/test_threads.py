"""What the command line sets for computing threads, before anything brings PyTorch."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
from relight.cli import main
main(["models"])
print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("given, wanted", [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_environment_says_otherwise(given, wanted):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.split()[-2:] == [wanted, "False"]
