"""A predictions.csv is read with the types of its task, and gives the run's metrics again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.fake_runs import fake_regression, fake_run
from zoo.comparing.row_metrics import row_metrics
from zoo.comparing.runs import read_run
from zoo.comparing.stored_predictions import read_predictions
from zoo.models.metrics import multilabel_metrics, regression_metrics
from zoo.tracking.predictions import predictions_table, write_predictions


def stored(folder: Path, **options: object) -> Path:
    write_predictions(predictions_table(**options), folder / "predictions.csv")  # type: ignore[arg-type]
    return folder / "predictions.csv"


def test_classes_that_look_like_numbers_stay_words(tmp_path: Path) -> None:
    scores = torch.tensor([[0.75, 0.25], [0.125, 0.875]])
    file = stored(
        tmp_path,
        labels=["0", "7"],
        scores=scores,
        decisions=scores.argmax(dim=1),
        class_names=["1", "01"],
        task="classification",
        target=torch.tensor([0, 0]),
    )
    assert read_predictions(file).to_pydict() == {
        "index": ["0", "7"],
        "target": ["1", "1"],
        "prediction": ["1", "01"],
        "p_1": [0.75, 0.125],
        "p_01": [0.25, 0.875],
    }
    found = row_metrics(read_predictions(file))
    assert found["accuracy"].value == 0.5
    assert found["log_loss"].value == pytest.approx(float(-scores[:, 0].log().mean()))


def test_unknown_classes_and_words_for_nothing_stay_what_they_are(tmp_path: Path) -> None:
    file = stored(
        tmp_path,
        labels=["a.png", "b.png"],
        scores=torch.tensor([[0.75, 0.25], [0.125, 0.875]]),
        decisions=torch.tensor([[0.75, 0.25], [0.125, 0.875]]).argmax(dim=1),
        class_names=["NA", "null"],
        task="classification",
        target=torch.tensor([0, -1]),
    )
    table = read_predictions(file)
    assert table["target"].to_pylist() == ["NA", ""]
    found = row_metrics(table)
    assert found["accuracy"].values[:, 0].tolist() == [1.0, 0.0]
    assert "log_loss" not in found  # a class without a probability


@pytest.mark.parametrize("n_targets", [1, 2])
def test_predicted_numbers_are_numbers(tmp_path: Path, n_targets: int) -> None:
    generator = torch.Generator().manual_seed(0)
    scores, target = torch.randn(2, 40, n_targets, generator=generator).round()  # whole numbers look like integers
    labels = [str(i) for i in range(40)]
    names = ["price", "size"][:n_targets]
    file = stored(
        tmp_path, labels=labels, scores=scores, decisions=scores, class_names=names, task="regression", target=target
    )
    table = read_predictions(file)
    assert table["index"].to_pylist() == labels
    assert {str(table.schema.field(name).type) for name in table.column_names if name != "index"} == {"double"}
    known, found = regression_metrics(scores, target), row_metrics(table)
    assert {name: metric.value for name, metric in found.items()} == pytest.approx(
        {name: known[name] for name in ("rmse", "mae")}
    )


def test_several_labels_count_each(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(50, 3, generator=generator)
    target = (torch.rand(50, 3, generator=generator) > 0.5).float()
    labels = [str(i) for i in range(50)]
    names = ["a", "b", "c"]
    file = stored(
        tmp_path,
        labels=labels,
        scores=scores,
        decisions=scores > 0.5,
        class_names=names,
        task="multilabel",
        target=target,
    )
    found = row_metrics(read_predictions(file))
    assert set(found) == {"accuracy"}
    assert found["accuracy"].value == pytest.approx(multilabel_metrics(scores, target)["accuracy"])
    assert not found["accuracy"].right_or_wrong


def test_the_metrics_of_a_run_come_again_from_its_rows(tmp_path: Path) -> None:
    run = read_run(fake_run(tmp_path, "a"))
    assert run.predictions is not None
    found = row_metrics(run.predictions)
    assert found["accuracy"].value == pytest.approx(run.summary["test/accuracy"])
    assert found["log_loss"].value == pytest.approx(run.summary["test/loss"])
    numbers = read_run(fake_regression(tmp_path, "b", spread=0.5))
    assert numbers.predictions is not None
    again = row_metrics(numbers.predictions)
    assert again["rmse"].value == pytest.approx(numbers.summary["test/rmse"])
    assert json.loads((tmp_path / "b/summary.json").read_text())["test/mae"] == pytest.approx(again["mae"].value)


def test_no_targets_no_metrics(tmp_path: Path) -> None:
    file = stored(
        tmp_path,
        labels=["0"],
        scores=torch.ones(1, 1),
        decisions=torch.ones(1, 1),
        class_names=["price"],
        task="regression",
        target=None,
    )
    assert row_metrics(read_predictions(file)) == {}
    file.write_text("index,target,prediction\n0,1.5,\n1,2.0,3.0\n")
    assert row_metrics(read_predictions(file)) == {}
    file.write_text("index,target,prediction\n0,cat,cat\n1,dog,cat\n")  # classes without probabilities
    assert row_metrics(read_predictions(file))["accuracy"].value == 0.5
