"""Which metric a callback watches, and one line where there is no such metric."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Trainer

from zoo.errors import InputError

SCORE = "score"  # the metric of the answers themselves, by any name that the task gives it
LOWER = ("loss", "log_loss", "brier", "ece", "cost", "rmse", "mae", "mse")  # metrics of which less is better


def watched(pl_module: Any, monitor: str | None, mode: str | None) -> tuple[str, str]:
    """Which metric to watch, and whether less or more of it is better.

    Args:
        pl_module: A model or its class; its `monitor` and `score` are metrics with their modes.
        monitor: A metric, `score`, or None: the model's `monitor`.
        mode: min, max, or None: what fits the metric.

    Example:
        >>> watched(None, "val/accuracy", None)
        ('val/accuracy', 'max')
    """
    if monitor in (None, SCORE):
        own: tuple[str, str] = getattr(pl_module, monitor or "monitor", ("val/loss", "min"))
        return own
    falling = monitor.rsplit("/", 1)[-1] in LOWER
    return monitor, mode or ("min" if falling else "max")


def check_watched(setting: str, monitor: str | None, trainer: Trainer) -> None:
    """Raise `InputError` where a validation has ended and gave no metric of this name.

    Args:
        setting: Of the monitor, as the user types it.
        monitor: The metric.
        trainer: Of the fit that goes on.
    """
    names = sorted(name for name in trainer.callback_metrics if "/" in name)
    if monitor not in names:
        raise InputError(f"{setting}: there is no metric {monitor}; there are {', '.join(names)}")
