"""Threads for the cores that this process may use: torch does not see a container's quota, nor always hyper-threads.

There is no rule by model size: two threads beat one already at 256 rows of a small MLP (`benchmarks/cpu_recipe.py`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from zoo.cli.precision import device_kind

CGROUP = Path("/sys/fs/cgroup")
TOPOLOGY = Path("/sys/devices/system/cpu")


def use_cores(processes: int = 1) -> None:
    """Let torch compute with as many threads as there are cores for each process of this machine.

    `OMP_NUM_THREADS` of the user's stands; a number that was already set lower stands too.

    Args:
        processes: That compute on this machine's processor side by side.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    n = max(1, usable_cores() // processes)
    if n < torch.get_num_threads():
        torch.set_num_threads(n)
    if processes > 1:
        os.environ["OMP_NUM_THREADS"] = str(n)  # else Lightning counts hyper-threads and knows no quota


def processes_here(trainer: Any) -> int:
    """Processes that compute on this machine's processor: those of a distributed run on the CPU.

    Args:
        trainer: The trainer's settings by attribute: accelerator, devices.
    """
    on_cpu = device_kind(trainer.accelerator) == "cpu"
    return trainer.devices if on_cpu and isinstance(trainer.devices, int) and trainer.devices > 1 else 1


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
