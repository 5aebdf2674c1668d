"""The TensorBoard logger, with one event a row."""

from __future__ import annotations

from collections.abc import Mapping

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only


class TensorBoard(TensorBoardLogger):
    """Lightning's logger, but the values of a step go into one event.

    An event of its own for each value is what makes TensorBoard dear: each is queued, framed and check-summed in Python.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        writer = self.experiment.file_writer
        if writer is None:  # closed after the fit; Lightning's way opens it again
            super().log_metrics(metrics, step)
            return
        values = [Summary.Value(tag=name, simple_value=float(value)) for name, value in metrics.items()]
        writer.add_summary(Summary(value=values), step)
