"""Small table files, and the real ones beside the repository, for the tests of this folder."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from zoo.data.source import Source

SHARED = Path(os.environ.get("ZOO_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")


def shared(name: str) -> Path:
    """The folder of a real set; the test is skipped where it is not on this machine."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not on this machine (set ZOO_SHARED_DATA)")
    return SHARED / name


def write_csv(file: Path, columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns as a CSV file; None is an empty cell."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(file)


def source_of(columns: Mapping[str, Sequence[Any]]) -> Source:
    """A source without a target."""
    import numpy as np

    table = pa.table(dict(columns))
    return Source(table, (), (), np.arange(table.num_rows), "rows.csv")
