"""A source: the raw rows of one file or folder, before anything is fitted or encoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Source:
    """Raw rows with their targets and their names.

    Args:
        rows: What the encoder of the modality reads: a `pyarrow.Table`, a uint8 array, or an array of file paths.
            Anything with `len()` and rows picked by an integer array (`take` for Arrow, `[...]` for the rest).
        target: The target columns, each as long as `rows`: one, several (multi-label, several numbers), or none.
        target_names: The name of each target column.
        index: Row number of each row in the file, counted from 0 over data rows.
        names: File path of each row relative to the folder, where rows are files.
        path: Where it was read from, for messages.
    """

    rows: Any
    target: tuple[pa.Array, ...]
    target_names: tuple[str, ...]
    index: NDArray[np.int64]
    path: str
    names: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: NDArray[np.int64]) -> Source:
        """The given rows, in that order."""
        picked = self.rows.take(pa.array(rows)) if isinstance(self.rows, pa.Table) else self.rows[rows]
        return replace(
            self,
            rows=picked,
            target=tuple(column.take(pa.array(rows)) for column in self.target),
            index=self.index[rows],
            names=None if self.names is None else self.names[rows],
        )

    def row_labels(self) -> list[str]:
        """What stands in the `index` column of predictions.csv: the file path, or the row number."""
        return [str(name) for name in (self.index if self.names is None else self.names)]


def flat_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array, with dictionary encoding undone."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # no chunk at all
        array = pa.array([], type=column.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array
