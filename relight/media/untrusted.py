"""Files from strangers: read once by a process of its own, which is killed at its limits.

What a decoder does with a hostile file is not known before it has been tried: it may hang, take all
memory, or end its process. The child does nothing but decode, and its result is thrown away.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from relight.errors import InputError, MediaError
from relight.media.options import Reading

ENDED = 400
"""Characters of what a child says that are passed on."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What reading a file may take.

    Attributes:
        seconds: of time. memory: bytes of address space besides that of the libraries.
        pixels: width x height x frames.
        frames: that are decoded from `start` (seconds) on; None: all.
    """

    seconds: float = 600.0
    memory: int = 3 * 2**30
    pixels: int = 10**12
    frames: int | None = None
    start: float = 0.0


def check_untrusted(path: Path, how: Reading, limits: Limits = Limits()) -> int:
    """Decode a file in a child process; the number of its frames.

    Raises:
        MediaError: it can't be read, or not within the limits. InputError: there is no such file.
    """
    asked = {"path": os.fsencode(path).hex(), "how": asdict(how), "limits": asdict(limits)}
    child = subprocess.Popen(
        [sys.executable, "-m", "relight.media.untrusted", json.dumps(asked)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        answer, _ = child.communicate(timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise MediaError(
            f"{path}: reading it took longer than {limits.seconds:g} s and was stopped", path=path
        ) from None
    finally:
        _end(child)
    return _understood(answer, child.returncode, path)


def _understood(answer: bytes, code: int, path: Path) -> int:
    try:
        said = dict(json.loads(answer))
    except (ValueError, TypeError):
        what = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise MediaError(
            f"{path}: what reads it was ended by {what}: the file is damaged, or made to do so",
            path=path,
        ) from None
    if "frames" in said:
        return int(said["frames"])
    kind = InputError if said["kind"] == "InputError" else MediaError
    raise kind(str(said["error"])[:ENDED], path=path)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and whatever it has started."""
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _limit(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows: time is limited by the parent
        return
    import psutil

    memory = psutil.Process().memory_info().vms + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _decoded(path: Path, how: Reading, limits: Limits) -> int:
    """The number of frames, none of which is kept."""
    from relight import media

    info = media.probe(path, how)
    count = 0
    wanted = {"start": limits.start, "frames": limits.frames}
    frames = media.read(path, how=how, on_note=lambda note: None, **wanted)
    for count, frame in enumerate(frames, 1):
        height, width = frame.image.shape[:2]
        if count * height * width > limits.pixels:
            raise MediaError(
                f"{path}: more than {limits.pixels:.3g} pixels in all its frames of "
                f"{info.width}x{info.height}"
            )
    return count


def main() -> None:
    """The child: reads what it is asked to, and answers in JSON."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    limits = Limits(**asked["limits"])
    path = Path(os.fsdecode(bytes.fromhex(asked["path"])))
    answer: dict[str, Any]
    for module in ("reading", "stills", "demux", "sequences", "animation", "gif_in", "tiff_in"):
        import_module(f"relight.media.{module}")  # a limit would keep libraries from loading
    try:
        _limit(limits)
        answer = {"frames": _decoded(path, Reading(**asked["how"]), limits)}
    except (InputError, MediaError) as error:
        answer = {"kind": type(error).__name__, "error": str(error)}
    except MemoryError:
        said = f"{path}: reading it takes more memory than {limits.memory / 2**30:.1f} GiB"
        answer = {"kind": "MediaError", "error": said}
    except Exception as error:
        said = f"{path}: a damaged file ({type(error).__name__})"
        answer = {"kind": "MediaError", "error": said}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
