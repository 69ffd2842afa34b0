"""What many workers would take for one job, simulated from the chunk times of one."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Workers that take chunks from one queue.

    Attributes:
        workers: how many. start_s: until one is ready, weights loaded.
        spread: standard deviation of the logarithm of a chunk's time (stragglers).
        failures: chance that a worker is lost in a chunk, which then is computed again after
            another start.
        first_s: before the chunks (survey); last_s: after them (apply and encode), on one machine.
    """

    workers: int
    start_s: float = 30.0
    spread: float = 0.2
    failures: float = 0.001
    first_s: float = 0.0
    last_s: float = 0.0


def simulated(chunk_s: Sequence[float], cluster: Cluster, seed: int = 0) -> float:
    """Seconds until the last chunk of a job is applied.

    Args:
        chunk_s: what each chunk takes on one worker.

    >>> even = Cluster(workers=4, start_s=0, spread=0, failures=0)
    >>> simulated([10.0] * 8, even)
    20.0
    >>> simulated([10.0] * 9, even)
    30.0
    """
    chance = np.random.default_rng(seed)
    free = [cluster.first_s + cluster.start_s] * min(cluster.workers, len(chunk_s))
    heapq.heapify(free)
    for seconds in chunk_s:
        now = heapq.heappop(free)
        taken = seconds * float(np.exp(chance.normal(0.0, cluster.spread)))
        while chance.random() < cluster.failures:
            now += taken * float(chance.random()) + cluster.start_s
        heapq.heappush(free, now + taken)
    return max(free, default=cluster.first_s) + cluster.last_s
