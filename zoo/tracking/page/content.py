"""A comparison as the plain values that the page's scripts draw; the scripts compute no statistics of their own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from zoo.tracking.page.curves import curves
from zoo.tracking.page.embed import number, setting
from zoo.tracking.page.mistakes import mistakes

if TYPE_CHECKING:
    from zoo.tracking.comparison import Comparison, Group, Pair
    from zoo.tracking.runs import Run

COSTS = ("seconds", "samples_per_second", "parameters", "peak_memory_mb", "epochs", "steps", "best_epoch")
WORDS = ("status", "data", "model")
LESS_IS_BETTER = ("loss", "rmse", "mae", "mse", "ece", "error", "brier", "nll", "perplexity")


def content(comparison: Comparison) -> dict[str, Any]:
    """All that the page shows; runs are named by their position, best first."""
    runs = comparison.runs
    metrics = list(dict.fromkeys([comparison.metric, *comparison.metrics]))
    position = {run.name: place for place, run in reversed(list(enumerate(runs)))}
    histories = curves([run.history for run in runs])
    return {
        "metric": comparison.metric,
        "higher": {name: higher_is_better(name) for name in metrics} | {comparison.metric: comparison.higher_is_better},
        "metrics": metrics,
        "differences": comparison.differences,
        "runs": [
            run_content(run, label, metrics, history)
            for run, label, history in zip(runs, labels(runs), histories, strict=True)
        ],
        "groups": [group_content(group, position) for group in comparison.groups],
        "pairs": [
            pair_content(pair, position) for pair in comparison.pairs if {pair.first, pair.second} <= set(position)
        ],
        "notes": comparison.notes,
    }


def higher_is_better(metric: str) -> bool:
    """Of a metric by which the comparison is not ordered, by the last word of its name.

    Example:
        >>> higher_is_better("test/log_loss"), higher_is_better("test/accuracy")
        (False, True)
    """
    return not metric.rsplit("/", 1)[-1].lower().endswith(LESS_IS_BETTER)


def labels(runs: list[Run]) -> list[str]:
    """The name of each run; with where it lies where another has the same."""
    often = Counter(run.name for run in runs)
    return [run.name if often[run.name] == 1 else f"{run.name} ({run.place})" for run in runs]


def run_content(run: Run, label: str, metrics: list[str], history: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": label,
        "place": run.place,
        "group": run.group,
        "config": {key: setting(value) for key, value in run.config.items()},
        "values": {name: number(run.summary.get(name)) for name in metrics},
        "costs": {name: number(run.summary.get(name)) for name in COSTS},
        "words": {name: str(run.summary[name]) for name in WORDS if run.summary.get(name) is not None},
        "curves": history,
        "mistakes": mistakes(run.predictions),
    }


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
