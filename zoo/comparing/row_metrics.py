"""What a run did on each test row, in a form from which its metric is a mean over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.comparing.significance import Numbers
from zoo.tracking.run_folder import PROBABILITY, SEPARATOR

if TYPE_CHECKING:
    import pyarrow as pa

SMALLEST = float(np.finfo(np.float32).eps)  # a probability of zero is one that float32 could not tell from it


@dataclass(frozen=True)
class RowMetric:
    """One metric of one run.

    Args:
        values: (rows, columns); regression of several targets has a column each.
        root: The metric is the root of each column's mean; either way the mean over columns is taken.
    """

    values: Numbers
    root: bool = False

    def of_means(self, means: Numbers) -> Numbers:
        """The metric from means over rows, (..., columns) -> (...)."""
        found: Numbers = (np.sqrt(means) if self.root else means).mean(axis=-1)
        return found

    @property
    def value(self) -> float:
        return float(self.of_means(self.values.mean(axis=0)))

    @property
    def right_or_wrong(self) -> bool:
        """Every row is simply right or wrong."""
        return not self.root and bool(np.isin(self.values, (0.0, 1.0)).all())


def row_metrics(table: pa.Table) -> dict[str, RowMetric]:
    """Of classes: accuracy and log_loss; of several labels: accuracy over labels; of numbers: rmse and mae.

    Args:
        table: Of a predictions.csv, as `read_predictions` gives it.

    Returns:
        Nothing where the table has no targets, or numbers that are missing.
    """
    names = table.column_names
    if "target" not in names and not any(name.startswith("target_") for name in names):
        return {}
    classes = [name.removeprefix(PROBABILITY) for name in names if name.startswith(PROBABILITY)]
    if not classes:
        return _of_numbers(table)
    probabilities = np.column_stack([_numbers(table, PROBABILITY + name) for name in classes])
    target, found = _words(table, "target"), _words(table, "prediction")
    if np.isnan(probabilities).any():
        return {"accuracy": RowMetric((target == found).astype(np.float64)[:, None])}
    if np.abs(probabilities.sum(axis=1) - 1).max(initial=0.0) > 0.02:  # labels that do not exclude each other
        return {"accuracy": RowMetric(_labels_right(target, found, classes))}
    column = np.array([{name: at for at, name in enumerate(classes)}.get(word, -1) for word in target.tolist()])
    metrics = {"accuracy": RowMetric((target == found).astype(np.float64)[:, None])}
    if (column >= 0).all():
        p = probabilities[np.arange(len(column)), column]
        metrics["log_loss"] = RowMetric(-np.log(np.clip(p, SMALLEST, 1.0))[:, None])
    return metrics


def _of_numbers(table: pa.Table) -> dict[str, RowMetric]:
    ends = [name.removeprefix("target") for name in table.column_names if name.split("_")[0] == "target"]
    if any(str(table.schema.field(part + end).type) == "string" for end in ends for part in ("target", "prediction")):
        return {"accuracy": RowMetric((_words(table, "target") == _words(table, "prediction")).astype(float)[:, None])}
    error = np.column_stack([_numbers(table, "prediction" + end) - _numbers(table, "target" + end) for end in ends])
    if not np.isfinite(error).all():
        return {}
    return {"rmse": RowMetric(error**2, root=True), "mae": RowMetric(np.abs(error))}


def _labels_right(target: np.ndarray, found: np.ndarray, labels: list[str]) -> Numbers:
    """The share of its labels that each row has right, (rows, 1)."""
    wrong = [
        len((set(truth.split(SEPARATOR)) ^ set(said.split(SEPARATOR))) - {""})
        for truth, said in zip(target.tolist(), found.tolist(), strict=True)
    ]
    return 1 - np.array(wrong, dtype=np.float64)[:, None] / len(labels)


def _numbers(table: pa.Table, column: str) -> Numbers:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def _words(table: pa.Table, column: str) -> np.ndarray:
    return np.array(table[column].to_pylist(), dtype=object)
