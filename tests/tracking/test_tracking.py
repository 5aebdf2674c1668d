"""Run folders, metrics.csv, predictions: unique, whole, and the same again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.csv as pa_csv
import pytest
import torch

import zoo
from tests.fits import QUIET, build, image, short_trainer, tabular
from zoo.callbacks import BestCheckpoint
from zoo.errors import InputError
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV
from zoo.tracking.predictions import PredictionWriter, predictions_table, write_predictions
from zoo.tracking.run_folder import new_run_folder
from zoo.tracking.tensorboard import TensorBoard

pytestmark = QUIET


def test_pitfall_05_run_folders_are_unique_also_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run_folder(tmp_path / "runs", "cnn"), range(40)))
    assert len(set(folders)) == 40
    assert {folder.name for folder in folders} == {"cnn"} | {f"cnn-{n}" for n in range(2, 41)}
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("name", ["", "a/b", "..", "."])
def test_a_name_that_is_no_folder_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--name must be the name of a folder"):
        new_run_folder(tmp_path, name)


def log(file: Path, rows: list[tuple[int, dict[str, float]]]) -> None:
    logger = MetricsCSV(file)
    for step, metrics in rows:
        logger.log_metrics(metrics, step)
        logger.save()
    logger.finalize("success")


def test_metrics_csv_grows_columns_and_is_continued(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    log(file, [(0, {"train/loss": 1.0}), (0, {"epoch": 0}), (1, {"train/loss": 0.5, "val/loss": 0.75})])
    assert file.read_text().splitlines() == ["step,train/loss,epoch,val/loss", "0,1.0,0.0,", "1,0.5,,0.75"]
    log(file, [(2, {"val/loss": 0.25, "lr": 1e-5}), (2, {"val/loss": 0.125})])
    assert read_metrics(file) == [
        {"step": 0, "train/loss": 1.0, "epoch": 0},
        {"step": 1, "train/loss": 0.5, "val/loss": 0.75},
        {"step": 2, "val/loss": 0.25, "lr": 1e-5},
        {"step": 2, "val/loss": 0.125},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_fit_logs_every_epoch_once(tmp_path: Path) -> None:
    data, file = tabular(tmp_path), tmp_path / "metrics.csv"
    trainer = short_trainer(tmp_path, epochs=4, logger=MetricsCSV(file))
    trainer.fit(build("MLPClassifier", data), datamodule=data)
    rows = read_metrics(file)
    assert [row["epoch"] for row in rows if "val/loss" in row] == [0, 1, 2, 3]
    assert rows[-1]["val/loss"] == pytest.approx(float(trainer.callback_metrics["val/loss"]))
    assert rows[-1]["train/loss"] == pytest.approx(float(trainer.callback_metrics["train/loss"]))


def test_predictions_of_classes() -> None:
    scores = torch.tensor([[0.75, 0.25], [0.125, 0.875]])
    table = predictions_table(
        labels=["0", "7"],
        scores=scores,
        decisions=scores.argmax(dim=1),
        class_names=["a", "b"],
        task="classification",
        target=torch.tensor([1, -1]),
    )
    assert table.to_pydict() == {
        "index": ["0", "7"],
        "target": ["b", ""],
        "prediction": ["a", "b"],
        "p_a": [0.75, 0.125],
        "p_b": [0.25, 0.875],
    }


def test_predictions_of_several_labels() -> None:
    scores = torch.tensor([[0.75, 0.875], [0.125, 0.25]])
    target = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    table = predictions_table(
        labels=["0", "1"],
        scores=scores,
        decisions=scores > 0.5,
        class_names=["a", "b"],
        task="multilabel",
        target=target,
    )
    assert table.to_pydict() == {
        "index": ["0", "1"],
        "target": ["b", "a|b"],
        "prediction": ["a|b", ""],
        "p_a": [0.75, 0.125],
        "p_b": [0.875, 0.25],
    }


def test_predictions_of_numbers() -> None:
    scores = torch.tensor([[1.5, 2.0], [3.0, 4.0]])
    one = predictions_table(
        labels=["0", "1"],
        scores=scores[:, :1],
        decisions=scores[:, :1],
        class_names=["price"],
        task="regression",
        target=scores[:, 1:],
    )
    assert one.to_pydict() == {"index": ["0", "1"], "target": [2.0, 4.0], "prediction": [1.5, 3.0]}
    two = predictions_table(
        labels=["0", "1"], scores=scores, decisions=scores, class_names=["x", "y"], task="regression", target=None
    )
    assert two.column_names == ["index", "prediction_x", "prediction_y"]


def test_predictions_are_written_whole(tmp_path: Path) -> None:
    table = predictions_table(
        labels=["a, b.png", 'c"d.png'],
        scores=torch.eye(2),
        decisions=torch.eye(2).argmax(dim=1),
        class_names=["x,y", "z"],
        task="classification",
        target=None,
    )
    write_predictions(table, tmp_path / "new" / "predictions.csv")
    assert pa_csv.read_csv(tmp_path / "new" / "predictions.csv").to_pydict() == table.to_pydict()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["predictions.csv"]


@pytest.mark.parametrize("modality", ["tabular", "image"])
def test_pitfall_24_the_test_split_is_written_with_its_rows_and_truth(modality: str, tmp_path: Path) -> None:
    data = tabular(tmp_path / "d") if modality == "tabular" else image(tmp_path / "d")
    name = "MLPClassifier" if modality == "tabular" else "CNNClassifier"
    model = build(name, data)
    writer = PredictionWriter(str(tmp_path / "predictions.csv"))
    trainer = short_trainer(tmp_path, callbacks=[writer, BestCheckpoint()], enable_checkpointing=True)
    trainer.fit(model, datamodule=data)
    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    rows = pa_csv.read_csv(tmp_path / "predictions.csv").to_pylist()
    source = data.source("test")
    assert [str(row["index"]) for row in rows] == source.row_labels()
    assert [row["target"] for row in rows] == source.target[0].to_pylist()
    right = sum(row["prediction"] == row["target"] for row in rows) / len(rows)
    assert right == pytest.approx(tested["test/accuracy"])
    if modality == "image":
        assert all(row["index"].endswith(".png") and row["index"].startswith(row["target"]) for row in rows)
    whole = {row["index"]: row for row in zoo.predict(tmp_path, data.path).to_pylist()}
    for row in rows:
        again = whole[str(row["index"])]
        assert again["prediction"] == row["prediction"]
        p = f"p_{row['prediction']}"
        assert again[p] == pytest.approx(row[p], abs=1e-5)


def test_tensorboard_writes_one_event_a_row(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    logger = TensorBoard(str(tmp_path / "tensorboard"))
    logger.log_metrics({"train/loss_step": 0.5, "lr": 0.25}, step=3)
    logger.finalize("success")
    logger.log_metrics({"test/loss": 1.5}, step=4)  # after the fit, in a file of its own
    logger.finalize("success")
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    values = {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    assert values == {"train/loss_step": [(3, 0.5)], "lr": [(3, 0.25)], "test/loss": [(4, 1.5)]}
    first = min((tmp_path / "tensorboard").glob("events*"))
    assert [len(event.summary.value) for event in EventFileLoader(str(first)).Load() if event.HasField("summary")] == [
        2
    ]


def test_rows_of_a_long_epoch_reach_the_file_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = MetricsCSV(tmp_path / "metrics.csv")
    logger.log_metrics({"lr": 1.0}, step=0)
    logger.log_metrics({"lr": 0.5}, step=1)
    assert not logger.file.exists()
    monkeypatch.setattr("zoo.tracking.metrics_csv.AT_MOST", -1.0)
    logger.log_metrics({"lr": 0.25}, step=2)
    assert [row["lr"] for row in read_metrics(logger.file)] == [1.0, 0.5]  # to the last row more may come
