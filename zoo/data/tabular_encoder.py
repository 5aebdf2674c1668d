"""Table columns -> float32 numbers and int64 category ids, fitted on train rows only.

Numbers are standardised; a missing one becomes the mean (0 after scaling) and, where train rows had gaps, a column of
its own says so. Categories get ids: 0 is a value train never saw, 1 a missing cell. Dates become the parts a model
can use. Columns that cannot help (identifiers, constants, nothing but gaps) are dropped, with a word.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.source import flat_array
from zoo.errors import InputError
from zoo.messages import say

UNSEEN, MISSING_ID, FIRST_LEVEL = 0, 1, 2
IDENTIFIER_SHARE = 0.95  # of train rows that differ, from which words are an identifier
IDENTIFIER_ROWS = 50  # fewer rows than this tell nothing about identifiers
_ID_NAME = re.compile(r"^((?i:unnamed.*|index|row_?(id|number|num)?|(.*[_ .-])?id|uuid|guid)|.*[a-z0-9]I[dD])$")
DATE_PARTS = ("time", "month_sin", "month_cos", "weekday_sin", "weekday_cos", "hour_sin", "hour_cos")

Floats = NDArray[np.float64]


class TabularEncoder:
    """Fit on train rows, then turn any table with the same columns into arrays.

    Args:
        columns: Column name -> what was learned of it, a plain dict with its `kind`.
    """

    def __init__(self, columns: dict[str, dict[str, Any]]) -> None:
        self.columns = columns

    @classmethod
    def fit(cls, table: pa.Table) -> TabularEncoder:
        """Learn kinds, scales and categories from train rows.

        Raises:
            InputError: No column is left to learn from.
        """
        columns: dict[str, dict[str, Any]] = {}
        dropped: dict[str, str] = {}
        for name in table.column_names:
            column = _finite(flat_array(table[name]))
            reason = _useless(name, column)
            if reason:
                dropped[name] = reason
            else:
                columns[name] = _learn(name, column)
        for name, reason in dropped.items():
            say(f"column {name!r} is left out: {reason}")
        if not columns:
            raise InputError(
                f"no column is left to learn from; left out: {', '.join(dropped) or 'none, the file has one column only'}"
            )
        return cls(columns)

    @property
    def n_numeric(self) -> int:
        return sum(len(_numeric_names(name, learned)) for name, learned in self.columns.items())

    @property
    def cardinalities(self) -> list[int]:
        """Ids of each category column, with those for unseen and missing."""
        return [
            len(learned["levels"]) + FIRST_LEVEL for learned in self.columns.values() if learned["kind"] == "category"
        ]

    @property
    def numeric_names(self) -> list[str]:
        """The name of each number the model sees, in order."""
        return [made for name, learned in self.columns.items() for made in _numeric_names(name, learned)]

    @property
    def category_names(self) -> list[str]:
        return [name for name, learned in self.columns.items() if learned["kind"] == "category"]

    def encode(self, table: pa.Table, where: str) -> dict[str, Tensor]:
        """Arrays `numeric` float32 (rows, n_numeric) and `categorical` int64 (rows, n_categories).

        Cells that do not fit (a word in a column of numbers, a category never seen) are counted and said.

        Raises:
            InputError: A column is missing from the table.
        """
        absent = [name for name in self.columns if name not in table.column_names]
        if absent:
            raise InputError(
                f"{where} lacks the column {absent[0]!r} that the model was trained on; it has {', '.join(table.column_names)}"
            )
        numeric = np.empty((table.num_rows, self.n_numeric), dtype=np.float32)
        categorical = np.empty((table.num_rows, len(self.cardinalities)), dtype=np.int64)
        at_number = at_category = 0
        for name, learned in self.columns.items():
            column = flat_array(table[name])
            if learned["kind"] == "category":
                categorical[:, at_category] = _category_ids(column, learned["levels"], f"{where}: column {name!r}")
                at_category += 1
                continue
            for values in _encode_numbers(column, learned, f"{where}: column {name!r}"):
                numeric[:, at_number] = values
                at_number += 1
        return {"numeric": torch.from_numpy(numeric), "categorical": torch.from_numpy(categorical)}


def _useless(name: str, column: pa.Array) -> str | None:
    if column.null_count == len(column):
        return "every cell is missing"
    distinct = pc.count_distinct(column, mode="only_valid").as_py()
    if distinct == 1 and column.null_count == 0:
        return "every cell is the same"
    if len(column) < IDENTIFIER_ROWS:
        return None
    known = len(column) - column.null_count
    words = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if words and distinct >= IDENTIFIER_SHARE * known and not _parse_dates(column):
        return f"it looks like an identifier ({distinct:,} of {known:,} values differ)"
    if pa.types.is_integer(column.type) and distinct == known and _ID_NAME.match(name):
        return f"it looks like an identifier (all {known:,} numbers differ)"
    if not (words or _is_number(column.type) or _is_date(column.type) or pa.types.is_boolean(column.type)):
        return f"values of type {column.type} are not read"
    return None


def _finite(column: pa.Array) -> pa.Array:
    """Infinite numbers and NaN (as in Parquet of pandas) as missing cells."""
    return pc.if_else(pc.is_finite(column), column, None) if pa.types.is_floating(column.type) else column


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_date(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _parse_dates(column: pa.Array) -> pa.Array | None:
    """Words as timestamps when all of them are dates (ISO, or day and month with slashes or dots); else None."""
    for pattern in (
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S",
        "%Y/%m/%d",
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
    ):
        parsed = pc.strptime(column, format=pattern, unit="s", error_is_null=True)
        if parsed.null_count == column.null_count:
            return parsed
    return None


def _learn(name: str, column: pa.Array) -> dict[str, Any]:
    if pa.types.is_boolean(column.type) or _is_number(column.type):
        return {"kind": "number"} | _scale([_floats(column)], column.null_count > 0)
    if _is_date(column.type) or _parse_dates(column) is not None:
        return {"kind": "date"} | _scale(_date_parts(column), column.null_count > 0)
    counts = pc.value_counts(column.drop_null().cast(pa.string()))
    levels, times = counts.field("values").to_pylist(), counts.field("counts").to_numpy()
    # A level that one train row holds teaches nothing of itself; together they teach what an unseen value means.
    kept = sorted(level for level, n in zip(levels, times, strict=True) if n > 1 or len(levels) <= FIRST_LEVEL)
    return {"kind": "category", "levels": kept}


def _scale(parts: list[Floats], has_gaps: bool) -> dict[str, Any]:
    means = [float(np.nanmean(values)) for values in parts]
    stds = [float(np.nanstd(values)) for values in parts]
    return {"mean": means, "std": [std if std > 1e-12 else 1.0 for std in stds], "gaps": has_gaps}


def _numeric_names(name: str, learned: dict[str, Any]) -> list[str]:
    if learned["kind"] == "category":
        return []
    made = [name] if learned["kind"] == "number" else [f"{name}.{part}" for part in DATE_PARTS]
    return [*made, f"{name}.missing"] if learned["gaps"] else made


def _encode_numbers(column: pa.Array, learned: dict[str, Any], where: str) -> list[Floats]:
    parts = [_floats(column, where)] if learned["kind"] == "number" else _date_parts(column, where)
    gaps = np.isnan(parts[0])
    scaled = [
        np.where(np.isnan(values), 0.0, (values - mean) / std)
        for values, mean, std in zip(parts, learned["mean"], learned["std"], strict=True)
    ]
    return [*scaled, gaps.astype(np.float64)] if learned["gaps"] else scaled


def _floats(column: pa.Array, where: str = "") -> Floats:
    """Numbers as float64 with NaN for gaps; infinite numbers and words become gaps."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        strange = pc.invert(pc.match_substring_regex(column, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"))
        column = pc.if_else(pc.fill_null(strange, True), None, pc.utf8_trim_whitespace(column))
        count = pc.sum(strange).as_py() or 0
        if count:
            say(f"{where}: {count} cells are not numbers and count as missing")
    elif pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif not _is_number(column.type):
        raise InputError(f"{where}: numbers were trained on, found {column.type}")
    values = np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    values[~np.isfinite(values)] = np.nan
    return values


