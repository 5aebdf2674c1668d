"""What every registered model and data module must do, on every modality it takes."""

from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.fits import QUIET, build, data_of, short_trainer
from zoo.data.base import DataModule
from zoo.errors import InputError
from zoo.models.base import Model
from zoo.registry import entries, load_class

pytestmark = QUIET

TAKES = {
    "MLP": ("tabular", "image", "text"),
    "CNN": ("image", "text"),
    "Transformer": ("tabular", "image", "text"),
}
MODELS = [name for name, entry in entries("models").items() if entry.package == "zoo"]
PAIRS = [
    (model, modality) for model in MODELS for family in TAKES if model.startswith(family) for modality in TAKES[family]
]
ARRAYS = {"tabular": {"numeric", "categorical"}, "image": {"image"}, "text": {"tokens", "mask"}}


def task_of(model: str) -> str:
    return "regression" if model.endswith("Regressor") else "classification"


def logits(model: Model, data: DataModule) -> torch.Tensor:
    model.eval()
    with torch.inference_mode():
        return torch.cat([model.logits(batch) for batch in data.test_dataloader()])


def test_every_registered_model_is_tried() -> None:
    assert {model for model, _ in PAIRS} == set(MODELS)
    assert len(PAIRS) == 16


@pytest.mark.parametrize(("name", "modality"), PAIRS)
def test_pitfall_15_a_model_trains_saves_and_loads(name: str, modality: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = data_of(modality, tmp_path / "data", task=task_of(name))
    model = build(name, data)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    assert all(torch.isfinite(value).all() for value in trainer.callback_metrics.values())
    kept = "accuracy" if task_of(name) == "classification" else "rmse"
    assert {"train/loss", "val/loss", f"val/{kept}"} <= set(trainer.callback_metrics)
    moved = [key for key, value in model.named_parameters() if not torch.equal(value, before[key])]
    assert len(moved) >= len(list(model.parameters())) - 1  # the vector of the padding token is never trained
    trainer.save_checkpoint(tmp_path / "model.ckpt")

    content = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert content["zoo"]["model"]["class_path"] == f"{type(model).__module__}.{name}"
    again, data_again = zoo.load(tmp_path / "model.ckpt")
    assert type(again) is type(model)
    assert not again.training
    assert torch.equal(logits(again, data_again), logits(model, data))

    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    assert short_trainer(tmp_path).test(again, datamodule=data_again, verbose=False)[0] == tested
    assert all(name.startswith("test/") for name in tested)


@pytest.mark.parametrize("name", ["CNNClassifier", "CNNRegressor"])
def test_a_family_that_does_not_take_an_input_says_so(name: str) -> None:
    with pytest.raises(InputError, match="CNN does not take tabular input: columns of a table have no neighbours"):
        load_class("models", name)({"modality": "tabular", "n_numeric": 3, "cardinalities": []}, 2)


@pytest.mark.parametrize("modality", sorted(ARRAYS))
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_data_says_its_inputs_before_training_and_gives_batches(modality: str, task: str, tmp_path: Path) -> None:
    data = data_of(modality, tmp_path, task=task)
    assert data.inputs["modality"] == modality
    assert all(isinstance(key, str) for key in data.inputs)
    outputs = data.num_classes if task == "classification" else data.num_targets
    assert outputs == len(data.class_names) == (2 if task == "classification" else 1)
    batch = max(data.train_dataloader(), key=lambda batch: len(batch["index"]))  # the last may come first for text
    assert set(batch) == ARRAYS[modality] | {"target", "index"}
    assert {len(array) for array in batch.values()} == {16}
    assert batch["target"].dtype == (torch.int64 if task == "classification" else torch.float32)
    assert tuple(batch["target"].shape) == ((16,) if task == "classification" else (16, 1))


@pytest.mark.parametrize("modality", sorted(ARRAYS))
def test_the_state_of_a_data_module_goes_round(modality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(modality, tmp_path / "data")
    torch.save(data.state_dict(), tmp_path / "state.pt")
    fresh = type(data)(**data.portable_arguments())

    def refit(*args: Any) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(type(data), "fit_encoder", refit)
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert fresh.inputs == data.inputs
    assert fresh.class_names == data.class_names
    for one, other in zip(data.test_dataloader(), fresh.test_dataloader(), strict=True):
        assert all(torch.equal(array, other[name]) for name, array in one.items())


@pytest.mark.parametrize("modality", sorted(ARRAYS))
def test_parts_share_no_row_and_the_split_is_the_same_again(modality: str, tmp_path: Path) -> None:
    data = data_of(modality, tmp_path)
    rows = [data.source(part).index.tolist() for part in ("train", "val", "test")]
    assert sorted(row for part in rows for row in part) == list(range(sum(map(len, rows))))
    assert type(data)(**data.portable_arguments()).fingerprint == data.fingerprint
