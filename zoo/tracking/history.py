"""Read a run's metrics.csv. Standard library only."""

from __future__ import annotations

import csv
from pathlib import Path


def read_metrics(file: str | Path) -> list[dict[str, float]]:
    """The rows of a metrics.csv, empty cells left out."""
    with Path(file).open(newline="") as stream:
        return [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(stream)]
