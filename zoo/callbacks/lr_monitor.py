"""The learning rate as a metric."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom


class LRMonitor(Seldom):
    """Log `lr`, the rate of the first parameter group, with every logged step.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and trainer.global_step % every == 0 and isinstance(outputs, dict):
            outputs["lr"] = trainer.optimizers[0].param_groups[0]["lr"]  # the model logs it in one row with the loss
