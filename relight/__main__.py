"""`relight` and `python -m relight`: the command line, with signals handled from the start."""

import gc
import sys

from relight import signals


def main() -> int:
    """Entry point; returns the exit code."""
    signals.leave_at_once()
    from relight.cli import main as command_line

    code = command_line()
    gc.freeze()  # the end is near: to look for garbage in the libraries of models takes seconds
    return code


if __name__ == "__main__":
    sys.exit(main())
