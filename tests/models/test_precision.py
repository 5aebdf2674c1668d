"""The trial of bf16 touches nothing of the run; mixed precision trains with a fused optimiser and clipping."""

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.fits import QUIET, build, image, short_trainer, tabular
from zoo.data.base import DataModule
from zoo.models import MLPClassifier, precision
from zoo.models.optimizers import build_optimizer
from zoo.models.precision import bf16_gain, gain_of, unfused

pytestmark = QUIET


def steady(monkeypatch: pytest.MonkeyPatch, *, plain: float, bf16: float) -> list[int]:
    """Let steps take the given seconds in place of the clock's; the batch sizes come back."""
    true, sizes = precision._step_seconds, []

    def step(trial: Any, batch: dict[str, torch.Tensor], *, bf16: bool) -> float:
        true(trial, batch, bf16=bf16)
        sizes.append(len(batch["target"]))
        return half if bf16 else plain

    half = bf16
    monkeypatch.setattr(precision, "_step_seconds", step)
    return sizes


def first_rows(data: DataModule) -> Callable[[int], dict[str, torch.Tensor]]:
    return lambda n: data.dataset("train").__getitems__(range(n))


def test_nothing_of_the_run_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch, plain=0.02, bf16=0.01)
    data = image(tmp_path)
    model = build("CNNClassifier", data, dropout=0.5)
    before = copy.deepcopy(model.state_dict())
    dataset = data.dataset("train")
    arrays = {name: array.clone() for name, array in dataset.arrays.items()}
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    assert bf16_gain(model, first_rows(data), 16) == pytest.approx(2.0)
    after = model.state_dict()
    assert any("running_mean" in name for name in after)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(dataset.arrays[name], array) for name, array in arrays.items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # type: ignore[index]
    assert random.getstate() == states[2]


def test_a_fit_after_a_trial_is_the_fit_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch, plain=0.02, bf16=0.01)
    weights = []
    for trial in (False, True):
        torch.manual_seed(0)
        data = tabular(tmp_path)
        model = build("MLPClassifier", data, dropout=0.3)
        if trial:
            bf16_gain(model, first_rows(data), 16)
        short_trainer(tmp_path, epochs=2).fit(model, datamodule=data)
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_tiny_model_is_not_measured_in_bf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    monkeypatch.setattr(precision, "BUDGET", 1e9)  # an alternation would never end
    sizes = steady(monkeypatch, plain=0.0019, bf16=0.0001)
    assert bf16_gain(build("MLPClassifier", data), first_rows(data), 16) is None
    assert sizes == [2, 2, 16, 16]


def test_of_a_large_model_few_rows_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    sizes = steady(monkeypatch, plain=2.0, bf16=1.0)
    assert bf16_gain(build("MLPClassifier", data), first_rows(data), 16) == 2.0
    assert set(sizes) == {2}
    assert len(sizes) <= 6


def test_the_whole_batch_is_taken_where_a_step_of_it_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    sizes = steady(monkeypatch, plain=precision.LONG, bf16=0.01)  # for so long two rows take as long as all
    monkeypatch.setattr(precision, "FEW", 16)
    bf16_gain(build("MLPClassifier", data), first_rows(data), 16)
    assert set(sizes) == {16}


def test_few_rows_that_take_longer_each_are_not_the_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, sizes = tabular(tmp_path), []

    def step(trial: Any, batch: dict[str, torch.Tensor], *, bf16: bool) -> float:
        sizes.append(len(batch["target"]))
        return precision.LONG * (0.5 + len(batch["target"]) / 32)  # a half for any step, and a half for 16 rows

    monkeypatch.setattr(precision, "_step_seconds", step)
    bf16_gain(build("MLPClassifier", data), first_rows(data), 16)
    # Two rows seem to allow three, three seem to allow five; each row of 16 would be cheaper than that.
    assert sizes[:3] == [2, 2, 3]
    assert max(sizes) > 3


def test_the_gain_is_the_cautious_one() -> None:
    assert gain_of([(2.0, 1.0)] * 5) == 2.0
    assert gain_of([(2.0, 1.0), (2.0, 1.9), (2.0, 1.9)]) == pytest.approx(2 / 1.9)  # bf16 was lucky once
    assert gain_of([(1.0, 1.0), (9.0, 1.0), (9.0, 1.0)]) == 1.0  # float32 was unlucky twice


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_bf16_mixed_clips_under_the_fused_optimiser(kind: str, tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = build("MLPClassifier", data, lr=0.1, schedule="constant", warmup=0.0, optimizer="sgd", weight_decay=0.0)
    before = copy.deepcopy(list(model.parameters()))
    trainer = short_trainer(
        tmp_path, precision="bf16-mixed", gradient_clip_val=1e-4, gradient_clip_algorithm=kind, max_steps=1
    )
    trainer.fit(model, datamodule=data)
    assert trainer.optimizers[0].param_groups[0]["fused"] is True
    moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]).detach()
    size = float(moved.norm() if kind == "norm" else moved.abs().max())
    assert size == pytest.approx(0.1 * 1.9 * 1e-4, rel=0.01)  # nesterov's first step is 1 + momentum


def test_under_a_scaler_the_optimiser_is_not_fused(tmp_path: Path) -> None:
    model = build("MLPClassifier", tabular(tmp_path))
    optimizer = build_optimizer(model, "adamw", lr=0.1, weight_decay=0.3)
    plain = unfused(optimizer)
    assert optimizer.param_groups[0]["fused"] is True
    assert type(plain) is type(optimizer)
    for ours, theirs in zip(plain.param_groups, optimizer.param_groups, strict=True):
        assert {**ours, "fused": True} == theirs
    plain_sgd = build_optimizer(model, "lion", lr=0.1, weight_decay=0.0)
    assert unfused(plain_sgd) is plain_sgd


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_the_usual_optimisers_are_fused(name: str, tmp_path: Path) -> None:
    model = build("MLPClassifier", tabular(tmp_path))
    optimizer = build_optimizer(model, name, lr=0.1, weight_decay=0.1)
    assert all(group["fused"] is True for group in optimizer.param_groups)


def test_a_trial_of_an_ensemble_makes_the_step_of_the_training(tmp_path: Path) -> None:
    """Each member has a row of the loss of its own; a loss of the user's own sees no third dimension."""
    data, seen = tabular(tmp_path), []

    class Own(MLPClassifier):
        def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            seen.append((tuple(logits.shape), tuple(target.shape)))
            return torch.nn.functional.cross_entropy(logits, target)

    model = Own(data.inputs, 2, ensemble=3, hidden=[8])
    precision._step_seconds(model.train(), first_rows(data)(4), bf16=False)
    assert seen == [((12, 2), (12,))]
