"""Loading without the progress bars of other libraries, and without their notes to developers."""

from __future__ import annotations

import logging as levels
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Silence diffusers and transformers below errors, unless more than warnings is wanted of them.

    They would say e.g. that a faster path of torchvision isn't taken, and that weights are cast,
    which is intended. Their bars count files; ours counts work.

    >>> with quietly():
    ...     pass  # load something
    """
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    libraries = (of_diffusers, of_transformers)
    before = [(library, library.get_verbosity()) for library in libraries]
    bars = of_transformers.is_progress_bar_enabled()
    of_transformers.disable_progress_bar()
    for library, level in before:
        if level == levels.WARNING:
            library.set_verbosity_error()
    try:
        yield
    finally:
        for library, level in before:
            library.set_verbosity(level)
        if bars:
            of_transformers.enable_progress_bar()
