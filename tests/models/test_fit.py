"""A fit is a plain training loop and nothing else; every family learns; weights, units and errors are the data's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import zoo
from tests.data.tables import write_csv
from tests.fits import QUIET, build, short_trainer, small_options, tabular, tabular_columns
from zoo.data import TabularDataModule
from zoo.data.arrays import ArrayDataset, whole_batch
from zoo.errors import InputError
from zoo.models import MLPClassifier, MLPRegressor
from zoo.models.optimizers import l1_norm
from zoo.models.schedules import lr_factor
from zoo.registry import load_class

pytestmark = QUIET


class Batches(Callback):
    """Keeps the batches in the order they came."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Tensor]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.batches.append({name: array.clone() for name, array in batch.items()})


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_plain_loop_ends_with_the_same_weights(norm: str, tmp_path: Path) -> None:
    data, seen = TabularDataModule("sample:wine", batch_size=32), Batches()
    torch.manual_seed(7)
    model = MLPClassifier(
        data.inputs, 3, ensemble=1, hidden=[16], dropout=0.0, norm=norm, lr=0.01, weight_decay=0.1, warmup=0.1
    )
    short_trainer(tmp_path, epochs=5, callbacks=[seen]).fit(model, datamodule=data)

    torch.manual_seed(7)
    layers: list[nn.Module] = [nn.Linear(13, 16), *([nn.LayerNorm(16)] if norm == "layer" else []), nn.ReLU()]
    plain = nn.Sequential(*layers, nn.Linear(16, 3))
    groups = [
        {"params": [p for p in plain.parameters() if p.ndim == 1], "weight_decay": 0.0},
        {"params": [p for p in plain.parameters() if p.ndim > 1], "weight_decay": 0.1},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    total = len(seen.batches)
    for step, batch in enumerate(seen.batches):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * lr_factor("cosine", step, total_steps=total, warmup_steps=round(0.1 * total))
        optimizer.zero_grad()
        loss: Any = F.cross_entropy(plain(batch["numeric"]), batch["target"])
        loss.backward()
        optimizer.step()
    assert total == 5 * 4
    trained = list(model.network.parameters())
    assert len(trained) == len(list(plain.parameters()))
    for ours, theirs in zip(trained, plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)


INPUTS: dict[str, dict[str, Any]] = {
    "tabular": {"modality": "tabular", "n_numeric": 4, "cardinalities": [5]},
    "image": {"modality": "image", "channels": 1, "height": 8, "width": 8},
    "text": {"modality": "text", "vocab_size": 40, "max_length": 10, "pad_id": 0},
}


def sixteen_rows(modality: str, *, numbers: bool) -> dict[str, Tensor]:
    """Random rows with random targets: nothing but learning them by heart helps."""
    torch.manual_seed(0)
    arrays = {
        "tabular": lambda: {"numeric": torch.randn(16, 4), "categorical": torch.randint(0, 5, (16, 1))},
        "image": lambda: {"image": torch.randn(16, 1, 8, 8)},
        "text": lambda: {"tokens": torch.randint(1, 40, (16, 10)), "mask": torch.ones(16, 10, dtype=torch.bool)},
    }[modality]()
    target = torch.randn(16, 1) if numbers else torch.arange(16) % 4
    return arrays | {"target": target, "index": torch.arange(16)}


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        (f"{family}{kind}", modality)
        for kind in ("Classifier", "Regressor")
        for family, modalities in (
            ("MLP", ("tabular", "image", "text")),
            ("CNN", ("image", "text")),
            ("Transformer", ("tabular", "image", "text")),
        )
        for modality in modalities
    ],
)
def test_sixteen_rows_are_overfitted(name: str, modality: str, tmp_path: Path) -> None:
    numbers = name.endswith("Regressor")
    rows = sixteen_rows(modality, numbers=numbers)
    whole: Any = whole_batch
    loader: DataLoader[Any] = DataLoader(ArrayDataset(rows), batch_size=16, collate_fn=whole)
    wide: dict[str, Any] = {"hidden": [64]} if name.startswith("MLP") else {}
    options = small_options(name, modality) | wide
    model = load_class("models", name)(
        INPUTS[modality], 1 if numbers else 4, lr=0.01, schedule="constant", warmup=0.0, weight_decay=0.0, **options
    )
    short_trainer(tmp_path, epochs=150, check_val_every_n_epoch=150).fit(model, loader, loader)
    model.eval()
    with torch.inference_mode():
        scores = model.scores(model.logits(rows))
    if numbers:
        assert float(F.mse_loss(scores, rows["target"])) < 0.05 * float(rows["target"].var())
    else:
        assert float((scores.argmax(dim=1) == rows["target"]).float().mean()) == 1.0


