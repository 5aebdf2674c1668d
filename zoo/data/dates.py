"""Dates, as words or as Arrow's own, -> the parts of them that a model can use."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zoo.data.source import is_words, numbered
from zoo.messages import say

DATE_PARTS = ("time", "month_sin", "month_cos", "weekday_sin", "weekday_cos", "hour_sin", "hour_cos")
_DATE_PATTERNS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
)
_FEW = 20  # cells on which a pattern is tried before all


def is_date(kind: pa.DataType) -> bool:
    """Whether cells of this type are dates."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def date_pattern(words: pa.Array) -> str | None:
    """How the words are written, when all of them are dates (ISO, or day and month with slashes or dots); else None."""
    for pattern in _DATE_PATTERNS:
        if all(_parse(some, pattern).null_count == some.null_count for some in (words[:_FEW], words)):
            return pattern
    return None


def _parse(words: pa.Array, pattern: str) -> pa.Array:
    return pc.strptime(words, format=pattern, unit="s", error_is_null=True)


def timestamps(column: pa.Array, where: str = "") -> pa.Array:
    """Dates of any type as timestamps in seconds; of words each different one is parsed once."""
    if not is_date(column.type):
        codes, words = numbered(column if is_words(column.type) else column.cast(pa.string()))
        pattern = date_pattern(words.take(pc.unique(codes).drop_null()))
        if pattern is None:
            say(f"{where}: cells that are not dates count as missing")
        column = _parse(words, pattern or _DATE_PATTERNS[0]).take(codes)
    return column.cast(pa.timestamp("s"), safe=False)


def date_parts(stamps: pa.Array) -> list[NDArray[np.float64]]:
    """Years since 1970, and month, weekday and hour as points on a circle; NaN for gaps."""
    stamps = stamps.cast(pa.timestamp("s"), safe=False)
    seconds = np.array(pc.cast(stamps, pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False))
    parts = [seconds / (365.2425 * 86_400)]
    for read, period in ((pc.month, 12), (pc.day_of_week, 7), (pc.hour, 24)):
        angle = np.array(read(stamps).cast(pa.float64()).to_numpy(zero_copy_only=False)) * (2 * np.pi / period)
        parts += [np.sin(angle), np.cos(angle)]
    return parts
