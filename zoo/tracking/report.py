"""What a test says beyond its metrics, as plain numbers: tables and curves that loggers and pictures show.

scores and targets of the test split -> `class_report` or `regression_report` -> pictures, W&B tables
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15  # of the reliability diagram, as many as the calibration error has
MOST_POINTS = 100  # of a curve; more cannot be told apart in a picture, and W&B takes its time for each
MOST_CURVES = 10  # classes with a curve: the most frequent ones
MOST_MISTAKES = 24
MOST_RESIDUALS = 1000


@dataclass(frozen=True)
class ClassRow:
    """One class in figures, each 0-1 but the support, which counts its rows."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Curves:
    """One against the rest, for one class: from the strictest threshold to the loosest."""

    name: str
    false_positive_rate: list[float]
    true_positive_rate: list[float]
    recall: list[float]
    precision: list[float]


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same confidence, and the share of them that are right."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Mistake:
    """A row whose prediction is wrong.

    Args:
        row: Its place in the test split.
        target: What it is.
        prediction: What the model took it for.
        confidence: Of the model in that, 0-1; for numbers the error, prediction - target.
    """

    row: int
    target: str | float
    prediction: str | float
    confidence: float


@dataclass(frozen=True)
class ClassReport:
    """A test of a classifier.

    Args:
        class_names: In the order of the counts.
        counts: Rows: true class, columns: predicted class; None where a row has several labels.
        per_class: A row a class.
        curves: Of the most frequent classes that have both rows of theirs and others.
        reliability: Bins that hold predictions.
        mistakes: Most confident first.
    """

    class_names: list[str]
    counts: Tensor | None
    per_class: list[ClassRow]
    curves: list[Curves]
    reliability: list[Bin]
    mistakes: list[Mistake]


@dataclass(frozen=True)
class RegressionReport:
    """A test of a regressor.

    Args:
        names: Of the target columns.
        target: (points, targets), a sample where there are many rows.
        prediction: (points, targets) of the same rows.
        mistakes: Largest errors of the first target first.
    """

    names: list[str]
    target: Tensor
    prediction: Tensor
    mistakes: list[Mistake]


Report = ClassReport | RegressionReport


def class_report(scores: Tensor, target: Tensor, class_names: Sequence[str], found: Tensor) -> ClassReport:
    """The report of a test whose rows have one class each.

    Shape:
        scores (rows, classes), probabilities; target and found, the class that was chosen, int64 (rows,).
    """
    names, n = list(class_names), len(class_names)
    highest, likeliest = scores.max(dim=1)
    confidence = scores.gather(1, found[:, None])[:, 0]  # in what was chosen, by a threshold perhaps
    counts = confusion_counts(found, target, n)
    wrong = found != target
    frequent = counts.sum(dim=1).argsort(descending=True, stable=True)[:MOST_CURVES].sort().values
    shown = frequent.tolist() if n > 2 else [1]  # of two classes one says what the other does
    return ClassReport(
        class_names=names,
        counts=counts,
        per_class=per_class(counts.diagonal(), counts.sum(dim=0), counts.sum(dim=1), names),
        curves=[c for k in shown if (c := curves(scores[:, k], target == k, names[k])) is not None],
        reliability=reliability(highest, likeliest == target),
        mistakes=[
            Mistake(row, names[int(target[row])], names[int(found[row])], float(confidence[row]))
            for row in most(confidence.masked_fill(~wrong, -1.0), int(wrong.sum()))
        ],
    )


def label_report(scores: Tensor, target: Tensor, class_names: Sequence[str], decisions: Tensor) -> ClassReport:
    """The report of a test whose rows may have several labels; a mistake is a row with one of its labels.

    Shape:
        scores (rows, labels), each 0-1; target and decisions 0 or 1 (rows, labels).
    """
    names, truth, found = list(class_names), target > 0.5, decisions > 0.5
    sure = torch.where(found, scores, 1 - scores)
    wrong = (truth != found).flatten()
    frequent = truth.sum(dim=0).argsort(descending=True, stable=True)[:MOST_CURVES].sort().values.tolist()
    places = most(sure.flatten().masked_fill(~wrong, -1.0), int(wrong.sum()))
    return ClassReport(
        class_names=names,
        counts=None,
        per_class=per_class((truth & found).sum(dim=0), found.sum(dim=0), truth.sum(dim=0), names),
        curves=[c for k in frequent if (c := curves(scores[:, k], truth[:, k], names[k])) is not None],
        reliability=reliability(torch.max(scores, 1 - scores).flatten(), ((scores > 0.5) == truth).flatten()),
        mistakes=[
            Mistake(
                place // len(names),
                _on(truth.flatten()[place], names[place % len(names)]),
                _on(found.flatten()[place], names[place % len(names)]),
                float(sure.flatten()[place]),
            )
            for place in places
        ],
    )


