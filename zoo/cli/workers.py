"""The processes that work on a study beside the one that the user started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from zoo.cli.tune_start import STORAGE, TuneOptions
from zoo.messages import say

PATIENCE = 60.0  # seconds that a worker which was told to stop has for it


@contextmanager
def processes_beside(folder: Path, storage: str | None, options: TuneOptions) -> Iterator[None]:
    """Start all workers but this process; wait for them in the end, and stop them where this one is stopped.

    Args:
        folder: Of the study.
        storage: Address of its shared database.
        options: What the user typed.
    """
    command = [sys.executable, "-m", "zoo.cli.main", "tune", "--resume", str(folder), "--worker_of", str(os.getpid())]
    for name in ("timeout", "pruner"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name}", value]
    started = [
        # A group of its own: Ctrl-C in the terminal then reaches it once, through this process.
        subprocess.Popen(command, env=environment_of(number, storage), process_group=0)
        for number in range(1, options.workers)
    ]
    try:
        yield
        for process in started:
            report(process.wait())
    except BaseException:
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in started:
            end(process)
        raise


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a worker that was told to stop."""
    try:
        report(process.wait(PATIENCE))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def report(code: int) -> None:
    if code not in (0, 2, 130):
        say(f"a worker ended with exit code {code}: what it was at is tried again")


def environment_of(number: int, storage: str | None) -> dict[str, str]:
    """Of a worker: accelerators are dealt out one by one, and the database's address is in no command line."""
    environment = dict(os.environ)
    if storage is not None:
        environment[STORAGE] = storage
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else [str(place) for place in range(torch.cuda.device_count())]
    if len(devices) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return environment
