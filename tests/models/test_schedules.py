"""Schedules equal their formulas; in a real fit they are stepped per batch, and plateau watches the model's metric."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Timer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, MultiStepLR, OneCycleLR

from tests.fits import QUIET, build, short_trainer, tabular
from zoo.errors import InputError
from zoo.models.schedules import (
    PLATEAU_PATIENCE,
    SCHEDULES,
    build_schedule,
    check_schedule,
    lr_factor,
    lr_factor_by_time,
    time_share,
)

pytestmark = QUIET

TOTAL, WARM = 100, 10


def factors(name: str) -> list[float]:
    return [lr_factor(name, step, total_steps=TOTAL, warmup_steps=WARM) for step in range(TOTAL + 1)]


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "plateau"])
def test_the_warm_up_rises_evenly_and_nothing_is_above_the_rate(name: str) -> None:
    assert factors(name)[:WARM] == pytest.approx([(step + 1) / WARM for step in range(WARM)])
    assert max(factors(name)) == pytest.approx(1, abs=2e-3)
    assert min(factors(name)) >= 0


def test_cosine() -> None:
    assert factors("cosine")[WARM:] == pytest.approx([0.5 * (1 + math.cos(math.pi * i / 90)) for i in range(91)])


def test_linear() -> None:
    assert factors("linear")[WARM:] == pytest.approx([1 - i / 90 for i in range(91)])


def test_constant() -> None:
    assert factors("constant")[WARM:] == [1.0] * 91


def test_step_drops_tenfold_at_half_and_three_quarters() -> None:
    found = factors("step")
    assert [found[WARM], found[54], found[55], found[77], found[78], found[100]] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )


def test_one_cycle() -> None:
    found = [lr_factor("one_cycle", step, total_steps=100, warmup_steps=0) for step in range(101)]
    assert found[0] == pytest.approx(1 / 25)
    assert found[15] == pytest.approx((1 / 25 + 1) / 2)
    assert found[30] == pytest.approx(1)
    assert found[65] == pytest.approx((1 + 1e-4) / 2)
    assert found[100] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("name", "torchs", "tolerance"),
    [
        ("cosine", lambda o: CosineAnnealingLR(o, 1000), 1e-9),
        ("linear", lambda o: LinearLR(o, 1.0, 0.0, 1000), 1e-9),
        ("step", lambda o: MultiStepLR(o, [500, 750], 0.1), 1e-9),
        ("constant", lambda o: ConstantLR(o, 1.0), 1e-9),
        # Torch ends its rise a step before 30 %.
        ("one_cycle", lambda o: OneCycleLR(o, 1.0, total_steps=1001, final_div_factor=1e4 / 25), 5e-3),
    ],
)
def test_the_shape_is_torchs(name: str, torchs: Any, tolerance: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    theirs, rates = torchs(optimizer), []
    for step in range(1001):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 1000:
            theirs.step()
    ours = [lr_factor(name, step, total_steps=1000, warmup_steps=0) for step in range(1001)]
    assert ours == pytest.approx(rates, abs=tolerance)


def test_after_the_end_the_rate_stays() -> None:
    assert lr_factor("linear", 200, total_steps=TOTAL, warmup_steps=WARM) == 0
    assert lr_factor("constant", 5, total_steps=0, warmup_steps=0) == 1


def test_wrong_names_and_warm_ups() -> None:
    with pytest.raises(InputError, match=r"no schedule named 'cosin' \(model.schedule\): did you mean 'cosine'\?"):
        check_schedule("cosin", 0.1)
    with pytest.raises(InputError, match=r"model.warmup is a share of the training and must be in \[0, 1\), got 5"):
        check_schedule("cosine", 5)


class Rates(Callback):
    """Keeps the rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_a_fit_steps_the_schedule_after_each_batch(name: str, tmp_path: Path) -> None:
    data, rates = tabular(tmp_path), Rates()
    model = build("MLPClassifier", data, lr=0.01, schedule=name, warmup=0.25)
    short_trainer(tmp_path, epochs=4, callbacks=[rates]).fit(model, datamodule=data)
    total = 4 * len(data.train_dataloader())
    assert len(rates.rates) == total >= 8
    warm = round(0.25 * total)
    assert rates.rates == pytest.approx(
        [0.01 * lr_factor(name, step, total_steps=total, warmup_steps=warm) for step in range(total)]
    )