def test_balanced_class_weights_are_those_of_the_train_rows(tmp_path: Path) -> None:
    for part, counts in (("train", (30, 10)), ("val", (5, 20)), ("test", (5, 5))):
        labels = ["a"] * counts[0] + ["b"] * counts[1]
        write_csv(tmp_path / "set" / f"{part}.csv", {"x": range(len(labels)), "label": labels})
    data = TabularDataModule(str(tmp_path / "set"))
    model = build("MLPClassifier", data, class_weights="balanced")
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    assert model.class_weight.tolist() == pytest.approx([40 / 60, 2.0])
    trainer.save_checkpoint(tmp_path / "m.ckpt")
    again, _ = zoo.load(tmp_path / "m.ckpt")
    assert torch.equal(again.get_buffer("class_weight"), model.class_weight)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0]])
def test_class_weights_that_cannot_be_are_one_line(weights: list[float]) -> None:
    with pytest.raises(InputError, match=r"model.class_weights must be at least 0, and one above it, got \["):
        MLPClassifier(INPUTS["tabular"], 2, class_weights=weights)
    MLPClassifier(INPUTS["tabular"], 2, class_weights=[0.0, 1.0])


def test_class_weights_by_hand_count_in_the_loss() -> None:
    model = MLPClassifier(INPUTS["tabular"], 2, class_weights=[1.0, 3.0])
    logits, target = torch.randn(8, 2), torch.tensor([0, 1] * 4)
    assert torch.equal(model.loss(logits, target), F.cross_entropy(logits, target, weight=torch.tensor([1.0, 3.0])))
    for wrong in ([1.0], "equal"):
        with pytest.raises(InputError, match=r'must be "balanced" or 2 numbers, one a class'):
            MLPClassifier(INPUTS["tabular"], 2, class_weights=wrong)


def test_several_labels_a_row(tmp_path: Path) -> None:
    content = tabular_columns(60)
    high = [label == "high" for label in content.pop("label")]
    file = write_csv(
        tmp_path / "m.csv",
        content | {"high": [int(h) for h in high], "red": [int(c == "red") for c in content["colour"]]},
    )
    data = TabularDataModule(file, target=["high", "red"], ignore=["price"], batch_size=16)
    assert data.multilabel
    model = build("MLPClassifier", data, multilabel=True, lr=0.03, schedule="constant")
    trainer = short_trainer(tmp_path, epochs=30)
    trainer.fit(model, datamodule=data)
    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    names = ("loss", "accuracy", "f1_macro", "log_loss", "brier", "ece", "auroc", "average_precision")
    assert set(tested) == {f"test/{name}" for name in names}
    assert tested["test/accuracy"] > 0.8
    assert model.evaluation.scores.shape == (9, 2)
    assert torch.allclose(model.evaluation.scores[:, 1].round(), model.evaluation.target[:, 1])
    with pytest.raises(InputError, match=r"model.multilabel is False, but .*m.csv says True"):
        short_trainer(tmp_path).fit(build("MLPClassifier", data), datamodule=data)
    with pytest.raises(InputError, match="several labels a row need model.loss bce"):
        MLPClassifier(data.inputs, 2, multilabel=True, loss="focal")
    with pytest.raises(InputError, match="model.loss bce is for several labels a row"):
        MLPClassifier(data.inputs, 2, loss="bce")


