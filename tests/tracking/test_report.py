"""The numbers behind tables and curves: against scikit-learn, and against what can be counted by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from zoo.models.metrics import classification_metrics
from zoo.tracking.report import (
    MOST_CURVES,
    MOST_MISTAKES,
    MOST_POINTS,
    class_report,
    curves,
    label_report,
    regression_report,
)

CLASSES = ["a", "b", "c"]


def noisy(rows: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities that are right more often than not, with ties, and the truth."""
    draw = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (rows,), generator=draw)
    logits = torch.randn(rows, classes, generator=draw) + 1.5 * torch.nn.functional.one_hot(target, classes)
    scores = (logits.softmax(dim=1) * 50).round() + 1
    return scores / scores.sum(dim=1, keepdim=True), target


def test_figures_of_a_class_are_those_of_scikit_learn() -> None:
    scores, target = noisy(300, 3)
    report = class_report(scores, target, CLASSES, scores.argmax(dim=1))
    expected = precision_recall_fscore_support(target, scores.argmax(dim=1), labels=range(3))
    found = [[getattr(row, name) for row in report.per_class] for name in ("precision", "recall", "f1", "support")]
    assert found == pytest.approx(np.array(expected))
    assert report.counts is not None
    assert report.counts.sum() == 300


def test_curves_have_the_areas_of_all_their_points() -> None:
    scores, target = noisy(5000, 3)
    for k, curve in enumerate(class_report(scores, target, CLASSES, scores.argmax(dim=1)).curves):
        assert len(curve.recall) <= MOST_POINTS
        assert (curve.false_positive_rate[0], curve.false_positive_rate[-1]) == (0.0, 1.0)
        assert (curve.true_positive_rate[-1], curve.recall[-1]) == (1.0, 1.0)
        area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
        assert area == pytest.approx(roc_auc_score(target == k, scores[:, k]), abs=0.003)
        precision = np.trapezoid(curve.precision, curve.recall)
        assert precision == pytest.approx(average_precision_score(target == k, scores[:, k]), abs=0.01)


def test_a_class_without_rows_has_no_curve_and_few_classes_have_one() -> None:
    scores, target = noisy(200, 30)
    report = class_report(scores, target.clamp(max=28), [f"c{i}" for i in range(30)], scores.argmax(dim=1))
    assert len(report.curves) == MOST_CURVES
    assert report.per_class[29].support == 0
    assert curves(scores[:, 0], torch.zeros(200, dtype=torch.bool), "x") is None
    two, truth = noisy(50, 2)
    assert [curve.name for curve in class_report(two, truth, ["no", "yes"], two.argmax(dim=1)).curves] == ["yes"]


def test_the_bins_give_the_calibration_error_that_is_logged() -> None:
    scores, target = noisy(400, 3)
    bins = class_report(scores, target, CLASSES, scores.argmax(dim=1)).reliability
    assert sum(b.count for b in bins) == 400
    error = sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / 400
    assert error == pytest.approx(classification_metrics(scores, target)["ece"], abs=1e-5)


def test_mistakes_are_wrong_and_the_surest_come_first() -> None:
    scores, target = noisy(400, 3)
    report = class_report(scores, target, CLASSES, scores.argmax(dim=1))
    assert len(report.mistakes) == MOST_MISTAKES
    sure = [mistake.confidence for mistake in report.mistakes]
    assert sure == sorted(sure, reverse=True)
    wrong = scores.argmax(dim=1) != target
    assert sure[0] == pytest.approx(float(scores.max(dim=1).values[wrong].max()))
    for mistake in report.mistakes:
        assert mistake.target == CLASSES[target[mistake.row]] != mistake.prediction
    perfect = class_report(torch.eye(3), torch.arange(3), CLASSES, torch.arange(3))
    assert perfect.mistakes == []


def test_of_several_labels_each_is_judged() -> None:
    scores = torch.tensor([[0.9, 0.2], [0.4, 0.95], [0.8, 0.3]])
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    report = label_report(scores, target, ["x", "y"], scores > 0.5)
    assert report.counts is None
    assert [(row.precision, row.recall, row.support) for row in report.per_class] == [(1.0, 2 / 3, 3), (0.0, 0.0, 1)]
    assert [(m.row, m.target, m.prediction) for m in report.mistakes] == [
        (1, "not y", "y"), (2, "y", "not y"), (1, "x", "not x")]  # fmt: skip


def test_the_largest_errors_come_first_and_a_large_test_is_thinned_out() -> None:
    target = torch.arange(5000.0).unsqueeze(1)
    prediction = target.clone()
    prediction[7] += 3
    prediction[9] -= 5
    report = regression_report(prediction, target, ["price"])
    assert [(m.row, m.confidence) for m in report.mistakes[:2]] == [(9, -5.0), (7, 3.0)]
    assert len(report.target) == len(report.prediction) == 1000
