"""A budget of time: the clock stops a fit in time, the rate is at its end, the last epoch is kept. With a fake clock."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.fits import QUIET, build, short_trainer, tabular
from zoo.callbacks import BestCheckpoint, Budget
from zoo.callbacks.budget import MaxTime, seconds_of
from zoo.errors import InputError
from zoo.models.schedules import lr_factor_by_time
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

pytestmark = QUIET


class Clock(Callback):
    """Time passes by what is done: a second a step, `validation` seconds a validation. Keeps each step's rate."""

    def __init__(self, validation: float = 0.0) -> None:
        self.now, self.validation = 100.0, validation
        self.rates: list[float] = []
        self.validations = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        self.now += 1

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.now += self.validation
        self.validations += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def fit(folder: Path, clock: Clock, seconds: float, *, epochs: int = -1, **options: Any) -> Trainer:
    """Three steps an epoch, until the seconds are over."""
    data = tabular(folder / "data")
    model = build("MLPClassifier", data, **({"lr": 0.01, "schedule": "linear", "warmup": 0.0} | options))
    callbacks = [clock, Budget({"seconds": seconds}), BestCheckpoint()]  # type: ignore[dict-item]
    trainer = short_trainer(
        folder, epochs=epochs, callbacks=callbacks, enable_checkpointing=True, num_sanity_val_steps=0
    )
    trainer.fit(model, datamodule=data)
    return trainer


def test_the_rate_falls_by_time_and_the_fit_ends_on_time(clock: Clock, tmp_path: Path) -> None:
    trainer = fit(tmp_path, clock, 20)
    assert trainer.global_step == 20
    assert clock.rates == pytest.approx([0.01 * (1 - step / 20) for step in range(20)])
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0


def test_the_warm_up_is_a_share_of_the_time(clock: Clock, tmp_path: Path) -> None:
    fit(tmp_path, clock, 20, warmup=0.2, schedule="cosine")
    expected = [0.01 * lr_factor_by_time("cosine", step / 20, warmup=0.2) for step in range(20)]
    assert clock.rates == pytest.approx(expected)
    assert clock.rates[:5] == pytest.approx([0.0001, 0.0025, 0.005, 0.0075, 0.01])


def test_what_is_further_on_counts_steps_or_time(clock: Clock, tmp_path: Path) -> None:
    fit(tmp_path, clock, 20, epochs=4)  # 12 steps in 20 seconds
    assert clock.rates == pytest.approx([0.01 * (1 - step / 12) for step in range(12)])
    clock.rates.clear()
    fit(tmp_path / "b", clock, 20, epochs=40)
    assert clock.rates == pytest.approx([0.01 * (1 - step / 20) for step in range(20)])


def test_the_last_validation_is_within_the_time(clock: Clock, tmp_path: Path) -> None:
    clock.validation = 2.0
    start = clock.now
    trainer = fit(tmp_path, clock, 24)
    # Epochs of 3 + 2 seconds: after four of them 20 seconds are over, two steps are left, and two seconds to validate.
    assert trainer.global_step == 14
    assert clock.validations == 5
    assert clock.now - start == 24
    assert clock.rates[-1] < 0.1 * 0.01


def test_time_that_a_validation_uses_up_ends_the_fit_there(clock: Clock, tmp_path: Path) -> None:
    clock.validation = 5.0
    trainer = fit(tmp_path, clock, 12)  # of 12 seconds 3 + 5 are over: too few are left for a step and a validation
    assert trainer.global_step == 3
    assert clock.validations == 1
    clock.validation, clock.validations = 30.0, 0
    trainer = fit(tmp_path / "b", clock, 12)
    assert trainer.global_step == 3
    assert clock.validations == 1


def test_time_up_within_an_epoch_validates_and_keeps_it(clock: Clock, tmp_path: Path) -> None:
    data, file = tabular(tmp_path / "data"), tmp_path / "metrics.csv"
    model = build("MLPClassifier", data, lr=0.05)
    trainer = short_trainer(
        tmp_path,
        epochs=-1,
        callbacks=[clock, Budget({"seconds": 8}), BestCheckpoint()],
        enable_checkpointing=True,
        logger=MetricsCSV(file),
    )
    trainer.fit(model, datamodule=data)
    assert trainer.global_step == 8
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert (last["epoch"], last["global_step"]) == (2, 8)
    assert all(torch.equal(last["state_dict"][name], value) for name, value in model.state_dict().items())
    rows = [row for row in read_metrics(file) if "val/loss" in row]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all("train/loss" in row for row in rows)
    assert rows[2]["train/loss"] != rows[1]["train/loss"]
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["epoch"] == min(rows, key=lambda row: row["val/loss"])["epoch"]


def test_a_resumed_fit_goes_on_with_the_time_that_was_spent(clock: Clock, tmp_path: Path) -> None:
    class Halt(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.should_stop = trainer.current_epoch == 2

    def start(*more: Callback, resume: Path | None) -> Trainer:
        data = tabular(tmp_path / "data")
        model = build("MLPClassifier", data, lr=0.01, schedule="linear", warmup=0.0)
        callbacks = [clock, Budget("00:00:00:20"), BestCheckpoint(), *more]
        trainer = short_trainer(tmp_path, epochs=-1, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
        return trainer

    assert start(Halt(), resume=None).global_step == 9
    clock.now += 1000  # the pause does not count
    assert start(resume=tmp_path / "checkpoints" / "last.ckpt").global_step == 20
    assert clock.rates == pytest.approx([0.01 * (1 - step / 20) for step in range(20)])


def test_lightnings_own_timer_anneals_as_well(clock: Clock, tmp_path: Path) -> None:
    data = tabular(tmp_path / "data")
    model = build("MLPClassifier", data, lr=0.01, schedule="cosine", warmup=0.0)
    trainer = short_trainer(tmp_path, epochs=-1, callbacks=[clock], max_time={"seconds": 10})
    trainer.fit(model, datamodule=data)
    assert trainer.global_step == 10
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_constant_and_plateau_do_not_fall_by_time(schedule: str, clock: Clock, tmp_path: Path) -> None:
    fit(tmp_path, clock, 10, schedule=schedule)
    assert clock.rates == [0.01] * 10


def test_durations() -> None:
    durations: list[MaxTime] = ["01:00:00:01", timedelta(days=1, seconds=1), {"days": 1, "seconds": 1}]
    assert [seconds_of(duration) for duration in durations] == [86401.0] * 3
    with pytest.raises(InputError, match="trainer.max_time is DD:HH:MM:SS, 00:00:10:00 for ten minutes, got '10m'"):
        Budget("10m")
    with pytest.raises(InputError, match="trainer.max_time takes days, hours, minutes, seconds with numbers, got"):
        seconds_of({"minuts": 10})
