"""Stop when validation gets no better. Lightning's own, watching what the task is judged by unless told."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning_callbacks

from zoo.callbacks.monitor import check_mode, check_watched, watched
from zoo.callbacks.seldom import Seldom


class EarlyStopping(Seldom, lightning_callbacks.EarlyStopping):
    """Stop after `patience` epochs without a better value.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
        patience: Epochs to wait.
        monitor: Metric to watch; None takes the model's own (val/loss, val/rmse), `score` its val/accuracy or val/rmse.
        mode: min or max; None takes what fits the metric.
        min_delta: What counts as better.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        patience: int = 10,
        monitor: str | None = None,
        mode: str | None = None,
        min_delta: float = 0.0,
    ) -> None:
        check_mode("early_stopping.mode", mode)
        super().__init__(monitor=monitor or "val/loss", mode=mode or "min", patience=patience, min_delta=min_delta)
        self.enabled = enabled
        self._chosen = (monitor, mode)
        self._key: str | None = None

    @property
    def state_key(self) -> str:
        # Lightning asks for it at each hook of each step; it is settled by then.
        return self._key or super().state_key

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.monitor, self.mode = watched(pl_module, *self._chosen)
        self.min_delta = abs(self.min_delta) if self.mode == "max" else -abs(self.min_delta)  # Lightning's sign
        if self.best_score.isinf():  # not restored
            self.best_score = self.best_score.abs() * (1 if self.mode == "min" else -1)
        super().setup(trainer, pl_module, stage)
        self._key = super().state_key

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            check_watched("early_stopping.monitor", self.monitor, trainer.callback_metrics)
        super()._run_early_stopping_check(trainer)
