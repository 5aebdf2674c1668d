"""Read a run's metrics.csv. Standard library only."""

from __future__ import annotations

import csv
import io
from pathlib import Path


def read_metrics(file: str | Path) -> list[dict[str, float]]:
    """The rows of a metrics.csv, empty cells left out.

    A row that is not whole is left out: the last one, where a run is being written or was killed; any other that holds
    no numbers.
    """
    text = Path(file).read_bytes().decode(errors="replace")
    whole = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    reader = csv.reader(io.StringIO(whole, newline=""))
    names = next(reader, [])
    return [row for cells in reader if (row := _row(names, cells))]


def _row(names: list[str], cells: list[str]) -> dict[str, float]:
    """One row; nothing where it is not whole."""
    if len(cells) != len(names):
        return {}
    try:
        return {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}
    except ValueError:
        return {}
