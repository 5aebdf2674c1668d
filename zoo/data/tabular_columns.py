"""One column of a table: what is learned of it, and how its cells become numbers or category ids.

Numbers are standardised, or take the normal number of their rank; a missing one becomes the middle (0 after scaling)
and, where train rows had gaps, a column of its own says so. Categories get ids: 0 is a value train never saw, 1 a missing cell. Dates become the parts a model
can use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zoo.data.dates import DATE_PARTS, date_parts, date_pattern, is_date, timestamps
from zoo.data.quantiles import fit_quantiles, normal_ranks
from zoo.data.source import flat_array, is_words, numbered
from zoo.errors import InputError
from zoo.messages import say

UNSEEN, MISSING_ID, FIRST_LEVEL = 0, 1, 2
IDENTIFIER_SHARE = 0.95  # of train rows that differ, from which words are an identifier
IDENTIFIER_ROWS = 50  # fewer rows than this tell nothing about identifiers
_ID_NAME = re.compile(r"^((?i:unnamed.*|index|row_?(id|number|num)?|(.*[_ .-])?id|uuid|guid)|.*[a-z0-9]I[dD])$")
Floats = NDArray[np.float64]


class UselessError(Exception):
    """A column that cannot help; the message says why."""


def learn(name: str, column: pa.Array, numeric: str = "standard") -> dict[str, Any]:
    """Kind, scale or categories of a column, from its train rows, as a plain dict.

    Args:
        name: Of the column.
        column: Its train rows.
        numeric: `standard` or `quantile`.

    Raises:
        UselessError: It is an identifier, a constant, nothing but gaps, or of a type that is not read.
    """
    if column.null_count == len(column):
        raise UselessError("every cell is missing")
    if is_words(column.type):
        return _learn_words(column, numeric)
    if is_date(column.type):
        _refuse_constant(column)
        return {"kind": "date"} | _scale(date_parts(column), column.null_count > 0, numeric)
    if not (_is_number(column.type) or pa.types.is_boolean(column.type)):
        raise UselessError(f"values of type {column.type} are not read")
    return _learn_numbers(name, column, numeric)


def _learn_numbers(name: str, column: pa.Array, numeric: str) -> dict[str, Any]:
    values = _floats(column)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise UselessError("every cell is missing")
    gaps = len(known) < len(values)
    if not gaps and known.min() == known.max():
        raise UselessError("every cell is the same")
    may_be_id = len(values) >= IDENTIFIER_ROWS and pa.types.is_integer(column.type) and _ID_NAME.match(name)
    if may_be_id and pc.count_distinct(column, mode="only_valid").as_py() == len(known):
        raise UselessError(f"it looks like an identifier (all {len(known):,} numbers differ)")
    return {"kind": "number"} | _scale([known], gaps, numeric)


def _learn_words(column: pa.Array, numeric: str) -> dict[str, Any]:
    codes, words = numbered(column)
    counts = np.bincount(codes.drop_null().to_numpy(), minlength=len(words))
    known, used = int(counts.sum()), words.filter(pa.array(counts > 0))
    if len(used) == 1 and known == len(column):
        raise UselessError("every cell is the same")
    if date_pattern(used) is not None:
        return {"kind": "date"} | _scale(date_parts(timestamps(column)), known < len(column), numeric)
    if len(column) >= IDENTIFIER_ROWS and len(used) >= IDENTIFIER_SHARE * known:
        raise UselessError(f"it looks like an identifier ({len(used):,} of {known:,} values differ)")
    # A level that one train row holds teaches nothing of itself; together they teach what an unseen value means.
    kept = used if len(used) <= FIRST_LEVEL else words.filter(pa.array(counts > 1))
    return {"kind": "category", "levels": sorted(kept.to_pylist())}


def _refuse_constant(column: pa.Array) -> None:
    ends = pc.min_max(column)
    if column.null_count == 0 and ends["min"].equals(ends["max"]):
        raise UselessError("every cell is the same")


def _scale(parts: list[Floats], has_gaps: bool, numeric: str) -> dict[str, Any]:
    if numeric == "quantile":
        return {"quantiles": [fit_quantiles(values[~np.isnan(values)]) for values in parts], "gaps": has_gaps}
    means = [float(np.nanmean(values)) for values in parts]
    stds = [float(np.nanstd(values)) for values in parts]
    return {"mean": means, "std": [std if std > 1e-12 else 1.0 for std in stds], "gaps": has_gaps}


def numeric_names(name: str, learned: dict[str, Any]) -> list[str]:
    """The numbers that the model sees of a column; none of a category."""
    if learned["kind"] == "category":
        return []
    made = [name] if learned["kind"] == "number" else [f"{name}.{part}" for part in DATE_PARTS]
    return [*made, f"{name}.missing"] if learned["gaps"] else made


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers or dates that is ready to be encoded, a block of rows at a time.

    Args:
        cells: Numbers, or timestamps.
        rows: Which of them, and in which order; None for all.
        learned: Its scale.
    """

    cells: pa.Array
    rows: pa.Array | None
    learned: dict[str, Any]

    def encode(self, start: int, stop: int) -> list[Floats]:
        """Each number that the model sees, (stop - start,)."""
        cells = _block(self.cells, self.rows, start, stop)
        parts = [_floats(cells)] if self.learned["kind"] == "number" else date_parts(cells)
        gaps = np.isnan(parts[0])
        if "quantiles" in self.learned:
            parts = [
                normal_ranks(values, edges) for values, edges in zip(parts, self.learned["quantiles"], strict=True)
            ]
        else:
            for values, mean, std in zip(parts, self.learned["mean"], self.learned["std"], strict=True):
                values -= mean
                values /= std
        for values in parts:
            values[gaps] = 0.0
        return [*parts, gaps.astype(np.float64)] if self.learned["gaps"] else parts


