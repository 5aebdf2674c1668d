"""Cores that this process may use: no library sees a container's quota, nor always hyper-threads."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pyarrow as pa

CGROUP = Path("/sys/fs/cgroup")
TOPOLOGY = Path("/sys/devices/system/cpu")


def own_cores() -> int:
    """This process's share of the cores, at least 1; torchrun and its like tell how many processes this machine has."""
    return max(1, usable_cores() // local_processes())


def arrow_threads() -> int:
    """Threads for work on Arrow's columns: as many as Arrow would take (it follows `OMP_NUM_THREADS`), within the share."""
    return min(int(pa.cpu_count()), own_cores())


def local_processes() -> int:
    """Processes of this run on this machine, as its launcher's environment tells; 1 where it tells nothing."""
    told = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, int(told)) if told.isdecimal() else 1


@cache  # asked for each batch
def usable_cores(cgroup: Path = CGROUP, topology: Path = TOPOLOGY) -> int:
    """Physical cores that this process may run on, at least 1.

    Args:
        cgroup: Where the quota of a container stands.
        topology: Where the system says which logical processors share a core.
    """
    logical = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = {_siblings(topology, processor) for processor in logical}
    quota = _quota(cgroup)
    return len(cores) if quota is None else max(1, min(len(cores), int(quota)))


def _siblings(topology: Path, processor: int) -> str:
    """What names the core of a logical processor."""
    file = topology / f"cpu{processor}" / "topology" / "thread_siblings_list"
    return file.read_text().strip() if file.is_file() else f"cpu{processor}"


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time that a container grants (version 2, then 1), or None without a limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            limit, period = (cgroup / "cpu.max").read_text().split()[:2]
        else:
            limit, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(limit) / float(period) if float(limit) > 0 else None
    except (OSError, ValueError):  # no such file, or "max"
        return None
