"""A checkpoint outlives the zoo that wrote it: a file of each format says what it said when it was written.

The files are of `zoo fit` on samples (two epochs, tiny sizes), without the state of the optimiser; beside each the rows
that were asked, and the probabilities that the zoo of that time gave.
"""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from tests.fits import QUIET, build, data_of, image, short_trainer, tabular
from zoo.checkpoint import build_model, read_checkpoint
from zoo.cli.main import main
from zoo.cli.resume import resume_run
from zoo.errors import InputError
from zoo.models import Classifier
from zoo.models.sized import Recipe
from zoo.older_checkpoints import FORMATS

pytestmark = QUIET

FIXTURES = Path(__file__).parent / "fixtures"


def rows_as_file(rows: dict[str, Any], folder: Path) -> Path:
    if "x" in rows:
        np.savez(folder / "rows.npz", x=np.array(rows["x"], dtype=np.uint8), y=np.array(rows["y"]))
        return folder / "rows.npz"
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows)
        writer.writerows(zip(*rows.values(), strict=True))
    return folder / "rows.csv"


@pytest.mark.parametrize("name", ["mlp", "text", "image"])
@pytest.mark.parametrize("number", FORMATS)
def test_pitfall_33_a_file_of_each_format_says_what_it_said(number: int, name: str, tmp_path: Path) -> None:
    file = FIXTURES / f"format{number}_{name}.ckpt"
    stored = json.loads(file.with_suffix(".json").read_text())
    assert torch.load(file, weights_only=True)["zoo"]["format"] == number
    said = zoo.predict(file, rows_as_file(stored["rows"], tmp_path))
    for column, values in stored["said"].items():
        assert said[column].to_pylist() == pytest.approx(values, abs=2e-6)


@pytest.mark.parametrize("name", ["mlp", "image"])
@pytest.mark.filterwarnings("ignore")
def test_zoo_test_reads_an_older_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(FIXTURES / f"format1_{name}.ckpt"), "--trainer.accelerator", "cpu"]) == 0
    assert "test/accuracy" in capsys.readouterr().out


def test_an_older_small_resnet_is_one_line() -> None:
    with pytest.raises(InputError, match="was trained by an older small_resnet, .*: retrain it, or use the version"):
        zoo.load(FIXTURES / "format1_resnet.ckpt")


def test_a_run_of_an_older_format_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(FIXTURES / "format1_mlp.ckpt", tmp_path / "checkpoints" / "last.ckpt")
    (tmp_path / "config.yaml").touch()
    with pytest.raises(
        InputError, match="cannot be resumed: an older zoo wrote it .format 1, now 2.; zoo.load, predict"
    ):
        resume_run(str(tmp_path), [])


class Own(Classifier):
    """As a user writes one."""

    def __init__(self, inputs: dict[str, Any], num_classes: int) -> None:
        super().__init__(num_classes=num_classes)
        self.save_hyperparameters()
        self.network = nn.ModuleDict({"head": nn.Linear(inputs["n_numeric"], num_classes)})

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network["head"](inputs["numeric"])  # type: ignore[index]
        return logits


def test_a_users_own_model_of_before_there_were_temperatures_loads(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = Own(data.inputs, 2)
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "own.ckpt")
    content = torch.load(tmp_path / "own.ckpt", weights_only=True)
    content["zoo"]["format"] = 1
    del content["state_dict"]["_extra_state"]
    torch.save(content, tmp_path / "own.ckpt")
    loaded, _ = zoo.load(tmp_path / "own.ckpt")
    assert loaded.temperature == 1.0
    assert torch.equal(loaded.network["head"].weight, model.network["head"].weight)  # type: ignore[index]


@pytest.mark.parametrize(
    ("family", "modality", "settled"),
    [
        ("MLP", "tabular", {"ensemble": 8, "numeric_embedding": "piecewise_linear"}),
        ("MLP", "text", {"lr": 2e-3}),
        ("CNN", "text", {"lr": 2e-3, "optimizer": "adamw", "activation": "relu"}),
        ("CNN", "image", {"lr": 0.02, "optimizer": "muon", "activation": "silu"}),
        ("Transformer", "tabular", {"d_feedforward": 32}),
        ("Transformer", "text", {"d_feedforward": 64}),
    ],
)
def test_pitfall_33_a_checkpoint_tells_what_none_stood_for(
    family: str, modality: str, settled: dict[str, Any], tmp_path: Path
) -> None:
    data = data_of(modality, tmp_path)
    model = build(f"{family}Classifier", data)
    content: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    stored = content["zoo"]["model"]["init_args"]
    assert {name: stored[name] for name in settled} == settled
    assert stored["loss"] == "cross_entropy"
    again = build_model(content, trust=False)
    assert again.state_dict().keys() == model.state_dict().keys()


def test_pitfall_33_another_default_does_not_change_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tabular(tmp_path)
    model = zoo.models.MLPClassifier(data.inputs, 2)
    trainer = short_trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    monkeypatch.setattr("zoo.models.mlp.MEMBERS", 3)
    monkeypatch.setattr("zoo.models.sized.FEW", Recipe((5,), 0.1, 1e-3))
    again, _ = zoo.load(tmp_path / "model.ckpt")
    assert {name: value.shape for name, value in again.state_dict().items()} == {
        name: value.shape for name, value in model.state_dict().items()
    }


def test_the_mirror_of_a_file_stays_as_it_was(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = build("CNNClassifier", data)
    content: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    assert content["zoo"]["model"]["init_args"]["flip_at_test"] is model.mirror


def test_read_checkpoint_leaves_a_newest_file_as_it_is() -> None:
    file = FIXTURES / "format2_image.ckpt"
    stored, read = torch.load(file, weights_only=True), read_checkpoint(file)
    assert stored["zoo"] == read["zoo"]
