"""How much memory a run can still take. PyTorch is imported for a GPU only."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PROCESS_CGROUPS = Path("/proc/self/cgroup")
CLEAR_REFS = Path("/proc/self/clear_refs")


def available_memory(device: str = "cpu") -> int:
    """Bytes that this process can still take on a device.

    A GPU's own free memory; else the least of the host's available memory, what the control
    groups of a container leave (version 1 and 2), and what is left of a limit on the address space
    (`ulimit -v`).
    """
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    import psutil  # here and below: most commands never ask

    limits = [psutil.virtual_memory().available, *_cgroup_memory()]
    limits += _address_space()
    return max(min(limits), 0)


def peak_memory(device: str = "cpu") -> int:
    """Bytes that this process has taken at most on a device, 0 where that is not known."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory(device: str = "cpu") -> None:
    """Let `peak_memory` count from now on; on a CPU on Linux only."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        CLEAR_REFS.write_text("5")  # man 5 proc: resets the peak of resident memory


def trim() -> None:
    """Give what is free back to the system: without it, the C library keeps tens of MiB that lie
    between what is used, and more of them the longer a clip is."""
    with suppress(OSError, AttributeError, TypeError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)


def _address_space() -> list[int]:
    """What a limit on the address space leaves, in bytes; nothing without one."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    import psutil

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return []
    return [soft - psutil.Process().memory_info().vms]


def _cgroup_memory() -> list[int]:
    """What each control group above this process leaves of its memory limit, in bytes."""
    try:
        lines = PROCESS_CGROUPS.read_text().splitlines()
    except OSError:  # not Linux
        return []
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2: one tree for all controllers
            names, root = ("memory.max", "memory.current"), CGROUPS
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            root = CGROUPS / "memory"
        else:
            continue
        own = root / path.strip("/")
        # In a container the path may be the host's, which is not mounted: its root then counts.
        for group in (own, *own.parents):
            left += _left(group, *names)
            if group == root:
                break
    return left


def _left(group: Path, limit_file: str, usage_file: str) -> list[int]:
    """Bytes between a group's use and its limit; nothing where it has none.

    The use includes the page cache, which is given up when memory is needed: it does not count.
    """
    try:
        limit = int((group / limit_file).read_text())  # ValueError for "max": no limit
        usage = int((group / usage_file).read_text())
        statistics = (group / "memory.stat").read_text().split()
    except (OSError, ValueError):
        return []
    counts = dict(zip(statistics[::2], statistics[1::2], strict=False))
    cache = int(counts.get("total_inactive_file") or counts.get("inactive_file") or 0)
    return [limit - usage + cache]
