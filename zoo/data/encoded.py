"""Rows on their way from a file to arrays; what the data module of every modality does before Lightning comes in.

file -> `read` -> Source -> split -> `fit_encoder` on train -> `encode` -> arrays -> `make_dataset`

A leaf gives those four verbs. Reading and fitting happen on first need, so that `inputs` and `num_classes` are known
before a model exists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from zoo.data.arrays import ArrayDataset, Batch
from zoo.data.cache import Cache
from zoo.data.parts import PARTS, only_part, rows_of_classes, rows_with_target, split_off
from zoo.data.source import Source
from zoo.data.splits import split_digest
from zoo.data.target import TargetEncoder
from zoo.errors import InputError


class EncodedData(ABC):
    """Parts, targets and arrays of a data set; `inputs`, `num_classes`, `class_names`, ... before any training.

    Args:
        path: File, folder, `sample:NAME`, or what else the modality reads.
        target: Column(s) to predict; None takes one called target, label, class or y.
        val_path: A file of its own for validation.
        test_path: A file of its own for test.
        val_fraction: Share of rows for validation (0-1) where no such file is given.
        test_fraction: Share of rows for test (0-1) where no such file is given.
        task: `auto`, `classification` or `regression`.
        batch_size: Rows a batch; None sizes it by the number of rows.
        num_workers: Loader processes; None chooses: 0 for arrays in memory, which is fastest.
        seed: Of the split, and of the order of train rows.
        cache_limit: GiB that encoded data of all sets together may take on disk, to be found again by the next start;
            0 keeps nothing.

    Raises:
        InputError: What was given cannot be read or learned from; the message says what to do.
    """

    modality: ClassVar[str]

    def __init__(
        self,
        path: str,
        *,
        target: str | Sequence[str] | None,
        val_path: str | None,
        test_path: str | None,
        val_fraction: float,
        test_fraction: float,
        task: str,
        batch_size: int | None,
        num_workers: int | None,
        seed: int,
        cache_limit: float = 50.0,
    ) -> None:
        super().__init__()
        if task not in ("auto", "classification", "regression"):
            raise InputError(f"data.task must be auto, classification or regression, got {task!r}")
        if batch_size is not None and batch_size < 1:
            raise InputError(f"data.batch_size must be at least 1, got {batch_size}")
        self.path = str(path)
        self.target = target
        self.val_path = val_path
        self.test_path = test_path
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.task = task
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.cache = Cache(cache_limit)
        self.whole_path: str | None = None
        self._target_encoder: TargetEncoder | None = None
        self._encoder_ready = False
        self._datasets: dict[str, ArrayDataset] = {}
        self._predict_source: Source | None = None

    # ---- what a leaf gives -------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        """The sources at a path: `{"all": ...}`, or some of `train`, `val`, `test`.

        Args:
            path: As the user typed it.
            with_target: False for predict, where the target may be missing.
        """

    @abstractmethod
    def fit_encoder(self, source: Source) -> None:
        """Learn scaling, categories, vocabulary, ... from train rows."""

    @abstractmethod
    def encode(self, source: Source) -> Batch:
        """Rows as tensors with the rows first. Called after `fit_encoder` or `load_encoder_state`."""

    @property
    @abstractmethod
    def encoder_inputs(self) -> dict[str, Any]:
        """The description of the input for a model: modality and sizes, as a plain dict."""

    @property
    def used_columns(self) -> list[str] | None:
        """Columns of a table that the model reads: no names or numbers of rows. None for rows of one kind of thing."""
        return None

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        """Arrays as a data set; a leaf adds padding, augmentation, ... here."""
        return ArrayDataset(arrays)

    # ---- what models and users read ----------------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Any]:
        """Modality and sizes of the input, e.g. `{"modality": "tabular", "n_numeric": 8, "cardinalities": [3]}`."""
        self._fit()
        return self.encoder_inputs

    @property
    def target_encoder(self) -> TargetEncoder:
        self._fit()
        assert self._target_encoder is not None
        return self._target_encoder

    @property
    def class_names(self) -> list[str]:
        """Classes in the order of the model's outputs; for regression the names of the target columns."""
        return self.target_encoder.class_names

    @property
    def num_classes(self) -> int:
        """Number of classes (of labels, where a row may have several)."""
        return len(self.class_names)

    @property
    def num_targets(self) -> int:
        """Number of columns that a regression predicts."""
        return len(self.class_names)

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several labels."""
        return self.target_encoder.task == "multilabel"

    @property
    def class_counts(self) -> Tensor:
        """Train rows of each class, (classes,). For class weights."""
        target = self.dataset("train").arrays["target"]
        if target.ndim == 1:
            return torch.bincount(target, minlength=self.num_classes)
        return target.sum(dim=0).long()

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of the rows and how they were split, to tell whether two runs saw the same data."""
        parts = [self.sources[part].index for part in PARTS if part in self.sources]
        return split_digest(*parts, np.frombuffer("".join(self.class_names).encode().ljust(8) + b" " * 8, np.uint8))

    # ---- parts and splits --------------------------------------------------------------------------------------

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Train, validation and test rows, before encoding. Rows without a target are left out, and that is said."""
        return self.find_sources()

    def find_sources(self) -> dict[str, Source]:
        """Read and split; rows of classes that train does not have are left out, and that is said."""
        found = {part: rows_with_target(source) for part, source in self.read(self.path).items()}
        for part, path in (("val", self.val_path), ("test", self.test_path)):
            if path is not None:
                found[part] = rows_with_target(only_part(self.read(path), part))
        if "all" in found:
            found["train"] = found.pop("all")
        if "train" not in found:
            raise InputError(f"{self.path}: no train part found; a folder holds train, val and test, or class folders")
        parts = split_off(
            found, task=self.task, val_fraction=self.val_fraction, test_fraction=self.test_fraction, seed=self.seed
        )
        train = parts["train"]
        if self._target_encoder is None:
            self._target_encoder = TargetEncoder.fit(train.target, train.target_names, self.task, train.path)
        encoder = self._target_encoder
        return {part: source if part == "train" else rows_of_classes(source, encoder) for part, source in parts.items()}

    # ---- fitting and encoding ----------------------------------------------------------------------------------

    def _fit(self) -> None:
        if self._target_encoder is None or not self._encoder_ready:
            train = self.sources["train"]  # finding them fits the target
            if not self._encoder_ready:
                self.fit_encoder(train)
                self._encoder_ready = True

    def dataset(self, part: str) -> ArrayDataset:
        """The encoded rows of `train`, `val`, `test` or `predict`, made once."""
        if part not in self._datasets:
            self._fit()
            self._datasets[part] = self.make_dataset(self.encode_part(part), training=part == "train")
        return self._datasets[part]

    def encode_part(self, part: str) -> Batch:
        """The arrays of a part: what `encode` gives, `index`, and `target` where it is known."""
        source = self.source(part)
        arrays = self.encode(source) | {"index": torch.arange(len(source))}
        if source.target:
            arrays["target"] = self.target_encoder.encode(source.target, source.target_names, source.path)
        return arrays

    def source(self, part: str) -> Source:
        """The raw rows behind `dataset(part)`, in the same order."""
        if part == "predict" or self.whole_path is not None:
            if self._predict_source is None:
                raise InputError("nothing to predict on: give a file")
            return self._predict_source
        if part not in self.sources:
            raise InputError(
                f"{self.path}: no {part} rows; give --data.{part}_path or a --data.{part}_fraction above 0"
            )
        return self.sources[part]

    def use_whole(self, path: str, *, with_target: bool) -> Source:
        """Take every row of a file for test, validation or predict; the fitted encoder stays as it is.

        Of a folder with `test/` (or a `test.*` file) only that part is taken, when a target is wanted.
        """
        found = self.read(path, with_target=with_target)
        source = found.get("all") or found.get("test") or next(iter(found.values()))
        if len(source) == 0:
            raise InputError(f"{path}: no rows")
        if with_target:
            source = rows_of_classes(rows_with_target(source), self.target_encoder)
            self.whole_path = path
        elif source.target and any(column.null_count for column in source.target):
            source = replace(source, target=(), target_names=())
        self._predict_source = source
        self._datasets = {part: data for part, data in self._datasets.items() if part == "train"}
        return source
