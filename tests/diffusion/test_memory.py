"""How much memory there is: the host's, a container's and a GPU's."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import torch

from relight.diffusion import memory
from relight.diffusion.memory import available_memory

GROUP = {"memory.max": "1000000", "memory.current": "700000", "memory.stat": "inactive_file 50000"}
V1 = {
    "memory.limit_in_bytes": "2000000",
    "memory.usage_in_bytes": "700000",
    "memory.stat": "total_inactive_file 0",
}


def _group(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """groups(line): this process is in the control group of a line of /proc/self/cgroup."""
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "sys")
    monkeypatch.setattr(memory, "PROCESS_CGROUPS", tmp_path / "cgroup")

    def within(line):
        (tmp_path / "cgroup").write_text(line + "\n")
        return tmp_path / "sys"

    return within


def test_without_limits_the_host_decides_how_much_memory_there_is(groups, monkeypatch):
    _group(groups("0::/"), {**GROUP, "memory.max": "max"})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=123))
    assert available_memory() == 123


def test_a_containers_memory_limit_counts_and_its_page_cache_does_not(groups):
    _group(groups("0::/"), GROUP)
    assert available_memory() == 1000000 - 700000 + 50000


def test_the_memory_limit_of_a_group_further_up_counts(groups):
    root = groups("0::/user/job")
    _group(root / "user" / "job", {**GROUP, "memory.max": "9000000"})
    _group(root / "user", {**GROUP, "memory.max": "800000"})
    assert available_memory("cpu") == 800000 - 700000 + 50000


def test_memory_limits_of_version_1_count_where_the_path_is_the_hosts(groups):
    root = groups("4:memory:/docker/0123")
    _group(root / "memory", V1)
    assert available_memory() == 1300000


def test_more_memory_in_use_than_the_limit_leaves_nothing(groups):
    _group(groups("0::/"), {**GROUP, "memory.current": "2000000"})
    assert available_memory() == 0


def test_a_limit_on_the_address_space_leaves_less_memory():
    code = (
        "import psutil, resource; from relight.diffusion.memory import available_memory;"
        "used = psutil.Process().memory_info().vms;"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26));"
        "print(available_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= 2**26


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_own_memory_counts():
    free, total = torch.cuda.mem_get_info()
    assert 0 < available_memory("cuda") <= total and available_memory("cuda") <= 1.1 * free
