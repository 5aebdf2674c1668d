"""Threads for the cores that this process may use: torch does not see a container's quota, nor always hyper-threads.

There is no rule by model size: two threads beat one already at 256 rows of a small MLP (`benchmarks/cpu_recipe.py`).
"""

from __future__ import annotations

import os
from typing import Any

import torch

from zoo.cli.precision import device_kind
from zoo.data.cores import local_processes, usable_cores


def use_cores(processes: int = 1) -> None:
    """Let torch compute with as many threads as there are cores for each process of this machine.

    `OMP_NUM_THREADS` of the user's stands; a number that was already set lower stands too.

    Args:
        processes: That compute on this machine's processor side by side.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    n = max(1, usable_cores() // max(processes, local_processes()))
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
