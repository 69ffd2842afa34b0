"""Tiles bound the memory of an upscale: measured in processes of their own. Slow; Linux only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples import tiling_memory

MOST = 1.3
"""Peak of four times the pixels in tiles, of that of the small picture as a whole."""


def _peak(side, tile):
    command = [sys.executable, "-m", "examples.tiling_memory", f"{side}", f"{tile}", "best"]
    done = subprocess.run(
        command,
        env=os.environ | tiling_memory.ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads /proc")
def test_four_times_the_pixels_in_tiles_take_little_more_memory():
    assert _peak(1024, 512) < MOST * _peak(512, None)
