"""What the page shows of predictions.csv: a confusion matrix as counts, or predicted against true numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.comparing.page.embed import number
from zoo.tracking.run_folder import PROBABILITY, UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

MAX_KINDS = 3000  # kinds of mistake (true class, predicted class) of one run, the most frequent ones
MAX_DOTS = 400  # rows of one run's predicted numbers


def mistakes(predictions: pa.Table | None) -> dict[str, Any] | None:
    """`confusion` or `numbers` of one run; None where there is neither (no test, no target, several labels a row)."""
    if predictions is None or not {"target", "prediction"} <= set(predictions.column_names):
        return None
    classes = [name.removeprefix(PROBABILITY) for name in predictions.column_names if name.startswith(PROBABILITY)]
    return confusion(predictions, classes) if classes else numbers(predictions)


def confusion(predictions: pa.Table, classes: list[str]) -> dict[str, Any] | None:
    """Rows of each true class, those right, and the kinds of mistake as [true, predicted, rows], most frequent first."""
    place = {name: position for position, name in enumerate(classes)}
    counted = predictions.group_by(["target", "prediction"]).aggregate([([], "count_all")])
    total, right, wrong = [0] * len(classes), [0] * len(classes), []
    for true, predicted, rows in zip(*(counted[name].to_pylist() for name in counted.column_names), strict=True):
        if true == UNKNOWN or true is None:
            continue
        if true not in place or predicted not in place:
            return None  # several labels a row
        total[place[true]] += rows
        if true == predicted:
            right[place[true]] += rows
        else:
            wrong.append([place[true], place[predicted], rows])
    wrong.sort(key=lambda kind: (-kind[2], kind))
    return {"confusion": {"classes": classes, "total": total, "right": right, "wrong": wrong[:MAX_KINDS]}}


def numbers(predictions: pa.Table) -> dict[str, Any] | None:
    """At most `MAX_DOTS` evenly spaced rows of [true, predicted]."""
    every = -(-max(predictions.num_rows, 1) // MAX_DOTS)
    rows = predictions.take(list(range(0, predictions.num_rows, every)))
    try:
        pairs = [
            [None if value is None else number(float(value)) for value in (true, predicted)]
            for true, predicted in zip(rows["target"].to_pylist(), rows["prediction"].to_pylist(), strict=True)
        ]
    except ValueError:  # words, yet no probabilities: not ours
        return None
    return {"numbers": pairs}
