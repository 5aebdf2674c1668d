"""A bar in a terminal; one line an epoch everywhere."""

import math
import sys
import time
from collections.abc import Mapping

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from zoo.callbacks.seldom import Seldom
from zoo.messages import say

SHOWN = ("train/loss", "val/loss", "val/accuracy", "val/rmse", "val/r2")


class ProgressBar(Seldom, TQDMProgressBar):
    """Lightning's bar where a person watches, and a plain line at the end of each epoch.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
        refresh_rate: Steps between two drawings of the bar.
    """

    def __init__(self, enabled: bool = True, *, refresh_rate: int = 20) -> None:
        super().__init__(refresh_rate=refresh_rate if sys.stderr.isatty() else 0)
        self.enabled = enabled
        self._started = 0.0

    on_train_batch_end = TQDMProgressBar.on_train_batch_end

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_start(trainer, pl_module)
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        seconds = time.perf_counter() - self._started
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        say(epoch_line(trainer.current_epoch, epochs_of(trainer), values, seconds))


def epochs_of(trainer: Trainer) -> int:
    """Epochs of the whole training, also where its steps limit it; -1 where only time does."""
    limits = [trainer.max_epochs] if trainer.max_epochs is not None and trainer.max_epochs > 0 else []
    n_batches = trainer.num_training_batches
    if trainer.max_steps > 0 and 0 < n_batches < math.inf:
        steps = math.ceil(n_batches / trainer.accumulate_grad_batches)
        limits.append(math.ceil(trainer.max_steps / steps))
    return min(limits, default=-1)


def epoch_line(epoch: int, max_epochs: int, metrics: Mapping[str, float], seconds: float) -> str:
    """One epoch in one line.

    Example:
        >>> epoch_line(0, 20, {"train/loss": 0.5, "val/loss": 0.25}, 1.5)
        'epoch  1/20  train/loss 0.5000  val/loss 0.2500  1.5 s'
    """
    place = f"{epoch + 1:>{len(str(max_epochs))}}/{max_epochs}" if max_epochs > 0 else f"{epoch + 1}"
    shown = "  ".join(
        f"{name} {metrics[name]:.4g}" if abs(metrics[name]) >= 100 else f"{name} {metrics[name]:.4f}"
        for name in SHOWN
        if name in metrics
    )
    return f"epoch {place}  {shown}  {seconds:.1f} s"