def test_regression_is_in_the_units_of_the_target(tmp_path: Path) -> None:
    data = tabular(tmp_path, task="regression", n=120)
    model = build("MLPRegressor", data, lr=0.02)
    trainer = short_trainer(tmp_path, epochs=40)
    trainer.fit(model, datamodule=data)
    target = data.dataset("train").arrays["target"]
    assert model.target_mean.tolist() == pytest.approx([float(target.double().mean())], rel=1e-6)
    assert model.target_std.tolist() == pytest.approx([float(target.double().std(correction=0))], rel=1e-6)
    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    truth = data.dataset("test").arrays["target"]
    assert torch.equal(model.evaluation.target, truth)
    error = (model.evaluation.scores - truth).double()
    assert tested["test/rmse"] == pytest.approx(float((error**2).mean().sqrt()), rel=1e-5)
    assert 1e2 < tested["test/rmse"] < 0.5 * float(truth.std())
    assert tested["test/loss"] == pytest.approx((tested["test/rmse"] / float(model.target_std)) ** 2, rel=1e-4)


def test_a_regressor_on_classes_and_a_classifier_on_numbers(tmp_path: Path) -> None:
    classes, numbers = tabular(tmp_path / "c"), tabular(tmp_path / "n", task="regression")
    with pytest.raises(
        InputError, match="the target holds classes and MLPRegressor predicts numbers: use a Classifier"
    ):
        short_trainer(tmp_path).fit(MLPRegressor(classes.inputs, 1), datamodule=classes)
    with pytest.raises(
        InputError, match="the target 'price' is a number and MLPClassifier chooses classes: use a Regr"
    ):
        short_trainer(tmp_path).fit(MLPClassifier(numbers.inputs, 2), datamodule=numbers)


