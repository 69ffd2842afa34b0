"""`python -m relight.cli`: the same as `python -m relight`."""

import sys

from relight.cli import main

sys.exit(main())
