"""`--trainer.max_time`: train until the time is up, the last validation included."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.trainer.states import RunningStage

from zoo.errors import InputError

MaxTime = str | timedelta | dict[str, int]
UNITS = ("days", "hours", "minutes", "seconds")


class Budget(Timer):
    """Lightning's timer, which also leaves time for the last validation and looks at the clock after each validation.

    The last validation is taken to last as long as the one before it; within the first epoch nothing is known of it.
    The schedules of `zoo.models.schedules` bring the rate to its end when this says that no time remains.

    Args:
        max_time: Days, hours, minutes and seconds as `DD:HH:MM:SS`, a timedelta, or its arguments as a dict.

    Raises:
        InputError: Not a duration.
    """

    def __init__(self, max_time: MaxTime) -> None:
        super().__init__(timedelta(seconds=seconds_of(max_time)), verbose=False)

    def time_remaining(self, stage: str = RunningStage.TRAINING) -> float | None:
        """Seconds left; of training, without those that the last validation took."""
        remaining = super().time_remaining(stage)
        if remaining is None or stage != RunningStage.TRAINING:
            return remaining
        return remaining - (self.time_elapsed(RunningStage.VALIDATING) if self._validated else 0.0)

    @property
    def _validated(self) -> bool:
        """Whether a validation was seen through; of one that goes on, the clock already counts the time."""
        start, end = self.start_time(RunningStage.VALIDATING), self.end_time(RunningStage.VALIDATING)
        return start is not None and end is not None and end >= start

    def on_fit_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self._stop_when_due(trainer)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self._stop_when_due(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if not trainer.sanity_checking:
            self._stop_when_due(trainer)

    def _stop_when_due(self, trainer: Trainer) -> None:
        due = (self.time_remaining() or 0.0) <= 0
        if trainer.world_size > 1:
            due = trainer.strategy.broadcast(due)  # the first one's clock counts
        trainer.should_stop = trainer.should_stop or due


def seconds_of(max_time: MaxTime) -> float:
    """A duration in seconds.

    Example:
        >>> seconds_of("00:01:30:00"), seconds_of({"minutes": 10})
        (5400.0, 600.0)
    """
    if isinstance(max_time, timedelta):
        return max_time.total_seconds()
    if isinstance(max_time, dict):
        try:
            return timedelta(**max_time).total_seconds()
        except TypeError as error:
            raise InputError(f"trainer.max_time takes {', '.join(UNITS)} with numbers, got {max_time!r}") from error
    parts = re.fullmatch(r"(\d+):(\d\d):(\d\d):(\d\d)", max_time.strip())
    if parts is None:
        raise InputError(f"trainer.max_time is DD:HH:MM:SS, 00:00:10:00 for ten minutes, got {max_time!r}")
    days, hours, minutes, seconds = map(int, parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
