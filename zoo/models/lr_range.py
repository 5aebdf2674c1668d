"""`lr="auto"`: a learning rate from a range test (Smith 2017, arXiv:1506.01186), in under a minute.

A copy of the model trains on real batches, by its own step, optimiser, clipping and precision, while the rate rises from
where nothing happens to where the loss explodes. After each step the loss of the same few batches is taken, with the
same random numbers; a third of the rate of the lowest of them is chosen, and of Muon, whose steps have a length of their
own, that rate itself. The random state is put back, so that nothing of the run changes but the number.
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
from zoo.models.optimizers import OF_MATRICES

if TYPE_CHECKING:
    from zoo.models.base import Model

AUTO = "auto"
LOWEST, HIGHEST = 1e-6, 10.0
STEPS = 100
BUDGET = 40.0  # seconds after which the rate is at its highest, however slow a step is
ROWS, BATCHES, GATHERING = 512, 4, 2.0  # that are held, at most, to take the loss of; seconds to gather them in
WIDTH = 1.0  # steps: of the bell under which losses are averaged
SHARE = (
    1 / 3
)  # of the rate of the lowest loss, beyond which training soon is unstable; a step of Muon cannot be too long
NEARLY = 0.1  # of the whole drop of the loss: what lies so near to the lowest is as low but for noise
SMALLEST_DROP = 0.01  # of the loss at the start; less is taken for noise


@dataclass(frozen=True)
class LRRange:
    """What a range test saw, one value a step.

    Args:
        lr: The rate that was chosen.
        rates: Of each step, rising.
        losses: Of the same rows after each step.
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
    share = 1.0 if model.optimizer_name.lower() in OF_MATRICES else SHARE
    chosen = choose(test.rates, smoothed, share=share)
    return LRRange(chosen, test.rates, test.losses, smoothed, round(time.perf_counter() - start, 3))


def set_lr(model: Model, lr: float | str) -> None:
    """Let the model be one that was made with this rate, also as a checkpoint and the loggers tell it."""
    model.lr = lr
    for arguments in (model.hparams, model.hparams_initial):
        if "lr" in arguments:
            arguments["lr"] = lr


class RangeTest(Callback):
    """Lets the rate rise from step to step, and ends the training when the loss explodes.

    The first batches are held: the loss of all of them is taken after each step, with the same random numbers, so that one
    step differs from the next by what was learned and not by which rows it saw.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._held: list[Any] = []
        self._rate = LOWEST
        self._began: float | None = None  # None while batches are gathered, at a rate that teaches nothing
        self._steps = 0
        self._within = False  # a step, of which some batches are done

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.perf_counter()
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])  # its share of the rate: that of the model is 1
        self._set_rate(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._within:
            return  # gradients of more batches are gathered for this step
        if self._began is not None:
            passed = (time.perf_counter() - self._began) / BUDGET
            self._rate = rate_at(max(len(self.rates) / (STEPS - 1), passed))
        self._set_rate(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._began is None:
            self._held.append(batch)
        self._within = trainer.global_step == self._steps
        if self._within:
            return
        self._steps = trainer.global_step
        if self._began is None:
            now, rows = time.perf_counter(), sum(len(held["target"]) for held in self._held)
            if rows >= ROWS or len(self._held) >= BATCHES or now - self._started > GATHERING:
                self._began = now
            return
        loss = self._loss(trainer, pl_module)
        if math.isfinite(loss):
            self.rates.append(self._rate)
            self.losses.append(loss)
        exploded = not math.isfinite(loss) or loss > self.losses[0] + abs(self.losses[0])
        if exploded or self._rate >= HIGHEST:
            trainer.should_stop = True

    def _set_rate(self, trainer: Trainer) -> None:
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate * group["initial_lr"]

    def _loss(self, trainer: Trainer, model: LightningModule) -> float:
        """Mean loss of the rows that are held, as a training step sees them."""
        total, rows = 0.0, 0
        with isolate_rng(include_cuda=torch.cuda.is_available()), torch.no_grad():
            torch.manual_seed(0)
            for batch in self._held:
                with trainer.precision_plugin.train_step_context():
                    total += float(model.training_step(batch, 0)) * len(batch["target"])  # type: ignore[arg-type]
                rows += len(batch["target"])
        return total / rows


def rate_at(done: float) -> float:
    """The rate at a share (0-1) of the test: even steps of its logarithm.

    Example:
        >>> [f"{rate_at(done):.0e}" for done in (0.0, 0.5, 1.0, 1.2)]
        ['1e-06', '3e-03', '1e+01', '1e+01']
    """
    return float(LOWEST * (HIGHEST / LOWEST) ** min(done, 1.0))


def smooth(losses: Sequence[float]) -> list[float]:
    """The losses without most of their noise, none of them later than it was; an explosion counts as twice the start.

    Example:
        >>> [round(loss, 2) for loss in smooth([1.0, 1.0, 1.0, 1.0])]
        [1.0, 1.0, 1.0, 1.0]
    """
    values = np.asarray(losses, dtype=np.float64)
    if not len(values):
        return []
    steps = np.arange(len(values))
    weights = np.exp(-(((steps[:, None] - steps[None, :]) / WIDTH) ** 2) / 2)
    capped = np.minimum(values, values[0] + abs(values[0]))
    return [float(value) for value in weights @ capped / weights.sum(axis=1)]


def choose(rates: Sequence[float], smoothed: Sequence[float], *, share: float = 1.0) -> float:
    """A share of the rate of the lowest loss: of the middle of all rates, on a log axis, whose loss is nearly as low.

    Where the descent is steepest, as others choose, lies far below what Muon can do, and moves with the noise.

    Args:
        rates: Of each step, rising.
        smoothed: The losses of `smooth`.
        share: Of the rate, 0-1.

    Raises:
        InputError: The loss does not fall, or is no number.

    Example:
        >>> choose([1e-5, 1e-4, 1e-3, 1e-2, 1e-1], [2.0, 2.0, 1.0, 0.5, 3.0], share=0.5)
        0.005
    """
    if not smoothed or not rates:
        raise InputError("model.lr auto: the loss is no number at any rate; give a number, and look at the data")
    values = np.asarray(smoothed)
    drop = values[0] - values.min()
    if drop <= SMALLEST_DROP * abs(values[0]):
        raise InputError(
            f"model.lr auto: in {len(smoothed)} steps the loss did not fall at any rate from {LOWEST:g} to {rates[-1]:.2g}; "
            "give a number, such as --model.lr 1e-3"
        )
    valley = np.log(rates)[values <= values.min() + NEARLY * drop]
    return float(f"{share * math.exp(valley.mean()):.2g}")
