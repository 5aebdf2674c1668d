"""What every way is given: the same rows, the same network, the same training."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

THREADS = 2
BATCH_SIZE = 256
HIDDEN = (128, 128)
DROPOUT = 0.1
LR = 1e-3
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Task:
    """A table to learn from.

    Args:
        folder: Holds `train.parquet`, `val.parquet` and `test.parquet`.
        target: The column of classes.
        numbers: The columns of numbers.
        widths: Each category column with the width of its embedding.
        epochs: To train for.
    """

    folder: str
    target: str
    numbers: list[str]
    widths: dict[str, int]
    epochs: int

    def frame(self, *parts: str) -> Any:
        """The rows of `train`, `val` or `test`, or of several below each other, for pandas."""
        return pa.concat_tables(pq.read_table(Path(self.folder) / f"{part}.parquet") for part in parts).to_pandas()

    def save(self) -> Path:
        file = Path(self.folder) / "task.json"
        file.write_text(json.dumps(asdict(self)))
        return file

    @classmethod
    def load(cls, file: str) -> Task:
        return cls(**json.loads(Path(file).read_text()))
