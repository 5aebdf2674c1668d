"""Callbacks in real short fits: stopping, saying, writing, and going on as if never stopped."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from PIL import Image

import zoo
from tests.fits import QUIET, build, image, short_trainer, tabular
from zoo.callbacks import EMA, BestCheckpoint, EarlyStopping, Figures, LRMonitor, ProgressBar, RandomState, StopOnNaN
from zoo.callbacks.monitor import watched
from zoo.callbacks.progress_bar import epoch_line
from zoo.checkpoint import find_checkpoint
from zoo.errors import InputError
from zoo.models.schedules import lr_factor
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV
from zoo.tracking.plots import confusion, png
from zoo.tracking.report import confusion_counts

pytestmark = QUIET
NOTHING: Any = None


# ---- EarlyStopping ---------------------------------------------------------------------------------------------------


def test_early_stopping_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    stop = EarlyStopping(patience=3)
    trainer = short_trainer(tmp_path, epochs=30, callbacks=[stop])
    trainer.fit(build("MLPClassifier", data, lr=1e-30), datamodule=data)
    assert trainer.current_epoch == 4  # the first is the best, three more bring nothing
    assert stop.stopped_epoch == 3


def test_early_stopping_goes_on_while_it_gets_better(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    trainer = short_trainer(tmp_path, epochs=6, callbacks=[EarlyStopping(patience=1)])
    trainer.fit(build("MLPClassifier", data, lr=1e-3, schedule="constant"), datamodule=data)
    assert trainer.current_epoch == 6


@pytest.mark.parametrize(("name", "monitor"), [("MLPClassifier", "val/loss"), ("MLPRegressor", "val/rmse")])
def test_early_stopping_and_checkpoint_take_the_monitor_of_the_model(name: str, monitor: str, tmp_path: Path) -> None:
    data = tabular(tmp_path, task="regression" if "Reg" in name else "classification")
    stop, best = EarlyStopping(), BestCheckpoint()
    short_trainer(tmp_path, callbacks=[stop, best], enable_checkpointing=True).fit(build(name, data), datamodule=data)
    assert (stop.monitor, stop.mode) == (best.monitor, best.mode) == (monitor, "min")


def test_a_metric_of_ones_own_knows_its_direction() -> None:
    model: Any = type("M", (), {"monitor": ("val/rmse", "min")})()
    assert watched(model, None, None) == ("val/rmse", "min")
    assert watched(model, "val/accuracy", None) == ("val/accuracy", "max")
    assert watched(model, "val/ece", None) == ("val/ece", "min")
    assert watched(model, "val/odd", "min") == ("val/odd", "min")
    assert watched(model, None, "max") == ("val/rmse", "max")


def test_the_score_is_what_the_task_calls_its_answers(tmp_path: Path) -> None:
    assert watched(zoo.models.MLPClassifier, "score", None) == ("val/accuracy", "max")
    assert watched(zoo.models.MLPRegressor, "score", None) == ("val/rmse", "min")
    model = build("MLPClassifier", tabular(tmp_path), costs=[[0, 1], [5, 0]])
    assert watched(model, "score", None) == ("val/cost", "min")
    model.prices, model.multilabel = None, True
    assert watched(model, "score", None) == ("val/f1_macro", "max")
    assert watched(type("Other", (), {"monitor": ("val/perplexity", "min")}), "score", None) == (
        "val/perplexity",
        "min",
    )


def test_what_counts_as_better_goes_the_way_of_the_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    model, values = build("MLPClassifier", data), iter([0.5, 0.505, 0.6, 0.609, 0.605])
    monkeypatch.setattr(model, "metrics", lambda evaluation: {"accuracy": next(values)})
    stop = EarlyStopping(monitor="score", min_delta=0.01, patience=2)
    trainer = short_trainer(tmp_path, epochs=9, callbacks=[stop], num_sanity_val_steps=0)
    trainer.fit(model, datamodule=data)
    assert trainer.current_epoch == 5
    assert float(stop.best_score) == pytest.approx(0.6)


@pytest.mark.parametrize(("kind", "word"), [(BestCheckpoint, "checkpoint"), (EarlyStopping, "early_stopping")])
def test_a_mode_is_min_or_max(kind: Any, word: str) -> None:
    with pytest.raises(InputError, match=f"^{word}.mode must be min or max, got 'sideways'$"):
        kind(mode="sideways")


def test_best_checkpoint_by_a_metric_that_rises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    model, values = build("MLPClassifier", data), iter([0.2, 0.9, 0.5, 0.6])
    monkeypatch.setattr(model, "metrics", lambda evaluation: {"accuracy": next(values)})
    trainer = short_trainer(
        tmp_path,
        epochs=4,
        callbacks=[BestCheckpoint(monitor="val/accuracy")],
        enable_checkpointing=True,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, datamodule=data)
    assert sorted(file.name for file in (tmp_path / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    epochs = [torch.load(tmp_path / "checkpoints" / f"{n}.ckpt", weights_only=True)["epoch"] for n in ("best", "last")]
    assert epochs == [1, 3]


@pytest.mark.parametrize(("kind", "word"), [(BestCheckpoint, "checkpoint"), (EarlyStopping, "early_stopping")])
def test_a_metric_that_there_is_not_is_one_line(kind: Any, word: str, tmp_path: Path) -> None:
    data, kept = tabular(tmp_path), kind is BestCheckpoint
    trainer = short_trainer(tmp_path, callbacks=[kind(monitor="val/acuracy")], enable_checkpointing=kept)
    with pytest.raises(InputError) as raised:
        trainer.fit(build("MLPClassifier", data), datamodule=data)
    assert str(raised.value) == f"{word}.monitor: there is no metric val/acuracy; did you mean 'val/accuracy'?"
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file() == kept  # what was trained is safe


def test_early_stopping_says_where_nothing_is_validated(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    trainer = short_trainer(tmp_path, callbacks=[EarlyStopping()], limit_val_batches=0)
    said = "^early_stopping watches val/loss, and nothing is validated: say --early_stopping.enabled false$"
    with pytest.raises(InputError, match=said):
        trainer.fit(build("MLPClassifier", data), datamodule=data)


def test_without_validation_the_last_epoch_is_all_there_is_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tabular(tmp_path)
    trainer = short_trainer(tmp_path, callbacks=[BestCheckpoint()], enable_checkpointing=True, limit_val_batches=0)
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    assert "nothing is validated, so no epoch is the best: there is last.ckpt alone" in capsys.readouterr().err


def test_a_metric_of_the_users_own_is_watched_by_its_name(tmp_path: Path) -> None:
    class Mine(zoo.models.MLPClassifier):  # type: ignore[misc]
        def on_validation_epoch_end(self) -> None:
            super().on_validation_epoch_end()
            self.log("my_score", float(self.current_epoch))

    data = tabular(tmp_path)
    model = Mine(data.inputs, data.num_classes, hidden=[8])
    best = BestCheckpoint(monitor="my_score")
    short_trainer(tmp_path, epochs=2, callbacks=[best], enable_checkpointing=True).fit(model, datamodule=data)
    assert torch.load(best.best_model_path, weights_only=True)["epoch"] == 1


def test_the_best_epoch_may_be_chosen_where_not_every_epoch_is_validated(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    callbacks: list[Any] = [BestCheckpoint(monitor="score"), EarlyStopping(monitor="score")]
    trainer = short_trainer(
        tmp_path, epochs=3, callbacks=callbacks, enable_checkpointing=True, check_val_every_n_epoch=2
    )
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    assert [callback.monitor for callback in callbacks] == ["val/accuracy", "val/accuracy"]
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 1


def test_the_keys_in_a_checkpoint_are_lightnings_own(tmp_path: Path) -> None:
    """Kept once they are settled; older checkpoints have the same."""
    data = tabular(tmp_path, task="regression")
    stop, best = EarlyStopping(), BestCheckpoint()
    trainer = short_trainer(tmp_path, callbacks=[stop, best], enable_checkpointing=True)
    trainer.fit(build("MLPRegressor", data), datamodule=data)
    assert stop.state_key == "EarlyStopping{'monitor': 'val/rmse', 'mode': 'min'}"
    assert best.state_key == ModelCheckpoint.state_key.fget(best)  # type: ignore[attr-defined]


# ---- Seldom ----------------------------------------------------------------------------------------------------------

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        *((kind, set()) for kind in (EarlyStopping, BestCheckpoint, Figures, RandomState)),
        *((kind, {"on_train_batch_end"}) for kind in (LRMonitor, ProgressBar, StopOnNaN)),
    ],
)
def test_a_callback_is_asked_in_a_step_only_where_it_works_there(kind: type[Callback], asked: set[str]) -> None:
    assert {hook for hook in STEP_HOOKS if callable(getattr(kind(), hook))} == asked


def test_a_subclass_may_take_part_in_a_step(tmp_path: Path) -> None:
    seen: list[str] = []

    class Mine(Figures):
        def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append("backward")

    data = tabular(tmp_path)
    short_trainer(tmp_path, callbacks=[Mine()]).fit(build("MLPClassifier", data), datamodule=data)
    assert seen == ["backward"] * 3


# ---- StopOnNaN -------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_at_once_with_advice(tmp_path: Path) -> None:
    data = tabular(tmp_path, task="regression")
    model = build("MLPRegressor", data, lr=1e30, optimizer="sgd", schedule="constant", warmup=0.0)
    trainer = short_trainer(tmp_path, epochs=20, callbacks=[StopOnNaN()])
    with pytest.raises(InputError) as raised:
        trainer.fit(model, datamodule=data)
    assert re.fullmatch(
        r"the loss became (nan|inf) at step \d+ \(epoch 0, learning rate 1e\+30\): "
        r"try --model.lr 1e\+29, or --trainer.gradient_clip_val 1.0",
        str(raised.value),
    )


def test_a_loss_on_a_gpu_is_looked_at_now_and_then_and_before_a_validation() -> None:
    loss: Any = SimpleNamespace(is_cpu=False, item=lambda: float("nan"))
    trainer: Any = SimpleNamespace(
        log_every_n_steps=10, global_step=3, current_epoch=0, optimizers=[SimpleNamespace(param_groups=[{"lr": 1.0}])]
    )
    stop = StopOnNaN()
    stop.on_validation_start(trainer, NOTHING)  # before the first step
    stop.on_train_batch_end(trainer, NOTHING, {"loss": loss}, None, 0)
    with pytest.raises(InputError, match="became nan"):
        stop.on_validation_start(trainer, NOTHING)
    trainer.global_step = 10
    with pytest.raises(InputError, match="became nan"):
        stop.on_train_batch_end(trainer, NOTHING, {"loss": loss}, None, 0)


# ---- LRMonitor, ProgressBar, metrics.csv -----------------------------------------------------------------------------


def test_the_learning_rate_is_logged(tmp_path: Path) -> None:
    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    trainer = short_trainer(tmp_path, epochs=3, callbacks=[LRMonitor()], logger=MetricsCSV(file), log_every_n_steps=1)
    trainer.fit(build("MLPClassifier", data, lr=0.5, warmup=0.0, schedule="linear"), datamodule=data)
    rates = [row["lr"] for row in read_metrics(file) if "lr" in row]
    expected = [0.5 * lr_factor("linear", step, total_steps=9, warmup_steps=0) for step in range(10)]
    assert len(rates) == 9
    assert rates == pytest.approx(expected[:9]) or rates == pytest.approx(expected[1:])


def test_a_line_an_epoch_where_no_person_watches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tabular(tmp_path)
    trainer = short_trainer(tmp_path, epochs=2, callbacks=[ProgressBar()], enable_progress_bar=True)
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    loss, kept = (float(trainer.callback_metrics[name]) for name in ("train/loss", "val/loss"))
    assert lines[1].startswith(f"epoch 2/2  train/loss {loss:.4f}  val/loss {kept:.4f}  val/accuracy ")
    assert re.search(r"  \d+\.\d s$", lines[1])


def test_epochs_are_told_by_steps_where_those_are_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tabular(tmp_path)
    options: dict[str, Any] = {"callbacks": [ProgressBar()], "enable_progress_bar": True, "limit_train_batches": 2}
    trainer = short_trainer(tmp_path, epochs=-1, max_steps=3, **options)
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]


def test_the_line_of_large_numbers_and_of_no_end() -> None:
    assert epoch_line(9, -1, {"val/rmse": 48550.4, "val/r2": 0.5, "odd": 1}, 2.04) == (
        "epoch 10  val/rmse 4.855e+04  val/r2 0.5000  2.0 s"
    )


# ---- Figures ---------------------------------------------------------------------------------------------------------


def ink(file: Path) -> float:
    """Share of pixels that are not white."""
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert min(pixels.shape[:2]) > 200
    return float((pixels < 250).any(axis=2).mean())


OF_CLASSES = ["confusion.png", "curves.png", "reliability.png", "roc_pr.png"]


@pytest.mark.parametrize(
    ("name", "all_of"), [("MLPClassifier", OF_CLASSES), ("MLPRegressor", ["curves.png", "residuals.png"])]
)
def test_figures_are_written_and_show_something(name: str, all_of: list[str], tmp_path: Path) -> None:
    data = tabular(tmp_path, task="regression" if "Reg" in name else "classification")
    model, trainer = build(name, data), short_trainer(tmp_path, epochs=3, callbacks=[Figures()])
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert sorted(file.name for file in (tmp_path / "figures").iterdir()) == all_of
    for file in (tmp_path / "figures").iterdir():
        assert 0.01 < ink(file) < 0.9, file.name


def test_confusion_counts_and_its_picture(tmp_path: Path) -> None:
    counts = confusion_counts(torch.tensor([0, 1, 1, 2, 0]), torch.tensor([0, 1, 2, 2, 1]), 3)
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    picture = png(confusion(torch.eye(50).long(), [f"a rather long class name {i}" for i in range(50)]))
    (tmp_path / "c.png").write_bytes(picture)
    assert ink(tmp_path / "c.png") > 0.01


# ---- going on --------------------------------------------------------------------------------------------------------


def fit(folder: Path, data: Any, epochs: int, stop_at: int | None = None, resume: bool = False) -> Any:
    """A run with dropout and checkpoints; `stop_at` ends it early, with the schedule of the whole."""
    torch.manual_seed(0 if not resume else 12345)  # a resumed process starts from whatever state it has
    model = build("MLPClassifier", data, dropout=0.3, lr=0.01)

    class Halt(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.should_stop = stop_at is not None and trainer.current_epoch + 1 >= stop_at

    trainer = short_trainer(
        folder, epochs=epochs, callbacks=[RandomState(), BestCheckpoint(), Halt()], enable_checkpointing=True
    )
    last = str(folder / "checkpoints" / "last.ckpt") if resume else None
    trainer.fit(model, datamodule=data, ckpt_path=last, weights_only=True)
    return model


def test_pitfall_21_ten_epochs_are_five_and_five_resumed_bit_for_bit(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", tabular(tmp_path / "data"), 10)
    fit(tmp_path / "parts", tabular(tmp_path / "data"), 10, stop_at=5)
    half = torch.load(tmp_path / "parts" / "checkpoints" / "last.ckpt", weights_only=True)
    assert half["epoch"] == 4
    parts = fit(tmp_path / "parts", tabular(tmp_path / "data"), 10, resume=True)
    trained = dict(whole.named_parameters())
    for name, value in whole.state_dict().items():
        if name in trained:  # not the bins of the table's numbers
            assert not torch.equal(half["state_dict"][name], value), name
        assert torch.equal(parts.state_dict()[name], value), name
    one, other = (
        torch.load(tmp_path / run / "checkpoints" / "last.ckpt", weights_only=True) for run in ("whole", "parts")
    )
    assert one["global_step"] == other["global_step"] == 30
    assert torch.equal(one["callbacks"]["RandomState"]["torch"], other["callbacks"]["RandomState"]["torch"])


def test_the_random_state_of_a_gpu_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [torch.tensor([7], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "cuda" not in RandomState().state_dict()  # the CPU trains
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: states[-1])
    monkeypatch.setattr(torch.cuda, "set_rng_state", states.append)
    kept = RandomState().state_dict()
    states.append(torch.tensor([8], dtype=torch.uint8))
    RandomState().load_state_dict(kept)
    assert states[-1].tolist() == [7]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    RandomState().load_state_dict(kept)  # a run of a GPU goes on where there is none
    assert len(states) == 3


@pytest.mark.parametrize("modality", ["tabular", "image"])
def test_pitfall_20_the_reloaded_best_checkpoint_gives_the_logged_metric(modality: str, tmp_path: Path) -> None:
    data: Any = tabular(tmp_path / "d") if modality == "tabular" else image(tmp_path / "d")
    file = tmp_path / "metrics.csv"
    trainer = short_trainer(
        tmp_path, epochs=6, callbacks=[BestCheckpoint()], enable_checkpointing=True, logger=MetricsCSV(file)
    )
    name = "MLPClassifier" if modality == "tabular" else "CNNClassifier"
    trainer.fit(build(name, data, lr=0.05, schedule="constant"), datamodule=data)
    logged = [row for row in read_metrics(file) if "val/loss" in row]
    assert len(logged) == 6
    best = min(logged, key=lambda row: row["val/loss"])
    model, again = zoo.load(tmp_path)
    found = short_trainer(tmp_path).validate(model, datamodule=again, verbose=False)[0]
    for metric in ("val/loss", "val/accuracy", "val/f1_macro", "val/ece"):
        assert found[metric] == pytest.approx(best[metric], rel=1e-6), metric


@pytest.mark.parametrize("averaged", [False, True])
def test_pitfall_20_the_best_is_what_was_validated_within_an_epoch(tmp_path: Path, averaged: bool) -> None:
    judged: list[float] = []

    class Judged(Callback):
        def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
            judged.append(float(trainer.callback_metrics["val/loss"]))

    data = tabular(tmp_path)
    model = build("MLPClassifier", data, lr=0.02, schedule="constant", warmup=0.0)
    callbacks = [Judged(), BestCheckpoint(), *([EMA(decay=0.5)] if averaged else [])]
    options: dict[str, Any] = {"enable_checkpointing": True, "num_sanity_val_steps": 0, "val_check_interval": 2}
    trainer = short_trainer(tmp_path, epochs=3, callbacks=callbacks, **options)
    trainer.fit(model, datamodule=data)
    assert trainer.num_training_batches == 3
    assert len(judged) == 3
    best, rows = zoo.load(tmp_path / "checkpoints" / "best.ckpt")
    found = short_trainer(tmp_path).validate(best, datamodule=rows, verbose=False)[0]
    assert found["val/loss"] == pytest.approx(min(judged), abs=1e-6)
    assert find_checkpoint(tmp_path).name == "best.ckpt"
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 9
