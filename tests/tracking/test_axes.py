"""Epoch, rows seen and seconds stand in every row, count on after a resume, and share the line of a step."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.fits import QUIET, build, short_trainer, tabular
from zoo.callbacks import BestCheckpoint, LRMonitor
from zoo.tracking.axes import Axes
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

pytestmark = QUIET


def fit(
    folder: Path, epochs: int, *more: Callback, resume: bool = False, step: int | None = None
) -> list[dict[str, float]]:
    data, axes = tabular(folder), Axes()
    logger = MetricsCSV(folder / "metrics.csv", axes)
    if step is not None:
        logger.cut(step)
    callbacks = [axes, LRMonitor(), BestCheckpoint(), *more]
    trainer = short_trainer(
        folder, epochs=epochs, callbacks=callbacks, logger=logger, log_every_n_steps=1, enable_checkpointing=True
    )
    file = str(folder / "checkpoints" / "last.ckpt") if resume else None
    trainer.fit(build("MLPClassifier", data), datamodule=data, ckpt_path=file, weights_only=True)
    return read_metrics(folder / "metrics.csv")


def test_every_row_has_its_place_and_a_step_has_one_line(tmp_path: Path) -> None:
    rows = fit(tmp_path, 2)
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert all({"epoch", "samples_seen", "seconds", "lr", "train/loss_step"} <= set(row) for row in rows)
    last = [row for row in rows if "val/loss" in row]
    per_epoch = len(tabular(tmp_path).sources["train"])
    assert [(row["epoch"], row["samples_seen"]) for row in last] == [(0, per_epoch), (1, 2 * per_epoch)]
    assert rows[0]["samples_seen"] == 16  # the batch of the step counts
    assert 0 < rows[0]["seconds"] < rows[-1]["seconds"]


class Stop(Callback):
    """End within an epoch, after some of its steps were logged."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 5:
            raise RuntimeError("gone")


def test_a_resumed_run_counts_on_and_its_rows_stand_once(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", 3)
    with pytest.raises(RuntimeError, match="gone"):
        fit(tmp_path / "cut", 3, Stop())
    before = read_metrics(tmp_path / "cut" / "metrics.csv")
    rows = fit(tmp_path / "cut", 3, resume=True, step=3)
    assert [row["step"] for row in rows] == [row["step"] for row in whole]
    assert [row["samples_seen"] for row in rows] == [row["samples_seen"] for row in whole]
    assert [row["epoch"] for row in rows] == [row["epoch"] for row in whole]
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)
    assert rows[0] == before[0]