def regression_report(prediction: Tensor, target: Tensor, names: Sequence[str]) -> RegressionReport:
    """The report of a test of numbers.

    Shape:
        prediction and target (rows, targets).
    """
    error = (prediction - target)[:, 0]
    every = max(1, -(-len(target) // MOST_RESIDUALS))
    return RegressionReport(
        names=list(names),
        target=target[::every],
        prediction=prediction[::every],
        mistakes=[
            Mistake(row, float(target[row, 0]), float(prediction[row, 0]), float(error[row]))
            for row in most(error.abs().nan_to_num(0.0), len(error))
        ],
    )


def confusion_counts(found: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Rows: true class, columns: predicted class, int64 (classes, classes)."""
    return torch.bincount(target * num_classes + found, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class(hits: Tensor, predicted: Tensor, actual: Tensor, names: Sequence[str]) -> list[ClassRow]:
    """Precision, recall and F1 of each class from counts; 0 where nothing was predicted or nothing is there.

    Example:
        >>> per_class(torch.tensor([3]), torch.tensor([4]), torch.tensor([6]), ["a"])
        [ClassRow(name='a', precision=0.75, recall=0.5, f1=0.6, support=6)]
    """
    rows = []
    for name, hit, said, there in zip(names, hits.tolist(), predicted.tolist(), actual.tolist(), strict=True):
        f1 = 2 * hit / (said + there) if said + there else 0.0
        rows.append(ClassRow(name, hit / said if said else 0.0, hit / there if there else 0.0, f1, int(there)))
    return rows


def curves(scores: Tensor, positive: Tensor, name: str) -> Curves | None:
    """ROC and precision-recall from counts at each threshold, thinned out; None where only one kind of row is there.

    Shape:
        scores and positive (rows,).
    """
    total = int(positive.sum())
    if total in (0, len(positive)):
        return None
    ordered, order = scores.sort(descending=True)
    last = torch.ones(len(order), dtype=torch.bool)
    last[:-1] = ordered[1:] != ordered[:-1]  # rows of one score are taken together
    hits = positive[order].cumsum(0)[last].double()
    taken = (torch.arange(len(order)) + 1)[last].double()
    recall, precision = hits / total, hits / taken
    fall_out = (taken - hits) / (len(positive) - total)
    start = torch.zeros(1, dtype=torch.float64)
    roc = thin(torch.cat([start, fall_out]), torch.cat([start, recall]))
    pr = thin(torch.cat([start, recall]), torch.cat([precision[:1], precision]))
    return Curves(name, *roc, *pr)


def thin(x: Tensor, y: Tensor, most_points: int = MOST_POINTS) -> tuple[list[float], list[float]]:
    """At most so many points of a curve, about equally far from each other along it; both ends stay.

    Example:
        >>> thin(torch.arange(5.0), torch.zeros(5), 3)
        ([0.0, 2.0, 4.0], [0.0, 0.0, 0.0])
    """
    if len(x) > most_points:
        along = torch.cat([torch.zeros(1, dtype=x.dtype), (x.diff().abs() + y.diff().abs()).cumsum(0)])
        wanted = torch.linspace(0, float(along[-1]), most_points, dtype=x.dtype)
        places = torch.searchsorted(along, wanted).clamp(max=len(x) - 1)
        places[-1] = len(x) - 1
        kept = torch.unique(places)
        x, y = x[kept], y[kept]
    return [round(value, 5) for value in x.tolist()], [round(value, 5) for value in y.tolist()]


def reliability(confidence: Tensor, right: Tensor) -> list[Bin]:
    """Mean confidence and share of right predictions in equal bins of confidence, (rows,) each; empty bins left out."""
    place = (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)
    count = torch.bincount(place, minlength=BINS)
    sure = torch.bincount(place, weights=confidence.double(), minlength=BINS)
    hits = torch.bincount(place, weights=right.double(), minlength=BINS)
    return [
        Bin(float(sure[k] / count[k]), float(hits[k] / count[k]), int(count[k])) for k in range(BINS) if int(count[k])
    ]


def most(values: Tensor, n: int) -> list[int]:
    """Places of the largest values, at most `n` and at most so many as are shown."""
    found: list[int] = values.topk(min(n, MOST_MISTAKES, len(values))).indices.tolist()
    return found


def _on(value: Tensor, name: str) -> str:
    return name if bool(value) else f"not {name}"
