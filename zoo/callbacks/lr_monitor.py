"""The learning rate as a metric."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom


class LRMonitor(Seldom):
    """Log `lr`, the rate of the first parameter group, every `log_every_n_steps` steps; of any LightningModule.

    Straight to the loggers: `self.log` costs a small model as much as its step.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._logged = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step, every = trainer.global_step, trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not every or step % every or step == self._logged:  # the last: gradients of more batches are gathered
            return
        self._logged = step
        for logger in trainer.loggers:
            logger.log_metrics({"lr": trainer.optimizers[0].param_groups[0]["lr"]}, step=step - 1)
