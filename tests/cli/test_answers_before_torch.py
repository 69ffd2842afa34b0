"""What can be refused without a model is refused without PyTorch: in the time of `--help`."""

import os
import subprocess
import sys

import pytest

from tests.samples import CLIP

HEAVY = ("torch", "diffusers", "transformers", "scipy", "peft", "accelerate")
PROGRAM = f"""
import sys
from relight.cli import main
code = main(sys.argv[1:])
print("loaded:", [name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""
RUN = ["run", CLIP, "-o", "new.mp4", "--prompt", "red light"]

REFUSED = {
    "a missing file": (["run", "no.mp4", *RUN[2:]], "no.mp4"),
    "a damaged file": (["run", "bad.mp4", *RUN[2:]], "bad.mp4"),
    "no prompt": (RUN[:4], "prompt"),
    "an unknown light": ([*RUN, "--light", "sideways"], "sideways"),
    "a missing light picture": ([*RUN, "--light", "no.png"], "no.png"),
    "a late keyframe": ([*RUN, "--light-at", "0=left", "--light-at", "99=top"], "past the end"),
    "an unknown format": (["run", CLIP, "-o", "x.doc", *RUN[4:]], "extension"),
    "an existing output": (["run", CLIP, "-o", "mine.mp4", *RUN[4:]], "exists"),
    "a missing folder": (["run", CLIP, "-o", "no/x.mp4", *RUN[4:]], "no folder"),
    "a start past the end": ([*RUN, "--start", "99"], "99"),
    "a setting out of range": ([*RUN, "--strength", "2"], "strength"),
    "a missing mask": ([*RUN, "--mask", "no.png"], "no.png"),
    "a click past the end": ([*RUN, "--mask", "click:.5,.5@99"], "past the end"),
    "a missing background": ([*RUN, "--background", "no.jpg"], "no.jpg"),
    "a lamp of no size": ([*RUN, "--light", "point:radius=0"], "radius"),
    "an unknown model": ([*RUN, "--model", "huge"], "huge"),
    "missing weights": ([*RUN, "--model", "wan"], "relight models download wan"),
    "a missing job file": (["run", "no.yaml"], "no.yaml"),
    "a missing picture": (["upscale", "no.png", "-o", "x.png"], "no.png"),
    "a smaller size": (["upscale", CLIP, "-o", "x.mp4", "--size", "64x64"], "not larger"),
    "an unknown upscaler": (["upscale", CLIP, "-o", "x.mp4", "--model", "wan"], "wan"),
    "a missing result": (["eval", CLIP, "no.mp4"], "no.mp4"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_imports_no_torch(tmp_path, case):
    arguments, named = REFUSED[case]
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    (tmp_path / "bad.mp4").write_bytes(bytes(range(256)) * 40)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=tmp_path,
        env=_without_weights(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert named in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout.strip() == "loaded: []"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.mp4", "mine.mp4"]


def _without_weights(folder):
    return os.environ | {"HF_HUB_CACHE": str(folder / "hub"), "HF_HUB_OFFLINE": "1"}
