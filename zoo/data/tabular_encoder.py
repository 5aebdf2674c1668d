"""Table columns -> float32 numbers and int32 category ids, fitted on train rows only.

Columns that cannot help (identifiers, constants, nothing but gaps) are dropped, with a word. Fitting takes one column
after the other; encoding takes blocks of rows, so that what is written lies in the processor's cache; both on all cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.cores import arrow_threads
from zoo.data.source import whole_array
from zoo.data.tabular_columns import FIRST_LEVEL, UNSEEN, CategoryColumn, UselessError, learn, numeric_names, ready
from zoo.errors import InputError
from zoo.messages import say

BLOCK = 1 << 14  # rows that are encoded together

Rows = NDArray[np.int64]
Given = TypeVar("Given")
Made = TypeVar("Made")


class TabularEncoder:
    """Fit on train rows, then turn any table with the same columns into arrays.

    Args:
        columns: Column name -> what was learned of it, a plain dict with its `kind`.
    """

    def __init__(self, columns: dict[str, dict[str, Any]]) -> None:
        self.columns = columns

    @classmethod
    def fit(cls, table: pa.Table, rows: Rows | None = None, *, numeric: str = "standard") -> TabularEncoder:
        """Learn kinds, scales and categories.

        Args:
            table: Any rows.
            rows: The train rows among them; None where all are.
            numeric: What becomes of numbers: `standard` or `quantile`.

        Raises:
            InputError: No column is left to learn from.
        """
        chosen = None if rows is None else pa.array(rows)

        def learn_one(name: str) -> dict[str, Any] | UselessError:
            column = whole_array(table[name])
            try:
                return learn(name, column if chosen is None else column.take(chosen), numeric)
            except UselessError as useless:
                return useless

        learned = dict(zip(table.column_names, _in_threads(learn_one, table.column_names), strict=True))
        dropped = {name: reason for name, reason in learned.items() if isinstance(reason, UselessError)}
        for name, reason in dropped.items():
            say(f"column {name!r} is left out: {reason}")
        if len(dropped) == len(learned):
            raise InputError(
                f"no column is left to learn from; left out: {', '.join(dropped) or 'none, the file has one column only'}"
            )
        return cls({name: facts for name, facts in learned.items() if not isinstance(facts, UselessError)})

    @property
    def n_numeric(self) -> int:
        return len(self.numeric_names)

    @property
    def cardinalities(self) -> list[int]:
        """Ids of each category column, with those for unseen and missing."""
        return [
            len(learned["levels"]) + FIRST_LEVEL for learned in self.columns.values() if learned["kind"] == "category"
        ]

    @property
    def numeric_names(self) -> list[str]:
        """The name of each number the model sees, in order."""
        return [made for name, learned in self.columns.items() for made in numeric_names(name, learned)]

    @property
    def category_names(self) -> list[str]:
        return [name for name, learned in self.columns.items() if learned["kind"] == "category"]

    def encode(self, table: pa.Table, where: str, rows: Rows | None = None) -> dict[str, Tensor]:
        """Arrays `numeric` float32 (rows, n_numeric) and `categorical` int32 (rows, n_categories).

        Cells that do not fit (a word in a column of numbers, a category never seen) are counted and said.

        Args:
            table: Any rows.
            where: Its name, for messages.
            rows: Which rows, in this order; None for all.

        Raises:
            InputError: A column is missing from the table.
        """
        absent = [name for name in self.columns if name not in table.column_names]
        if absent:
            raise InputError(
                f"{where} lacks the column {absent[0]!r} that the model was trained on; it has {', '.join(table.column_names)}"
            )
        chosen = None if rows is None else pa.array(rows)
        columns = [
            ready(whole_array(table[name]), chosen, learned, f"{where}: column {name!r}")
            for name, learned in self.columns.items()
        ]
        n_rows = table.num_rows if rows is None else len(rows)
        numeric = np.empty((n_rows, self.n_numeric), dtype=np.float32)
        categorical = np.empty((n_rows, len(self.cardinalities)), dtype=np.int32)

        def encode_block(start: int) -> None:
            stop = min(start + BLOCK, n_rows)
            _encode_block(columns, start, stop, numeric[start:stop], categorical[start:stop])

        _in_threads(encode_block, range(0, n_rows, BLOCK))
        return {"numeric": torch.from_numpy(numeric), "categorical": torch.from_numpy(categorical)}


def _encode_block(columns: Iterable[Any], start: int, stop: int, numeric: Any, categorical: Any) -> None:
    """Write rows `start` to `stop` into the arrays' part for them."""
    at_number = at_category = 0
    for column in columns:
        if isinstance(column, CategoryColumn):
            categorical[:, at_category] = column.encode(start, stop)
            at_category += 1
            continue
        for values in column.encode(start, stop):
            numeric[:, at_number] = values
            at_number += 1


def _in_threads(work: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    with ThreadPoolExecutor(arrow_threads()) as pool:
        return list(pool.map(work, items))


def count_unseen(categorical: Tensor, names: list[str]) -> dict[str, int]:
    """Cells of each category column that hold a value train never saw."""
    counts = (categorical == UNSEEN).sum(dim=0).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}
