"""IC-Light's offsets at tiny size."""

import pytest
from safetensors.torch import load_file

from .pictures import OFFSETS


@pytest.fixture(scope="session")
def offsets():
    """Shared, so tests must not change them."""
    return load_file(OFFSETS)
