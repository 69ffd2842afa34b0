"""A batch with everything wrong that can be: what the report says, and what a second run does.

    python -m examples.batch_trial CLIPS OUT

Over a folder of clips, beside which lie a damaged file and one that leads nowhere. When the first
job is done, the worker is killed in the middle of its next; when the second is done, the disk of
the outputs (a small one of its own, where that can be made: root) is filled up by another program
while a job runs. Then there is room again, and the same command does the rest.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

SETTINGS = ("--prompt", "warm orange light", "--frames", "4", "--seed", "1", "--model", "mini")
MEGABYTES = 64
Events = list[dict]


def main() -> None:
    """Run the trial and print its report."""
    clips, out = Path(sys.argv[1]), Path(sys.argv[2])
    with disk(out / "disk") as target:
        first, second = trial(inputs(clips, out / "in"), target, out, SETTINGS)
        made = sorted(str(path.relative_to(target)) for path in target.rglob("*.*"))
    for name, events in (("first", first), ("second", second)):
        print(name, dict(Counter(event["status"] for event in events)))
        for event in events:
            print("  ", event["status"], Path(event["input"]).name, event.get("message") or "")
    print("made:", *(name for name in made if not Path(name).name.startswith(".")))


def trial(source: Path, target: Path, reports: Path, settings: Sequence[str]) -> tuple[Events, ...]:
    """The events of the batch in which everything goes wrong, and of the same once more."""
    first, second = reports / "first.jsonl", reports / "second.jsonl"
    filler = target / "filler"
    running = _begun(source, target, first, settings)
    _after(running, first, 1)
    for child in psutil.Process(running.pid).children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
    _after(running, first, 2)
    while running.poll() is None and not list(target.rglob(".*.relight/*")):
        time.sleep(0.005)  # until the next job is under way
    _fill(filler)
    running.wait()
    filler.unlink()
    _begun(source, target, second, settings).wait()
    return _events(first), _events(second)


def inputs(clips: Path, folder: Path) -> Path:
    """The clips, a damaged one and a link that leads nowhere."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "deep").mkdir(parents=True)
    found = sorted(path for path in clips.iterdir() if path.suffix in (".mp4", ".gif", ".png"))
    for index, path in enumerate(found):
        (folder / ("deep" if index % 2 else ".") / path.name).symlink_to(path.absolute())
    videos = [path for path in found if path.suffix == ".mp4"]
    content = bytearray(videos[0].read_bytes())
    content[len(content) // 3 :] = bytes(len(content) - len(content) // 3)
    (folder / "damaged.mp4").write_bytes(content)
    (folder / "unreadable.mp4").symlink_to("nowhere.mp4")
    return folder


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own. Raises OSError where none can be made."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={MEGABYTES}m"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], capture_output=True)
    if made.returncode:
        raise OSError(errno.EPERM, "a disk of its own needs root", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _begun(source: Path, out: Path, report: Path, settings: Sequence[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "relight", "batch", source, "-o", out, *settings]
    more = ["--devices", "cpu", "--report", report, "--retries", "1"]
    return subprocess.Popen([*map(str, command), *map(str, more)], stdout=subprocess.DEVNULL)


def _after(running: subprocess.Popen, report: Path, jobs: int) -> None:
    """Wait until so many jobs are done."""
    while running.poll() is None:
        if report.exists() and report.read_text().count('"done"') >= jobs:
            return
        time.sleep(0.02)


def _fill(file: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            if out.write(b"\1" * 4096) < 4096:  # the last page, in part
                os.sync()


def _events(report: Path) -> Events:
    return [json.loads(line) for line in report.read_text().splitlines()]


if __name__ == "__main__":
    main()
