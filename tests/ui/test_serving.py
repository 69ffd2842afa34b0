"""What a studio can't be served with is refused before anything is started."""

import subprocess
import sys

import pytest

from relight.errors import InputError
from relight.ui.serve import Options, launch
from tests.samples import CLIP

REFUSED = {
    "a host that is no address": ({"host": "999.1.1.1"}, "--host 999.1.1.1 is no address"),
    "a host that has no name": ({"host": "a..b"}, "--host a..b is no address"),
    "another machine": ({"host": "192.0.2.1"}, "--host 192.0.2.1 is no address"),
    "no host": ({"host": ""}, "--host"),
    "port 0": ({"port": 0}, "--port should be 1 to 65535, not 0"),
    "a port too high": ({"port": 99_999_999}, "--port should be 1 to 65535"),
    "no quota": ({"quota_gb": 0.0}, "--quota-gb should be above 0"),
    "a quota that is no number": ({"quota_gb": float("nan")}, "--quota-gb should be above 0"),
    "a file size in words": ({"max_file_size": "much"}, "--max-file-size is like 500mb, not much"),
    "a file size below 0": ({"max_file_size": "-1"}, "--max-file-size is like 500mb, not -1"),
    "a login without a password": ({"auth": ("ann",)}, "--auth is NAME:PASSWORD"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_option_is_one_line(tmp_path, case):
    options, said = REFUSED[case]
    with pytest.raises(InputError, match=said) as caught:
        launch(Options(outputs=tmp_path / "out", **options))
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_results_is_left_alone(tmp_path):
    taken = tmp_path / "out"
    taken.write_text("mine")
    with pytest.raises(InputError, match="give --outputs"):
        launch(Options(outputs=taken))
    assert taken.read_text() == "mine"


PLANNED = """
import sys
from relight.ui.app import warm
from relight.ui.expect import expected
from relight.ui.orders import Order
warm().join()
before = set(sys.modules)
for kind in ("relight", "upscale"):
    assert expected(Order.read(kind, {"clip": sys.argv[1], "prompt": "red light"}))["lines"]
print({name.partition(".")[0] for name in set(sys.modules) - before})
"""


@pytest.mark.slow
def test_the_first_plan_waits_for_no_pipeline(tmp_path):
    given = [sys.executable, "-c", PLANNED, str(CLIP)]
    ran = subprocess.run(given, capture_output=True, text=True, check=True)
    assert not {"torch", "diffusers", "transformers"} & eval(ran.stdout.splitlines()[-1])
