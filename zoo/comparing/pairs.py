"""Pairs of runs on the same test rows: the best run against the others, corrected for being many.

Which run is the best is mostly read off these very rows. Then the comparisons that are shown were chosen among all pairs
of runs, and are corrected for as many; else ten equal runs would have a "beyond chance" among them three times as often
as the 5 % that are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.comparing.comparison import Group, Pair
from zoo.comparing.row_metrics import RowMetric, row_metrics
from zoo.comparing.runs import Run
from zoo.comparing.significance import bootstrap_means, bootstrap_p, holm, interval, mcnemar

if TYPE_CHECKING:
    import pyarrow as pa

MANY = 10  # runs; of more, one a group is compared
AT_MOST = 20  # groups of which one is compared
BOOTSTRAP = "paired bootstrap"
TEST = "test/"  # begins the name of a metric of the test rows


@dataclass(frozen=True)
class TestRows:
    """The test rows of a run.

    Args:
        run: The run.
        index: Row numbers or file paths -> their place in the table.
        truth: The targets, in the table's order.
        metrics: By name.
    """

    __test__ = False  # no test of pytest's

    run: Run
    index: dict[str, int]
    truth: list[tuple[object, ...]]
    metrics: dict[str, RowMetric]


def compare_pairs(runs: Sequence[Run], groups: Sequence[Group], metric: str) -> tuple[list[Pair], list[str]]:
    """The best run against every other, or where there are many, the best of the best group against that of each group.

    Where many runs are one group alone, its best ones are compared.

    Args:
        runs: Best first.
        groups: Of these runs, best first.
        metric: By which they are ordered.

    Returns:
        Pairs, p-values corrected (Holm) for the pairs of one metric, or for all pairs of the runs among which the best
        was found by its test rows; and notes on runs that could not be compared.
    """
    by_name = {run.name: run for run in runs}
    if len(runs) <= MANY or len(groups) == 1:
        chosen = list(runs[:MANY])
    else:
        chosen = [by_name[group.runs[0]] for group in groups[:AT_MOST]]
    reasons: dict[str, list[str]] = {}
    rows: list[TestRows] = []
    for run in chosen:
        found = _read(run)
        if isinstance(found, str):
            reasons.setdefault(found, []).append(run.name)
        elif rows and (reason := _other_rows(rows[0], found)):
            reasons.setdefault(reason, []).append(run.name)
        else:
            rows.append(found)
    if len(chosen) < 2:
        return [], []
    on_test = metric.startswith(TEST)
    n_runs = len(runs) - (len(chosen) - len(rows))  # among which the best was found
    n_pairs = n_runs * (n_runs - 1) // 2 if on_test else len(rows) - 1
    notes = _notes(runs, groups, chosen, rows, reasons)
    if len(rows) > 1 and n_pairs > 1:
        why = f", all pairs of {n_runs} runs, since {metric} of these rows says which is best" if on_test else ""
        notes.append(
            f"p-values are corrected for {n_pairs:,} comparisons{why} (Holm); intervals hold 95 % each, uncorrected."
        )
    return (_pairs(rows, n_pairs) if len(rows) > 1 else []), notes


def _read(run: Run) -> TestRows | str:
    """The test rows of a run, or why there are none."""
    try:
        table = run.predictions
    except (ValueError, OSError) as error:  # pyarrow's errors are ValueErrors
        return f"its predictions.csv cannot be read: {' '.join(str(error).split())[:80]}"
    if table is None:
        return "no predictions.csv of test rows"
    if "index" not in table.column_names:
        return "its predictions.csv has no column index"
    try:
        metrics = row_metrics(table)
    except (KeyError, TypeError, ValueError):  # a column is missing, or holds words in place of numbers
        metrics = {}
    if not metrics or not table.num_rows:
        return "no targets in its predictions.csv, or values that are missing or no numbers"
    index = {label: at for at, label in enumerate(table["index"].to_pylist())}
    if len(index) < table.num_rows:
        return "rows of its predictions.csv share an index"
    return TestRows(run, index, _truth(table), metrics)


def _truth(table: pa.Table) -> list[tuple[object, ...]]:
    names = [name for name in table.column_names if name == "target" or name.startswith("target_")]
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _other_rows(first: TestRows, second: TestRows) -> str | None:
    """Why two runs were not tested on the same rows; None where they were.

    Index and targets decide. The data fingerprint does not: it is another one also where only the train rows are.
    """
    if first.metrics.keys() & second.metrics.keys() == set():
        return "another task than that of the first"
    if first.index.keys() != second.index.keys():
        return "other test rows than those of the first: the index columns differ"
    if any(first.truth[first.index[label]] != second.truth[at] for label, at in second.index.items()):
        return "other targets than those of the first in the same rows"
    return None


def _pairs(rows: Sequence[TestRows], n_pairs: int) -> list[Pair]:
    """The first against each other, in each metric that both have."""
    first, *others = rows
    order = [[other.index[label] for label in first.index] for other in others]
    pairs: list[Pair] = []
    for name, of_first in first.metrics.items():
        found = [
            (other.run, replace(other.metrics[name], values=other.metrics[name].values[at]))
            for other, at in zip(others, order, strict=True)
            if name in other.metrics and other.metrics[name].values.shape == of_first.values.shape
        ]
        pairs += _of_metric(name, first.run, of_first, found, n_pairs)
    return pairs


def _of_metric(
    name: str, run: Run, metric: RowMetric, others: Sequence[tuple[Run, RowMetric]], n_pairs: int
) -> list[Pair]:
    if not others:
        return []
    width = metric.values.shape[1]
    means = bootstrap_means(np.column_stack([metric.values, *(other.values for _, other in others)]))
    drawn = metric.of_means(means[:, :width])
    pairs = []
    for at, (other_run, other) in enumerate(others, start=1):
        differences = drawn - other.of_means(means[:, at * width : (at + 1) * width])
        low, high = interval(differences)
        if name == "accuracy" and metric.right_or_wrong and other.right_or_wrong:
            p_value, test = mcnemar(metric.values[:, 0] > 0.5, other.values[:, 0] > 0.5)
        else:
            p_value, test = bootstrap_p(differences, len(metric.values)), BOOTSTRAP
        difference = metric.value - other.value
        pairs.append(Pair(run.name, other_run.name, name, difference, low, high, p_value, test, len(metric.values)))
    corrected = holm([pair.p_value for pair in pairs], m=n_pairs)
    return [replace(pair, p_value=p) for pair, p in zip(pairs, corrected, strict=True)]


def _notes(
    runs: Sequence[Run],
    groups: Sequence[Group],
    chosen: Sequence[Run],
    rows: Sequence[TestRows],
    reasons: dict[str, list[str]],
) -> list[str]:
    notes = []
    if len(chosen) < len(runs):
        which = "each group" if len(chosen) == len(groups) else f"each of the {len(chosen)} best groups"
        said = f"the {len(chosen)} best are" if len(groups) == 1 else f"the best one of {which} is"
        notes.append(f"Of {len(runs)} runs {said} compared row by row.")
    if len(rows) > 1 and rows[0].run is not chosen[0]:
        notes.append(f"{chosen[0].name} has no test rows to compare, so {rows[0].run.name} stands in its place.")
    against = f" with {rows[0].run.name}" if rows else ""
    prints = [(row.run.name, row.run.summary.get("data_fingerprint")) for row in rows]
    other = [name for name, told in prints if None not in (told, prints[0][1]) and told != prints[0][1]]
    if other:
        notes.append(
            f"The same test rows as those of {prints[0][0]}, but other train or validation rows, or another file (the "
            f"data fingerprints differ): {some(other)}."
        )
    for reason, names in reasons.items():
        notes.append(f"Not compared row by row{against}: {some(names)} ({reason}).")
    return notes


def some(names: Sequence[str]) -> str:
    """Names, of many the first.

    Example:
        >>> some(list("abcdefg"))
        'a, b, c, d, e and 2 more'
    """
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
