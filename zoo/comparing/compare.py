"""`zoo.compare`: read runs and put them side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from zoo.comparing.comparison import Comparison, Group
from zoo.comparing.differences import differing
from zoo.comparing.metric_names import choose_metric, higher_is_better, metric_value, shown_metrics
from zoo.comparing.pairs import compare_pairs, some
from zoo.comparing.runs import Run, with_best_so_far
from zoo.comparing.select import select_runs

ALSO = ("seconds", "parameters")  # of which groups have a mean too


def compare(
    runs: str | Path | Sequence[str | Path | Run], *, metric: str | None = None, filters: Sequence[str] = ()
) -> Comparison:
    """Runs side by side, best first: what differs, the metrics, groups of seeds, what is more than chance.

    Args:
        runs: Run folders, folders of run folders, globs, `wandb://entity/project`, or runs that were read already.
        metric: What best means, e.g. `test/f1_macro` or `f1_macro`; None takes test/accuracy (test/rmse for
            regression) where all have it, else that of the best epoch's validation rows.
        filters: Conditions that all runs must pass, e.g. `["model=MLPClassifier", "model_lr>0.001", "tags=new"]`.

    Raises:
        InputError: No runs there, none that passes, or a metric or filter that none knows.

    Example:
        >>> comparison = zoo.compare("runs")  # doctest: +SKIP
        >>> comparison.runs[0].name, comparison.pairs[0].p_value  # doctest: +SKIP
        ('cnn-digits', 0.03)
    """
    places = [runs] if isinstance(runs, str | Path) else list(runs)
    found, notes = select_runs(places, filters)
    found = [with_best_so_far(run) for run in found]
    chosen = choose_metric(found, metric)
    higher = higher_is_better(chosen, found)
    found = best_first(found, chosen, higher=higher)
    notes += on_metric(found, chosen, asked=metric is not None)
    names = shown_metrics(found, chosen)
    groups = groups_of(found, [*dict.fromkeys([chosen, *names, *ALSO])], chosen, higher=higher)
    pairs, on_pairs = compare_pairs(found, groups)
    return Comparison(
        runs=found,
        metric=chosen,
        higher_is_better=higher,
        differences=differing([run.config for run in found if run.config]),
        metrics=names,
        groups=groups,
        pairs=pairs,
        notes=notes + on_pairs,
    )


def on_metric(runs: Sequence[Run], metric: str, *, asked: bool) -> list[str]:
    """Which runs lack the metric, and why the runs are not ordered by one of the test rows."""
    notes = []
    missing = [run.name for run in runs if metric_value(run, metric) is None]
    if missing:
        notes.append(f"Without {metric}, so last: {some(missing)}.")
    tested = metric.replace("best/val/", "test/")
    have = sum(metric_value(run, tested) is not None for run in runs)
    if not asked and tested != metric and have > 0:
        notes.append(f"Only {have} of {len(runs)} runs have {tested}; --metric {tested} orders by it.")
    return notes


def best_first(runs: Sequence[Run], metric: str, *, higher: bool) -> list[Run]:
    """Ordered by the metric; runs without it come last, by name."""

    def place(run: Run) -> tuple[bool, float, str]:
        value = metric_value(run, metric)
        return (value is None, 0.0 if value is None else -value if higher else value, run.name)

    return sorted(runs, key=place)


def groups_of(runs: Sequence[Run], metrics: Sequence[str], metric: str, *, higher: bool) -> list[Group]:
    """Mean and standard deviation over the runs of each group, best group first.

    Args:
        runs: Best first.
        metrics: Of which to take the mean.
        metric: By whose mean the groups are ordered.
        higher: Its direction.
    """
    members: dict[str, list[Run]] = {}
    for run in runs:
        members.setdefault(run.group, []).append(run)
    groups = []
    for name, group in members.items():
        values = {key: [v for run in group if (v := metric_value(run, key)) is not None] for key in metrics}
        mean = {key: statistics.fmean(found) for key, found in values.items() if found}
        std = {key: statistics.stdev(found) for key, found in values.items() if len(found) > 1}
        groups.append(Group(name, [run.name for run in group], mean, std))
    sign = -1 if higher else 1
    return sorted(groups, key=lambda group: (metric not in group.mean, sign * group.mean.get(metric, 0.0)))
