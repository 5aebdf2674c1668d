"""Which metric a callback watches, and one line where there is no such metric."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zoo.errors import InputError, did_you_mean

SCORE = "score"  # how good the answers themselves are, by the name that the task has for it
LOWER = ("loss", "log_loss", "brier", "ece", "cost", "rmse", "mae", "mse")  # metrics of which less is better
MODES = ("min", "max")


def watched(model: Any, monitor: str | None, mode: str | None) -> tuple[str, str]:
    """Which metric to watch, and whether less or more of it is better.

    Args:
        model: A model or its class.
        monitor: A metric, `score` (see `score_of`), or None: what the model says.
        mode: min, max, or None: what fits the metric.

    Example:
        >>> watched(None, "val/accuracy", None)
        ('val/accuracy', 'max')
    """
    if monitor is None:
        own: tuple[str, str] = getattr(model, "monitor", ("val/loss", "min"))
    elif monitor == SCORE:
        own = score_of(model)
    else:
        own = monitor, "min" if monitor.rsplit("/", 1)[-1] in LOWER else "max"
    return own[0], mode or own[1]


def score_of(model: Any) -> tuple[str, str]:
    """The metric of the answers: cost where costs were given, f1_macro of several labels, accuracy; rmse of numbers.

    A model of another kind has what it says itself.
    """
    if getattr(model, "task_kind", None) != "classification":
        return watched(model, None, None)
    if getattr(model, "prices", None) is not None:
        return "val/cost", "min"
    return ("val/f1_macro" if getattr(model, "multilabel", False) else "val/accuracy"), "max"


def check_mode(setting: str, mode: str | None) -> None:
    """Raises: InputError for what is neither min nor max."""
    if mode is not None and mode not in MODES:
        raise InputError(f"{setting} must be min or max, got {mode!r}")


def check_watched(setting: str, monitor: str | None, metrics: Iterable[str]) -> None:
    """Raise `InputError` where a validation has ended and gave no metric of this name.

    Args:
        setting: Of the monitor, as the user types it.
        monitor: The metric.
        metrics: Names of all that there are.
    """
    names = list(metrics)
    if monitor in names:
        return
    of_validation = [name for name in names if name.startswith("val/")]
    if not of_validation:
        where = setting.partition(".")[0]
        raise InputError(f"{where} watches {monitor}, and nothing is validated: say --{where}.enabled false")
    raise InputError(f"{setting}: there is no metric {monitor}; {did_you_mean(str(monitor), of_validation)}")
