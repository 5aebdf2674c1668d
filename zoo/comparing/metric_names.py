"""By which metric runs are ordered, which way is better, and which metrics a comparison shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from zoo.comparing.runs import Run
from zoo.errors import InputError, did_you_mean

PREFIXES = ("test/", "best/val/", "val/")  # the best word on a run first
FIRST = ("accuracy", "rmse", "loss")  # what best means where nobody says
SHOWN = ("test/", "best/val/")
HIGHER = ("accuracy", "f1_macro", "auroc", "r2", "precision", "recall", "samples_per_second")
LOWER = (
    "loss",
    "rmse",
    "mae",
    "mse",
    "ece",
    "nll",
    "error",
    "perplexity",
    "brier",
    "cost",
    "seconds",
    "parameters",
    "memory_mb",
)


def metric_value(run: Run, metric: str) -> float | None:
    """The run's value of a metric; None where it has none, or one that is no number."""
    value = run.summary.get(metric)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def choose_metric(runs: Sequence[Run], name: str | None) -> str:
    """The metric by which runs are ordered.

    Args:
        runs: At least one; those without any metric have no say.
        name: What the user said: a name of summary.json, or its end (`f1_macro` is test/f1_macro, else
            best/val/f1_macro); None takes test/accuracy, test/rmse or test/loss where all runs have it, else
            the same of best/val/, else of val/, else what most runs have.

    Raises:
        InputError: No run has that metric.
    """
    known = _all_names(runs)
    if name is not None:
        found = [full for full in (name, *(prefix + name for prefix in PREFIXES)) if full in known]
        if found:
            return max(found, key=lambda full: (known[full], -found.index(full)))
        shown = [full for full in known if "/" in full] + [end for full in known for end in [full.split("/")[-1]]]
        raise InputError(f"--metric {name}: no run has it; {did_you_mean(name, dict.fromkeys(shown))}")
    measured = [run for run in runs if any(metric_value(run, full) is not None for full in known if "/" in full)]
    wanted = [prefix + end for prefix in PREFIXES for end in FIRST] + [full for full in known if "/" in full]
    if not measured or not wanted:
        return PREFIXES[0] + FIRST[0]
    return max(wanted, key=lambda full: (known.get(full, 0), -wanted.index(full)))


def higher_is_better(metric: str, runs: Iterable[Run] = ()) -> bool:
    """The direction of a metric: known by its name, or what a run monitored; of any other, higher.

    Example:
        >>> higher_is_better("test/accuracy"), higher_is_better("best/val/loss"), higher_is_better("seconds")
        (True, False, False)
    """
    end = metric.split("/")[-1]
    for run in runs:
        monitor = str(run.summary.get("monitor", ""))
        if monitor and monitor.split("/")[-1] == end and run.summary.get("monitor_mode") in ("min", "max"):
            return bool(run.summary["monitor_mode"] == "max")
    end = end.removesuffix("_step").removesuffix("_epoch")
    if any(end == word or end.endswith(f"_{word}") for word in HIGHER):
        return True
    return not any(end == word or end.endswith(f"_{word}") for word in LOWER)


def shown_metrics(runs: Sequence[Run], metric: str) -> list[str]:
    """The chosen metric, then the others of the test rows, then those of the best epoch's validation rows."""
    known = _all_names(runs)
    names = [name for prefix in SHOWN for name in sorted(known, key=_rank) if name.startswith(prefix)]
    chosen = [metric] if metric in known and "/" in metric else []
    return list(dict.fromkeys([*chosen, *names]))


def _rank(name: str) -> tuple[int, str]:
    """Accuracy and the like before the rest."""
    order = ("accuracy", "rmse", "loss", "cost", "f1_macro", "auroc", "mae", "r2", "log_loss", "brier", "ece")
    end = name.split("/")[-1]
    return (order.index(end) if end in order else len(order), name)


def _all_names(runs: Sequence[Run]) -> dict[str, int]:
    """Every name with a number -> how many runs have it."""
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.summary:
            if metric_value(run, name) is not None:
                counts[name] = counts.get(name, 0) + 1
    return counts
