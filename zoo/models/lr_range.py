"""`lr="auto"`: a learning rate from a range test (Smith 2017, arXiv:1506.01186), in under a minute.

A copy of the model trains on real batches, by its own step, optimiser, clipping and precision, while the rate rises from
where nothing happens to where the loss explodes. The random state is put back, so that nothing of the run changes but
the number.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng

from zoo.errors import InputError

if TYPE_CHECKING:
    from zoo.models.base import Model

AUTO = "auto"
LOWEST, HIGHEST = 1e-7, 10.0
STEPS = 100
BUDGET = 40.0  # seconds after which the rate is at its highest, however slow a step is
SMOOTHING = 0.9  # of the loss by which an explosion is told: weight of what was before
DIVERGED = 4.0  # times the lowest smoothed loss
START = 0.2  # share of the steps, at whose rates nothing is learned yet
WIDTH = 0.03  # share of the steps: of the bell under which losses are averaged
FALLS = 0.1  # share of its whole drop after which the loss is said to fall
SMALLEST_DROP = 0.01  # of the loss at the start; less is taken for noise


@dataclass(frozen=True)
class LRRange:
    """What a range test saw, one value a step.

    Args:
        lr: The rate that was chosen.
        rates: Of each step, rising.
        losses: Of each step, before it was made.
        smoothed: The same without most of their noise.
        seconds: That the test took.
    """

    lr: float
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    seconds: float

    def columns(self) -> dict[str, list[float]]:
        """Rate, loss and smoothed loss of each step."""
        return {"lr": self.rates, "loss": self.losses, "smoothed": self.smoothed}


def find_lr(
    model: Model,
    data: Any,
    *,
    accelerator: Any = "auto",
    devices: Any = 1,
    precision: Any = "32-true",
    gradient_clip_val: float | None = 1.0,
    gradient_clip_algorithm: str | None = None,
    accumulate_grad_batches: int = 1,
) -> LRRange:
    """Let a copy of the model train at ever higher rates, and choose one.

    Args:
        model: As it will be trained; not touched.
        data: Its data module.
        accelerator: The trainer's, as the other arguments are.
        devices: One of them is used.
        precision: Of the arithmetic.
        gradient_clip_val: Largest norm of the gradients.
        gradient_clip_algorithm: norm or value.
        accumulate_grad_batches: Batches a step.

    Raises:
        InputError: The loss is no number from the first steps on, or does not fall at any rate.
    """
    trial = copy.deepcopy(model)
    set_lr(trial, 1.0)
    trial.schedule, trial.warmup = "constant", 0.0
    test, before = RangeTest(), data.trainer
    start = time.perf_counter()
    try:
        with isolate_rng(include_cuda=torch.cuda.is_available()):
            Trainer(
                accelerator=accelerator,
                devices=[devices[0]] if isinstance(devices, list) else 1,
                precision=precision,
                gradient_clip_val=gradient_clip_val,
                gradient_clip_algorithm=gradient_clip_algorithm,
                accumulate_grad_batches=accumulate_grad_batches,
                max_epochs=-1,
                limit_val_batches=0,
                num_sanity_val_steps=0,
                logger=False,
                callbacks=[test],
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                plugins=[LightningEnvironment()],  # alone, also where a cluster has started several processes
            ).fit(trial, datamodule=data)
    finally:
        data.trainer = before
    smoothed = smooth(test.losses)
    return LRRange(
        choose(test.rates, smoothed), test.rates, test.losses, smoothed, round(time.perf_counter() - start, 3)
    )


def set_lr(model: Model, lr: float | str) -> None:
    """Let the model be one that was made with this rate, also as a checkpoint and the loggers tell it."""
    model.lr = lr
    for arguments in (model.hparams, model.hparams_initial):
        if "lr" in arguments:
            arguments["lr"] = lr


class RangeTest(Callback):
    """Lets the rate rise from step to step, keeps the losses, and ends the training when the loss explodes."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._lowest = math.inf
        self._running = 0.0
        self._parts: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.perf_counter()
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])  # its share of the rate: that of the model is 1

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._parts:
            return  # gradients of more batches are gathered for this step
        self._rate = rate_at(max(trainer.global_step / (STEPS - 1), (time.perf_counter() - self._began) / BUDGET))
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate * group["initial_lr"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._parts.append(float(outputs["loss"]))
        if trainer.global_step == len(self.rates):
            return
        loss = sum(self._parts) / len(self._parts)
        self._parts = []
        self.rates.append(self._rate)
        if math.isfinite(loss):
            self.losses.append(loss)
            self._running = SMOOTHING * self._running + (1 - SMOOTHING) * loss
            mean = self._running / (1 - SMOOTHING ** len(self.losses))
            self._lowest = min(self._lowest, mean)
        else:
            self.rates.pop()
        exploded = not math.isfinite(loss) or (len(self.losses) > 10 and mean > DIVERGED * self._lowest)
        if exploded or self._rate >= HIGHEST:
            trainer.should_stop = True


def rate_at(done: float) -> float:
    """The rate at a share (0-1) of the test: even steps of its logarithm.

    Example:
        >>> [f"{rate_at(done):.0e}" for done in (0.0, 0.5, 1.0, 1.2)]
        ['1e-07', '1e-03', '1e+01', '1e+01']
    """
    return float(LOWEST * (HIGHEST / LOWEST) ** min(done, 1.0))


def smooth(losses: Sequence[float]) -> list[float]:
    """The losses without most of their noise, none of them later than it was; an explosion counts as twice the start.

    Example:
        >>> [round(loss, 2) for loss in smooth([1.0, 1.0, 1.0, 1.0])]
        [1.0, 1.0, 1.0, 1.0]
    """
    values = np.asarray(losses, dtype=np.float64)
    start = np.median(values[: max(1, round(START * len(values)))])
    steps = np.arange(len(values))
    weights = np.exp(-(((steps[:, None] - steps[None, :]) / (WIDTH * len(values))) ** 2) / 2)
    capped = np.minimum(values, start + abs(start))
    return [float(value) for value in weights @ capped / weights.sum(axis=1)]


def choose(rates: Sequence[float], smoothed: Sequence[float]) -> float:
    """The middle, on a log axis, between the rate from which the loss falls and the one at which it is lowest.

    Much like the valley of fastai: the steepest descent alone moves with the noise, and at the lowest loss it is about to
    explode.

    Args:
        rates: Of each step, rising.
        smoothed: The losses of `smooth`.

    Raises:
        InputError: The loss does not fall, or is no number.

    Example:
        >>> round(choose([1e-5, 1e-4, 1e-3, 1e-2, 1e-1], [2.0, 2.0, 1.0, 0.5, 3.0]), 6)
        0.001
    """
    if not smoothed or not rates:
        raise InputError("model.lr auto: the loss is no number at any rate; give a number, and look at the data")
    values = np.asarray(smoothed)
    lowest = int(values.argmin())
    start = float(np.median(values[: max(1, min(round(START * len(values)), lowest))]))
    drop = start - float(values[lowest])
    if drop <= SMALLEST_DROP * abs(start):
        raise InputError(
            f"model.lr auto: in {len(values)} steps the loss did not fall at any rate from {LOWEST:g} to {rates[-1]:.2g}; "
            "give a number, such as --model.lr 1e-3"
        )
    begins = int(np.flatnonzero(values[: lowest + 1] >= start - FALLS * drop).max())
    return float(f"{math.sqrt(rates[begins] * rates[lowest]):.2g}")
