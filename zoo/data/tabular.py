"""Tables: CSV, Parquet or JSON lines with numbers, categories, booleans, dates and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from zoo.data.arrays import Batch
from zoo.data.base import DataModule
from zoo.data.cache import files_fingerprint
from zoo.data.parts import find_parts
from zoo.data.saved_table import LEAST_BYTES, SAVED_FORMAT, SavedTable, expected_bytes, save_table
from zoo.data.source import Source, TableSource, whole_array
from zoo.data.table import TABLE_ENDINGS, existing_path, read_table
from zoo.data.tabular_encoder import TabularEncoder, count_unseen
from zoo.data.tabular_samples import load_sample
from zoo.data.target import TargetEncoder, choose_target
from zoo.errors import InputError, did_you_mean
from zoo.messages import heard, say

NUMERIC = ("standard", "quantile")


class TabularDataModule(DataModule):
    """A table file, its columns encoded, split and batched.

    Args:
        path: CSV, Parquet or JSON-lines file, a folder with `train.*`, `val.*`, `test.*`, or `sample:NAME`
            (breast_cancer, wine, diabetes).
        target: Column to predict (several for multi-label); None takes one called target, label, class or y.
        ignore: Columns to leave out.
        val_path: A file of its own for validation.
        test_path: A file of its own for test.
        val_fraction: Share of rows for validation (0-1).
        test_fraction: Share of rows for test (0-1).
        task: `auto`, `classification` or `regression`.
        numeric: What becomes of numbers: `standard` (mean 0, deviation 1) or `quantile` (by rank, to normal numbers).
        batch_size: Rows a batch; None sizes it by the number of rows.
        num_workers: Loader processes; None chooses.
        seed: Of the split, and of the order of train rows.
        cache_limit: GiB that encoded data of all sets together may take on disk (`ZOO_CACHE`, or the user's cache
            folder). The next start on a file of 32 MiB or more neither reads nor encodes it. 0 keeps nothing.

    Shape:
        A batch: numeric float32 (batch, n_numeric), categorical int32 (batch, n_categories), target, index (batch,).

    Raises:
        InputError: A file or column is missing, or nothing can be learned from it.
    """

    modality = "tabular"

    def __init__(
        self,
        path: str,
        *,
        target: str | list[str] | None = None,
        ignore: list[str] | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        task: str = "auto",
        numeric: str = "standard",
        batch_size: int | None = None,
        num_workers: int | None = None,
        seed: int = 0,
        cache_limit: float = 50.0,
    ) -> None:
        super().__init__(
            path,
            target=target,
            val_path=val_path,
            test_path=test_path,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            task=task,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            cache_limit=cache_limit,
        )
        if numeric not in NUMERIC:
            raise InputError(f"data.numeric must be {' or '.join(NUMERIC)}, got {numeric!r}")
        self.ignore = list(ignore or ())
        self.numeric = numeric
        self.encoder = TabularEncoder({})
        self._saved: SavedTable | None = None
        self._fresh: TabularDataModule | None = None
        self.save_hyperparameters()

    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        if path.startswith("sample:"):
            return {"all": self._source(load_sample(path.removeprefix("sample:")), path, with_target)}
        files = table_files(path)
        return {
            part: self._source(read_table(file), path if part == "all" else str(file), with_target)
            for part, file in files.items()
        }

    def find_sources(self) -> dict[str, Source]:
        saved = self._find_saved()
        fresh, self._fresh = self._fresh, None
        if saved is None:
            return super().find_sources() if fresh is None else self._take_over(fresh)
        self._saved = saved
        self.target = saved.target_names
        if self._target_encoder is None:
            self._target_encoder = TargetEncoder.from_state(saved.target)
        if not self._encoder_ready:
            self.encoder = TabularEncoder(saved.columns)
            self._encoder_ready = True
        return saved.sources()

    def _find_saved(self) -> SavedTable | None:
        """The encoded rows in the cache; made first where they are not there, unless another encoder was restored."""
        made_from = self._made_from()
        if made_from is None:
            return None
        if self._encoder_ready:
            saved = self.cache.find(made_from, SavedTable)
            return saved if saved is not None and self._agrees(saved) else None
        files = self._files()
        try:
            saved = self.cache.entry(made_from, self._save, SavedTable, n_bytes=expected_bytes(files))
        except OSError as error:
            say(f"{self.path}: the encoded rows cannot be kept in {self.cache.folder} ({error}); going on without")
            return None
        if saved is not None and self._fresh is None:
            for line in saved.said:
                say(line)
        elif saved is not None:
            n_gib = saved.n_bytes / 2**30
            say(f"{self.path}: encoded rows kept for the next start, {n_gib:.2f} GiB in {self.cache.folder}")
        return saved

    def _take_over(self, fresh: TabularDataModule) -> dict[str, Source]:
        """Rows that were read to be kept, and then could not be."""
        self.target, self.encoder, self._encoder_ready = fresh.target, fresh.encoder, True
        self._target_encoder = fresh.target_encoder
        return fresh.sources

    def _made_from(self) -> dict[str, Any] | None:
        """What the encoded rows depend on; None where they are not kept: small tables, and what a subclass encodes."""
        if type(self) is not TabularDataModule or self.cache.limit_bytes == 0 or self.path.startswith("sample:"):
            return None
        files = self._files()
        if sum(file.stat().st_size for file in files) < LEAST_BYTES:
            return None
        return {
            "kind": "table",
            "format": SAVED_FORMAT,
            "pyarrow": pa.__version__,
            "files": [str(file) for file in files],
            "fingerprint": files_fingerprint(files),
            "parts": [self.val_path is not None, self.test_path is not None],
            **self._decisive(),
        }

    def _decisive(self) -> dict[str, Any]:
        """The arguments that decide over the encoded rows, besides the files."""
        target = self.hparams["target"]  # as asked for: `self.target` is what was found
        return {
            "target": [target] if isinstance(target, str) else target,
            "ignore": self.ignore,
            "task": self.task,
            "numeric": self.numeric,
            "val_fraction": self.val_fraction,
            "test_fraction": self.test_fraction,
            "seed": self.seed,
        }

    def _files(self) -> list[Path]:
        paths = [path for path in (self.path, self.val_path, self.test_path) if path is not None]
        return [file.absolute() for path in paths for file in table_files(path).values()]

    def _save(self, folder: Path) -> None:
        fresh = TabularDataModule(
            self.path, val_path=self.val_path, test_path=self.test_path, cache_limit=0, **self._decisive()
        )
        with heard() as said:
            fresh.setup("fit")
            self._fresh = fresh
            save_table(
                folder,
                ((part, fresh.source(part), fresh.encode_part(part)) for part in fresh.sources),
                columns=fresh.encoder.columns,
                target=fresh.target_encoder.state_dict(),
                target_names=fresh.sources["train"].target_names,
                said=said,
            )

    def _agrees(self, saved: SavedTable) -> bool:
        """Whether the rows were encoded by the encoder that was restored."""
        assert self._target_encoder is not None
        return saved.columns == self.encoder.columns and saved.target == self._target_encoder.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        if self._saved is not None and not self._agrees(self._saved):
            self._saved = None
            del self.sources  # to be found again, and encoded by what was restored

    def _source(self, table: pa.Table, where: str, with_target: bool) -> Source:
        columns: Sequence[str] = table.column_names
        if with_target:
            names = choose_target(columns, self.target, where)
            self.target = list(names)
        else:
            wanted = [self.target] if isinstance(self.target, str) else list(self.target or ())
            names = tuple(name for name in wanted if name in columns) if set(wanted) <= set(columns) else ()
        for name in self.ignore:
            if name not in columns and with_target:
                raise InputError(f"{where} has no column {name!r} (data.ignore): {did_you_mean(name, columns)}")
        drop = [name for name in columns if name in names or name in self.ignore]
        return TableSource(
            rows=table.drop_columns(drop),
            target=tuple(whole_array(table[name]) for name in names),
            target_names=names,
            index=np.arange(table.num_rows),
            path=str(Path(where)) if not where.startswith("sample:") else where,
        )

    def fit_encoder(self, source: Source) -> None:
        assert isinstance(source, TableSource)
        self.encoder = TabularEncoder.fit(source.rows, source.picked, numeric=self.numeric)

    def encode(self, source: Source) -> Batch:
        assert isinstance(source, TableSource)
        arrays = self.encoder.encode(source.rows, source.path, source.picked)
        for name, count in count_unseen(arrays["categorical"], self.encoder.category_names).items():
            say(f"{source.path}: column {name!r} has {count} cells whose value train rows do not hold (or hold once)")
        return arrays

    def encode_part(self, part: str) -> Batch:
        if self._saved is None or part == "predict" or self.whole_path is not None:
            return super().encode_part(part)
        return self._saved.arrays(part)

    @property
    def encoder_inputs(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "n_numeric": self.encoder.n_numeric,
            "cardinalities": self.encoder.cardinalities,
            "n_rows": self.train_rows,
        }

    @property
    def used_columns(self) -> list[str]:
        self._fit()
        return list(self.encoder.columns)

    def encoder_state(self) -> dict[str, Any]:
        return {"columns": self.encoder.columns}

    def load_encoder_state(self, state: dict[str, Any]) -> None:
        self.encoder = TabularEncoder(state["columns"])


def table_files(path: str) -> dict[str, Path]:
    """The file at a path as `all`, or those of a folder by part.

    Raises:
        InputError: There is none.
    """
    found = existing_path(path)
    if found.is_file():
        return {"all": found}
    parts = find_parts(found, TABLE_ENDINGS)
    if not parts:
        names = ", ".join(sorted(file.name for file in found.iterdir())[:10]) or "nothing"
        raise InputError(f"{path} is a folder without train.csv (or .parquet); it holds {names}: name one file")
    return parts
