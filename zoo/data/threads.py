"""Threads of this process for work on images: decoders and scalers run outside Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from torch.utils.data import get_worker_info

from zoo.data.cores import own_cores

SHARES_PER_THREAD = 4  # a thread that was held up leaves its last shares to the others


def n_threads() -> int:
    """Threads that this process may use: its share of the cores, or a loader process's part of that."""
    cores = own_cores()
    worker = get_worker_info()
    return max(1, cores // worker.num_workers) if worker is not None else cores


def for_each(work: Callable[[int], object], n: int) -> None:
    """`work(0)` to `work(n - 1)`, each once, in threads. An exception, or Ctrl-C, ends what has not begun.

    Nothing of torch that computes in threads of its own may run inside: each of ours would start as many again.
    """
    stopped = threading.Event()
    shares = min(n, SHARES_PER_THREAD * n_threads())

    def work_share(first: int) -> None:
        for number in range(first, n, shares):
            if stopped.is_set():
                return
            work(number)

    try:
        list(_pool(os.getpid()).map(work_share, range(shares)))
    finally:
        stopped.set()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Made on first use, and again in a forked process: threads do not survive a fork."""
    return ThreadPoolExecutor(n_threads(), thread_name_prefix=f"zoo-images-{process}")
