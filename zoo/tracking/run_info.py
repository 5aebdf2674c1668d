"""What a checkpoint says of its run: resolved config, package versions, data fingerprint, W&B run id."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom
from zoo.tracking.summary import versions


class RunInfo(Seldom):
    """Write the run's facts into each checkpoint, from the first one on.

    Args:
        config: The resolved config.
        wandb_run_id: Under which a resumed run goes on in W&B.
    """

    def __init__(self, config: dict[str, Any], wandb_run_id: str | None) -> None:
        self.config = config
        self.wandb_run_id = wandb_run_id

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint.setdefault("zoo", {}).update(
            config=self.config,
            wandb_run_id=self.wandb_run_id,
            versions=versions(),
        )
