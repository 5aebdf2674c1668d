"""The MLP on tables: an ensemble unless told, with bins from train rows, whole after a checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import zoo
from tests.data.tables import write_csv
from tests.fits import QUIET, short_trainer, tabular, tabular_columns
from zoo.data import TabularDataModule
from zoo.errors import InputError
from zoo.models import MLPClassifier, MLPRegressor
from zoo.models.reads import without_effect
from zoo.networks.mlp import TabularMLP
from zoo.networks.numeric_embedding import PiecewiseLinear
from zoo.networks.tabm import TabM

pytestmark = QUIET


def fitted(data: TabularDataModule, folder: Path, **options: Any) -> MLPClassifier:
    small: dict[str, Any] = {"hidden": [8], "ensemble": 3} | options
    model = MLPClassifier(data.inputs, data.num_classes, **small)
    short_trainer(folder).fit(model, datamodule=data)
    return model


def test_what_stands_for_nothing_said(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    network = MLPClassifier(data.inputs, 2).network
    assert isinstance(network, TabM)
    assert network.heads.weight.shape[0] == 8
    assert isinstance(network.numeric, PiecewiseLinear)
    plain = MLPClassifier(data.inputs, 2, ensemble=1).network
    assert isinstance(plain, TabularMLP)
    assert plain.numeric is None


def test_the_loss_of_training_is_the_mean_over_the_members(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = MLPClassifier(data.inputs, 2, ensemble=3, hidden=[8], dropout=0.0, class_weights=[1.0, 3.0])
    batch = next(iter(data.train_dataloader()))
    members = model.logits(batch)
    weight = torch.tensor([1.0, 3.0])
    expected = torch.stack([F.cross_entropy(members[:, i], batch["target"], weight=weight) for i in range(3)]).mean()
    assert members.shape[1] == 3
    assert torch.allclose(model.loss(members, batch["target"]), expected)


def test_probabilities_are_the_mean_of_the_members(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = MLPClassifier(data.inputs, 2, ensemble=3, hidden=[8], dropout=0.0)
    batch = next(iter(data.train_dataloader()))
    members = model.logits(batch).softmax(dim=2)
    assert torch.allclose(model.eval().scores(model.logits(batch)), members.mean(dim=1), atol=1e-6)


def test_a_loss_of_the_users_own_sees_rows_and_classes(tmp_path: Path) -> None:
    class Own(MLPClassifier):
        def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            assert logits.ndim == 2
            assert target.shape == logits.shape[:1]
            return F.cross_entropy(logits, target)

    data = tabular(tmp_path)
    short_trainer(tmp_path).fit(Own(data.inputs, 2, ensemble=3, hidden=[8]), datamodule=data)


@pytest.mark.parametrize("ensemble", [1, 3])
def test_bins_are_placed_by_train_rows_alone(tmp_path: Path, ensemble: int) -> None:
    data = tabular(tmp_path)
    model = fitted(data, tmp_path, ensemble=ensemble, numeric_embedding="piecewise_linear")
    arrays = data.dataset("train").arrays
    expected = PiecewiseLinear(data.inputs["n_numeric"])
    expected.fit(arrays["numeric"], arrays["target"])
    found = model.network.numeric
    assert isinstance(found, PiecewiseLinear)
    assert torch.equal(found.embedding.impl.weight, expected.embedding.impl.weight)
    assert torch.equal(found.embedding.impl.bias, expected.embedding.impl.bias)


@pytest.mark.parametrize("embedding", ["none", "piecewise_linear", "periodic"])
def test_a_checkpoint_needs_no_data(tmp_path: Path, embedding: str) -> None:
    data = tabular(tmp_path / "data")
    model = fitted(data, tmp_path, numeric_embedding=embedding)
    model.trainer.save_checkpoint(tmp_path / "model.ckpt")
    batch = next(iter(data.val_dataloader()))
    expected = model.eval().logits(batch)
    (tmp_path / "data" / "table.csv").unlink()
    loaded, _ = zoo.load(tmp_path / "model.ckpt")
    assert torch.equal(loaded.logits(batch), expected)
    again = MLPClassifier.load_from_checkpoint(tmp_path / "model.ckpt", weights_only=True).eval()
    assert torch.equal(again.logits(batch), expected)


def test_numbers_are_predicted_in_their_own_units(tmp_path: Path) -> None:
    data = tabular(tmp_path, task="regression", n=200)
    model = MLPRegressor(data.inputs, 1, ensemble=4, hidden=[32], lr=1e-2)
    trainer = short_trainer(tmp_path, epochs=20)
    trainer.fit(model, datamodule=data)
    found = trainer.validate(model, datamodule=data, verbose=False)[0]
    assert found["val/r2"] > 0.8
    assert found["val/rmse"] > 1000


def test_several_labels_and_several_numbers(tmp_path: Path) -> None:
    columns = tabular_columns(60)
    columns["other"] = [int(value > 3e5) for value in columns["price"]]
    columns["label"] = [int(value == "high") for value in columns["label"]]
    file = write_csv(tmp_path / "labels.csv", columns)
    labels = TabularDataModule(file, target=["label", "other"], task="classification", batch_size=16)
    model = fitted(labels, tmp_path, multilabel=True)
    members = model.train().logits(next(iter(labels.val_dataloader())))
    assert members.shape[1:] == (3, 2)
    numbers = TabularDataModule(file, target=["price", "a"], task="regression", batch_size=16)
    short_trainer(tmp_path).fit(MLPRegressor(numbers.inputs, 2, ensemble=2, hidden=[8]), datamodule=numbers)


def test_a_table_of_categories_alone(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    columns = {name: [("x", "y", "z")[i] for i in generator.integers(0, 3, 60)] for name in ("p", "q")}
    columns["label"] = ["yes" if value == "x" else "no" for value in columns["p"]]
    data = TabularDataModule(write_csv(tmp_path / "words.csv", columns), target="label", batch_size=16)
    model = fitted(data, tmp_path)
    assert isinstance(model.network, TabM)
    assert model.network.numeric is None


def test_three_train_rows(tmp_path: Path) -> None:
    def some(name: str, n: int) -> str:
        columns = {"a": list(np.arange(n) * 1.5), "same": [4] * n, "label": [("x", "y")[i % 2] for i in range(n)]}
        return str(write_csv(tmp_path / name, columns))

    data = TabularDataModule(
        some("train.csv", 3), val_path=some("val.csv", 4), target="label", test_fraction=0.0, batch_size=16
    )
    model = fitted(data, tmp_path)
    assert model.trainer.callback_metrics["val/loss"].isfinite()


def test_words_for_tables_alone() -> None:
    image = {"modality": "image", "channels": 1, "height": 4, "width": 4}
    assert without_effect(MLPClassifier(image, 2)) is None
    with pytest.raises(InputError, match=r"model.ensemble must be at least 1, got -1"):
        MLPClassifier({"modality": "tabular", "n_numeric": 2, "cardinalities": []}, 2, ensemble=-1)


def test_bins_are_placed_once_and_belong_to_the_weights(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = MLPClassifier(data.inputs, 2, hidden=[8], ensemble=3)
    model.check_data(data)  # as the command line does before the trainer is built
    network = model.network
    assert isinstance(network, TabM)
    assert isinstance(network.numeric, PiecewiseLinear)
    bins = network.numeric.embedding.impl.weight.clone()
    calls: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.networks.numeric_embedding._bins", lambda *args: calls.append(1))
        trainer = short_trainer(tmp_path)
        trainer.fit(model, datamodule=data)
        trainer.save_checkpoint(tmp_path / "model.ckpt")
        again, _ = zoo.load(tmp_path / "model.ckpt")
        (tmp_path / "other").mkdir()
        other = TabularDataModule(
            write_csv(tmp_path / "other" / "table.csv", tabular_columns(48, seed=1)),
            target="label",
            ignore=["price"],
            batch_size=16,
        )
        short_trainer(tmp_path).fit(again.train(), datamodule=other)
    assert not calls
    assert torch.equal(again.network.numeric.embedding.impl.weight, bins)  # type: ignore[union-attr,arg-type]
