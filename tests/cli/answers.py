"""What the command line answers to many commands, which are given to it in one process."""

import json
import subprocess
import sys

RUN = """
import contextlib, io, json, os, sys
from relight.cli import main
if sys.argv[1] == "without torch":
    sys.modules["torch"] = None  # whoever imports it fails
answers = []
for args in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = main(args)
        except SystemExit as left:
            code = left.code
        except BaseException as error:
            code = repr(error)
    answers.append([code, said.getvalue(), sorted(os.listdir("out"))])
json.dump(answers, sys.__stdout__)
"""


def answers_to(commands, folder, torch=False):
    """(exit code, what is said, what is left in `out`) of each command, run in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, "with torch" if torch else "without torch"],
        input=json.dumps(commands),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)
