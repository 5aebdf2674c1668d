"""Rows of a data set as a person sees them: the picture, the text, or the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from zoo.data.decode import open_image
from zoo.data.source import TableSource

SMALLEST_SIDE, LARGEST_SIDE = 64, 160  # pixels of a picture that is shown
LONGEST_TEXT = 300  # characters
MOST_COLUMNS = 12

Picture = NDArray[np.uint8]  # (height, width) or (height, width, 3)


@dataclass(frozen=True)
class Example:
    """One row of a split.

    Args:
        label: Its row number in the file, or its path.
        picture: Of an image; else None.
        cells: Of a text or a table: column -> what stands there.
    """

    label: str
    picture: Picture | None
    cells: dict[str, str | float | None]


def examples(source: Any, rows: Sequence[int], *, columns: Sequence[str] | None = None) -> list[Example]:
    """Some rows of a source (`DataModule.source`), read again from where they came.

    Args:
        source: Raw rows of a split.
        rows: Places in the split.
        columns: Of a table, those that may be shown; None is all.
    """
    taken = source.take(np.asarray(rows, dtype=np.int64))
    labels = taken.row_labels()
    if isinstance(taken.rows, np.ndarray):
        return [Example(label, picture_of(row), {}) for label, row in zip(labels, taken.rows, strict=True)]
    return [Example(label, None, cells) for label, cells in zip(labels, cells_of(taken, columns), strict=True)]


def cells_of(source: Any, columns: Sequence[str] | None = None) -> list[dict[str, str | float | None]]:
    """The first columns of each row, long texts cut; nothing of a large table whose encoded rows were in the cache."""
    table = source.rows
    if table is None:
        return [{} for _ in range(len(source))]
    if isinstance(source, TableSource):  # its parts share one table
        table = table.take(pa.array(source.index))
    known = [name for name in table.column_names if name not in source.target_names]
    names = [name for name in known if columns is None or name in columns][:MOST_COLUMNS]
    return [{name: shown(row[name]) for name in names} for row in table.select(names).to_pylist()]


def shown(value: Any) -> str | float | None:
    """A cell that a table of W&B takes.

    Example:
        >>> shown(3), shown("a" * 400)[-3:], shown(None)
        (3.0, 'aa…', None)
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def picture_of(row: Any) -> Picture | None:
    """A path, an array (channels, height, width), or what opens itself, as pixels of a size to look at.

    None where it cannot be read any more.
    """
    try:
        image = open_image(row)
        image.load()
    except (OSError, UnidentifiedImageError):
        return None
    image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    longest = max(image.size)
    scale = max(1.0, SMALLEST_SIDE // longest) if longest <= LARGEST_SIDE else LARGEST_SIDE / longest
    if scale != 1.0:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)
    return np.asarray(image)