def test_pitfall_03_sizes_that_contradict_the_data_name_both(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    with pytest.raises(InputError, match=r"model.num_classes is 5, but .*table.csv has 2 classes"):
        short_trainer(tmp_path).fit(MLPClassifier(data.inputs, 5), datamodule=data)
    numbers = tabular(tmp_path / "n", task="regression")
    with pytest.raises(InputError, match=r"model.num_targets is 3, but .*table.csv has 1 target columns"):
        short_trainer(tmp_path).fit(MLPRegressor(numbers.inputs, 3), datamodule=numbers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "model.num_classes must be at least 2, got 1"),
        ({"label_smoothing": 1.0}, r"model.label_smoothing must be in \[0, 1\), got 1.0"),
        ({"weight_decay": -0.1}, "model.weight_decay, model.l1 and model.agc must be at least 0, got -0.1"),
        ({"loss": "mse"}, "no loss named 'mse'"),
        ({"schedule": "cos"}, "no schedule named 'cos'"),
        ({"dropout": 2.0}, "model: dropout must be in"),
        ({"activation": "rellu"}, "model: .*rellu"),
        ({"hidden": [0]}, "model: "),
    ],
)
def test_wrong_values_are_one_line_at_construction(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        MLPClassifier(INPUTS["tabular"], **({"num_classes": 3} | options))
    assert "\n" not in str(raised.value)


def judged(model: Any, monkeypatch: pytest.MonkeyPatch, ranks: list[list[int]]) -> dict[str, float]:
    """The metrics that the first of several processes logs, each having seen the given rows of twelve."""
    torch.manual_seed(3)
    logits, target = torch.randn(12, 3), torch.arange(12) % 3
    parts = [(torch.tensor(rows), logits[rows], target[rows]) for rows in ranks]

    def gather(everyone: list[Any], mine: Any) -> None:
        everyone[:] = parts

    logged: dict[str, float] = {}
    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    monkeypatch.setattr(model, "log_dict", lambda values, **options: logged.update(values))
    model._trainer = SimpleNamespace(world_size=len(ranks))
    model._kept = [parts[0]]
    model._log_metrics("test")
    assert torch.equal(model.evaluation.index, torch.arange(12))
    assert torch.equal(model.evaluation.target, target)
    return logged


def test_pitfall_26_padded_duplicates_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLPClassifier(INPUTS["tabular"], 3)
    one = judged(model, monkeypatch, [list(range(12))])
    twice = judged(model, monkeypatch, [[0, 5, 10, 1, 6, 11, 0, 5, 0], [2, 7, 3, 8, 4, 9, 2, 7, 3]])
    assert one == twice
    names = ("loss", "accuracy", "f1_macro", "log_loss", "brier", "ece", "auroc")
    assert set(one) == {f"test/{name}" for name in names}
    assert judged(model, monkeypatch, [[*range(12), 3, 3, 3]]) == one


def test_l1_is_added_to_what_is_minimised_and_not_to_what_is_shown(tmp_path: Path) -> None:
    norms, shown = [], []
    for l1 in (0.0, 0.05):
        data = tabular(tmp_path)
        torch.manual_seed(0)
        model = build("MLPClassifier", data, ensemble=1, l1=l1, lr=0.02, weight_decay=0.0)
        trainer = short_trainer(tmp_path, epochs=20)
        trainer.fit(model, datamodule=data)
        norms.append(l1_norm(model.network).item())
        shown.append(float(trainer.callback_metrics["train/loss"]))
    assert norms[1] < 0.2 * norms[0]
    assert shown[1] < 0.75  # about ln 2; the penalty of the first weights alone is above 1


def test_the_loss_of_train_is_the_mean_over_rows(tmp_path: Path) -> None:
    """34 rows in batches of 16: the last batch of 2 counts for 2."""
    data = tabular(tmp_path)
    assert [len(batch["index"]) for batch in data.train_dataloader()] == [16, 16, 2]
    model = build("MLPClassifier", data, ensemble=1, lr=1e-30, warmup=0.0)
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    rows = data.dataset("train").arrays
    with torch.inference_mode():
        expected = F.cross_entropy(model.logits(rows), rows["target"])
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_predict_gives_rows_in_order_with_probabilities(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = build("MLPClassifier", data)
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    data.use_whole(write_csv(tmp_path / "new.csv", tabular_columns(37, seed=5)), with_target=False)
    outputs: Any = trainer.predict(model, dataloaders=data.predict_dataloader())
    assert torch.cat([index for index, _ in outputs]).tolist() == list(range(37))
    np.testing.assert_allclose(torch.cat([scores for _, scores in outputs]).sum(dim=1), 1, atol=1e-6)


class Modes(Callback):
    """Notes what torch is told before a step is taken and while a split is judged."""

    def __init__(self) -> None:
        self.gradients: list[bool] = []
        self.inference: dict[str, bool] = {}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.gradients.append(torch.is_grad_enabled())

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        self.optimizer = optimizer

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.inference["fit" if trainer.state.fn == "fit" else "validate"] = torch.is_inference_mode_enabled()
        if trainer.state.fn == "fit":
            assert not torch.is_grad_enabled()
            assert all(parameter.grad is None for parameter in pl_module.parameters())  # set_to_none, memory is free

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.inference["test"] = torch.is_inference_mode_enabled()


def test_evaluation_keeps_no_graph_and_gradients_are_none_between_steps(tmp_path: Path) -> None:
    data, modes = tabular(tmp_path), Modes()
    model = build("MLPClassifier", data)
    trainer = short_trainer(tmp_path, callbacks=[modes])
    trainer.fit(model, datamodule=data)
    trainer.validate(model, datamodule=data, verbose=False)
    trainer.test(model, datamodule=data, verbose=False)
    assert modes.gradients
    assert all(modes.gradients)
    # Within a fit Lightning goes without gradients only: tensors of inference mode could not be trained on afterwards.
    assert modes.inference == {"fit": False, "validate": True, "test": True}
