"""A threshold or costs say what is chosen, in one place, for metrics, figures and files alike; bad ones are one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from tests.fits import QUIET, build, short_trainer, tabular
from zoo.callbacks.figures import report_of
from zoo.cli.main import main
from zoo.comparing.row_metrics import row_metrics
from zoo.comparing.stored_predictions import read_predictions
from zoo.errors import InputError
from zoo.models import MLPClassifier
from zoo.models.decision import decide, description, expected_costs, mean_cost
from zoo.tracking.predictions import PredictionWriter

pytestmark = QUIET

INPUTS: dict[str, Any] = {"modality": "tabular", "n_numeric": 4, "cardinalities": []}


def test_costs_choose_the_least_expected_cost() -> None:
    p = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    costs = [[0.0, 1.0, 9.0], [2.0, 0.5, 1.0], [4.0, 8.0, 0.0]]
    expected = np.array([[sum(row[k] * costs[k][d] for k in range(3)) for d in range(3)] for row in p.tolist()])
    np.testing.assert_allclose(expected_costs(p, costs).numpy(), expected, rtol=1e-6)
    chosen = decide(p, multilabel=False, threshold=None, costs=costs)
    assert chosen.tolist() == expected.argmin(axis=1).tolist()
    target = torch.arange(50) % 3
    by_hand = np.mean([costs[t][d] for t, d in zip(target.tolist(), chosen.tolist(), strict=True)])
    assert mean_cost(chosen, target, costs) == pytest.approx(by_hand)


def test_equal_costs_choose_the_likeliest() -> None:
    p = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    costs = [[float(i != j) for j in range(3)] for i in range(3)]
    assert torch.equal(decide(p, multilabel=False, threshold=None, costs=costs), p.argmax(dim=1))


def test_costs_of_two_classes_are_a_threshold() -> None:
    """A miss that costs nine times as much as a false alarm: from a probability of one in ten (Elkan 2001)."""
    second = torch.tensor([0.01, 0.09, 0.11, 0.6])
    p = torch.stack([1 - second, second], dim=1)
    by_costs = decide(p, multilabel=False, threshold=None, costs=[[0, 1], [9, 0]])
    assert by_costs.tolist() == decide(p, multilabel=False, threshold=0.1, costs=None).tolist() == [0, 0, 1, 1]


def test_a_threshold_counts_for_each_label() -> None:
    p = torch.tensor([[0.2, 0.7], [0.3, 0.1]])
    assert decide(p, multilabel=True, threshold=0.3, costs=None).tolist() == [[0, 1], [1, 0]]
    assert decide(p, multilabel=True, threshold=None, costs=None).tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.0}, r"model.threshold is a probability and must be in \(0, 1\), got 1.0"),
        ({"threshold": 0.3, "num_classes": 3}, "two classes or several labels, and here are 3 classes: model.costs"),
        ({"threshold": 0.3, "costs": [[0, 1], [1, 0]]}, "both say what is chosen: give one"),
        ({"costs": [[0, 1]]}, r"must have 2 rows \(true class\) of 2 numbers \(decision\), got 1 of 2"),
        ({"costs": [[0, 1], [1]]}, "must have 2 rows .* got 2 of 2 and 1"),
        ({"costs": [[0, 1], [-1, 0]]}, r"must be at least 0, got \[-1, 0\] in row 2"),
        ({"costs": [[0, 1], [0, 5]]}, r"row 2 of model.costs, \[0, 5\], has a mistake that costs no more than"),
        ({"costs": [[0, 1], [1, 0]], "multilabel": True}, "rows of one class each; for several labels give"),
    ],
)
def test_what_cannot_be_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        MLPClassifier(INPUTS, **({"num_classes": 2} | options))
    assert "\n" not in str(raised.value)


def test_what_is_said_names_the_classes() -> None:
    said = description(0.3, None, ["no", "yes"], multilabel=False)
    assert said == "decisions: 'yes' from a probability of 0.3, else 'no'"
    assert description(None, [[0, 1], [5, 0]], ["no", "yes"], multilabel=False).endswith(
        "decisions as columns: 'no', 'yes'"
    )
    assert description(0.3, None, ["a", "b"], multilabel=True) == "decisions: each label from a probability of 0.3"
    assert description(None, None, ["no", "yes"], multilabel=False) == ""


@pytest.mark.parametrize("options", [{"threshold": 0.4}, {"costs": [[0.0, 2.0], [3.0, 0.0]]}])
def test_metrics_figures_and_files_say_the_same_decision(options: dict[str, Any], tmp_path: Path) -> None:
    data = tabular(tmp_path, n=200)
    torch.manual_seed(0)
    model = build("MLPClassifier", data, lr=0.02, **options)
    trainer = short_trainer(tmp_path, epochs=3, callbacks=[PredictionWriter(str(tmp_path / "p.csv"))])
    trainer.fit(model, datamodule=data)
    tested = trainer.test(model, datamodule=data, verbose=False)[0]
    p, target, chosen = model.evaluation.scores, model.evaluation.target, model.evaluation.decisions
    expected = p[:, 1] >= 0.4
    assert torch.equal(chosen, expected.long())
    assert not torch.equal(chosen, p.argmax(dim=1))
    assert tested["test/accuracy"] == pytest.approx(float((chosen == target).float().mean()))
    table = read_predictions(tmp_path / "p.csv")
    assert table["prediction"].to_pylist() == [data.class_names[i] for i in chosen.tolist()]
    assert row_metrics(table)["accuracy"].value == pytest.approx(tested["test/accuracy"])
    assert row_metrics(table)["log_loss"].value == pytest.approx(tested["test/log_loss"], rel=1e-5)
    report = report_of(model.evaluation, data)
    assert report.counts.sum(dim=0).tolist() == torch.bincount(chosen, minlength=2).tolist()
    assert all(mistake.target != mistake.prediction for mistake in report.mistakes)
    assert ("test/cost" in tested) == ("costs" in options)
    if "costs" in options:
        costs = torch.tensor(options["costs"])
        assert tested["test/cost"] == pytest.approx(float(costs[target, chosen].mean()))


def test_a_model_of_numbers_has_no_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tabular(tmp_path, task="regression")
    trainer = short_trainer(tmp_path)
    trainer.fit(build("MLPRegressor", data), datamodule=data)
    run = str(tmp_path / "model.ckpt")
    trainer.save_checkpoint(run)
    with pytest.raises(InputError, match=r"^MLPRegressor predicts numbers, it has no threshold$"):
        zoo.predict(run, data.path, threshold=0.3)
    with pytest.raises(InputError, match=r"^MLPRegressor predicts numbers, it has no costs$"):
        zoo.predict(run, data.path, costs=[[0, 1], [2, 0]])
    for words in (["predict", run, data.path], ["test", run]):
        assert main([*words, "--threshold", "0.3"]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == "zoo: MLPRegressor predicts numbers, it has no threshold"
