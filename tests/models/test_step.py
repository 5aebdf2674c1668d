"""What a training step does and leaves out: gradients set to none, one row a logged step, nothing looked for in vain."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.fits import QUIET, build, short_trainer, tabular
from zoo.callbacks import LRMonitor, StopOnNaN
from zoo.models import MLPClassifier
from zoo.models.driver import BY_LIBRARY, forget_absent_driver
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

pytestmark = QUIET


class Gradients(Callback):
    """Notes before each backward pass whether any gradient is there."""

    def __init__(self) -> None:
        self.there: list[bool] = []

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor) -> None:
        self.there.append(any(p.grad is not None for p in pl_module.parameters()))


@pytest.mark.parametrize(("accumulate", "expected"), [(1, [False] * 3), (3, [False, True, True])])
def test_gradients_are_none_when_a_step_begins(accumulate: int, expected: list[bool], tmp_path: Path) -> None:
    data, seen = tabular(tmp_path), Gradients()
    trainer = short_trainer(tmp_path, callbacks=[seen], accumulate_grad_batches=accumulate)
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    assert seen.there == expected


def test_the_optimiser_is_fused_and_a_test_runs_in_inference_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tabular(tmp_path)
    model, trainer = build("MLPClassifier", data), short_trainer(tmp_path)
    modes: list[bool] = []
    logits = model.logits

    def noting(batch: Any) -> Any:
        modes.append(torch.is_inference_mode_enabled())
        return logits(batch)

    monkeypatch.setattr(model, "logits", noting)
    trainer.fit(model, datamodule=data)
    assert [group["fused"] for group in trainer.optimizers[0].param_groups] == [True, True]
    modes.clear()
    trainer.test(model, datamodule=data, verbose=False)
    assert modes
    assert all(modes)


@pytest.mark.parametrize(("every", "accumulate", "steps"), [(1, 1, range(6)), (2, 1, (1, 3, 5)), (1, 2, range(4))])
def test_a_logged_step_is_one_row_with_loss_and_rate(every: int, accumulate: int, steps: Any, tmp_path: Path) -> None:
    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    trainer = short_trainer(
        tmp_path,
        epochs=2,
        callbacks=[LRMonitor()],
        logger=MetricsCSV(file),
        log_every_n_steps=every,
        accumulate_grad_batches=accumulate,
    )
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    rows = [row for row in read_metrics(file) if "train/loss_step" in row]
    assert [row["step"] for row in rows] == list(steps)
    assert all({"lr", "epoch"} <= row.keys() for row in rows)
    assert all("lr" not in row for row in read_metrics(file) if "train/loss_step" not in row)


def test_the_logged_loss_is_that_of_the_batch_without_the_penalty(tmp_path: Path) -> None:
    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    model = build("MLPClassifier", data, l1=10.0, lr=1e-30, warmup=0.0)
    short_trainer(tmp_path, logger=MetricsCSV(file), log_every_n_steps=1).fit(model, datamodule=data)
    losses = [row["train/loss_step"] for row in read_metrics(file) if "train/loss_step" in row]
    assert len(losses) == 3
    assert max(losses) < 2  # about ln 2; the penalty alone is far above


def test_no_rows_of_steps_where_none_are_wanted(tmp_path: Path) -> None:
    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    trainer = short_trainer(
        tmp_path, callbacks=[LRMonitor(), StopOnNaN()], logger=MetricsCSV(file), log_every_n_steps=0
    )
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    assert not any("train/loss_step" in row for row in read_metrics(file))


def test_a_plain_value_is_set_plainly_and_the_rest_as_torch_does(tmp_path: Path) -> None:
    model = build("MLPClassifier", tabular(tmp_path), class_weights=[1.0, 2.0])
    model.note = "a"
    model.note = "b"
    assert model.__dict__["note"] == "b"
    model.class_weight = None  # a buffer stays one
    assert "class_weight" in model._buffers
    assert "class_weight" not in model.__dict__
    with pytest.raises(TypeError, match="cannot assign"):
        model.network = "no module"


def test_without_a_gpu_torch_is_not_told_to_search_for_a_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(BY_LIBRARY, "1")
    forget_absent_driver()
    assert os.environ[BY_LIBRARY] == "1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    data = tabular(tmp_path)
    short_trainer(tmp_path).fit(build("MLPClassifier", data), datamodule=data)
    assert BY_LIBRARY not in os.environ


def test_a_training_step_of_the_users_own_logs_its_own_loss(tmp_path: Path) -> None:
    class Own(MLPClassifier):
        def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
            loss = self.loss(self.logits(batch), batch["target"])
            self.log("train/loss", loss * 0 + 7.0, on_step=False, on_epoch=True)
            return loss

    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    model = Own(data.inputs, data.num_classes, hidden=[8])
    short_trainer(tmp_path, epochs=2, logger=MetricsCSV(file)).fit(model, datamodule=data)
    assert [row["train/loss"] for row in read_metrics(file) if "train/loss" in row] == [7.0, 7.0]
