"""metrics.csv in the run folder: one row a logged step, a column a metric; a resumed run goes on in the same file."""

from __future__ import annotations

import csv
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from zoo.tracking.axes import Axes
from zoo.tracking.history import whole_rows

AT_MOST = 5.0  # seconds that a row waits for the file


class MetricsCSV(Logger):
    """Append metrics to a CSV file; rows of the same step share a line.

    Args:
        file: Where to. What it already holds is kept.
        axes: Adds epoch, rows seen and seconds to each row.
    """

    def __init__(self, file: str | Path, axes: Axes | None = None) -> None:
        super().__init__()
        self.file = Path(file)
        self.axes = axes
        self.columns: list[str] = ["step"]
        self._rows: list[dict[str, float]] = []
        self._written = time.monotonic()
        if self.file.exists():
            with self.file.open(newline="") as stream:
                self.columns = next(csv.reader(stream), self.columns)

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Hyperparameters stand in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = {name: float(value) for name, value in metrics.items()}
        row = row if self.axes is None else self.axes.added_to(row, step)
        at = float(-1 if step is None else step)
        last = self._rows[-1] if self._rows else {}
        if last.get("step") == at and all(last.get(name, value) == value for name, value in row.items()):
            last |= row
        else:
            self._rows.append({"step": at} | row)
            if time.monotonic() - self._written > AT_MOST:
                self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write all but the last row, to which more metrics of its step may come."""
        last = self._rows[-1:]
        self._rows = self._rows[:-1]
        self._write()
        self._rows = last

    def _write(self) -> None:
        self._written = time.monotonic()
        if not self._rows:
            return
        new = [name for row in self._rows for name in row if name not in self.columns]
        if new:
            self.columns += list(dict.fromkeys(new))
            self._widen()
        fresh = not self.file.exists()
        with self.file.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns)
            if fresh:
                writer.writeheader()
            writer.writerows({**row, "step": int(row["step"])} for row in self._rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._write()
        self._rows = []

    def _widen(self) -> None:
        if self.file.exists():
            self._rewrite(self._read())

    def last_step(self) -> int:
        """The last step whose training is noted in the file; -1 where there is none."""
        rows = self._read() if self.file.exists() else []
        trained = [int(row["step"]) for row in rows if any(row[name] for name in row if name.startswith("train/"))]
        return max(trained, default=-1)

    @rank_zero_only
    def cut(self, step: int) -> None:
        """Drop rows of this step and later ones from the file: the run trains them again."""
        if self.file.exists():
            # Written anew in any case: behind a row that a kill has torn, the next one would have no line of its own.
            self._rewrite([row for row in self._read() if int(row["step"]) < step])

    def _read(self) -> list[dict[str, str]]:
        """The rows that are whole."""
        return [dict(zip(names, cells, strict=True)) for names, cells in whole_rows(self.file)]

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        part = self.file.with_name(self.file.name + ".part")
        with part.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns)
            writer.writeheader()
            writer.writerows(rows)
        part.replace(self.file)
