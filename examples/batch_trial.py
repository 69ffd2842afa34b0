"""A batch with everything wrong that can be: what the report says, and what a second run does.

    python -m examples.batch_trial CLIPS OUT

Over a folder of clips, beside which lie a damaged file and one that leads nowhere, on a small disk
of its own where that can be made (root), with a worker that is killed. Prints both reports.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

SETTINGS = ["--prompt", "warm orange light", "--frames", "8", "--seed", "1", "--model", "mini"]


def main() -> None:
    """Run the trial."""
    clips, out = Path(sys.argv[1]), Path(sys.argv[2])
    source = _inputs(clips, out / "in")
    small = _disk(out / "small", 1)
    first = _batch(source, out / "relit", out / "first.jsonl", kill=True)
    full = _batch(source, small, out / "full.jsonl") if small else []
    second = _batch(source, out / "relit", out / "second.jsonl")
    for name, events in (("first", first), ("full disk", full), ("second", second)):
        print(name, dict(Counter(event["status"] for event in events)))
        for event in events:
            if event["status"] in ("failed", "retrying"):
                print("  ", event["status"], Path(event["input"]).name, "-", event["message"])
    if small:
        subprocess.run(["umount", "-l", str(small)], check=True)


def _inputs(clips: Path, folder: Path) -> Path:
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


def _disk(folder: Path, megabytes: int) -> Path | None:
    """A file system of its own, if that can be made."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    made = subprocess.run(command, capture_output=True, check=False)
    return None if made.returncode else folder


def _batch(source: Path, out: Path, report: Path, kill: bool = False) -> list[dict]:
    """Run a batch; `kill` ends its worker once the first job is done."""
    command = [sys.executable, "-m", "relight", "batch", str(source), "-o", str(out), *SETTINGS]
    more = ["--devices", "cpu", "--report", str(report), "--retries", "1"]
    running = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL)
    while kill and running.poll() is None:
        done = report.read_text().count('"done"') if report.exists() else 0
        workers = [
            child
            for child in psutil.Process(running.pid).children()
            if "spawn_main" in " ".join(child.cmdline())
        ]
        if done >= 1 and workers:
            workers[0].kill()
            break
        time.sleep(0.1)
    running.wait()
    return [json.loads(line) for line in report.read_text().splitlines()]


if __name__ == "__main__":
    main()
