"""The data module every modality builds on: parts, splits, target, loaders, and the state a checkpoint keeps.

file -> `read` -> Source -> split -> `fit_encoder` on train -> `encode` -> arrays -> `make_dataset` -> batches

A leaf gives those four verbs; all else is here. Reading and fitting happen on first need, so that `inputs` and
`num_classes` are known before a model exists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler

from zoo.data.arrays import ArrayDataset, Batch, whole_batch
from zoo.data.cache import Cache
from zoo.data.parts import PARTS, only_part, rows_of_classes, rows_with_target, split_off
from zoo.data.source import Source
from zoo.data.splits import split_digest
from zoo.data.target import TargetEncoder
from zoo.errors import InputError

STATE_FORMAT = 1


class DataModule(LightningDataModule, ABC):
    """Base of the data modules. Offers `inputs`, `num_classes`, `num_targets`, `class_names` before any training.

    Args:
        path: File, folder, `sample:NAME`, or what else the modality reads.
        target: Column(s) to predict; None takes one called target, label, class or y.
        val_path: A file of its own for validation.
        test_path: A file of its own for test.
        val_fraction: Share of rows for validation (0-1) where no such file is given.
        test_fraction: Share of rows for test (0-1) where no such file is given.
        task: `auto`, `classification` or `regression`.
        batch_size: Rows a batch; None sizes it by the number of rows.
        num_workers: Loader processes; 0 is fastest for arrays in memory.
        seed: Of the split.
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
        num_workers: int,
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

    @abstractmethod
    def encoder_state(self) -> dict[str, Any]:
        """The fitted encoder as plain values and tensors."""

    @abstractmethod
    def load_encoder_state(self, state: dict[str, Any]) -> None:
        """Restore what `encoder_state` gave."""

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        """Arrays as a data set; a leaf adds padding, augmentation, ... here."""
        return ArrayDataset(arrays)

    def batch_sampler(self, dataset: ArrayDataset, sampler: Sampler[int], *, drop_last: bool) -> BatchSampler | None:
        """How rows are put into batches, where it is not one after the other; text groups rows of similar length."""
        return None

    def default_batch_size(self, n_rows: int) -> int:
        """Rows a batch when the user says nothing: about forty steps an epoch, within 16 and 256."""
        return int(2 ** np.clip(round(np.log2(max(n_rows, 1) / 40)), 4, 8))

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

    @property
    def rows_per_batch(self) -> int:
        """The batch size in use."""
        return self.batch_size or self.default_batch_size(len(self.sources["train"]))

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

    # ---- Lightning ---------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        self._fit()

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        return self._loader("predict")

    def _loader(self, part: str) -> DataLoader[Batch]:
        dataset = self.dataset(part)
        training = part == "train"
        overfits = self.trainer is not None and bool(getattr(self.trainer, "overfit_batches", 0))
        shuffle = training and not overfits  # overfit_batches wants the same batches in every epoch
        sampler: Sampler[int] = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        # A last batch of a single row breaks batch normalisation.
        lonely = training and len(dataset) > self.rows_per_batch and len(dataset) % self.rows_per_batch == 1
        options: dict[str, Any] = {
            "num_workers": self.num_workers,
            "collate_fn": whole_batch,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": self.num_workers > 0,
        }
        grouped = self.batch_sampler(dataset, sampler, drop_last=lonely)
        if grouped is not None:
            return DataLoader(dataset, batch_sampler=grouped, **options)
        # The sampler must be the loader's own: under DDP Lightning tells from it whether to shuffle.
        return DataLoader(dataset, batch_size=self.rows_per_batch, sampler=sampler, drop_last=lonely, **options)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the fitted encoder, the target's classes, the split's fingerprint, the batch size."""
        self._fit()
        return {
            "format": STATE_FORMAT,
            "encoder": self.encoder_state(),
            "target": self.target_encoder.state_dict(),
            "target_names": list(self._target_names()),
            "fingerprint": self.fingerprint,
            "batch_size": self.rows_per_batch,
            "rows": {part: len(self.sources[part]) for part in PARTS if part in self.sources},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the fitted state; it is never fitted again after this."""
        self._target_encoder = TargetEncoder.from_state(state_dict["target"])
        self.target = (
            state_dict["target_names"][0] if len(state_dict["target_names"]) == 1 else state_dict["target_names"]
        )
        self.load_encoder_state(state_dict["encoder"])
        self._encoder_ready = True
        self.batch_size = self.batch_size or state_dict["batch_size"]
        self._restored = state_dict
        self._datasets = {}

    def portable_arguments(self) -> dict[str, Any]:
        """Constructor arguments with local paths made absolute, so that a checkpoint finds its data from any folder."""
        arguments = {name: value for name, value in self.hparams.items() if not name.startswith("_")}
        for name in ("path", "val_path", "test_path"):
            value = arguments.get(name)
            if isinstance(value, str) and Path(value).expanduser().exists():
                arguments[name] = str(Path(value).expanduser().resolve())
        return arguments

    def _target_names(self) -> tuple[str, ...]:
        return self.sources["train"].target_names
