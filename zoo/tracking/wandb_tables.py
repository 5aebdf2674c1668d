"""A test's report as W&B shows it: tables, and charts of W&B's own that lay runs over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.tracking.examples import Example
from zoo.tracking.report import ClassReport, Mistake, RegressionReport, Report

MOST_CELLS = 10_000  # of a confusion matrix; beyond that only those that hold rows


def media(report: Report, shown: Sequence[Example] | None) -> dict[str, Any]:
    """What is logged at the end of a test, by name.

    Args:
        report: The numbers.
        shown: The rows of its mistakes; None leaves out whatever is of single rows.
    """
    if isinstance(report, RegressionReport):
        return {} if shown is None else _of_numbers(report, shown)
    return _of_classes(report, shown)


def _of_classes(report: ClassReport, shown: Sequence[Example] | None) -> dict[str, Any]:
    import wandb

    rows = [[c.name, c.precision, c.recall, c.f1, c.support] for c in report.per_class]
    found: dict[str, Any] = {"test/per_class": table_of(["class", "precision", "recall", "f1", "support"], rows)}
    if report.counts is not None:
        found["test/confusion_matrix"] = _confusion(report)
    if report.curves:
        roc = [
            [c.name, x, y]
            for c in report.curves
            for x, y in zip(c.false_positive_rate, c.true_positive_rate, strict=True)
        ]
        pr = [[c.name, x, y] for c in report.curves for x, y in zip(c.recall, c.precision, strict=True)]
        found["test/roc"] = _areas(roc, "fpr", "tpr", "ROC", "False positive rate", "True positive rate")
        found["test/pr"] = _areas(pr, "recall", "precision", "Precision and recall", "Recall", "Precision")
    rows = [[b.confidence, b.accuracy, b.count] for b in report.reliability]
    bins = table_of(["confidence", "accuracy", "count"], rows)
    fields = {"x": "confidence", "y": "accuracy", "stroke": None}
    found["test/reliability"] = wandb.plot_table("wandb/line/v0", bins, fields, {"title": "Reliability"})
    if report.mistakes and shown is not None:
        found["test/mistakes"] = _mistakes(report.mistakes, shown, "confidence")
    return found


def _of_numbers(report: RegressionReport, shown: Sequence[Example]) -> dict[str, Any]:
    import wandb

    columns = [
        f"{kind}_{name}" if len(report.names) > 1 else kind
        for name in report.names
        for kind in ("target", "prediction")
    ]
    pairs = zip(report.target.tolist(), report.prediction.tolist(), strict=True)
    points = table_of(columns, [[value for pair in zip(t, p, strict=True) for value in pair] for t, p in pairs])
    fields = {"x": columns[0], "y": columns[1]}
    title = {"title": f"Prediction and truth: {report.names[0]}"}
    return {
        "test/residuals": wandb.plot_table("wandb/scatter/v0", points, fields, title),
        "test/largest_errors": _mistakes(report.mistakes, shown, "error"),
    }


def _confusion(report: ClassReport) -> Any:
    import wandb

    assert report.counts is not None
    names, counts = report.class_names, report.counts.tolist()
    every = len(names) ** 2 <= MOST_CELLS
    cells = [
        [actual, predicted, n]
        for actual, row in zip(names, counts, strict=True)
        for predicted, n in zip(names, row, strict=True)
        if n or every
    ]
    columns = ["Actual", "Predicted", "nPredictions"]
    table = table_of(columns, cells)
    fields = {name: name for name in columns}
    return wandb.plot_table("wandb/confusion_matrix/v1", table, fields, {"title": "Confusion matrix"})


def _areas(rows: list[list[Any]], x: str, y: str, title: str, x_title: str, y_title: str) -> Any:
    import wandb

    strings = {"title": title, "x-axis-title": x_title, "y-axis-title": y_title}
    table = table_of(["class", x, y], rows)
    return wandb.plot_table("wandb/area-under-curve/v0", table, {"x": x, "y": y, "class": "class"}, strings)


def _mistakes(mistakes: Sequence[Mistake], shown: Sequence[Example], measure: str) -> Any:
    import wandb

    own = list(dict.fromkeys(name for example in shown for name in example.cells))
    pictures = any(example.picture is not None for example in shown)
    columns = ["index", *(["picture"] if pictures else []), "target", "prediction", measure, *(f"row_{c}" for c in own)]
    rows = []
    for mistake, example in zip(mistakes, shown, strict=True):
        picture = None if example.picture is None else wandb.Image(example.picture)
        said = [mistake.target, mistake.prediction, mistake.confidence]
        cells = [example.cells.get(name) for name in own]
        rows.append([example.label, *([picture] if pictures else []), *said, *cells])
    return table_of(columns, rows)


def table_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A table of W&B; a cell may be missing."""
    import wandb

    return wandb.Table(list(columns), [list(row) for row in rows], allow_mixed_types=True)
