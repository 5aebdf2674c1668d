"""Data-parallel training: the losses of two processes against those of one, and their samples a second.

A small Transformer learns sample:digits, in one process with two threads and in two processes with one thread and half
the batch each. Batch normalisation, dropout and augmentation are left out, since processes draw and count those for
themselves; all else is the same, so each step has the same loss, up to rounding. Processes stay for all rounds, as
starting them takes longer than the training; only training is timed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import time
import warnings
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.ratios import Result, alternate, main, ratio
from zoo.data import ImageDataModule
from zoo.models import TransformerClassifier
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

GLOBAL_BATCH = 96
CORES = 2


def run(small: bool) -> list[Result]:
    groups = {"one": Group(1, small), "two": Group(2, small)}
    try:
        for group in groups.values():
            group.seconds_a_sample()  # not counted: everything is made on first need
        ways = {name: group.seconds_a_sample for name, group in groups.items()}
        costs = alternate(ways, rounds=2 if small else 5)
    finally:
        for group in groups.values():
            group.stop()
    one, two = groups["one"].losses, groups["two"].losses
    off = max(abs(a / b - 1) for a, b in zip(two, one, strict=True))
    print(f"{len(one)} steps, loss from {one[0]:.4f} to {one[-1]:.4f}; two processes {two[-1]:.4f}", file=sys.stderr)
    return [
        Result("losses of 2 processes / 1: largest difference, in millionths", [off * 1e6], bar=100),
        ratio(costs, "one", "two", what="samples/s, 2 processes x 1 thread / 1 process x 2 threads"),
    ]


class Group:
    """Processes that train together whenever they are told to.

    Args:
        n_processes: How many.
        small: Whether to train only a moment.
    """

    def __init__(self, n_processes: int, small: bool) -> None:
        self.losses: list[float] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        self.processes = []
        for rank in range(n_processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(rank, n_processes, port, theirs, small), daemon=True)
            process.start()
            theirs.close()  # so that a process that ends is told by its pipe
            self.pipes.append(ours)
            self.processes.append(process)

    def seconds_a_sample(self) -> float:
        """Train once."""
        for pipe in self.pipes:
            pipe.send(True)
        answers: list[tuple[float, list[float]]] = [pipe.recv() for pipe in self.pipes]
        seconds, self.losses = answers[0]
        return seconds

    def stop(self) -> None:
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            if process.is_alive():
                pipe.send(False)
                process.join(timeout=10)


def serve(rank: int, n_processes: int, port: int, pipe: Connection, small: bool) -> None:
    """What each process does: train whenever it is asked."""
    if n_processes > 1:  # what a launcher would set
        os.environ |= {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "LOCAL_RANK": str(rank),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(n_processes),
        }
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(CORES // n_processes)
    data = ImageDataModule("sample:digits", augment=[], batch_size=GLOBAL_BATCH // n_processes)
    fit = partial(train, data, n_processes, small)
    while pipe.recv():
        pipe.send(fit())
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def train(data: ImageDataModule, n_processes: int, small: bool) -> tuple[float, list[float]]:
    """Seconds a sample, and the loss of each step."""
    torch.manual_seed(0)
    network: dict[str, Any] = {"d_model": 16, "n_layers": 1} if small else {"d_model": 128, "n_layers": 2}
    model = TransformerClassifier(data.inputs, data.num_classes, **network, patch=2, dropout=0.0)
    watch, metrics = Watch(), Path(tempfile.mkdtemp()) / "metrics.csv"
    parallel: dict[str, Any] = {"devices": n_processes, "strategy": "ddp"} if n_processes > 1 else {"devices": 1}
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1 if small else 4,
        limit_val_batches=0,
        log_every_n_steps=1,
        logger=MetricsCSV(metrics),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[watch],
        **parallel,
    )
    trainer.fit(model, datamodule=data)
    # Only the first process logs, for all.
    losses = (
        [row["train/loss_step"] for row in read_metrics(metrics) if "train/loss_step" in row]
        if metrics.exists()
        else []
    )
    shutil.rmtree(metrics.parent)
    return watch.seconds / (trainer.global_step * GLOBAL_BATCH), losses


class Watch(Callback):
    """Seconds of training."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds = -time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds += time.perf_counter()


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