@pytest.mark.parametrize(("name", "monitor"), [("MLPClassifier", "val/loss"), ("MLPRegressor", "val/rmse")])
def test_pitfall_09_plateau_takes_its_monitor_from_the_model_and_warms_up(
    name: str, monitor: str, tmp_path: Path
) -> None:
    """With such a rate nothing ever gets better, so the rate falls once after the patience."""
    data = tabular(tmp_path, task="regression" if "Reg" in name else "classification")
    model, rates = build(name, data, lr=1e-12, schedule="plateau", warmup=0.2), Rates()
    epochs = PLATEAU_PATIENCE + 3
    trainer = short_trainer(tmp_path, epochs=epochs, callbacks=[rates])
    trainer.fit(model, datamodule=data)
    assert [config.monitor for config in trainer.lr_scheduler_configs] == [None, monitor]
    per_epoch = len(rates.rates) // epochs
    warm = round(0.2 * len(rates.rates))
    assert rates.rates[:warm] == pytest.approx([1e-12 * (step + 1) / (warm + 1) for step in range(warm)])
    assert rates.rates[warm : (PLATEAU_PATIENCE + 2) * per_epoch] == pytest.approx(
        [1e-12] * ((PLATEAU_PATIENCE + 2) * per_epoch - warm)
    )
    assert rates.rates[-1] == pytest.approx(0.3e-12)


# ---- by time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "plateau"])
def test_by_time_the_shape_is_that_by_steps(name: str) -> None:
    """Fine steps are nearly time; the warm-up counts its steps from 1."""
    for step in range(0, 1001):
        by_steps = lr_factor(name, step, total_steps=1000, warmup_steps=100)
        assert lr_factor_by_time(name, step / 1000, warmup=0.1) == pytest.approx(by_steps, abs=0.012), step
    assert lr_factor_by_time(name, 1.0, warmup=0.1) == lr_factor(name, 1000, total_steps=1000, warmup_steps=100)
    assert lr_factor_by_time(name, 1.7, warmup=0.1) == lr_factor_by_time(name, 1.0, warmup=0.1)


def test_all_parameter_groups_and_processes_take_the_rate_of_one_look_at_the_clock() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [p]} for p in parameters], lr=1.0)
    looks = iter([0.0, 0.5, 0.9])
    schedule, _ = build_schedule(optimizer, "linear", total_steps=0, warmup=0.0, mode="min", spent=lambda: next(looks))
    for expected in (1.0, 0.5, 0.1):
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([expected] * 2)
        optimizer.step()
        if expected > 0.1:
            schedule.step()
    assert not any("clock" in key or "spent" in key for key in schedule.state_dict())
    assert "lr_lambdas" not in schedule.state_dict() or schedule.state_dict()["lr_lambdas"] == [None, None]


def test_the_first_processs_clock_counts() -> None:
    timer = Timer({"seconds": 10})
    told: list[float] = []

    def broadcast(share: float) -> float:
        told.append(share)
        return 0.25

    trainer: Any = SimpleNamespace(callbacks=[timer], world_size=2, strategy=SimpleNamespace(broadcast=broadcast))
    spent = time_share(trainer)
    assert spent is not None
    assert spent() == 0.25
    assert told == [0.0]
    assert time_share(SimpleNamespace(callbacks=[Timer()])) is None  # type: ignore[arg-type]
    assert time_share(SimpleNamespace(callbacks=[])) is None  # type: ignore[arg-type]


def test_a_rate_that_falls_to_the_end_needs_an_end(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    with pytest.raises(InputError, match="the schedule cosine needs an end: give --trainer.max_epochs"):
        short_trainer(tmp_path, epochs=-1).fit(build("MLPClassifier", data), datamodule=data)
