"""Stop at once when the loss is no number any more, and say what to try."""

import math
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom
from zoo.errors import InputError


class StopOnNaN(Seldom):
    """Raise `InputError` at the first step whose loss is NaN or infinite.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._loss: Any = None  # of the last step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        # Looking at a number on an accelerator waits for it; there every so many steps is often enough.
        if self._loss.is_cpu or trainer.global_step % (trainer.log_every_n_steps or 1) == 0:  # type: ignore[attr-defined]
            self._look(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        value = 0.0 if self._loss is None else self._loss.item()
        if not math.isfinite(value):
            lr = trainer.optimizers[0].param_groups[0]["lr"]
            raise InputError(nan_message(value, trainer.global_step, trainer.current_epoch, lr))


def nan_message(loss: float, step: int, epoch: int, lr: float) -> str:
    """What happened where, and what to try.

    Example:
        >>> nan_message(float("nan"), 12, 0, 10.0)
        'the loss became nan at step 12 (epoch 0, learning rate 10): try --model.lr 1, or --trainer.gradient_clip_val 1.0'
    """
    return (
        f"the loss became {loss} at step {step} (epoch {epoch}, learning rate {lr:.3g}): "
        f"try --model.lr {lr / 10:.3g}, or --trainer.gradient_clip_val 1.0"
    )
