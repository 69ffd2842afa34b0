"""`relight` and `python -m relight`: the command line, with signals handled from the start."""

import sys

from relight import signals


def main() -> int:
    """Entry point; returns the exit code."""
    signals.leave_at_once()
    from relight.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
