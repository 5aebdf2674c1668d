"""Ask after each epoch whether a trial of a search is worth going on with; stop it in good order where it is not.

`zoo tune` uses this rather than optuna-integration's callback: that raises out of the fit, which leaves loggers and
figures unfinished, and it needs a package of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom
from zoo.errors import InputError, did_you_mean


class MissingMetricError(InputError):
    """The metric that is searched by is not among those that a validation gives."""


class Pruning(Seldom):
    """Tell a metric of each epoch, and stop the fit where the answer is that others are well ahead.

    Args:
        metric: A metric of validation, e.g. `val/loss`.
        report: Takes epoch and value, and says whether to stop.

    Raises:
        MissingMetricError: After the first epoch, where validation gives no such metric.
    """

    def __init__(self, metric: str, report: Callable[[int, float], bool]) -> None:
        self.metric = metric
        self.report = report
        self.pruned = False
        self.values: dict[int, float] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        known = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        if self.metric not in known:
            if known:
                raise MissingMetricError(f"no metric {self.metric!r} (--metric): {did_you_mean(self.metric, known)}")
            return  # an epoch without a validation
        self.values[trainer.current_epoch] = known[self.metric]
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if self.report(trainer.current_epoch, known[self.metric]) and not ends:  # at its end nothing is saved by it
            self.pruned = True
            trainer.should_stop = True
