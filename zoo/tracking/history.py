"""Read a run's metrics.csv. Standard library only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path


def read_metrics(file: str | Path) -> list[dict[str, float]]:
    """The rows of a metrics.csv, empty cells left out; a row that is not whole is left out too."""
    return [
        {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}
        for names, cells in whole_rows(file)
    ]


def whole_rows(file: str | Path) -> Iterator[tuple[list[str], list[str]]]:
    """The names of the columns and the cells of each row, all of them numbers or empty.

    The last row of a run that is being written, or was killed, may be torn; it and any other that holds no numbers is
    passed over.
    """
    text = Path(file).read_bytes().decode(errors="replace")
    whole = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    reader = csv.reader(io.StringIO(whole, newline=""))
    names = next(reader, [])
    return ((names, cells) for cells in reader if len(cells) == len(names) and all(map(_is_number, cells)))


def _is_number(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True
