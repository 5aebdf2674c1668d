"""The axes on which runs of any batch size and machine can be compared: epoch, rows seen, seconds of training.

batch -> `Axes` counts -> every logger adds them to its rows; `Summary` reads them at the end
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom


class Axes(Seldom):
    """Count the rows and the seconds of a training; a resumed one goes on counting.

    It has to stand before the callbacks that log, so that a row of a step counts the batch of that step. Two processes
    that share a last batch unequally ask each other for it, once an epoch.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.samples_seen = 0
        self.running = False
        self._processes = 1
        self._before = 0.0
        self._started = 0.0
        self._row: tuple[int, float] = (-1, 0.0)  # step and seconds of the last row

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume included; validation counts."""
        return self._before + (time.perf_counter() - self._started if self.running else 0.0)

    def added_to(self, metrics: Mapping[str, float], step: int | None) -> dict[str, float]:
        """A row of metrics with its place on every axis.

        All rows of one step carry the same time, so that they may share a line.
        """
        if step is None or step != self._row[0] or not self.running:
            self._row = (-1 if step is None else step, round(self.seconds, 3))
        return {"epoch": self.epoch, **metrics, "samples_seen": self.samples_seen, "seconds": self._row[1]}

    def state_dict(self) -> dict[str, Any]:
        return {"samples_seen": self.samples_seen, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.samples_seen, self._before = state_dict["samples_seen"], state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._processes = trainer.world_size
        self._started, self.running = time.perf_counter(), True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epoch = trainer.current_epoch

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        rows = len(batch["target"])
        if self._processes == 1:
            self.samples_seen += rows
        elif trainer.is_last_batch:
            everyone = cast(torch.Tensor, pl_module.all_gather(torch.tensor(rows, device=pl_module.device)))
            self.samples_seen += int(everyone.sum())
        else:
            self.samples_seen += rows * self._processes

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before, self.running = self.seconds, False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._before, self.running = self.seconds, False