@dataclass(frozen=True)
class CategoryColumn:
    """A column of words that is ready to be encoded, a block of rows at a time.

    Args:
        codes: Number of each cell's word.
        rows: Which of them, and in which order; None for all.
        ids: Id of each word, and behind them that of a gap.
    """

    codes: pa.Array
    rows: pa.Array | None
    ids: NDArray[np.int32]

    def encode(self, start: int, stop: int) -> NDArray[np.int32]:
        """Category ids, (stop - start,)."""
        codes = _block(self.codes, self.rows, start, stop)
        if codes.null_count:
            codes = pc.fill_null(codes.cast(pa.int32()), len(self.ids) - 1)
        return np.asarray(self.ids[codes.to_numpy()])


def ready(
    column: pa.Array, rows: pa.Array | None, learned: dict[str, Any], where: str
) -> NumberColumn | CategoryColumn:
    """The column as what was learned of it; cells that do not fit are counted and said.

    Raises:
        InputError: Numbers were learned and its type is none.
    """
    if learned["kind"] == "category":
        codes, words = numbered(column if is_words(column.type) else column.cast(pa.string()))
        found = pc.index_in(words.cast(pa.string()), value_set=pa.array(learned["levels"], pa.string()))
        ids = pc.fill_null(pc.add(found.cast(pa.int32()), FIRST_LEVEL), UNSEEN).to_numpy()
        return CategoryColumn(codes, rows, np.append(ids, MISSING_ID).astype(np.int32))
    if rows is not None and is_words(column.type):  # what words are read as depends on these rows alone
        column, rows = column.take(rows), None
    read = timestamps if learned["kind"] == "date" else _numbers
    return NumberColumn(read(column, where), rows, learned)


def _block(cells: pa.Array, rows: pa.Array | None, start: int, stop: int) -> pa.Array:
    return cells[start:stop] if rows is None else cells.take(rows[start:stop])


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _numbers(column: pa.Array, where: str) -> pa.Array:
    """A column of a type that `_floats` takes; words that are no numbers become gaps."""
    if is_words(column.type):
        column = flat_array(column)
        strange = pc.invert(pc.match_substring_regex(column, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"))
        column = pc.if_else(pc.fill_null(strange, True), None, pc.utf8_trim_whitespace(column))
        count = pc.sum(strange).as_py() or 0
        if count:
            say(f"{where}: {count} cells are not numbers and count as missing")
        return column.cast(pa.float64())
    if not (pa.types.is_null(column.type) or pa.types.is_boolean(column.type) or _is_number(column.type)):
        raise InputError(f"{where}: numbers were trained on, found {column.type}")
    return column


def _floats(column: pa.Array) -> Floats:
    """Numbers as a fresh float64 array with NaN for gaps and for infinite numbers."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if column.null_count == 0 and not pa.types.is_decimal(column.type):
        values: Floats = column.to_numpy().astype(np.float64)
    else:
        values = np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    if not pa.types.is_integer(column.type):
        values[np.isinf(values)] = np.nan
    return values
