"""A comparison as the plain values that the page's scripts draw; the scripts compute no statistics of their own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from zoo.comparing.metric_names import higher_is_better
from zoo.comparing.page.curves import curves
from zoo.comparing.page.embed import number, setting
from zoo.comparing.page.mistakes import mistakes

if TYPE_CHECKING:
    from zoo.comparing.comparison import Comparison, Group, Pair
    from zoo.comparing.runs import Run

COSTS = ("seconds", "samples_per_second", "parameters", "peak_memory_mb", "epochs", "steps", "best_epoch")
WORDS = ("data", "model")


def content(comparison: Comparison) -> dict[str, Any]:
    """All that the page shows; runs are named by their position, best first."""
    runs = comparison.runs
    metrics = list(dict.fromkeys([comparison.metric, *comparison.metrics]))
    position = {run.name: place for place, run in reversed(list(enumerate(runs)))}
    group_names = {name: group.name for group in comparison.groups for name in group.runs}
    histories = curves([run.history for run in runs])
    return {
        "metric": comparison.metric,
        "higher": {name: higher_is_better(name, runs) for name in metrics}
        | {comparison.metric: comparison.higher_is_better},
        "metrics": metrics,
        "differences": comparison.differences,
        "runs": [
            run_content(run, label, group_names.get(run.name, run.group), metrics, history)
            for run, label, history in zip(runs, labels(runs), histories, strict=True)
        ],
        "groups": [group_content(group, position) for group in comparison.groups],
        "pairs": [
            pair_content(pair, position) for pair in comparison.pairs if {pair.first, pair.second} <= set(position)
        ],
        "notes": comparison.notes,
    }


def labels(runs: list[Run]) -> list[str]:
    """The name of each run; with where it lies where another has the same."""
    often = Counter(run.name for run in runs)
    return [run.name if often[run.name] == 1 else f"{run.name} ({run.place})" for run in runs]


def run_content(run: Run, label: str, group: str, metrics: list[str], history: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of one run; `group` is the name of the one of the comparison that it is in."""
    return {
        "name": label,
        "place": run.place,
        "group": group,
        "config": {key: setting(value) for key, value in run.config.items()},
        "values": {name: number(run.summary.get(name)) for name in metrics},
        "costs": {name: number(run.summary.get(name)) for name in COSTS},
        "words": {name: str(run.summary[name]) for name in WORDS if run.summary.get(name) is not None}
        | {"status": run.status},
        "curves": history,
        "mistakes": mistakes_of(run),
    }


def mistakes_of(run: Run) -> dict[str, Any] | None:
    """None also of a predictions.csv that cannot be read: the notes of the comparison say so already."""
    try:
        return mistakes(run.predictions)
    except (ValueError, OSError):  # pyarrow's errors are ValueErrors
        return None


def group_content(group: Group, position: dict[str, int]) -> dict[str, Any]:
    return {
        "name": group.name,
        "runs": [position[name] for name in group.runs if name in position],
        "mean": {name: number(value) for name, value in group.mean.items()},
        "std": {name: number(value) for name, value in group.std.items()},
    }


def pair_content(pair: Pair, position: dict[str, int]) -> dict[str, Any]:
    return {
        "first": position[pair.first],
        "second": position[pair.second],
        "metric": pair.metric,
        "higher": higher_is_better(pair.metric),
        "difference": number(pair.difference),
        "low": number(pair.low),
        "high": number(pair.high),
        "p": number(pair.p_value),
        "test": pair.test,
        "rows": pair.n_rows,
        "beyond": pair.beyond_chance,
    }
