"""What an hour of 1080p takes on 1 to 256 workers, simulated from the chunk times of a short clip.

    relight run clip.mp4 -o out.mp4 --prompt "warm orange light" --log-file log.jsonl
    python -m examples.cluster_hours --measured log.jsonl out.mp4.json
    python -m examples.cluster_hours

The first form keeps what was measured in docs/benchmarks/chunks_1080p.json, the second draws
examples/pictures/cluster.svg and .png from it. Two ways to share the work: one long file, whose
chunks all workers compute, while one machine reads it before and lights and encodes it after; and
the same hour as clips of ten seconds, each of which one worker does whole (`relight batch`).
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from statistics import mean

from relight.engine.bench.cluster import Cluster, simulated
from relight.engine.bench.plots import Plot, draw

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "benchmarks" / "chunks_1080p.json"
PICTURE = ROOT / "examples" / "pictures" / "cluster"
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FRAMES = 3600 * 30
CLIP_FRAMES = 300
SPREAD, LOST = 0.3, 0.01
"""Of a chunk's time (one in forty takes 1.8 times as long), and the chance of a lost worker."""
RUNS = 5


def measured(log: Path, sidecar: Path) -> dict:
    """Seconds of each part of a run, from its log and its sidecar."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    chunks = [line for line in lines if "chunk" in line]
    job = next(line for line in lines if "frames" in line)
    made = json.loads(sidecar.read_text())["made"]["seconds"]
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    apply = (times[lines.index(job)] - times[lines.index(chunks[-1])]).total_seconds()
    each = [line["seconds"] for line in chunks]
    start = made["total"] - made["survey"] - apply - sum(each)
    return {
        "frames": job["frames"],
        "start": round(max(start, 0.0), 2),
        "survey": made["survey"],
        "chunks": each,
        "apply": apply,
    }


def one_file(found: dict, workers: int, seed: int) -> float:
    """Hours of a single file of FRAMES frames."""
    times = FRAMES / found["frames"]
    chunks = found["chunks"] * round(times)
    given = {"first_s": found["survey"] * times, "last_s": found["apply"] * times}
    cluster = Cluster(
        workers=workers, start_s=found["start"], spread=SPREAD, failures=LOST, **given
    )
    return simulated(chunks, cluster, seed) / 3600


def many_clips(found: dict, workers: int, seed: int) -> float:
    """Hours of the same frames as clips of CLIP_FRAMES."""
    each = found["survey"] + sum(found["chunks"]) + found["apply"]
    clips = [each * CLIP_FRAMES / found["frames"]] * (FRAMES // CLIP_FRAMES)
    cluster = Cluster(workers=workers, start_s=found["start"], spread=SPREAD, failures=LOST)
    return simulated(clips, cluster, seed) / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--measured", nargs=2, type=Path, metavar=("LOG", "SIDECAR"))
    given = parser.parse_args()
    if given.measured:
        STORED.write_text(json.dumps(measured(*given.measured), indent=1) + "\n")
    found = json.loads(STORED.read_text())
    lines = {
        name: [(n, mean(way(found, n, seed) for seed in range(RUNS))) for n in WORKERS]
        for name, way in (("one file", one_file), ("clips of 10 s", many_clips))
    }
    for name, points in lines.items():
        print(f"{name}: " + ", ".join(f"{n}: {hours:.2f} h" for n, hours in points))
    ideal = {"ideal": [(n, lines["clips of 10 s"][0][1] / n) for n in WORKERS]}
    plot = Plot(
        title="one hour of 1080p, with restarts and stragglers",
        x="workers",
        y="hours",
        points=lines,
        lines=lines | ideal,
        log=True,
    )
    draw([plot], PICTURE)


if __name__ == "__main__":
    main()
