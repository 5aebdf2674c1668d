"""An encoded table on disk, as an entry of the cache: the next start neither reads nor encodes.

folder: table.json (encoder, classes, names, what was said), PART.rows.npy (which rows of the file), PART.NAME.npy (the arrays)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from zoo.data.arrays import Batch
from zoo.data.source import Source, TableSource
from zoo.data.table import PARQUET_ENDINGS

LEAST_BYTES = 32 << 20  # of the files together; a smaller table is read again before anyone notices
SAVED_FORMAT = 1  # another number, another key
_FACTS = "table.json"


class SavedTable:
    """What was saved of a table, memory-mapped as a whole: the folder may go afterwards.

    Args:
        folder: Where `save_table` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
        # Copy on write: torch takes no arrays that cannot be written to.
        self._mapped = {
            (part, name): np.asarray(np.load(folder / f"{part}.{name}.npy", mmap_mode="c"))
            for part in self.facts["parts"]
            for name in ("rows", *self.facts["arrays"])
        }

    @property
    def n_bytes(self) -> int:
        return sum(array.nbytes for array in self._mapped.values())

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """What the encoder learned."""
        return dict(self.facts["columns"])

    @property
    def target(self) -> dict[str, Any]:
        """The state of the target's encoder."""
        return dict(self.facts["target"])

    @property
    def target_names(self) -> list[str]:
        return list(self.facts["target_names"])

    @property
    def said(self) -> list[str]:
        """What a person was told when it was read and encoded: target, columns and rows that were left out, ..."""
        return list(self.facts["said"])

    def sources(self) -> dict[str, Source]:
        """The rows of each part by their numbers; they themselves were not read."""
        names = tuple(self.target_names)
        return {
            part: TableSource(None, (), names, self._mapped[part, "rows"], where)
            for part, where in self.facts["parts"].items()
        }

    def arrays(self, part: str) -> Batch:
        """As the data module encoded them."""
        arrays = {name: torch.from_numpy(self._mapped[part, name]) for name in self.facts["arrays"]}
        return arrays | {"index": torch.arange(len(arrays["target"]))}


def save_table(
    folder: Path,
    parts: Iterable[tuple[str, Source, Batch]],
    *,
    columns: Mapping[str, Any],
    target: Mapping[str, Any],
    target_names: Iterable[str],
    said: Iterable[str],
) -> None:
    """Write an entry, one part after the other.

    Args:
        folder: An empty one.
        parts: Name, rows and arrays of each.
        columns: What the encoder learned.
        target: The state of the target's encoder.
        target_names: The target columns.
        said: What is to be said again at each start; looked at after the last part.
    """
    written: dict[str, str] = {}
    names: list[str] = []
    for part, source, arrays in parts:
        names = [name for name in arrays if name != "index"]  # which only counts
        for name, array in [("rows", source.index), *((name, arrays[name].numpy()) for name in names)]:
            np.save(folder / f"{part}.{name}.npy", array)
        written[part] = source.path
    facts = {
        "columns": columns,
        "target": target,
        "target_names": list(target_names),
        "arrays": names,
        "parts": written,
        "said": list(said),
    }
    (folder / _FACTS).write_text(json.dumps(facts))


def expected_bytes(files: Iterable[Path]) -> int:
    """About what the encoded rows of the files take; 0/1 columns of a CSV take more than that, texts less."""
    total = 0
    for file in files:
        if file.name.lower().endswith(PARQUET_ENDINGS):
            about = pq.read_metadata(file)
            total += about.num_rows * (4 * about.num_columns + 16)
        else:
            total += file.stat().st_size * (8 if file.name.lower().endswith(".gz") else 1)
    return total
