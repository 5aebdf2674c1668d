"""Small table files, and the real ones beside the repository, for the tests."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import SHARED_DATA
from zoo.data.source import Source


def shared(name: str) -> Path:
    """The folder of a real set; the test is skipped where it is not on this machine."""
    if not (SHARED_DATA / name).is_dir():
        pytest.skip(f"{SHARED_DATA / name} is not on this machine (set ZOO_SHARED_DATA)")
    return SHARED_DATA / name


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
    table = pa.table(dict(columns))
    return Source(table, (), (), np.arange(table.num_rows), "rows.csv")
