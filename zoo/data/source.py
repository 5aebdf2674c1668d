"""A source: the raw rows of one file or folder, before anything is fitted or encoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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


@dataclass(frozen=True)
class TableSource(Source):
    """Rows of a table that several parts share: `rows` is the whole table and `index` says which of its rows they are.

    Taking rows copies none of it. `rows` is None where the encoded rows were found in the cache: nothing was read.
    """

    def take(self, rows: NDArray[np.int64]) -> TableSource:
        return replace(
            self, target=tuple(column.take(pa.array(rows)) for column in self.target), index=self.index[rows]
        )

    @property
    def picked(self) -> NDArray[np.int64] | None:
        """The rows of the table, None for all of them."""
        return self.index if len(self.index) < self.rows.num_rows else None


def flat_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array, with dictionary encoding undone."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # no chunk at all
        array = pa.array([], type=column.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array


def whole_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array; words stay a dictionary where they are one."""
    if isinstance(column, pa.ChunkedArray) and column.num_chunks == 1:
        column = column.chunk(0)
    if not is_words(column.type) or isinstance(column, pa.ChunkedArray):
        return flat_array(column)
    return column


def is_words(kind: pa.DataType) -> bool:
    """Whether cells of this type are words."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def numbered(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The number of each cell's value (missing stays missing), and the values. Some of them may be in no cell."""
    if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
        column = column.dictionary_decode()
    encoded = pc.dictionary_encode(column)
    return encoded.indices, encoded.dictionary
