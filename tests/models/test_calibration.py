"""The temperature minimises the log loss of held-out rows, stays with its weights, and is applied wherever they speak."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from scipy.optimize import minimize
from torch import Tensor

import zoo
from tests.data.tables import write_csv
from tests.fits import QUIET, build, short_trainer, tabular, tabular_columns
from zoo.callbacks import BestCheckpoint
from zoo.data import TabularDataModule
from zoo.models.calibration import BOUNDS, SPREAD, fit_temperature, log_loss

pytestmark = QUIET


def overconfident(n: int, *, times: float, labels: bool = False, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits that are `times` what the targets were drawn from."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 4, generator=generator)
    if labels:
        return logits * times, torch.bernoulli(logits.sigmoid(), generator=generator)
    return logits * times, torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("times", [0.4, 1.0, 3.0])
def test_the_temperature_is_what_logits_were_multiplied_by(times: float, labels: bool) -> None:
    logits, target = overconfident(20_000, times=times, labels=labels)
    assert fit_temperature(logits, target) == pytest.approx(times, rel=0.05)


def test_it_is_the_minimum_of_log_loss_and_prior() -> None:
    logits, target = overconfident(60, times=3.0)

    def objective(log_t: Any) -> float:
        p = (logits.double() / float(np.exp(log_t[0]))).log_softmax(dim=1).numpy()
        return float(-p[np.arange(60), target.numpy()].mean() + log_t[0] ** 2 / (2 * SPREAD**2 * 60))

    expected = np.exp(minimize(objective, [0.5], method="Nelder-Mead", options={"xatol": 1e-6}).x[0])
    assert fit_temperature(logits, target) == pytest.approx(expected, rel=1e-3)


def test_few_rows_that_are_all_right_do_not_make_certain() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]] * 5)
    target = torch.tensor([0, 1] * 5)
    alone = fit_temperature(logits, target)
    assert 0.3 < alone < 1.0
    many = fit_temperature(logits.repeat(1000, 1), target.repeat(1000))
    assert BOUNDS[0] < many < alone


def test_nothing_to_fit_leaves_probabilities_as_they_are() -> None:
    assert fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1.0
    assert fit_temperature(torch.tensor([[torch.nan, 0.0]]), torch.tensor([0])) == 1.0
    assert fit_temperature(torch.zeros(5, 3), torch.zeros(5, dtype=torch.long)) == 1.0  # no temperature helps


class Hot(Callback):
    """Notes the temperature after each epoch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(pl_module.temperature)  # type: ignore[arg-type]


def test_each_checkpoint_holds_the_temperature_of_its_weights(tmp_path: Path) -> None:
    data, hot = TabularDataModule("sample:wine", batch_size=32), Hot()
    torch.manual_seed(0)
    model = build("MLPClassifier", data, lr=0.02)
    trainer = short_trainer(tmp_path, epochs=6, callbacks=[BestCheckpoint(), hot], enable_checkpointing=True)
    trainer.fit(model, datamodule=data)
    best: Any = zoo.load(tmp_path / "checkpoints" / "best.ckpt")[0]
    last, _ = zoo.load(tmp_path / "checkpoints" / "last.ckpt")
    content = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert best.temperature == hot.seen[content["epoch"]] != 1.0
    assert last.temperature == hot.seen[-1] == model.temperature
    val = data.dataset("val").arrays
    with torch.inference_mode():
        logits = best.logits(val)
    assert best.temperature == pytest.approx(fit_temperature(logits, val["target"]), rel=1e-4)
    assert torch.equal(best.scores(logits), (logits / best.temperature).softmax(dim=1))
    assert log_loss(logits / best.temperature, val["target"]) < log_loss(logits, val["target"])
    table = zoo.predict(tmp_path / "checkpoints" / "best.ckpt", "sample:wine")
    rows = data.source("val").index.tolist()
    names = [f"p_{name}" for name in data.class_names]
    predicted = np.column_stack([table[name].to_numpy() for name in names])[rows]
    np.testing.assert_allclose(predicted, best.scores(logits).numpy(), atol=1e-6)


def test_validating_again_and_testing_leave_it(tmp_path: Path) -> None:
    data = TabularDataModule("sample:wine", batch_size=32)
    model = build("MLPClassifier", data, lr=0.02)
    trainer = short_trainer(tmp_path, epochs=2)
    trainer.fit(model, datamodule=data)
    model.temperature = 2.5
    validated = trainer.validate(model, datamodule=data, verbose=False)[0]
    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    assert model.temperature == 2.5
    p, target = model.evaluation.scores, model.evaluation.target
    assert tested["test/log_loss"] == pytest.approx(float(-p[torch.arange(len(p)), target].log().mean()), rel=1e-5)
    assert validated["val/log_loss"] != pytest.approx(validated["val/loss"], rel=1e-3)


def test_it_can_be_left_out_and_numbers_have_none(tmp_path: Path) -> None:
    data = TabularDataModule("sample:wine", batch_size=32)
    model = build("MLPClassifier", data, lr=0.02, calibrate=False)
    trainer = short_trainer(tmp_path, epochs=2)
    trainer.fit(model, datamodule=data)
    assert model.temperature == 1.0
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert found["val/log_loss"] == pytest.approx(found["val/loss"], rel=1e-5)
    numbers = build("MLPRegressor", tabular(tmp_path, task="regression"))
    assert "_extra_state" not in numbers.state_dict()


def test_averaged_weights_have_the_temperature_that_was_fitted_to_them(tmp_path: Path) -> None:
    data, hot = TabularDataModule("sample:wine", batch_size=32), Hot()
    model = build("MLPClassifier", data, lr=0.02)
    callbacks = [EMAWeightAveraging(decay=0.9), hot, BestCheckpoint()]
    trainer = short_trainer(tmp_path, epochs=4, callbacks=callbacks, enable_checkpointing=True)
    trainer.fit(model, datamodule=data)
    last, _ = zoo.load(tmp_path / "checkpoints" / "last.ckpt")
    assert last.temperature == hot.seen[-1]
    val = data.dataset("val").arrays
    with torch.inference_mode():
        assert last.temperature == pytest.approx(fit_temperature(last.logits(val), val["target"]), rel=1e-4)


def test_several_labels_share_one_temperature(tmp_path: Path) -> None:
    content = tabular_columns(80)
    high = [int(label == "high") for label in content.pop("label")]
    file = write_csv(tmp_path / "m.csv", content | {"high": high, "red": [int(c == "red") for c in content["colour"]]})
    data = TabularDataModule(file, target=["high", "red"], ignore=["price"], batch_size=16)
    model = build("MLPClassifier", data, multilabel=True, lr=0.03)
    short_trainer(tmp_path, epochs=5).fit(model, datamodule=data)
    model.eval()
    val = data.dataset("val").arrays
    with torch.inference_mode():
        logits = model.logits(val)
    assert model.temperature == pytest.approx(fit_temperature(logits, val["target"]), rel=1e-4)
    assert torch.equal(model.scores(logits), (logits / model.temperature).sigmoid())
