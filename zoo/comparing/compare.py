"""`zoo.compare`: read runs and put them side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from zoo.comparing.comparison import Comparison, Group
from zoo.comparing.differences import as_word, differing
from zoo.comparing.metric_names import choose_metric, higher_is_better, metric_value, shown_metrics
from zoo.comparing.pairs import compare_pairs, some
from zoo.comparing.runs import Run, with_best_so_far
from zoo.comparing.select import select_runs
from zoo.tracking.flat_config import SAME_IN_A_GROUP, settings_key

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
    pairs, on_pairs = compare_pairs(found, groups, chosen)
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


def _named(name: str, alike: list[list[Run]]) -> list[tuple[str, list[Run]]]:
    """Names for the runs of one group that are set alike: the group's, with as many settings as tell them apart."""
    configs = [runs[0].config for runs in alike]
    words, names = [""] * len(alike), {""}
    for key in differing(configs):
        if len(names) == len(alike):
            break
        more = [f"{word}, {key}={as_word(config.get(key))}" for word, config in zip(words, configs, strict=True)]
        if key not in SAME_IN_A_GROUP and len(set(more)) > len(names):
            words, names = more, set(more)
    if len(names) < len(alike):  # by less than the words show
        words = [f"{word}, {number}" for number, word in enumerate(words, start=1)]
    return [(f"{name} ({word[2:]})" if word else name, runs) for word, runs in zip(words, alike, strict=True)]


def groups_of(runs: Sequence[Run], metrics: Sequence[str], metric: str, *, higher: bool) -> list[Group]:
    """Mean and standard deviation over runs that differ in their seed alone, best group first.

    A group that was named may hold anything, e.g. all trials of a search: it becomes one group for each of the settings
    in it, named by what differs between them.

    Args:
        runs: Best first.
        metrics: Of which to take the mean.
        metric: By whose mean the groups are ordered.
        higher: Its direction.
    """
    named: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        named.setdefault(run.group, {}).setdefault(settings_key(run.config), []).append(run)
    groups = []
    for name, group in [pair for told, alike in named.items() for pair in _named(told, list(alike.values()))]:
        values = {key: [v for run in group if (v := metric_value(run, key)) is not None] for key in metrics}
        mean = {key: statistics.fmean(found) for key, found in values.items() if found}
        std = {key: statistics.stdev(found) for key, found in values.items() if len(found) > 1}
        groups.append(Group(name, [run.name for run in group], mean, std))
    sign = -1 if higher else 1
    return sorted(groups, key=lambda group: (metric not in group.mean, sign * group.mean.get(metric, 0.0)))
