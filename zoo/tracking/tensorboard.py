"""The TensorBoard logger: one event a row, pictures as they stand in the run folder, hyperparameters with what came out."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from zoo.tracking.axes import Axes
from zoo.tracking.examples import Example
from zoo.tracking.report import Report
from zoo.tracking.shows import Shows


class TensorBoard(Shows, TensorBoardLogger):
    """Lightning's logger, but the values of a step go into one event.

    An event of its own for each value is what makes TensorBoard dear: each is queued, framed and check-summed in Python.

    Args:
        folder: Where the events go.
        axes: Adds epoch, rows seen and seconds to each row.
        resume_step: TensorBoard forgets what this run logged at this step and later: it trains them again.
    """

    def __init__(self, folder: str, axes: Axes | None = None, *, resume_step: int | None = None) -> None:
        super().__init__(folder, name="", version="", default_hp_metric=False, purge_step=resume_step)
        self.axes = axes
        self._step = 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = dict(metrics) if self.axes is None else self.axes.added_to(metrics, step)
        self._step = step or 0
        self._write({name: float(value) for name, value in row.items()}, self._step)

    @rank_zero_only
    def show_pictures(self, pictures: Mapping[str, bytes]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=f"figures/{name}", image=image_proto(png)) for name, png in pictures.items()]
        self._writer().add_summary(Summary(value=values), self._step)

    def show_report(self, report: Report, shown: Sequence[Example]) -> None:
        """Its pictures are enough here."""

    @rank_zero_only
    def show_hyperparameters(self, config: Mapping[str, Any], outcome: Mapping[str, float]) -> None:
        """A line of the HParams tab.

        Args:
            config: Flat keys.
            outcome: Metrics to compare by, `best/...` and `test/...`. The tab reads their values from the scalars, where
                those of the test already are.
        """
        from torch.utils.tensorboard.summary import hparams

        plain = {
            key: value if isinstance(value, str | bool | int | float) else str(value) for key, value in config.items()
        }
        writer = self._writer()
        for event in hparams(plain, dict(outcome)):  # type: ignore[no-untyped-call]
            writer.add_summary(event)
        self._write({name: value for name, value in outcome.items() if name.startswith("best/")}, self._step)
        writer.flush()

    def _write(self, row: Mapping[str, float], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        self._writer().add_summary(Summary(value=values), step)

    def _writer(self) -> Any:
        """The open file; one that was closed after the fit is opened again, as another file."""
        experiment: Any = self.experiment
        if experiment.file_writer is None:
            experiment._get_file_writer()
        return experiment.file_writer


def image_proto(png: bytes) -> Any:
    """A PNG file as TensorBoard keeps it; its size stands in its head."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    width, height = struct.unpack(">II", png[16:24])
    return Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=png)