def _date_parts(column: pa.Array, where: str = "") -> list[Floats]:
    """Years since 1970, and month, weekday and hour as points on a circle; NaN for gaps."""
    if not _is_date(column.type):
        parsed = _parse_dates(column.cast(pa.string()))
        if parsed is None:
            say(f"{where}: cells that are not dates count as missing")
            parsed = pc.strptime(column.cast(pa.string()), format="%Y-%m-%d", unit="s", error_is_null=True)
        column = parsed
    stamps = column.cast(pa.timestamp("s"), safe=False)
    seconds = np.array(pc.cast(stamps, pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False))
    parts = [seconds / (365.2425 * 86_400)]
    for read, period in ((pc.month, 12), (pc.day_of_week, 7), (pc.hour, 24)):
        angle = np.array(read(stamps).cast(pa.float64()).to_numpy(zero_copy_only=False)) * (2 * np.pi / period)
        parts += [np.sin(angle), np.cos(angle)]
    return parts


def _category_ids(column: pa.Array, levels: list[str], where: str) -> NDArray[np.int64]:
    words = column.cast(pa.string())
    found = pc.index_in(words, value_set=pa.array(levels, pa.string()))
    ids = pc.fill_null(pc.add(found.cast(pa.int64()), FIRST_LEVEL), UNSEEN).to_numpy(zero_copy_only=False).copy()
    ids[words.is_null().to_numpy(zero_copy_only=False)] = MISSING_ID
    return np.asarray(ids)


def count_unseen(categorical: Tensor, names: list[str]) -> dict[str, int]:
    """Cells of each category column that hold a value train never saw."""
    counts = (categorical == UNSEEN).sum(dim=0).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}
