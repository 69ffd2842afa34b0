"""The memory of the whole command, as `examples/upscale_cost.py` measures it."""

import sys

import pytest

from examples.upscale_cost import measure

MOST = 1.3


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="waits for the child as Unix does")
def test_four_times_the_pixels_by_a_guide_take_little_more_memory():
    small, large = (measure(side, side, ["--guide", "bicubic"]) for side in (2048, 4096))
    assert large.peak_mib < MOST * small.peak_mib
