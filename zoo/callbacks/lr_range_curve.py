"""The curve of the range test that chose the learning rate: figures/lr_range.png and lr_range.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.figures import said_only, show
from zoo.callbacks.seldom import Seldom


class LRRangeCurve(Seldom):
    """Keep the curve when a fit starts, in the run folder and in the loggers that show pictures.

    Args:
        columns: Of the table: `lr`, `loss`, `smoothed`, a value a step.
        chosen: The rate that was taken.
        drawn: Whether there shall be a picture.
    """

    def __init__(self, columns: Mapping[str, Sequence[float]], chosen: float, *, drawn: bool = True) -> None:
        self.columns = columns
        self.chosen = chosen
        self.drawn = drawn

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir) / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lr_range.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(self.columns)
            writer.writerows(zip(*self.columns.values(), strict=True))
        if self.drawn:
            from zoo.tracking.plots import lr_range

            with said_only():
                show(trainer, {"lr_range": lr_range(self.columns, self.chosen)})
