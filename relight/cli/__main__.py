"""`python -m relight.cli`: the command line."""

import sys

from relight.cli import main

sys.exit(main())
