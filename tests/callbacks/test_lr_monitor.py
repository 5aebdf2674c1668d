"""The rate is logged of any LightningModule, not of zoo's alone."""

from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tests.fits import QUIET
from zoo.callbacks import LRMonitor
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

pytestmark = QUIET


class Plain(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return self.layer(batch[0]).square().mean()  # type: ignore[no-any-return]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


def test_the_rate_of_a_module_of_the_users_own(tmp_path: Path) -> None:
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[LRMonitor()],
        logger=MetricsCSV(tmp_path / "metrics.csv"),
        log_every_n_steps=2,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Plain(), DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=2))
    rows = [row for row in read_metrics(tmp_path / "metrics.csv") if "lr" in row]
    assert [(row["step"], row["lr"]) for row in rows] == [(1, 0.125), (3, 0.125)]
